import { describe, expect, it } from "vitest";
import { secretsWritten } from "./planted-secrets.ts";

const environment = {
  ADMIN_TOKEN: "ring:first-token-of-operators,second-token-of-operators",
  DATABASE_URL: "postgres://faucet:a-long-password@127.0.0.1/x",
  LOG_LEVEL: "info-that-is-no-secret",
};
const inBase64 = Buffer.from("second-token-of-operators").toString("base64");

describe("what a process may not have written", () => {
  it.each([
    ["a token of its environment", "x first-token-of-operators x", ["ADMIN_TOKEN"]],
    ["the second of a ring, in base64", `"${inBase64}"`, ["ADMIN_TOKEN"]],
    ["a database's password", "postgres://faucet:a-long-password@127.0.0.1", ["DATABASE_URL"]],
    ["a session", `{"token":"mf_sess_${"a1".repeat(19)}"}`, ["a token of ModelFaucet"]],
    ["a key of a provider", `sk-proj-${"a1".repeat(12)}`, ["a key of a provider"]],
    ["a header", 'authorization: "Bearer abcdefghijklmnopqrst"', ["a bearer token"]],
  ])("%s", (_, output, names) => {
    expect(secretsWritten(output, environment)).toEqual(names);
  });

  it("what is shown on purpose is none: names, the beginning of a token, other settings", () => {
    const output =
      "ADMIN_TOKEN mf_dev_12345678… postgres://faucet@127.0.0.1 info-that-is-no-secret Bearer token";
    expect(secretsWritten(output, environment)).toEqual([]);
  });
});
