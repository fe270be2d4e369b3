import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { apiRoutes } from "@modelfaucet/contract/routes/table.ts";
import type { HttpAnswer, Json, Product } from "./product.ts";

/** What a tenant owns, by the names under which paths ask for it. */
export type OwnedIds = {
  publicAppId: string;
  featureKey: string;
  endUserId: string;
  sessionId: string;
  tokenId: string;
  requestId: string;
  receiptId: string;
  walletId: string;
  developerId: string;
  provider: string;
  keyId: string;
  /** Keys of an end user and of a developer. */
  userKeyId: string;
  rotationId: string;
  developerKeyId: string;
  alertId: string;
  operatorTokenId: string;
  version: string;
};

/** Which of them stands behind `:id`, by the beginning of the path. */
const idKinds: readonly (readonly [prefix: string, kind: keyof OwnedIds])[] = [
  ["/v1/user/receipts/", "receiptId"],
  ["/v1/developer/tokens/", "tokenId"],
  ["/v1/developer/sessions/", "sessionId"],
  ["/v1/developer/apps/", "endUserId"],
  ["/v1/user/provider-keys/", "userKeyId"],
  ["/v1/developer/provider-keys/", "developerKeyId"],
  ["/v1/admin/developers/", "developerId"],
  ["/v1/admin/wallets/", "walletId"],
  ["/v1/admin/providers/", "keyId"],
  ["/v1/admin/books/transactions/", "requestId"],
  ["/v1/admin/alerts/", "alertId"],
  ["/v1/admin/key-rotations/", "rotationId"],
  ["/v1/admin/operator-tokens/", "operatorTokenId"],
];
/** The ledger transaction of a request is named after it. */
const ledgerPath = "/v1/admin/books/transactions/";

/** What a route asks for in its query before it answers anything. */
const queries: Readonly<Record<string, string>> = {
  "GET /v1/developer/analytics/series":
    "metric=requests&interval=day&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
  "GET /v1/developer/analytics/summary": "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
};

/** A body that each route takes, so that nothing but the id, the scope or an added field decides its answer. */
const bodies: Readonly<Record<string, Record<string, unknown>>> = {
  "POST /v1/sessions": { public_app_id: "walk", external_user_id: "walk" },
  "POST /v1/sessions/refresh": {},
  "POST /v1/admin/providers/:provider/probe": { reason: "walk" },
  "PUT /v1/user/limits": { window: "day", limit_usd: "1.00" },
  "PUT /v1/user/modes": { mode: "auto" },
  "POST /v1/local/usage-reports": {
    request_id: "req_local_01900000-0000-7000-8000-000000000000",
    app_id: "walk",
    end_user_id_hash: `sha256:${"0".repeat(64)}`,
    feature_key: "walk",
    route_mode: "local",
    provider: "ollama",
    model: "walk",
    input_tokens: 1,
    output_tokens: 1,
    created_at: "2026-01-01T00:00:00Z",
  },
  "PUT /v1/admin/limits": {
    level: "platform",
    measure: "usd",
    window: "day",
    limit_usd: "1000000.00",
    reason: "walk",
  },
  "POST /v1/developer/tokens": { name: "walk" },
  "POST /v1/developer/apps": { public_app_id: "walk_new", name: "Walk" },
  "PATCH /v1/developer/apps/:publicAppId": { name: "Walk" },
  "POST /v1/developer/apps/:publicAppId/features": { feature_key: "walk", display_name: "Walk" },
  "PUT /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "Walk" },
  "PATCH /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "Walk" },
  "POST /v1/developer/apps/:publicAppId/features/validate": { policy: {}, pricing: {} },
  "POST /v1/developer/apps/:publicAppId/debug-log": { minutes: 1, reason: "walk" },
  "POST /v1/developer/apps/:publicAppId/users": { external_user_id: "walk-new" },
  "PATCH /v1/developer/apps/:publicAppId/users/:id": { own: true, reason: "walk" },
  "POST /v1/admin/developers": { email: "walk@example.com", name: "Walk", reason: "walk" },
  "PATCH /v1/admin/developers/:id": { name: "Walk", reason: "walk" },
  "PATCH /v1/admin/apps/:publicAppId": { limits: {}, reason: "walk" },
  "POST /v1/admin/developers/:id/invite": { reason: "walk" },
  "POST /v1/console/sign-in": { code: "walk" },
  "POST /v1/console/token-exchange": { token: "walk" },
  "POST /v1/console/session/switch": { operator: true },
  "POST /v1/console/session/step-up": { token: "walk" },
  "POST /v1/tokens/revoke": { token: "walk" },
  "POST /v1/developer/tokens/:id/rotate": { overlap_seconds: 604_800 },
  "POST /v1/developer/apps/:publicAppId/identity-secret/rotate": { overlap_seconds: 604_800 },
  "POST /v1/developer/apps/:publicAppId/identity/test": { user_token: "walk" },
  "POST /v1/admin/operator-tokens": { name: "walk", email: "walk@example.com", role: "viewer" },
  "POST /v1/admin/operator-tokens/:id/rotate": { overlap_seconds: 604_800 },
  "POST /v1/admin/wallets/:id/credit-test-balance": { amount_usd: "0.01" },
  "POST /v1/admin/wallets/:id/adjustments": { direction: "credit", amount_usd: "0.01", reason: "walk" },
  "POST /v1/admin/price-book/import": {
    source: "entries",
    entries: [{ provider: "stub", model: "walk", per_million: { input_usd: "1", output_usd: "1" } }],
    reason: "walk",
  },
  "POST /v1/admin/price-book/versions/:version/publish": { reason: "walk" },
  "PUT /v1/admin/providers/:provider": { base_url: "http://127.0.0.1:9/v1", reason: "walk" },
  "POST /v1/admin/providers/:provider/keys": { api_key: "sk-walk-0123456789", reason: "walk" },
  "PUT /v1/admin/settings": { reason: "walk" },
  "POST /v1/admin/key-rotations": { kind: "encryption", reason: "walk" },
  "POST /v1/admin/key-rotations/:id/finish": { reason: "walk" },
  "POST /v1/user/provider-keys": { provider: "openai", api_key: "sk-walk-0123456789" },
  "PATCH /v1/user/provider-keys/:id": { name: "Walk" },
  "POST /v1/developer/provider-keys": {
    public_app_id: "walk",
    provider: "openai",
    api_key: "sk-walk-0123456789",
  },
  "PATCH /v1/developer/provider-keys/:id": { name: "Walk" },
  "POST /v1/admin/alerts/:id/acknowledge": {},
  "POST /v1/admin/switches": { target_type: "platform", state: "on", reason: "walk" },
  "POST /v1/admin/sessions/revoke": { origin: "https://walk.example.com", reason: "walk" },
  "POST /v1/developer/apps/:publicAppId/users/:id/revoke-sessions": {},
};

/** The whole control API. @throws when a route with a body has none here, so that no walk passes it by */
export function routesToWalk(): readonly RouteDefinition[] {
  const without = apiRoutes.filter((route) => route.body !== undefined && !bodies[routeName(route)]);
  if (without.length > 0) throw new Error(`no body to walk with: ${without.map(routeName).join(", ")}`);
  return apiRoutes;
}

/** A body that the route takes; `undefined` where it takes none. */
export function bodyOf(route: RouteDefinition): Record<string, unknown> | undefined {
  return route.body === undefined ? undefined : structuredClone(bodies[routeName(route)]!);
}

/** The route's path with those ids in it, and the query without which it answers nothing. */
export function pathOf(route: RouteDefinition, ids: OwnedIds): string {
  const idKind = idKinds.find(([prefix]) => route.path.startsWith(prefix))?.[1];
  const path = route.path.replaceAll(/:([A-Za-z_]+)/g, (_, name: string) => {
    const kind = name === "id" ? idKind : name === "request_id" ? "requestId" : (name as keyof OwnedIds);
    const id = kind && ids[kind];
    const value = id && route.path.startsWith(ledgerPath) ? id.replace("req_", "usage_") : id;
    if (value === undefined) throw new Error(`${routeName(route)}: nothing to put for :${name}`);
    return encodeURIComponent(value);
  });
  const query = route.method === "DELETE" && route.wantsReason ? "reason=walk" : queries[routeName(route)];
  return query === undefined ? path : `${path}?${query}`;
}

/** An open alert, for a walk that acknowledges one. */
export async function openAlert(product: Product): Promise<string> {
  const [row] = await product.sql`insert into alerts (id, rule, kind, target)
    values (gen_random_uuid(), 'walk', 'ticket', gen_random_uuid()::text) returning id`;
  return row!.id as string;
}

/** A rotation that is over, of keys that nobody has. */
export async function endedRotation(product: Product): Promise<string> {
  const [row] =
    await product.sql`insert into key_rotations (id, kind, key_id, old_key_ids, status, reason, started_by, finished_at)
    values (gen_random_uuid(), 'encryption', 'aaaaaaaa', '{bbbbbbbb}', 'finished', 'walk', 'walk', mf_now()) returning id`;
  return row!.id as string;
}

/** One call of a route; `token` null sends none. */
export function callRoute(
  product: Product,
  route: RouteDefinition,
  ids: OwnedIds,
  options: { token: string | null; body?: unknown; headers?: Record<string, string> },
): Promise<HttpAnswer> {
  const { token, headers, body = bodyOf(route) } = options;
  return product.call(route.method, pathOf(route, ids), body, { token, ...(headers ? { headers } : {}) });
}

/** An error without what differs from call to call. */
export function errorOf(answer: HttpAnswer): Json {
  const { request_id: _differs, ...error } = answer.body?.error ?? {};
  return { status: answer.status, ...error };
}

/** What the worker makes of the rows by itself is no change either. */
const projected = ["projectors", "ledger_rollups", "usage_rollups", "usage_latencies", "usage_active_users"];
const watched = ["book_checks", "alert_notices"];
const alwaysMoving = new Set(["instances", "schema_migrations", "mf_test_clock", ...projected, ...watched]);

/** What stands in the audit log of reading alone: the first use of a token on a day, an export. */
const withoutReading = " where action not like '%.use' and action not like 'export.%'";
/** An alert comes and goes by the worker's own judgement; that somebody has seen it is a change. */
const rowsThatCount: Readonly<Record<string, string>> = {
  audit_logs: withoutReading,
  alerts: " where acknowledged_at is not null",
};

/** A digest of each table's rows, read past row security. That something was used or read is no change. */
export async function digestTables(product: Product): Promise<Record<string, string>> {
  const tables = await product.sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`;
  const digests: Record<string, string> = {};
  for (const { name } of tables) {
    if (alwaysMoving.has(name)) continue;
    const [row] = await product.sql.unsafe(
      `select md5(coalesce(string_agg(line, ',' order by line), '')) as digest, count(*)::int as rows
       from (select (to_jsonb(t) - 'last_used_at' - 'updated_at')::text as line from ${name} t${rowsThatCount[name] ?? ""}) lines`,
    );
    digests[name] = `${row!.rows} rows ${row!.digest}`;
  }
  return digests;
}
