import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { newToken } from "../../lib/ids.ts";
import { readKeySet } from "./key-set.ts";
import { type UserTokenReason, verifyUserToken } from "./user-token.ts";

const nowMs = Date.UTC(2026, 10, 5, 12);
const now = nowMs / 1000;
const secret = newToken("mf_idsec_");
type App = Parameters<typeof verifyUserToken>[1];
const app: App = {
  publicAppId: "app_pub_demo",
  issuer: null,
  proof: { kind: "secret", secret, previousSecret: null },
};
const options = { nowMs, maxTtlSeconds: 600 };
const good = { sub: "user-1", aud: "app_pub_demo", iat: now, exp: now + 300 };

describe("user token", () => {
  it("gives the claims of a token that the app signed", async () => {
    const { claims, signedWith } = await verifyUserToken(
      await sign({
        ...good,
        jti: "once",
        max_spend_usd: "1.5",
        models: ["sim-small"],
        features: ["a", "b"],
        origin: "https://app.example.com",
        metadata: { plan: "pro" },
      }),
      app,
      options,
    );
    expect(signedWith).toBe("secret");
    expect(claims).toEqual({
      subject: "user-1",
      expiresAtMs: nowMs + 300_000,
      jti: "once",
      maxSpendUsd: 150_000_000n,
      features: ["a", "b"],
      models: ["sim-small"],
      modes: null,
      scopes: null,
      origin: "https://app.example.com",
      metadata: { plan: "pro" },
    });
  });

  it("takes an issuer only where the app names it", async () => {
    const strict = { ...app, issuer: "https://crm.example.com" };
    await refused(await sign({ ...good, iss: "https://other.example.com" }), "issuer", strict);
    await refused(await sign(good), "issuer", strict);
    const { claims } = await verifyUserToken(await sign({ ...good, iss: strict.issuer }), strict, options);
    expect(claims.subject).toBe("user-1");
  });

  it("allows a minute of skew and no more", async () => {
    const skewed = { ...good, iat: now - 200, exp: now - 59 };
    expect((await verifyUserToken(await sign(skewed), app, options)).claims.subject).toBe("user-1");
    await refused(await sign({ ...good, iat: now - 200, exp: now - 61 }), "expired");
    await refused(await sign({ ...good, iat: now + 61, exp: now + 120 }), "not_yet_valid");
    await refused(await sign({ ...good, nbf: now + 61 }), "not_yet_valid");
  });

  it.each<[string, UserTokenReason, () => Promise<string> | string]>([
    ["nothing", "missing", () => ""],
    ["no JWT", "malformed", () => "' OR '1'='1"],
    ["three dots of nothing", "malformed", () => ".."],
    ["more than 8 KiB", "malformed", () => sign({ ...good, metadata: { text: "x".repeat(9000) } })],
    ["alg none", "algorithm", () => new UnsecuredJWT(good).encode()],
    ["RS256", "algorithm", signWithRsa],
    ["HS512", "algorithm", () => sign(good, secret, "HS512")],
    ["another app's secret", "signature", () => sign(good, newToken("mf_idsec_"))],
    ["a changed payload", "signature", changedPayload],
    ["another app", "audience", () => sign({ ...good, aud: "app_pub_isolation" })],
    ["no audience", "malformed", () => sign({ ...good, aud: undefined })],
    ["no subject", "malformed", () => sign({ ...good, sub: undefined })],
    ["a subject of 513 characters", "malformed", () => sign({ ...good, sub: "x".repeat(513) })],
    ["no end", "malformed", () => sign({ ...good, exp: undefined })],
    ["no beginning", "malformed", () => sign({ ...good, iat: undefined })],
    ["a life of 601 s", "lifetime", () => sign({ ...good, exp: now + 601 })],
    ["an end before its beginning", "lifetime", () => sign({ ...good, iat: now + 30, exp: now + 10 })],
    ["a number as money", "malformed", () => sign({ ...good, max_spend_usd: 1.5 })],
    ["a spend of zero", "malformed", () => sign({ ...good, max_spend_usd: "0" })],
    ["models that are no list", "malformed", () => sign({ ...good, models: "sim-small" })],
  ])("refuses %s as %s", async (_what, reason, make) => {
    await refused(await make(), reason);
  });

  it("refuses every token of an app without a secret", async () => {
    const none: App = { ...app, proof: { kind: "secret", secret: null, previousSecret: null } };
    await refused(await sign(good), "unknown_key", none);
  });

  it("takes the secret before a rotation while it holds, and says which one it was", async () => {
    const rotated: App = {
      ...app,
      proof: { kind: "secret", secret: newToken("mf_idsec_"), previousSecret: secret },
    };
    expect((await verifyUserToken(await sign(good), rotated, options)).signedWith).toBe("previous_secret");
    await refused(await sign(good, newToken("mf_idsec_")), "signature", rotated);
    await refused(await sign({ ...good, exp: now - 100, iat: now - 200 }), "expired", rotated);
  });
});

describe("user token of an app with a key set", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ed = generateKeyPairSync("ed25519");
  const jwk = (pair: { publicKey: KeyObject }, kid: string, more = {}) => ({
    ...pair.publicKey.export({ format: "jwk" }),
    kid,
    ...more,
  });
  const set = readKeySet({
    keys: [
      jwk(rsa, "rsa"),
      jwk(rsa, "pss", { alg: "PS256" }),
      jwk(ec, "ec", { use: "sig" }),
      jwk(ed, "ed"),
      jwk(ec, "enc", { use: "enc" }),
      { kty: "oct", k: "c2VjcmV0", kid: "shared" },
    ],
  })!;
  const keyed: App = { ...app, proof: { kind: "jwks", find: async (kid) => set.get(kid) ?? null } };
  const signed = (alg: string, kid: string | undefined, key: KeyObject, claims = good) =>
    new SignJWT(claims).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(key);

  it.each([
    ["RS256", "rsa", rsa.privateKey],
    ["PS256", "rsa", rsa.privateKey],
    ["PS256", "pss", rsa.privateKey],
    ["ES256", "ec", ec.privateKey],
    ["EdDSA", "ed", ed.privateKey],
  ])("takes %s by its kid", async (alg, kid, key) => {
    const verified = await verifyUserToken(await signed(alg, kid, key), keyed, options);
    expect(verified).toMatchObject({ signedWith: "jwks", claims: { subject: "user-1" } });
  });

  it.each<[string, UserTokenReason, () => Promise<string>]>([
    ["no kid", "unknown_key", () => signed("RS256", undefined, rsa.privateKey)],
    ["another kid", "unknown_key", () => signed("RS256", "other", rsa.privateKey)],
    ["a key for something else", "unknown_key", () => signed("ES256", "enc", ec.privateKey)],
    ["a shared secret of the set", "unknown_key", () => signed("RS256", "shared", rsa.privateKey)],
    ["an algorithm that its key is not for", "algorithm", () => signed("RS256", "pss", rsa.privateKey)],
    ["another key's algorithm", "algorithm", () => signed("ES256", "rsa", ec.privateKey)],
    ["RS512", "algorithm", () => signed("RS512", "rsa", rsa.privateKey)],
    ["HS256 with the identity secret", "algorithm", () => sign(good)],
    ["HS256 with the public key as the secret", "algorithm", signWithPublicKey],
    ["another key under a known kid", "signature", () => signed("EdDSA", "ed", otherEd())],
    ["another audience", "audience", () => signed("EdDSA", "ed", ed.privateKey, { ...good, aud: "other" })],
  ])("refuses %s as %s", async (_what, reason, make) => {
    await refused(await make(), reason, keyed);
  });

  it("says when the keys could not be fetched", async () => {
    const away: App = { ...app, proof: { kind: "jwks", find: async () => "unavailable" } };
    await refused(await signed("EdDSA", "ed", ed.privateKey), "jwks_unavailable", away);
  });

  const otherEd = () => generateKeyPairSync("ed25519").privateKey;
  /** What a verifier that lets the token choose would take: the public key is known to everybody. */
  function signWithPublicKey(): Promise<string> {
    const pem = rsa.publicKey.export({ format: "pem", type: "spki" }).toString();
    return new SignJWT(good)
      .setProtectedHeader({ alg: "HS256", kid: "rsa" })
      .sign(new TextEncoder().encode(pem));
  }
});

async function refused(jwt: string, reason: UserTokenReason, of = app) {
  await expect(verifyUserToken(jwt, of, options)).rejects.toMatchObject({
    code: "invalid_user_token",
    details: { reason },
  });
}

function sign(claims: Record<string, unknown>, key = secret, alg = "HS256"): Promise<string> {
  const present = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return new SignJWT(present).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));
}

function signWithRsa(): Promise<string> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return new SignJWT(good).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
}

async function changedPayload(): Promise<string> {
  const [header, , signature] = (await sign(good)).split(".");
  const payload = Buffer.from(JSON.stringify({ ...good, sub: "user-2" })).toString("base64url");
  return `${header}.${payload}.${signature}`;
}
