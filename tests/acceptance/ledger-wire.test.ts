import { randomBytes } from "node:crypto";
import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { gatewayRoutes } from "@modelfaucet/contract/routes/table.ts";
import { chat, layGround } from "@modelfaucet/testkit/ground.ts";
import {
  type HttpAnswer,
  type Json,
  type Product,
  send,
  startProduct,
} from "@modelfaucet/testkit/product.ts";
import { type OwnedIds, openAlert, pathOf, routesToWalk } from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let tenant: Tenant;
let ids: OwnedIds;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  await layGround(product);
  tenant = await makeTenant(product, "one");
  const key = made(
    await product.admin("POST", "/v1/admin/providers/stub/keys", {
      api_key: "sk-test-0123456789",
      reason: "test",
    }),
  );
  ids = {
    ...tenant.ids,
    provider: "stub",
    featureKey: "priced",
    keyId: key.keys[0].id,
    version: "1",
    alertId: await openAlert(product),
  };
});
afterAll(() => product.stop());

const tokenFor = ({ auth }: RouteDefinition): string =>
  auth.class === "session" ? tenant.session.token : auth.class === "op" ? product.adminToken : tenant.token;

describe("A024: money on the wire", () => {
  it("A024: every `_usd` of every answer is a string with eight decimals, never below zero", async () => {
    const seen = new Map<string, string[]>();
    const take = (where: string, answer: HttpAnswer, status = 200): Json => {
      expect({ where, status: answer.status, text: answer.text.slice(0, 300) }).toMatchObject({ status });
      walkMoney(answer.body, where, seen);
      for (const [name, value] of answer.headers)
        if (name.endsWith("-usd")) expect(value).toMatch(/^\d+\.\d{8}$/);
      return answer.body;
    };
    const own = { token: tenant.token };
    const { publicAppId } = ids;
    const path = `/v1/developer/apps/${publicAppId}`;
    take("PATCH app", await product.call("PATCH", path, { session_max_spend_usd: "0.5" }, own));
    const feature = {
      display_name: "Priced",
      policy: { models: ["stub/stub-flat"], limits: { max_price_usd: "0.05" } },
      pricing: { request_fee_usd: "0.001" },
    };
    take("PUT feature", await product.call("PUT", `${path}/features/priced`, feature, own));
    const session = take(
      "POST session",
      await product.call(
        "POST",
        "/v1/sessions",
        { public_app_id: publicAppId, external_user_id: tenant.session.user, max_spend_usd: "0.1" },
        own,
      ),
    );
    const spending = { token: session.session_token };
    take("chat", await chat(product, spending.token, { model: "auto:priced" }));
    take("chat", await chat(product, spending.token, { model: "stub-text", max_tokens: 30_000 }));
    const tooDear = await chat(product, spending.token, {
      model: "stub-flat",
      n: 128,
      max_tokens: 1,
      messages: Array.from({ length: 40 }, () => ({ role: "user", content: "x".repeat(3_000) })),
    });
    walkMoney(tooDear.body, "refusal", seen);
    const broke = await makeBroke();
    take("402", await chat(product, broke, { model: "stub-flat" }), 402);
    const key = () => ({ headers: { "idempotency-key": randomBytes(8).toString("hex") } });
    take(
      "credit",
      await product.call(
        "POST",
        `/v1/admin/wallets/${ids.walletId}/credit-test-balance`,
        { amount_usd: "1" },
        key(),
      ),
    );
    take(
      "adjust",
      await product.call(
        "POST",
        `/v1/admin/wallets/${ids.walletId}/adjustments`,
        { direction: "debit", amount_usd: "0.1", reason: "test" },
        key(),
      ),
      201,
    );
    take(
      "limits",
      await product.admin("PATCH", `/v1/admin/developers/${ids.developerId}`, {
        limits: { max_fee_usd: "0.5" },
        reason: "test",
      }),
    );
    take(
      "settings",
      await product.admin("PUT", "/v1/admin/settings", { max_fee_usd: "0.75", reason: "test" }),
    );
    take(
      "prices",
      await product.admin("POST", "/v1/admin/price-book/import", {
        source: "entries",
        entries: [
          {
            provider: "stub",
            model: "stub-flat",
            per_million: { input_usd: "1", output_usd: "1", request_usd: "1" },
          },
        ],
        reason: "test",
        dry_run: true,
      }),
      201,
    );
    for (const route of [...routesToWalk(), ...gatewayRoutes].filter(
      ({ method, path, auth }) =>
        method === "GET" && auth.class !== "none" && auth.class !== "console" && !ofNobody.test(path),
    )) {
      const isGateway = gatewayRoutes.includes(route);
      const token = route.auth.class === "session" ? spending.token : tokenFor(route);
      const url = isGateway
        ? `${product.gateways[0]}${route.path.slice(3).replace(":id", "stub-text")}`
        : `${product.api}${pathOf(route, ids)}`;
      take(routeName(route), await send(url, "GET", undefined, { authorization: `Bearer ${token}` }));
    }
    // The walk has met the money that it is about.
    for (const name of [
      "charge_usd",
      "balance_usd",
      "hold_usd",
      "max_price_usd",
      "request_fee_usd",
      "required_usd",
      "max_fee_usd",
      "spent_usd",
      "input_usd",
      "max_spend_usd",
      "delta_usd",
      "total_charge_usd",
      "before_usd",
      "after_usd",
    ]) {
      expect([...seen.keys()], name).toContain(name);
    }
    const faults = [...seen].flatMap(([name, places]) => places.map((place) => `${name} in ${place}`));
    expect(faults).toEqual([]);
  });
});

/** What the tenant has none of; no money is in it. */
const ofNobody = /\/operator-tokens\/:id|\/debug-log\/:request_id/;

/** Notes every money field; keeps the places at which one is not written as it must be. */
function walkMoney(value: Json, where: string, seen: Map<string, string[]>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name.endsWith("_usd")) {
      const faults = seen.get(name) ?? [];
      const isWritten = typeof inner === "string" && /^(0|[1-9]\d*)\.\d{8}$/.test(inner);
      seen.set(name, isWritten ? faults : [...faults, `${where}: ${JSON.stringify(inner)}`]);
    } else walkMoney(inner, where, seen);
  }
}

async function makeBroke(): Promise<string> {
  const body = { public_app_id: ids.publicAppId, external_user_id: randomBytes(6).toString("hex") };
  return made(await product.call("POST", "/v1/sessions", body, { token: tenant.token })).session_token;
}
