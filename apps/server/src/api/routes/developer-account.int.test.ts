import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { adminToken, developerAdminToken, openRoutes, type Tenant } from "./developer-testbed.ts";

let routes: Awaited<ReturnType<typeof openRoutes>>;
let one: Tenant;
let other: Tenant;
beforeAll(async () => {
  routes = await openRoutes(inject("postgres"));
  one = await routes.makeTenant("one");
  other = await routes.makeTenant("other");
});
afterAll(() => routes.close());

describe("tokens", () => {
  it("are shown once, named by 15 characters, and say who they belong to", async () => {
    const made = await routes.ask(one.token, "POST", "/v1/developer/tokens", { name: "second" });
    expect(made.status).toBe(201);
    expect(made.body.item).toMatchObject({
      developer_email: one.email,
      status: "active",
      created_by: one.tokenId,
    });
    expect(made.body.token.startsWith(made.body.item.token_prefix)).toBe(true);
    expect(made.body.item.scopes).not.toContain("developer:sessions:write");
    const lifeDays = (Date.parse(made.body.item.expires_at) - Date.now()) / 86_400_000;
    expect(lifeDays).toBeCloseTo(365, 1);
    const listed = await routes.ask(one.token, "GET", "/v1/developer/tokens?limit=1");
    expect(listed.body.items[0].id).toBe(made.body.item.id);
    expect(JSON.stringify(listed.body)).not.toContain(made.body.token);
    const next = await routes.ask(one.token, "GET", `/v1/developer/tokens?cursor=${listed.body.next_cursor}`);
    expect(next.body.items.map((item: { id: string }) => item.id)).toEqual([one.tokenId]);
    const me = await routes.ask(made.body.token, "GET", "/v1/developer/me");
    expect(me.body).toMatchObject({ developer: { id: one.developerId }, token: { id: made.body.item.id } });
    expect((await routes.ask(one.token, "DELETE", `/v1/developer/tokens/${made.body.item.id}`)).body).toEqual(
      { ok: true },
    );
    expect((await routes.ask(one.token, "DELETE", `/v1/developer/tokens/${made.body.item.id}`)).body).toEqual(
      { ok: true },
    );
    expect((await routes.ask(made.body.token, "GET", "/v1/developer/me")).status).toBe(401);
    expect(await routes.auditOf(made.body.item.id)).toEqual([
      "developer_token.create",
      "developer_token.use",
      "developer_token.revoke",
    ]);
  });

  it("never hold what their creator lacks: scopes, apps, foreign developers", async () => {
    const small = await token(one, {
      scopes: ["developer:tokens:write", "developer:apps:read"],
      public_app_ids: [one.app],
    });
    const escalate = (body: object) =>
      routes.ask(small, "POST", "/v1/developer/tokens", { name: "x", ...body });
    for (const body of [{ scopes: ["developer:apps:write"] }, { public_app_ids: [other.app] }]) {
      expect(await escalate(body)).toMatchObject({
        status: 403,
        body: { error: { code: "forbidden", details: { reason: "scope_escalation" } } },
      });
    }
    const made = await escalate({});
    expect(made.body.item).toMatchObject({
      scopes: ["developer:apps:read", "developer:tokens:write"],
      public_app_ids: [one.app],
    });
    expect((await escalate({ developer_id: other.developerId })).status).toBe(404);
    expect((await escalate({ developer_email: other.email })).status).toBe(404);
    expect((await escalate({ scopes: ["developer:payouts:read"] })).body.error.message).toContain(
      "package 4",
    );
    expect((await escalate({ expires_at: "2020-01-01T00:00:00Z" })).body.error.param).toBe("expires_at");
  });

  it("kept to one app see that one alone", async () => {
    const second = await routes.ask(one.token, "POST", "/v1/developer/apps", {
      public_app_id: "app_one_b",
      name: "B",
    });
    expect(second.status).toBe(201);
    const narrow = await token(one, { public_app_ids: [one.app] });
    const listed = await routes.ask(narrow, "GET", "/v1/developer/apps");
    expect(listed.body.items.map((app: { public_app_id: string }) => app.public_app_id)).toEqual([one.app]);
    expect((await routes.ask(narrow, "GET", "/v1/developer/apps/app_one_b")).body.error.code).toBe(
      "invalid_app",
    );
    expect(
      (await routes.ask(narrow, "POST", "/v1/developer/apps", { public_app_id: "app_c", name: "C" })).status,
    ).toBe(403);
  });

  it("of the environment act for any developer, and must say for whom", async () => {
    const unnamed = await routes.ask(developerAdminToken, "POST", "/v1/developer/tokens", { name: "x" });
    expect(unnamed).toMatchObject({ status: 400, body: { error: { param: "developer_id" } } });
    expect(
      (await routes.ask(developerAdminToken, "GET", "/v1/developer/apps")).body.items.length,
    ).toBeGreaterThan(2);
    const me = await routes.ask(
      developerAdminToken,
      "GET",
      `/v1/developer/me?developer_id=${other.developerId}`,
    );
    expect(me.body.developer.email).toBe(other.email);
    expect((await routes.ask(developerAdminToken, "GET", "/v1/admin/settings")).status).toBe(403);
    expect((await routes.ask(adminToken, "GET", "/v1/developer/me")).status).toBe(403);
  });
});

async function token(tenant: Tenant, body: object): Promise<string> {
  const made = await routes.ask(tenant.token, "POST", "/v1/developer/tokens", {
    name: "made for a test",
    ...body,
  });
  expect(made.status).toBe(201);
  return made.body.token;
}
