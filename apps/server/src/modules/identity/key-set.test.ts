import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { issuesOfKeySet, readKeySet } from "./key-set.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...ec.publicKey.export({ format: "jwk" }), kid: "one" };
const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });

describe("a key set that a developer hands in", () => {
  it("is taken when each of its keys proves somebody", () => {
    expect(issuesOfKeySet({ keys: [key] })).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["no set", "keys", ""],
    ["a key instead of a set", key, ""],
    ["an empty set", { keys: [] }, "keys"],
    [
      "a set of 101 keys",
      { keys: Array.from({ length: 101 }, (_, at) => ({ ...key, kid: `k${at}` })) },
      "keys",
    ],
    ["more than 64 KiB", { keys: [{ ...key, x5c: ["x".repeat(65_536)] }] }, ""],
    ["a key without a kid", { keys: [{ ...key, kid: undefined }] }, "keys.0"],
    ["two keys of one kid", { keys: [key, key] }, "keys.1"],
    ["a private key", { keys: [{ ...ec.privateKey.export({ format: "jwk" }), kid: "one" }] }, "keys.0"],
    ["a shared secret", { keys: [{ kty: "oct", k: "c2VjcmV0", kid: "one" }] }, "keys.0"],
    ["an RSA key of 1024 bits", { keys: [{ ...small, kid: "one" }] }, "keys.0"],
    ["a curve of another size", { keys: [{ ...key, crv: "P-384" }] }, "keys.0"],
    ["a key for encryption", { keys: [{ ...key, use: "enc" }] }, "keys.0"],
    ["a key that only signs", { keys: [{ ...key, key_ops: ["sign"] }] }, "keys.0"],
    ["an algorithm that is not its own", { keys: [{ ...key, alg: "RS256" }] }, "keys.0"],
  ])("names what is wrong with %s", (_what, document, at) => {
    expect(issuesOfKeySet(document).map((issue) => issue.at)).toEqual([at]);
  });
});

describe("a key set that somebody serves", () => {
  it("is what is usable of it, the first of a kid", () => {
    const set = readKeySet({
      keys: [
        { ...key, use: "enc" },
        key,
        { ...key, alg: "ES256" },
        { kty: "oct", k: "eA", kid: "two" },
        { kid: 3 },
      ],
    })!;
    expect([...set.keys()]).toEqual(["one"]);
    expect(set.get("one")!.algorithms).toEqual(["ES256"]);
  });

  it("is none when it is something else", () => {
    for (const document of [null, [], {}, { keys: {} }, { keys: [1] }, "keys"])
      expect(readKeySet(document)).toBeNull();
  });
});
