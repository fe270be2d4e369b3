import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { signInToConsole } from "@modelfaucet/testkit/console.ts";
import { chat, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { bodyOf, type OwnedIds, openAlert, pathOf, routesToWalk } from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, makeUser, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let tenant: Tenant;
let other: Tenant;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    // A key is tried where its vendor is: that is the stub here.
    env: (_, stub) => ({ MODELFAUCET_HOST_MAP: `api.openai.com=127.0.0.1:${new URL(stub.url).port}!` }),
  });
  await layGround(product);
  [tenant, other] = [await makeTenant(product, "one"), await makeTenant(product, "other")];
});
afterAll(() => product.stop());

const as = (token: string, method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  product.call(method, path, body, { token });
const makeOperatorToken = async (more: Json = {}) =>
  made(
    await product.admin("POST", "/v1/admin/operator-tokens", {
      name: "audit",
      email: "auditor@example.com",
      role: "admin",
      ...more,
    }),
  );
const rowsOf = (answer: HttpAnswer) => product.sql`
  select action, actor_scope, actor_name, reason from audit_logs
  where request_id = ${answer.headers.get("x-request-id")!.slice("req_".length)} order by id`;

/** What changes nothing, though it is no GET; and why each other one may have nothing to tell. */
const writesNothing = new Set([
  "POST /v1/developer/apps/:publicAppId/features/validate",
  // A walk's token is known to nobody.
  "POST /v1/tokens/revoke",
  // A session's own life stands in its row: opened, refreshed, ended.
  "POST /v1/sessions",
  "POST /v1/sessions/refresh",
  "DELETE /v1/sessions/current",
  // A report is a row of the settlement log.
  "POST /v1/local/usage-reports",
]);
/** These want what a walk cannot bring: a second key of the ring, a person with a second hat. Tested where they are made. */
const wantsMore = new Set([
  "POST /v1/admin/key-rotations",
  "POST /v1/admin/key-rotations/:id/finish",
  "POST /v1/console/session/switch",
  "POST /v1/console/sign-in",
]);

describe("S12: the audit log", () => {
  const mutating = routesToWalk()
    .filter(({ method }) => method !== "GET")
    .filter((route) => !writesNothing.has(routeName(route)) && !wantsMore.has(routeName(route)))
    .toSorted((a, b) => turnOf(a) - turnOf(b));

  it("S12: has a row for each write of each route, with who, what and, where one is asked for, why", async () => {
    const operator = await makeOperatorToken();
    const spare = await makeOperatorToken({ role: "viewer" });
    const ids: OwnedIds = {
      ...tenant.ids,
      ...(await ownKeys()),
      provider: "stub",
      keyId: made(
        await product.admin("POST", "/v1/admin/providers/stub/keys", {
          api_key: "sk-audit-0123456789",
          reason: "audit",
        }),
      ).keys[0].id,
      alertId: await openAlert(product),
      operatorTokenId: spare.item.id,
      version: String(await draftPrices()),
      tokenId: made(await as(tenant.token, "POST", "/v1/developer/tokens", { name: "walked" })).item.id,
    };
    const silent: string[] = [];
    const refused: string[] = [];
    for (const route of mutating) {
      const answer = await callAs(route, ids, operator.token);
      if (answer.status >= 300) {
        refused.push(`${routeName(route)}: ${answer.status} ${answer.text}`);
        continue;
      }
      const rows = await rowsOf(answer);
      if (rows.length === 0) silent.push(routeName(route));
      const { auth } = route;
      if (auth.class === "op") expect(rows[0]?.actor_name).toBe("auditor@example.com");
      if (route.wantsReason) expect(rows.map(({ reason }) => reason)).toContain("walk");
    }
    expect({ refused, silent }).toEqual({ refused: [], silent: [] });
  });

  it("S12: a route that wants a reason is refused without one, and its refusal leaves no row", async () => {
    const wanting = routesToWalk().filter(({ wantsReason }) => wantsReason);
    // What operators change wants a reason; these do not, by the wire.
    const without = routesToWalk().filter(
      ({ method, auth, wantsReason }) => method !== "GET" && auth.class === "op" && !wantsReason,
    );
    expect(without.map(routeName).toSorted()).toEqual([
      "DELETE /v1/admin/operator-tokens/:id",
      "POST /v1/admin/alerts/:id/acknowledge",
      "POST /v1/admin/operator-tokens",
      "POST /v1/admin/operator-tokens/:id/rotate",
      "POST /v1/admin/wallets/:id/credit-test-balance",
    ]);
    for (const route of wanting) {
      const ids = { ...other.ids, provider: "stub", version: "1" };
      const { reason: _, ...body } = bodyOf(route) ?? {};
      const path = pathOf(route, ids).replace("?reason=walk", "");
      const token = route.auth.class === "op" ? product.adminToken : other.token;
      const answer = await as(token, route.method, path, route.body === undefined ? undefined : body);
      expect({ route: routeName(route), status: answer.status, param: answer.body.error?.param }).toEqual({
        route: routeName(route),
        status: 400,
        param: "reason",
      });
      expect(await rowsOf(answer)).toHaveLength(0);
    }
  });

  it("S12: what fails leaves no row, and no row can be changed or removed by anybody", async () => {
    const failed = await product.admin("POST", "/v1/admin/developers", {
      email: made(await product.admin("GET", "/v1/admin/developers?limit=1")).items[0].email,
      name: "Twice",
      reason: "test",
    });
    expect(failed.status).toBe(409);
    expect(await rowsOf(failed)).toHaveLength(0);
    for (const statement of [
      "update audit_logs set reason = 'another'",
      "delete from audit_logs",
      "truncate audit_logs",
    ]) {
      await expect(product.sql.unsafe(statement)).rejects.toThrow("append-only");
    }
  });

  it("S12: the first use of a token on a day stands there once, however often it is used", async () => {
    const operator = await makeOperatorToken({ role: "viewer" });
    const developer = made(await as(other.token, "POST", "/v1/developer/tokens", { name: "used" }));
    const uses = async () => {
      const rows = await product.sql`select action, resource_id from audit_logs
        where action like '%.use' and resource_id in (${operator.item.id}, ${developer.item.id}) order by action`;
      return rows.map(({ action }) => action);
    };
    expect(await uses()).toEqual([]);
    const calls = Array.from({ length: 10 }, () => [
      as(operator.token, "GET", "/v1/admin/me"),
      as(developer.token, "GET", "/v1/developer/me"),
    ]);
    for (const { status } of await Promise.all(calls.flat())) expect(status).toBe(200);
    expect(await uses()).toEqual(["developer_token.use", "operator_token.use"]);
    await product.database.setClockOffset(86_400_000);
    await Promise.all([
      as(operator.token, "GET", "/v1/admin/me"),
      as(developer.token, "GET", "/v1/developer/me"),
    ]);
    expect(await uses()).toEqual([
      "developer_token.use",
      "developer_token.use",
      "operator_token.use",
      "operator_token.use",
    ]);
    await product.database.setClockOffset(0);
    // The credentials of the environment have been used all the while.
    const bootstrap = await product.sql`select metadata ->> 'variable' as variable from audit_logs
      where action = 'bootstrap.use' order by 1`;
    expect(new Set(bootstrap.map(({ variable }) => variable))).toEqual(
      new Set(["ADMIN_TOKEN", "DEVELOPER_ADMIN_TOKEN"]),
    );
    expect(bootstrap.length).toBeLessThanOrEqual(4);
  });

  async function callAs(route: RouteDefinition, ids: OwnedIds, operatorToken: string): Promise<HttpAnswer> {
    const { auth } = route;
    const body = walkBody(route, ids, operatorToken);
    const path = pathOf(route, { ...ids, ...(await freshIds(route)) });
    if (auth.class === "console" || auth.class === "none") {
      const headers = await signInToConsole(product, operatorToken);
      return product.call(route.method, path, body, { token: null, headers });
    }
    const token =
      auth.class === "op" ? operatorToken : auth.class === "session" ? tenant.session.token : tenant.token;
    return product.call(route.method, path, body, { token });
  }

  function walkBody(route: RouteDefinition, ids: OwnedIds, operatorToken: string): Json {
    const body = bodyOf(route);
    const named: Record<string, Json> = {
      "POST /v1/console/token-exchange": { token: operatorToken },
      "POST /v1/console/session/step-up": { token: operatorToken },
      "POST /v1/developer/provider-keys": { ...body, public_app_id: ids.publicAppId },
      "PUT /v1/admin/providers/:provider": { base_url: product.stub.url, reason: "walk" },
      "PATCH /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "Walked" },
      "PUT /v1/developer/apps/:publicAppId/features/:featureKey": {
        display_name: "Walk",
        policy: withOwnKeys,
      },
      "PUT /v1/admin/settings": { max_markup_percent: 250, reason: "walk" },
      "PUT /v1/admin/limits": { ...body, limit_usd: "999999.00" },
    };
    return named[routeName(route)] ?? body;
  }

  /** A key of the user's and one of the developer's, as they are brought in. */
  async function ownKeys(): Promise<Partial<OwnedIds>> {
    const path = `/v1/developer/apps/${tenant.ids.publicAppId}/features/${tenant.ids.featureKey}`;
    made(await as(tenant.token, "PATCH", path, { policy: withOwnKeys }));
    const key = { provider: "openai", api_key: "sk-audit-0123456789" };
    const user = made(await as(tenant.session.token, "POST", "/v1/user/provider-keys", key));
    const app = { ...key, public_app_id: tenant.ids.publicAppId };
    const developer = made(await as(tenant.token, "POST", "/v1/developer/provider-keys", app));
    return { userKeyId: user.id, developerKeyId: developer.id };
  }

  /** What can be ended once only, made for the route that ends it. */
  async function freshIds(route: RouteDefinition): Promise<Partial<OwnedIds>> {
    if (routeName(route) === "DELETE /v1/developer/sessions/:id") {
      const body = { public_app_id: tenant.ids.publicAppId, external_user_id: "fresh" };
      return { sessionId: made(await as(tenant.token, "POST", "/v1/sessions", body)).session_id };
    }
    if (routeName(route) === "DELETE /v1/admin/developers/:id") {
      const body = { email: "fresh@example.com", name: "Fresh", reason: "walk" };
      return { developerId: made(await product.admin("POST", "/v1/admin/developers", body)).id };
    }
    return {};
  }

  async function draftPrices(): Promise<number> {
    const entry = { provider: "stub", model: "audit", per_million: { input_usd: "1", output_usd: "1" } };
    return made(
      await product.admin("POST", "/v1/admin/price-book/import", {
        source: "entries",
        entries: [entry],
        reason: "audit",
      }),
    ).version;
  }
});

const withOwnKeys = { route_preference: ["byok", "developer_key", "platform"], models: ["stub/stub-flat"] };

/** What ends something comes late: first what ends a user's own, last what lies least deep. */
function turnOf({ method, path, auth }: RouteDefinition): number {
  if (path.endsWith("revoke-sessions") || path.endsWith("sessions/revoke")) return 2;
  if (method !== "DELETE") return 0;
  return auth.class === "session" ? 1 : 1_000 - path.split("/").length;
}

describe("S12: reading the audit log", () => {
  it("S12: a developer reads what was done to its own, without operators' names; a kept token its app's alone", async () => {
    const operator = await makeOperatorToken();
    made(
      await as(operator.token, "PATCH", `/v1/admin/apps/${other.ids.publicAppId}`, {
        limits: { max_markup_percent: 100 },
        reason: "a complaint",
      }),
    );
    const list = async (token: string, query = "") =>
      made(await as(token, "GET", `/v1/developer/audit-logs?limit=200${query}`)).items;
    const own = await list(other.token);
    expect(own.find(({ actor_scope }: Json) => actor_scope === "admin")).toMatchObject({
      action: "app.update",
      reason: "a complaint",
      resource_id: other.ids.publicAppId,
    });
    for (const row of own.filter(({ actor_scope }: Json) => actor_scope === "admin")) {
      expect(row).not.toHaveProperty("actor_name");
      expect(row).not.toHaveProperty("actor_id");
    }
    const stored = await product.sql`select id from audit_logs where developer_id = ${other.ids.developerId}`;
    const storedIds = stored.map(({ id }) => id);
    expect(own.length).toBe(Math.min(200, storedIds.length));
    for (const row of own) expect(storedIds).toContain(row.id);
    const created = await list(other.token, "&action=feature.create");
    expect(created.map(({ action }: Json) => action)).toEqual(["feature.create"]);
    const kept = made(
      await as(other.token, "POST", "/v1/developer/tokens", {
        name: "kept",
        scopes: ["developer:operations:read"],
        public_app_ids: [other.ids.publicAppId],
      }),
    );
    for (const row of await list(kept.token)) {
      const [{ app_id } = { app_id: null }] =
        await product.sql`select app_id from audit_logs where id = ${row.id}`;
      expect(app_id).not.toBeNull();
    }
    const foreign = await as(
      tenant.token,
      "GET",
      `/v1/developer/audit-logs?developer_id=${other.ids.developerId}`,
    );
    expect(foreign.status).toBe(404);
    expect(JSON.stringify(own)).not.toMatch(/mf_(dev|sess|admin|idsec)_\w{10}/);
  });

  it("S12: an operator pages through all of it, by any of its filters", async () => {
    const walk = async (query: string): Promise<Json[]> => {
      const rows: Json[] = [];
      let cursor = "";
      do {
        const page = made(await product.admin("GET", `/v1/admin/audit-logs?limit=7${query}${cursor}`));
        rows.push(...page.items);
        cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
      } while (cursor !== "");
      return rows;
    };
    const [{ count } = { count: 0 }] =
      await product.sql`select count(*)::int as count from audit_logs where action = 'developer.create'`;
    const created = await walk("&action=developer.create");
    expect(created).toHaveLength(count);
    expect(new Set(created.map(({ id }) => id)).size).toBe(count);
    const [row] = created;
    for (const [name, value] of [
      ["request_id", row.request_id],
      ["resource_id", row.resource_id],
      ["actor_scope", row.actor_scope],
    ]) {
      const found = await walk(`&action=developer.create&${name}=${value}`);
      expect(found.map(({ id }) => id)).toContain(row.id);
      for (const each of found) expect(each[name as string]).toBe(value);
    }
    expect(await walk("&request_id=req_local_01900000-0000-7000-8000-000000000000")).toEqual([]);
    expect((await product.admin("GET", "/v1/admin/audit-logs?nonsense=1")).status).toBe(400);
  });

  it("S12: an export has every row, guards what a spreadsheet would run, and is itself audited", async () => {
    const formula = '=HYPERLINK("https://evil.example","x")\n,quoted';
    made(
      await product.admin("POST", "/v1/admin/developers", {
        email: "formula@example.com",
        name: "F",
        reason: formula,
      }),
    );
    for (let made = 0; made < 3; made++) {
      await product.sql`insert into audit_logs (id, actor_scope, action, resource_type, resource_id, created_at)
        select gen_random_uuid(), 'system', 'walk.many', 'walk', i::text, now() from generate_series(1, 400) as i`;
    }
    const incidents = await makeOperatorToken({ role: undefined, scopes: ["operator:incidents"] });
    const viewer = await makeOperatorToken({ role: "viewer" });
    for (const format of ["csv", "ndjson"]) {
      expect((await as(viewer.token, "GET", `/v1/admin/audit-logs.${format}`)).status).toBe(403);
    }
    const csv = await as(incidents.token, "GET", "/v1/admin/audit-logs.csv?resource_type=developer");
    expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const [head] = csv.text.split("\n");
    expect(head).toBe("created_at,actor_scope,actor_id,action,resource_type,resource_id,reason,request_id");
    expect(csv.text).toContain(`,"'${formula.replaceAll('"', '""')}",req_`);
    const ndjson = await as(incidents.token, "GET", "/v1/admin/audit-logs.ndjson?action=walk.many");
    expect(ndjson.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    const rows = ndjson.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(1_200);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(1_200);
    expect(rows[0]).toMatchObject({ action: "walk.many", actor_scope: "system", resource_type: "walk" });
    const exports = made(await product.admin("GET", "/v1/admin/audit-logs?resource_type=audit_logs")).items;
    expect(
      exports.map(({ action, actor_name, metadata }: Json) => ({ action, actor_name, metadata })),
    ).toEqual([
      { action: "export.ndjson", actor_name: "auditor@example.com", metadata: { action: "walk.many" } },
      { action: "export.csv", actor_name: "auditor@example.com", metadata: { resourceType: "developer" } },
    ]);
  });
});

describe("an app's users, as its developer sees them", () => {
  const path = (rest = "") => `/v1/developer/apps/${other.ids.publicAppId}/users${rest}`;
  const list = async (query = "") => made(await as(other.token, "GET", `${path()}${query}`));
  let big: GroundSession;

  it("S9: are told by hash, with what they spend, newest first, by spending or by when they were seen", async () => {
    big = (await makeUser(product, other.ids.publicAppId, other.token)).session;
    made(await chat(product, big.token, { model: "stub-flat" }));
    made(await as(other.token, "POST", path(), { external_user_id: "never seen" }));
    const { items } = await list();
    expect(items).toHaveLength(3);
    const [unseen, spender, first] = items;
    expect(spender).toEqual({
      id: big.userId,
      end_user_id_hash: big.answer.end_user_id_hash,
      identity: { mode: "signed", verified: true },
      status: "active",
      own: false,
      balance_usd: "0.99750000",
      spent_month_usd: "0.00250000",
      requests_month: 2,
      modes_used: ["platform"],
      last_seen_at: expect.any(String),
      created_at: expect.any(String),
    });
    expect(first).toMatchObject({
      id: other.session.userId,
      spent_month_usd: "0.00125000",
      requests_month: 1,
    });
    expect(unseen).toMatchObject({ requests_month: 0, modes_used: [], balance_usd: "0.00000000" });
    expect(unseen).not.toHaveProperty("last_seen_at");
    for (const sort of ["", "&sort=spent", "&sort=last_seen"]) {
      const paged: string[] = [];
      let cursor = "";
      do {
        const page = await list(`?limit=1${sort}${cursor}`);
        paged.push(...page.items.map(({ id }: Json) => id));
        cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
      } while (cursor !== "");
      const wanted = sort === "" ? [unseen, spender, first] : [spender, first, unseen];
      expect({ sort, paged }).toEqual({ sort, paged: wanted.map(({ id }: Json) => id) });
    }
    const { next_cursor } = await list("?limit=1&sort=spent");
    expect((await as(other.token, "GET", `${path()}?cursor=${next_cursor}`)).body.error.param).toBe("cursor");
  });

  it("S9: are found by the app's own name for them, in this app alone", async () => {
    const found = await list(`?external_user_id=${encodeURIComponent(big.user)}`);
    expect(found.items.map(({ id }: Json) => id)).toEqual([big.userId]);
    expect((await list("?external_user_id=nobody")).items).toEqual([]);
    expect((await list(`?external_user_id=${tenant.session.user}`)).items).toEqual([]);
    expect((await as(tenant.token, "GET", path())).body.error.code).toBe("invalid_app");
    expect((await as(tenant.token, "GET", path(`/${big.userId}`))).body.error.code).toBe("invalid_app");
  });

  it("S8: one is told with wallet, limits, usage and sessions, and with nothing that was said", async () => {
    const details = made(await as(other.token, "GET", path(`/${big.userId}`)));
    expect(details).toMatchObject({
      wallet: { owner_scope: "end_user", owner_id: big.userId, balance_usd: "0.99750000" },
      limits: [],
      usage_by_mode: [
        { route_mode: "platform", requests: 2, charge_usd: "0.00250000", fee_usd: "0.00000000" },
      ],
      sessions: [{ id: big.answer.session_id }],
      metadata: {},
    });
    expect(JSON.stringify(details)).not.toMatch(/mf_sess_|hello/);
    expect((await as(other.token, "GET", path(`/${tenant.session.userId}`))).status).toBe(404);
  });

  it("S5: one that its developer suspends is refused within two seconds, with a reason, until it is resumed", async () => {
    const change = (body: Json) => as(other.token, "PATCH", path(`/${big.userId}`), body);
    expect((await change({ status: "suspended" })).body.error.param).toBe("reason");
    made(await change({ status: "suspended", reason: "charged back" }));
    const refused = await chat(product, big.token, { model: "stub-flat" });
    expect({ status: refused.status, ...refused.body.error }).toMatchObject({
      status: 403,
      code: "suspended",
      details: { what: "end_user" },
    });
    expect((await list("?status=suspended")).items.map(({ id }: Json) => id)).toEqual([big.userId]);
    const [row] =
      await product.sql`select reason, before, after from audit_logs where action = 'end_user.update'
      and resource_id = ${big.userId} order by id desc limit 1`;
    expect(row).toEqual({
      reason: "charged back",
      before: { own: false, status: "active" },
      after: { own: false, status: "suspended" },
    });
    made(await change({ status: "active", reason: "settled" }));
    expect((await chat(product, big.token, { model: "stub-flat" })).status).toBe(200);
  });
});
