import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openRoutes, type Tenant } from "./developer-testbed.ts";

let routes: Awaited<ReturnType<typeof openRoutes>>;
let one: Tenant;
beforeAll(async () => {
  routes = await openRoutes(inject("postgres"));
  one = await routes.makeTenant("one");
});
afterAll(() => routes.close());

describe("features", () => {
  const path = () => `/v1/developer/apps/${one.app}/features`;
  const put = (key: string, body: object) =>
    routes.ask(one.token, "PUT", `${path()}/${key}`, { display_name: "F", ...body });

  it("A020: a markup above the operator's maximum is refused naming field and maximum; exactly the maximum is not", async () => {
    expect(await put("a020", { pricing: { markup_percent: 300.01 } })).toMatchObject({
      status: 400,
      body: {
        error: { code: "invalid_request", param: "pricing.markup_percent", details: { maximum: 300 } },
      },
    });
    const accepted = await put("a020", { pricing: { markup_percent: 300 } });
    expect(accepted).toMatchObject({
      status: 200,
      body: { effective: { pricing: { markup_percent: 300 } } },
    });
    await routes.admin("PUT", "/v1/admin/settings", { max_markup_percent: 20, reason: "test" });
    // The default of 30 % stands above it too, so leaving the field out does not help.
    expect((await put("a020", {})).body.error.details.maximum).toBe(20);
    await routes.admin("PATCH", `/v1/admin/apps/${one.app}`, {
      limits: { max_markup_percent: 50 },
      reason: "test",
    });
    expect((await put("a020", { pricing: { markup_percent: 50 } })).status).toBe(200);
    await routes.admin("PATCH", `/v1/admin/apps/${one.app}`, {
      limits: { max_markup_percent: null },
      reason: "test",
    });
    await routes.admin("PUT", "/v1/admin/settings", { max_markup_percent: 300, reason: "test" });
  });

  it("A023: shares are whole basis points from 0 to 10000", async () => {
    expect((await put("a023", { pricing: { markup_percent: 0, developer_share_bps: 10_000 } })).status).toBe(
      200,
    );
    expect((await put("a023", { pricing: { markup_percent: 300, developer_share_bps: 0 } })).status).toBe(
      200,
    );
    for (const share of [10_001, -1, 33.3, "40"]) {
      const refused = await put("a023", { pricing: { developer_share_bps: share } });
      expect([refused.status, refused.body.error.param]).toEqual([400, "pricing.developer_share_bps"]);
    }
  });

  it("tell every issue path by path", async () => {
    const refused = await put("issues", {
      policy: { models: ["no-slash"], limits: { max_output_tokens: 0 }, requires: ["audio"], nonsense: 1 },
      pricing: { mode: "fixed_fee", markup_percent: 1 },
    });
    expect(refused.status).toBe(400);
    const params = refused.body.error.details.issues.map((issue: { param: string }) => issue.param).sort();
    expect(params).toEqual([
      "policy.limits.max_output_tokens",
      "policy.models.0",
      "policy.nonsense",
      "policy.requires.0",
      "pricing.fixed_fee_usd",
      "pricing.markup_percent",
    ]);
  });

  it("warn of models without a price and fill defaults in", async () => {
    const made = await routes.ask(one.token, "POST", path(), {
      feature_key: "warn",
      display_name: "Warn",
      policy: { models: ["simulated/sim-unpriced", { provider: "openrouter", model: "qwen/qwen3-32b" }] },
    });
    expect(made.status).toBe(201);
    expect(made.body.warnings).toEqual([
      "simulated/sim-unpriced has no price: calls to it are refused with model_not_priced.",
    ]);
    expect(made.body.effective).toMatchObject({
      policy: {
        route_preference: ["platform"],
        models: [
          { provider: "simulated", model: "sim-unpriced" },
          { provider: "openrouter", model: "qwen/qwen3-32b" },
        ],
        limits: { max_output_tokens: 4096 },
      },
      pricing: { mode: "usage_markup", markup_percent: 30, request_fee_usd: "0.00000000" },
    });
    expect(
      (await routes.ask(one.token, "POST", path(), { feature_key: "warn", display_name: "W" })).status,
    ).toBe(409);
  });

  it("keep every version, bump only on a change, and free the key when archived", async () => {
    const first = await put("versions", { pricing: { markup_percent: 1 } });
    expect((await put("versions", { pricing: { markup_percent: 1 } })).body.version).toBe(1);
    const second = await routes.ask(one.token, "PATCH", `${path()}/versions`, {
      pricing: { markup_percent: 2 },
      expected_version: 1,
    });
    expect(second.body).toMatchObject({ version: 2, id: first.body.id });
    expect(
      (await routes.ask(one.token, "PATCH", `${path()}/versions`, { display_name: "x", expected_version: 1 }))
        .status,
    ).toBe(409);
    const history = await routes.ask(one.token, "GET", `${path()}/versions/versions?limit=1`);
    expect(history.body.items).toMatchObject([
      { version: 2, pricing: { markup_percent: 2 }, changed_by: one.tokenId },
    ]);
    const older = await routes.ask(
      one.token,
      "GET",
      `${path()}/versions/versions?cursor=${history.body.next_cursor}`,
    );
    expect(older.body.items).toMatchObject([{ version: 1, pricing: { markup_percent: 1 } }]);
    expect((await routes.ask(one.token, "DELETE", `${path()}/versions`)).body).toEqual({ ok: true });
    expect((await routes.ask(one.token, "DELETE", `${path()}/versions`)).body).toEqual({ ok: true });
    expect((await routes.ask(one.token, "GET", `${path()}/versions`)).body.error.code).toBe(
      "feature_not_found",
    );
    const again = await put("versions", {});
    expect(again.body.version).toBe(1);
    expect(again.body.id).not.toBe(first.body.id);
    expect(await routes.auditOf(first.body.id)).toEqual([
      "feature.create",
      "feature.update",
      "feature.delete",
    ]);
  });

  it("are in the memory copy when the write has answered", async () => {
    await put("memory", { pricing: { markup_percent: 7 } });
    const known = async () =>
      (await routes.bed.directory.appByPublicId(one.app))?.features.get("memory")?.pricing.markup_percent;
    expect(await known()).toBe(7);
    await put("memory", { pricing: { markup_percent: 8 } });
    expect(await known()).toBe(8);
  });
});
