import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
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

describe("apps", () => {
  it("tell their identity secret once and keep it sealed", async () => {
    const created = await routes.ask(one.token, "POST", "/v1/developer/apps", {
      public_app_id: "app_secret",
      name: "Secret",
      vertical: "crm",
      allowed_origins: ["https://a.example.com"],
      identity: { issuer: "https://issuer.example.com" },
      session_max_spend_usd: "2.5",
    });
    expect(created.status).toBe(201);
    const secret = created.body.identity_secret as string;
    expect(secret).toMatch(/^mf_idsec_[0-9A-Za-z]{38}$/);
    expect(created.body).toMatchObject({
      identity_mode: "signed",
      identity: { kind: "secret", issuer: "https://issuer.example.com", secret_prefix: secret.slice(0, 15) },
      default_developer_share_bps: 4000,
      session_max_spend_usd: "2.50000000",
      version: 1,
    });
    const read = await routes.ask(one.token, "GET", "/v1/developer/apps/app_secret");
    expect(read.body.identity_secret).toBeUndefined();
    const [stored] = await routes.operator(
      (tx) => tx`select a::text as app, (select string_agg(l::text, '') from audit_logs l) as audit
      from apps a where public_app_id = 'app_secret'`,
    );
    expect(stored!.app + stored!.audit).not.toContain(secret.slice(9, 30));
    expect(
      await routes.ask(other.token, "POST", "/v1/developer/apps", { public_app_id: "app_secret", name: "S" }),
    ).toMatchObject({
      status: 409,
      body: { error: { code: "conflict", details: { reason: "taken" } } },
    });
  });

  it("merge a change, clear with null, and refuse an outdated version", async () => {
    const path = `/v1/developer/apps/${one.app}`;
    const before = (await routes.ask(one.token, "GET", path)).body;
    const change = {
      name: "Renamed",
      support_url: "https://help.example.com",
      expected_version: before.version,
    };
    const after = await routes.ask(one.token, "PATCH", path, change);
    expect(after.body).toMatchObject({
      name: "Renamed",
      version: before.version + 1,
    });
    expect(await routes.ask(one.token, "PATCH", path, change)).toMatchObject({
      status: 409,
      body: { error: { details: { reason: "version" } } },
    });
    expect(
      (await routes.ask(one.token, "PATCH", path, { support_url: null })).body.support_url,
    ).toBeUndefined();
  });

  it("refuse places that are not theirs, shares above the maximum, and fields of later packages", async () => {
    const patch = (body: object) => routes.ask(one.token, "PATCH", `/v1/developer/apps/${one.app}`, body);
    for (const [body, param] of [
      [{ allowed_origins: ["http://app.example.com"] }, "allowed_origins.0"],
      [{ support_url: "http://help.example.com" }, "support_url"],
      [{ topups_enabled: true }, "topups_enabled"],
      [{ rate_limits: { app_rpm: 0 } }, "rate_limits.app_rpm"],
      [{ wallet_limits: { user_day_usd: -1 } }, "wallet_limits.user_day_usd"],
      [{ session_ttl_seconds: 5 }, "session_ttl_seconds"],
      [{ status: "suspended" }, "status"],
    ] as const) {
      const refused = await patch(body);
      expect([refused.status, refused.body.error.param]).toEqual([400, param]);
    }
    expect(
      (await patch({ allowed_origins: ["http://localhost:5174", "https://x.example.com"] })).status,
    ).toBe(200);
    await routes.admin("PATCH", `/v1/admin/developers/${one.developerId}`, {
      limits: { max_developer_share_bps: 5000 },
      reason: "r",
    });
    expect((await patch({ default_developer_share_bps: 5001 })).body.error).toMatchObject({
      param: "default_developer_share_bps",
      details: { maximum: 5000 },
    });
    expect((await patch({ default_developer_share_bps: 5000 })).status).toBe(200);
    await routes.admin("PATCH", `/v1/admin/developers/${one.developerId}`, {
      limits: { max_developer_share_bps: null },
      reason: "r",
    });
  });
});

describe("end users of a developer", () => {
  it("are made once, with a wallet, and marked as own", async () => {
    const path = `/v1/developer/apps/${one.app}/users`;
    const made = await routes.ask(one.token, "POST", path, { external_user_id: "mine", own: true });
    expect(made).toMatchObject({ status: 201, body: { own: true, status: "active" } });
    expect((await routes.ask(one.token, "POST", path, { external_user_id: "mine" })).status).toBe(409);
    expect((await routes.ask(one.token, "PATCH", `${path}/${made.body.id}`, { own: false })).body.own).toBe(
      false,
    );
    const opened = await routes.ask(one.token, "POST", "/v1/sessions", {
      public_app_id: one.app,
      external_user_id: "mine",
    });
    expect(opened.body.end_user_id).toBe(made.body.id);
    expect(
      (await routes.ask(one.token, "PATCH", `${path}/${made.body.id}`, { own: true, status: "suspended" }))
        .status,
    ).toBe(400);
  });
});
