import { exportJWK, exportPKCS8, generateKeyPair, jwtVerify } from "jose";
import { Webhook } from "standardwebhooks";
import { afterEach, expect, test, vi } from "vitest";
import { json, openSession, startScriptedServer } from "./scripted-server.ts";
import { createSessions, signUserToken, verifyReceipt, verifyWebhook } from "./server.ts";

afterEach(() => vi.unstubAllGlobals());

test("signs a user token that a standard library accepts, and no other secret does", async () => {
  const token = await signUserToken({
    publicAppId: "app_pub_demo",
    userId: "用户-1",
    secret: "mf_idsec_test",
    maxSpendUsd: "0.50",
    features: ["customer_reply"],
  });
  const key = new TextEncoder().encode("mf_idsec_test");
  const { payload } = await jwtVerify(token, key, { audience: "app_pub_demo", algorithms: ["HS256"] });
  expect(payload).toMatchObject({ sub: "用户-1", max_spend_usd: "0.50", features: ["customer_reply"] });
  expect(payload.exp! - payload.iat!).toBe(300);
  await expect(jwtVerify(token, new TextEncoder().encode("another"))).rejects.toThrow();
});

test.each(["EdDSA", "ES256", "RS256", "PS256"])("signs with a private key: %s", async (alg) => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const claims = { publicAppId: "app_pub_demo", userId: "u-1", keyId: "k1" };
  const jwk = { ...(await exportJWK(privateKey)), alg };
  // PKCS #8 does not say which padding of RSA is meant; PEM is the older one.
  const pem = alg === "PS256" ? jwk : await exportPKCS8(privateKey);
  for (const key of [privateKey, jwk, pem]) {
    const token = await signUserToken({ ...claims, privateKey: key });
    const { payload, protectedHeader } = await jwtVerify(token, publicKey, { audience: "app_pub_demo" });
    expect(protectedHeader).toEqual({ alg, typ: "JWT", kid: "k1" });
    expect(payload.sub).toBe("u-1");
  }
});

const begin = ["-----BEGIN", "PRIVATE KEY-----"].join(" ");

test.each([
  ["no secret", { secret: "" }],
  ["a private key without its id", { privateKey: begin, keyId: "" }],
  ["a key that is none", { privateKey: `${begin}\nbm9uZQ==\n-----END PRIVATE KEY-----`, keyId: "k" }],
  ["a lifetime beyond ten minutes", { secret: "s", ttlSeconds: 601 }],
])("signs nothing with %s", async (_name, over) => {
  const claims = { publicAppId: "a", userId: "u", ...over } as never;
  await expect(signUserToken(claims)).rejects.toMatchObject({ code: "invalid_config" });
});

const hookSecret = ["whsec", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"].join("_");

function delivered(payload: string, sentAtMs = Date.now(), secret = hookSecret) {
  const sentAt = new Date(sentAtMs);
  return {
    "webhook-id": "evt_1",
    "webhook-timestamp": String(Math.floor(sentAtMs / 1000)),
    "webhook-signature": `v1a,x ${new Webhook(secret).sign("evt_1", sentAt, payload)}`,
  };
}

test("reads a delivery that a standard library signed, with the old secret and with the new one", async () => {
  const payload = '{"type":"alert.opened","text":"ü"}';
  const event = { type: "alert.opened", text: "ü" };
  const headers = delivered(payload);
  expect(await verifyWebhook({ payload, headers, secret: hookSecret })).toEqual(event);
  const bytes = new TextEncoder().encode(payload);
  const secrets = ["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", hookSecret];
  expect(await verifyWebhook({ payload: bytes, headers: new Headers(headers), secrets })).toEqual(event);
});

test.each([
  ["another body", { payload: '{"type":"other"}' }, "signature"],
  ["another secret", { secret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, "signature"],
  ["an old one", { headers: delivered("{}", Date.now() - 301_000) }, "age"],
  ["one from the future", { headers: delivered("{}", Date.now() + 302_000) }, "age"],
  ["one without headers", { headers: {} }, "headers"],
])("refuses %s", async (_name, over, reason) => {
  const delivery = { payload: "{}", headers: delivered("{}"), secret: hookSecret, ...over };
  await expect(verifyWebhook(delivery)).rejects.toMatchObject({
    code: "invalid_webhook",
    details: { reason },
  });
});

test("an empty secret proves nothing", async () => {
  const delivery = { payload: "{}", headers: delivered("{}") };
  await expect(verifyWebhook({ ...delivery, secret: "" })).rejects.toMatchObject({ code: "invalid_config" });
  await expect(verifyWebhook(delivery)).rejects.toMatchObject({ code: "invalid_config" });
});

test("opens and revokes sessions with the developer token", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    "DELETE /v1/sessions/current": json(200, { ok: true }),
  });
  const sessions = createSessions({ developerToken: "mf_dev_test", baseUrl: server.url });
  const session = await sessions.create({
    publicAppId: "app",
    userId: "u",
    maxSpendUsd: "1",
    ttlSeconds: 60,
  });
  await sessions.revoke(session.session_token);
  const [created, revoked] = server.seen;
  expect(created?.headers.authorization).toBe("Bearer mf_dev_test");
  expect(created?.body).toEqual({
    public_app_id: "app",
    external_user_id: "u",
    max_spend_usd: "1",
    ttl_seconds: 60,
  });
  expect(revoked?.headers.authorization).toBe(`Bearer ${session.session_token}`);
});

test("works on a server only", async () => {
  vi.stubGlobal("window", {});
  expect(() => createSessions({ developerToken: "mf_dev_test" })).toThrow("server only");
  expect(() => verifyReceipt({} as never)).toThrow("server only");
  const claims = { publicAppId: "a", userId: "u", secret: "s" };
  await expect(signUserToken(claims)).rejects.toThrow("server only");
});
