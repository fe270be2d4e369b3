import { describe, expect, it } from "vitest";
import { newToken } from "../../lib/ids.ts";
import { redact } from "./rules.ts";

describe("redaction of audit rows", () => {
  it("replaces secrets by the name of their field", () => {
    expect(
      redact({ identity_secret: "x", token: "y", nested: { api_key: "z", user_hash_key: "k" } }),
    ).toEqual({
      identity_secret: "[redacted]",
      token: "[redacted]",
      nested: { api_key: "[redacted]", user_hash_key: "[redacted]" },
    });
  });

  it("replaces secrets by their form in any field", () => {
    const token = newToken("mf_dev_");
    const text = JSON.stringify(redact({ note: `used ${token} and sk-proj-abcdefghijkl` }));
    expect(text).not.toContain(token.slice(0, 17));
    expect(text).not.toContain("abcdefghijkl");
    expect(text).toContain(token.slice(0, 15));
  });

  it("keeps what is no secret", () => {
    const kept = {
      feature_key: "a",
      token_prefix: "mf_dev_abcdefgh",
      limits: { max_fee_usd: "1" },
      at: null,
    };
    expect(redact(kept)).toEqual(kept);
  });
});
