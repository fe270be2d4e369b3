import { jwtVerify } from "jose";
import { afterEach, expect, test, vi } from "vitest";
import { json, openSession, startScriptedServer } from "./scripted-server.ts";
import { createSessions, signUserToken, verifyReceipt } from "./server.ts";

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
