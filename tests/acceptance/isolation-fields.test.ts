import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { signInToConsole } from "@modelfaucet/testkit/console.ts";
import { chat, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import {
  bodyOf,
  callRoute,
  digestTables,
  type OwnedIds,
  openAlert,
  routesToWalk,
} from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let tenant: Tenant;
let other: Tenant;
let ids: OwnedIds;
/** A browser that the tenant is signed in with. */
let browser: Record<string, string>;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  await layGround(product);
  [tenant, other] = [await makeTenant(product, "one"), await makeTenant(product, "other")];
  const key = made(
    await product.admin("POST", "/v1/admin/providers/stub/keys", {
      api_key: "sk-test-0123456789",
      reason: "test",
    }),
  );
  browser = await signInToConsole(product, tenant.token);
  ids = {
    ...tenant.ids,
    provider: "stub",
    keyId: key.keys[0].id,
    version: "1",
    alertId: await openAlert(product),
  };
});
afterAll(() => product.stop());

/** What a caller would love to decide: 40 names, each with a value of its usual kind. */
const privileged = (): [string, unknown][] => [
  ...["role", "roles", "permissions", "actor_scope"].map((name): [string, unknown] => [name, "operator"]),
  ...["is_admin", "admin", "bootstrap", "verified", "own", "sandbox", "simulated", "spends_test"].map(
    (name): [string, unknown] => [name, true],
  ),
  ...[
    "developer_id",
    "owner_id",
    "app_id",
    "end_user_id",
    "user_id",
    "session_id",
    "wallet_id",
    "tenant_id",
    "id",
  ].map((name): [string, unknown] => [name, other.ids.developerId]),
  ...["balance_usd", "held_usd", "debt_usd", "paid_usd", "test_usd", "charge_usd", "payable_usd"].map(
    (name): [string, unknown] => [name, "1000000.00"],
  ),
  ["scopes", ["operator:finance", "developer:tokens:write"]],
  ["status", "suspended"],
  ["fund", "paid"],
  ["version", 999],
  ["price_version", 1],
  ["token_hash", "0".repeat(64)],
  ["identity_secret", "mf_idsec_forged"],
  ["user_hash_key", "mfenc:v2:forged"],
  ["created_by", "bootstrap"],
  ["created_at", "2020-01-01T00:00:00Z"],
  ["revoked_at", null],
  ["__proto__", { scopes: ["operator:finance"], bootstrap: true }],
  ["constructor", { prototype: { bootstrap: true } }],
];

const withBody = routesToWalk().filter((route) => route.body !== undefined);
const tokenFor = ({ auth }: RouteDefinition): string =>
  auth.class === "session" ? tenant.session.token : auth.class === "op" ? product.adminToken : tenant.token;
const callerFor = (route: RouteDefinition) =>
  route.auth.class === "console" ? { token: null, headers: browser } : { token: tokenFor(route) };
const withField = (body: Json, path: readonly (string | number)[], name: string, value: unknown): Json => {
  const changed = structuredClone(body);
  const holder = path.reduce((at: Json, step) => at[step], changed);
  // As JSON has it: `__proto__` is a name like any other.
  Object.defineProperty(holder, name, { value, enumerable: true });
  return changed;
};

describe("A152: privileged fields", () => {
  it("A152: added to every JSON body they are refused by name, and no row changes", async () => {
    const before = await digestTables(product);
    const taken: string[] = [];
    for (const route of withBody) {
      for (const [name, value] of privileged()) {
        const body = withField(bodyOf(route), [], name, value);
        if (route.body!.safeParse(JSON.parse(JSON.stringify(body))).success) {
          taken.push(`${routeName(route)} ${name}`);
          continue;
        }
        const answer = await callRoute(product, route, ids, { ...callerFor(route), body });
        expect({ route: routeName(route), name, ...answer.body.error }).toMatchObject({
          code: "invalid_request",
        });
        expect(answer.body.error.details.issues.map((issue: Json) => issue.param.split(".")[0])).toContain(
          name,
        );
      }
    }
    // Where the contract has such a field its effect is tested with another developer's id and by A138, A151.
    expect(taken).toEqual([
      "POST /v1/developer/tokens developer_id",
      "POST /v1/developer/apps developer_id",
      "POST /v1/developer/apps/:publicAppId/users own",
      "PATCH /v1/developer/apps/:publicAppId/users/:id own",
      // `suspended` is the developer's to say of its own users.
      "PATCH /v1/developer/apps/:publicAppId/users/:id status",
      // The token decides; a report for another app or user is rejected.
      "POST /v1/local/usage-reports app_id",
      "POST /v1/local/usage-reports created_at",
      // An operator names whose sessions end.
      "POST /v1/admin/sessions/revoke developer_id",
      "POST /v1/admin/sessions/revoke end_user_id",
      "POST /v1/admin/sessions/revoke session_id",
    ]);
    for (const path of ["tokens", "apps"]) {
      const body = {
        name: "walk",
        developer_id: other.ids.developerId,
        ...(path === "apps" ? { public_app_id: "walk_new" } : {}),
      };
      expect(
        (await product.call("POST", `/v1/developer/${path}`, body, { token: tenant.token })).status,
      ).toBe(404);
    }
    expect(await digestTables(product)).toEqual(before);
  });

  it("A152: inside nested objects they are refused too", async () => {
    const feature = {
      display_name: "Walk",
      policy: { models: [{ provider: "stub", model: "stub-flat" }], limits: {} },
      pricing: {},
    };
    const nested: [method: string, path: string, body: Json, holders: (string | number)[][]][] = [
      [
        "PUT",
        "/v1/developer/apps/:publicAppId/features/:featureKey",
        feature,
        [["policy"], ["policy", "limits"], ["policy", "models", 0], ["pricing"]],
      ],
      ["PATCH", "/v1/developer/apps/:publicAppId", { identity: {} }, [["identity"]]],
      ["PATCH", "/v1/admin/developers/:id", { limits: {}, reason: "walk" }, [["limits"]]],
      ["PATCH", "/v1/admin/apps/:publicAppId", { limits: {}, reason: "walk" }, [["limits"]]],
      [
        "POST",
        "/v1/admin/price-book/import",
        bodyOf(find("POST", "/v1/admin/price-book/import")),
        [
          ["entries", 0],
          ["entries", 0, "per_million"],
        ],
      ],
    ];
    const before = await digestTables(product);
    for (const [method, path, body, holders] of nested) {
      const route = find(method, path);
      for (const holder of holders) {
        for (const [name, value] of privileged()) {
          const answer = await callRoute(product, route, ids, {
            ...callerFor(route),
            body: withField(body, holder, name, value),
          });
          expect({
            path,
            holder,
            name,
            status: answer.status,
            text: answer.text.slice(0, 200),
          }).toMatchObject({ status: 400 });
        }
      }
    }
    expect(await digestTables(product)).toEqual(before);
  });

  it("A152: in a model body they decide neither payer nor price", async () => {
    const { users_and_apps: before } = await standing();
    const start = BigInt((await wallet(product, tenant.session.token)).balance_usd.replace(".", ""));
    const theirs = await wallet(product, other.session.token);
    let served = 0;
    for (const [name, value] of privileged()) {
      const body = withField({ model: "stub-flat", metadata: {} }, [], name, value);
      const answer = await chat(product, tenant.session.token, body);
      expect([200, 400]).toContain(answer.status);
      if (answer.status === 200) {
        served += 1;
        expect(answer.body.modelfaucet).toMatchObject({
          charge_usd: "0.00125000",
          developer_share_usd: "0.00010000",
          simulated: false,
        });
      }
    }
    expect(served).toBeGreaterThan(20);
    const end = BigInt((await wallet(product, tenant.session.token)).balance_usd.replace(".", ""));
    expect(start - end).toBe(125_000n * BigInt(served));
    expect(await wallet(product, other.session.token)).toEqual(theirs);
    expect((await standing()).users_and_apps).toEqual(before);
  });
});

const find = (method: string, path: string): RouteDefinition =>
  routesToWalk().find((route) => route.method === method && route.path === path)!;

/** Everything that a call must leave as it is. */
async function standing(): Promise<{ users_and_apps: Record<string, string | undefined> }> {
  const digests = await digestTables(product);
  const kept = [
    "developers",
    "developer_api_tokens",
    "apps",
    "app_features",
    "end_users",
    "virtual_sessions",
    "providers",
    "settings",
    "wallets",
    "model_prices",
    "audit_logs",
  ];
  return { users_and_apps: Object.fromEntries(kept.map((table) => [table, digests[table]])) };
}
