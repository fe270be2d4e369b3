import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { adminToken, developerAdminToken, openRoutes, type Tenant } from "./developer-testbed.ts";

let routes: Awaited<ReturnType<typeof openRoutes>>;
let one: Tenant;
beforeAll(async () => {
  routes = await openRoutes(inject("postgres"));
  one = await routes.makeTenant("one");
});
afterAll(() => routes.close());

describe("operators", () => {
  it("make, change and close developers with a reason that stands in the audit row", async () => {
    expect(
      (await routes.ask(adminToken, "POST", "/v1/admin/developers", { email: "x@example.com", name: "X" }))
        .body.error.param,
    ).toBe("reason");
    const made = await routes.admin("POST", "/v1/admin/developers", {
      email: "x@example.com",
      name: "X",
      reason: "asked for",
    });
    expect(made.body).toMatchObject({
      status: "active",
      apps: 0,
      payable_usd: "0.00000000",
      limits: { max_fee_usd: "1.00000000" },
    });
    expect(
      (await routes.admin("POST", "/v1/admin/developers", { email: "X@example.com", name: "Y", reason: "r" }))
        .status,
    ).toBe(409);
    const path = `/v1/admin/developers/${made.body.id}`;
    const changed = await routes.admin("PATCH", path, {
      name: "Z",
      limits: { max_fee_usd: "0.5" },
      reason: "r",
    });
    expect(changed.body).toMatchObject({ name: "Z", limits: { max_fee_usd: "0.50000000" } });
    expect((await routes.ask(adminToken, "GET", "/v1/admin/developers?q=x@EXAMPLE")).body.items).toHaveLength(
      1,
    );
    const theirs = await routes.ask(developerAdminToken, "POST", "/v1/developer/tokens", {
      name: "t",
      developer_id: made.body.id,
    });
    expect((await routes.ask(adminToken, "DELETE", `${path}?reason=gone`)).body).toEqual({ ok: true });
    expect((await routes.ask(adminToken, "GET", path)).body.status).toBe("closed");
    expect((await routes.ask(theirs.body.token, "GET", "/v1/developer/me")).status).toBe(401);
    const rows = await routes.operator(
      (tx) =>
        tx`select action, actor_scope, reason from audit_logs where resource_id = ${made.body.id} order by id`,
    );
    expect([...rows]).toEqual([
      { action: "developer.create", actor_scope: "bootstrap", reason: "asked for" },
      { action: "developer.update", actor_scope: "bootstrap", reason: "r" },
      { action: "developer.close", actor_scope: "bootstrap", reason: "gone" },
    ]);
  });

  it("read and set the settings by name", async () => {
    const set = await routes.admin("PUT", "/v1/admin/settings", {
      "auto-text": ["simulated/sim-small"],
      max_fee_usd: "2",
      reason: "r",
    });
    expect(set.body).toMatchObject({
      "auto-text": [{ provider: "simulated", model: "sim-small" }],
      max_fee_usd: "2.00000000",
    });
    expect((await routes.ask(adminToken, "GET", "/v1/admin/settings")).body).toEqual(set.body);
    expect(
      (await routes.admin("PUT", "/v1/admin/settings", { refund_days: 3, reason: "r" })).body.error.message,
    ).toContain("package 4");
    expect((await routes.ask(one.token, "GET", "/v1/admin/settings")).status).toBe(403);
    expect((await routes.ask(null, "GET", "/v1/admin/settings")).status).toBe(401);
  });
});
