// The routes of tenancy and identity on a real server, for tests beside the routes. Every answer is held against the contract.
import { Writable } from "node:stream";
import type { PostgresServer } from "@modelfaucet/testkit/database.ts";
import { withoutCredentialRate } from "@modelfaucet/testkit/rates.ts";
import { nothingOff } from "@modelfaucet/testkit/switches.ts";
import { openTestbed } from "../../flows/open-session-testbed.ts";
import { createBodyMemory } from "../../lib/body-memory.ts";
import type { Tx } from "../../lib/db.ts";
import { createHttpServer } from "../../lib/http.ts";
import { createLog } from "../../lib/log.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { zeroUsd } from "../../lib/money.ts";
import { createBootstrapCredentials } from "../../modules/identity/identity.ts";
import { createAuthenticator } from "../authenticate.ts";
import { mountRoutes } from "../harness.ts";
import { adminAppRoutes } from "./admin-apps.ts";
import { adminDeveloperRoutes } from "./admin-developers.ts";
import { adminSettingsRoutes } from "./admin-settings.ts";
import { developerAccountRoutes } from "./developer-account.ts";
import { developerAppRoutes } from "./developer-apps.ts";
import { developerFeatureRoutes } from "./developer-features.ts";
import { sessionRoutes } from "./sessions.ts";

export const adminToken = "an-admin-token-of-the-tests-only";
export const developerAdminToken = "a-developer-admin-token-of-the-tests";

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the wire said.
export type Answer = { status: number; body: any };

export type Tenant = { developerId: string; email: string; token: string; tokenId: string; app: string };
type Ask = (
  token: string | null,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;
type Operator = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

export async function openRoutes(server: PostgresServer) {
  const bed = await openTestbed(server);
  const metrics = createMetrics({ version: "1", schema: "1" });
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  const http = createHttpServer({
    service: "@modelfaucet/api",
    log: createLog({ level: "info", format: "json", service: "t", instance: "1", version: "1", destination }),
    metrics,
    cors: { origins: [], credentialsOrigins: [], isAppOrigin: bed.origins.has },
    trustedProxyCidrs: [],
    readiness: async () => ({}),
    monitoring: { token: null, allowedCidrs: [], isOperatorToken: () => false },
  });
  const deps = {
    ...bed.deps,
    gatewayBaseUrl: "http://127.0.0.1:3002/v1",
    supportUrl: "http://127.0.0.1:5173/support",
    isPriced: (_provider: string, model: string) => model !== "sim-unpriced",
    developerMoney: async (_tx: unknown, ids: readonly string[]) =>
      new Map(ids.map((id) => [id, { balanceUsd: zeroUsd, payableUsd: zeroUsd, debtUsd: zeroUsd }])),
  };
  const mounted = [
    ...sessionRoutes(deps),
    ...developerAccountRoutes(deps),
    ...developerAppRoutes(deps),
    ...developerFeatureRoutes(deps),
    ...adminDeveloperRoutes(deps),
    ...adminAppRoutes(deps),
    ...adminSettingsRoutes(deps),
  ];
  mountRoutes(
    http,
    mounted,
    mounted.map(({ route }) => route),
    {
      authenticate: createAuthenticator({
        switches: nothingOff,
        sessions: bed.sessions,
        developerTokens: bed.developerTokens,
        operatorTokens: bed.operatorTokens,
        bootstrap: createBootstrapCredentials({
          adminTokens: [adminToken],
          developerAdminTokens: [developerAdminToken],
        }),
        nowMs: bed.feed.now,
      }),
      database: bed.database,
      bodyMemory: createBodyMemory(1e7),
      bodyLimitBytes: 1e6,
      console: null,
      metrics,
      checkAnswers: true,
      ...withoutCredentialRate,
    },
  );
  const base = await http.app.listen({ host: "127.0.0.1", port: 0 });
  const ask: Ask = async (token, method, path, body, headers = {}) => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const admin = (method: string, path: string, body: object) => ask(adminToken, method, path, body);
  const operator: Operator = (work) => bed.database.read({ purpose: "operator" }, work);
  return {
    bed,
    mounted,
    ask,
    /** As the operator, over HTTP. */
    admin,
    /** A read of the database that sees every tenant. */
    operator,
    auditOf: async (resourceId: string): Promise<string[]> => {
      const rows = await operator(
        (tx) => tx`select action from audit_logs where resource_id = ${resourceId} order by id`,
      );
      return rows.map((row) => row.action);
    },
    makeTenant: (name: string) => makeTenant(ask, name),
    close: async () => {
      await http.app.close();
      await bed.close();
    },
  };
}

/** A developer with a token of every scope but usage, one demo app, one feature and one session. */
async function makeTenant(ask: Ask, name: string): Promise<Tenant> {
  const email = `${name}@example.com`;
  const developer = await ask(adminToken, "POST", "/v1/admin/developers", { email, name, reason: "test" });
  const made = await ask(developerAdminToken, "POST", "/v1/developer/tokens", {
    name: "all",
    developer_id: developer.body.id,
    scopes: [
      "apps:read",
      "apps:write",
      "features:read",
      "features:write",
      "tokens:read",
      "tokens:write",
      "sessions:write",
      "users:read",
      "users:write",
      "operations:read",
    ].map((scope) => `developer:${scope}`),
  });
  const tenant = {
    developerId: developer.body.id,
    email,
    token: made.body.token,
    tokenId: made.body.item.id,
    app: `app_${name}`,
  };
  await ask(tenant.token, "POST", "/v1/developer/apps", {
    public_app_id: tenant.app,
    name,
    identity_mode: "demo",
  });
  await ask(tenant.token, "PUT", `/v1/developer/apps/${tenant.app}/features/reply`, {
    display_name: "Reply",
    policy: { models: ["simulated/sim-small"] },
  });
  const session = { public_app_id: tenant.app, external_user_id: "first" };
  await ask(tenant.token, "POST", "/v1/sessions", session);
  return tenant;
}
