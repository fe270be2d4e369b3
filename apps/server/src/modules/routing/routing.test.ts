import { describe, expect, it } from "vitest";
import { maskKey, refusalOfBaseUrl } from "./routing.ts";

describe("a masked key", () => {
  it.each([
    ["sk-proj-abcdefghijklmnopqrstuvwxyz", "sk-proj-…wxyz"],
    ["sk-or-v1-0123456789abcdef", "sk-or-v1-…cdef"],
    ["AIzaSyA1234567890123456789", "AIza…6789"],
    ["0123456789012345678", "…78"],
    ["01234567890123456789", "…6789"],
    ["sk-12", "sk-…2"],
    ["sk-", "sk-…"],
    ["x", "…"],
  ])("%s is shown as %s", (key, masked) => {
    expect(maskKey(key).masked).toBe(masked);
  });

  it("never shows more than half of what follows the prefix", () => {
    for (let length = 1; length <= 64; length++) {
      expect(maskKey("k".repeat(length)).lastCharacters.length).toBeLessThanOrEqual(length / 2);
    }
  });
});

describe("the address of an upstream", () => {
  it.each([
    "https://api.openai.com/v1",
    "https://10.0.0.5/v1",
    "https://llm.internal:8443",
    "http://127.0.0.1:4010/v1",
    "http://localhost:4010/v1",
    "http://[::1]:4010/v1",
    "http://2130706433/v1",
  ])("%s is taken outside production", (url) => {
    expect(refusalOfBaseUrl(url, false)).toBeNull();
  });

  it.each([
    ["http://api.openai.com/v1", false, "not_https"],
    ["http://10.0.0.5/v1", false, "not_https"],
    ["http://api.openai.com/v1", true, "not_https"],
    ["http://127.0.0.1:4010/v1", true, "loopback"],
    ["https://localhost./v1", true, "loopback"],
    ["https://0x7f.1/v1", true, "loopback"],
    ["https://[::ffff:127.0.0.1]/v1", true, "loopback"],
    ["https://169.254.169.254/v1", false, "special_address"],
    ["http://2852039166/v1", false, "special_address"],
    ["https://[::ffff:a9fe:a9fe]/v1", false, "special_address"],
    ["https://[fe80::1]/v1", false, "special_address"],
    ["https://[fd00:ec2::254]/v1", false, "special_address"],
    ["https://metadata.google.internal/v1", false, "special_address"],
    ["https://0.0.0.0/v1", false, "special_address"],
    ["https://239.255.255.250/v1", false, "special_address"],
    ["https://[ff02::1]/v1", false, "special_address"],
    ["https://user:pw@llm.example/v1", false, "malformed"],
    ["https://llm.example/v1?key=1", false, "malformed"],
    ["https://llm.example/v1#x", false, "malformed"],
    ["https://llm.example\\@evil.example/v1", false, "malformed"],
    ["ftp://llm.example/v1", false, "malformed"],
    ["llm.example/v1", false, "malformed"],
  ])("%s (production %s) is refused as %s", (url, production, reason) => {
    expect(refusalOfBaseUrl(url, production)).toBe(reason);
  });
});
