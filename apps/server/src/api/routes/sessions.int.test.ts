import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { newToken } from "../../lib/ids.ts";
import { openRoutes, type Tenant } from "./developer-testbed.ts";

let routes: Awaited<ReturnType<typeof openRoutes>>;
let one: Tenant;
let other: Tenant;
beforeAll(async () => {
  routes = await openRoutes(inject("postgres"));
  one = await routes.makeTenant("one");
  other = await routes.makeTenant("other");
});
afterAll(() => routes.close());

describe("sessions over HTTP", () => {
  it("open, refresh and end, and answer a registered origin alone", async () => {
    await routes.ask(one.token, "PATCH", `/v1/developer/apps/${one.app}`, {
      identity_mode: "demo",
      allowed_origins: ["https://crm.example.com"],
    });
    const origin = { origin: "https://crm.example.com" };
    const body = { public_app_id: one.app, external_user_id: "u", max_spend_usd: "1", ttl_seconds: 120 };
    const opened = await routes.ask(null, "POST", "/v1/sessions", body, origin);
    expect(opened).toMatchObject({
      status: 200,
      body: {
        expires_in: 120,
        wallet_balance_usd: "0.00000000",
        max_spend_usd: "1.00000000",
        identity: { mode: "demo", verified: false },
        modes: {
          selected: "auto",
          items: [
            { mode: "platform", available: false, reason: "insufficient_balance" },
            { mode: "developer_key", available: false, reason: "not_in_policy" },
            { mode: "byok", available: false, reason: "not_in_policy" },
            { mode: "local", available: false, reason: "not_in_policy" },
          ],
        },
      },
    });
    const refresh = (headers: Record<string, string>, token = opened.body.session_token) =>
      routes.ask(token, "POST", "/v1/sessions/refresh", {}, headers);
    expect((await refresh({ origin: "https://evil.example.com" })).status).toBe(403);
    expect((await refresh({})).status).toBe(403);
    const refreshed = await refresh(origin);
    expect(refreshed.body.session_id).toBe(opened.body.session_id);
    const end = () =>
      routes.ask(refreshed.body.session_token, "DELETE", "/v1/sessions/current", undefined, origin);
    expect((await end()).body).toEqual({ ok: true });
    expect((await end()).status).toBe(401);
    expect((await refresh(origin)).status).toBe(401);
    expect(
      (await routes.ask(null, "POST", "/v1/sessions", body, { origin: "https://evil.example.com" })).body
        .error,
    ).toMatchObject({
      code: "forbidden",
      details: { reason: "origin" },
    });
  });

  it("A148: a forged user or app in body and headers changes nothing", async () => {
    const token = (
      await routes.ask(null, "POST", "/v1/sessions", { public_app_id: one.app, external_user_id: "real" })
    ).body;
    const forged = { "x-user-id": "other", "x-modelfaucet-user": "other", "x-app-id": other.app };
    const refreshed = await routes.ask(token.session_token, "POST", "/v1/sessions/refresh", {}, forged);
    expect(refreshed.body.end_user_id).toBe(token.end_user_id);
    for (const field of ["user", "app_id", "public_app_id"]) {
      const answer = await routes.ask(token.session_token, "POST", "/v1/sessions/refresh", { [field]: "x" });
      expect([answer.status, answer.body.error.param]).toEqual([400, field]);
    }
  });

  it("A146: odd tokens are refused without a query error", async () => {
    for (const odd of [
      "' OR '1'='1",
      "mf_dev_' OR 1=1",
      newToken("mf_dev_").slice(0, -1),
      `${newToken("mf_sess_")}x`,
      '"',
      "null",
    ]) {
      expect((await routes.ask(odd, "GET", "/v1/developer/me")).status).toBe(401);
    }
  });
});
