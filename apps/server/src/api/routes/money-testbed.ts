// The money routes on a real server over a real database, and requests settled by the real books, for tests beside them.
import { Writable } from "node:stream";
import type { RouteDefinition } from "@modelfaucet/contract/route.ts";
import type { PostgresServer } from "@modelfaucet/testkit/database.ts";
import { withoutCredentialRate } from "@modelfaucet/testkit/rates.ts";
import { openSession } from "../../flows/open-session.ts";
import { bootstrapCaller, makeApp, openTestbed } from "../../flows/open-session-testbed.ts";
import { createBodyMemory } from "../../lib/body-memory.ts";
import { createHttpServer } from "../../lib/http.ts";
import { uuidV7 } from "../../lib/ids.ts";
import { createLog } from "../../lib/log.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";
import { createBooks, readEpoch } from "../../modules/books/books.ts";
import { type AccountSpec, credits, nobody, type Settlement } from "../../modules/books/items.ts";
import { createBootstrapCredentials } from "../../modules/identity/identity.ts";
import type { ModelPrice } from "../../modules/pricing/pricing.ts";
import { createAuthenticator } from "../authenticate.ts";
import { mountRoutes } from "../harness.ts";
import { adminBooksRoutes } from "./admin-books.ts";
import { adminReconciliationRoutes } from "./admin-reconciliation.ts";
import { type AdminWalletDeps, adminWalletRoutes } from "./admin-wallets.ts";
import { appUsageRoutes } from "./app-usage.ts";
import { developerAnalyticsRoutes } from "./developer-analytics.ts";
import { developerRequestRoutes } from "./developer-requests.ts";
import { userReceiptRoutes } from "./user-receipts.ts";
import { userUsageRoutes } from "./user-usage.ts";
import { userWalletRoutes } from "./user-wallet.ts";

export type MoneyTestbed = Awaited<ReturnType<typeof openMoneyTestbed>>;
export type MadeApp = Awaited<ReturnType<typeof makeApp>>;
export type Answer = {
  status: number;
  body: Record<string, unknown> & { items?: Record<string, unknown>[] };
};

export const adminToken = "an-admin-token-of-this-test-only";
export const developerToken = "a-developer-admin-token-of-this-test-only";
export const usd = (text: string): Usd => parseUsd(text)!;

export async function openMoneyTestbed(server: PostgresServer, change: Partial<AdminWalletDeps> = {}) {
  const bed = await openTestbed(server);
  const { database, feed } = bed;
  const books = createBooks({
    database,
    maxBatch: 64,
    maxQueued: 100,
    statementTimeoutMs: 10_000,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 60 },
    onBatch: () => {},
    onError: (error) => console.error(error),
  });
  const [row] = await database.write(
    { purpose: "operator" },
    (
      tx,
    ) => tx`insert into price_versions (source, effective_from, imported_by) values ('entries', mf_now(), 'test')
      returning version`,
  );
  const priceVersion = row!.version as number;
  const prices = {
    find: (provider: string, model: string) => samplePrices.get(`${provider}/${model}`) ?? null,
  };

  const metrics = createMetrics({ version: "1", schema: "1" });
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  const http = createHttpServer({
    service: "@modelfaucet/api",
    log: createLog({ level: "info", format: "json", service: "t", instance: "1", version: "1", destination }),
    metrics,
    cors: { origins: [], credentialsOrigins: [], isAppOrigin: () => true },
    trustedProxyCidrs: [],
    readiness: async () => ({}),
    monitoring: { token: null, allowedCidrs: [], isOperatorToken: () => false },
  });
  const deps = {
    database,
    books,
    directory: bed.directory,
    production: false,
    restrictsTestMoney: false,
    testCreditMaxUsd: usd("100"),
    onError: (error: unknown) => console.error(error),
    ...change,
  };
  const mounted = [
    ...userWalletRoutes(deps),
    ...userUsageRoutes(),
    ...userReceiptRoutes(),
    ...developerRequestRoutes(),
    ...appUsageRoutes(),
    ...adminWalletRoutes(deps),
    ...adminReconciliationRoutes(),
    ...developerAnalyticsRoutes({ effectiveManifest: bed.effectiveManifest, prices }),
    ...adminBooksRoutes(),
  ];
  const contract: RouteDefinition[] = mounted.map(({ route }) => route);
  mountRoutes(http, mounted, contract, {
    authenticate: createAuthenticator({
      ...bed,
      bootstrap: createBootstrapCredentials({
        adminTokens: [adminToken],
        developerAdminTokens: [developerToken],
      }),
      nowMs: feed.now,
    }),
    database,
    bodyMemory: createBodyMemory(1e6),
    bodyLimitBytes: 1e5,
    console: null,
    metrics,
    checkAnswers: true,
    ...withoutCredentialRate,
  });
  const base = await http.app.listen({ port: 0, host: "127.0.0.1" });

  async function send(
    method: string,
    path: string,
    token: string,
    options: { body?: unknown; key?: string; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const response = await fetch(base + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        ...(options.key === undefined ? {} : { "idempotency-key": options.key }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  }

  /** One user of a demo app, with a session. */
  async function user(app: MadeApp, externalUserId: string, maxSpendUsd?: Usd) {
    const session = await openSession(bed.deps, bootstrapCaller, {
      publicAppId: app.app.publicAppId,
      externalUserId,
      maxSpendUsd,
      requestOrigin: undefined,
      address: "192.0.2.1",
    });
    return { ...session, app };
  }
  type User = Awaited<ReturnType<typeof user>>;

  /** Opens a hold of `holdUsd` for that user; `close` settles it. */
  async function request(of: User, holdUsd: Usd, facts: { id?: string; model?: string } = {}) {
    const requestId = facts.id ?? uuidV7();
    const spec = { scopeId: nobody, setBy: "app", window: "total", zone: "UTC", limitUsd: null } as const;
    const accounts: AccountSpec[] = [{ ...spec, kind: "wallet", ownerId: of.endUserId }];
    if (of.maxSpendUsd !== null) {
      accounts.unshift({ ...spec, kind: "session", ownerId: of.sessionId, scopeId: of.endUserId });
    }
    const opened = await books.open(
      {
        facts: {
          requestId,
          appId: of.app.app.id,
          developerId: of.app.developer.id,
          endUserId: of.endUserId,
          sessionId: of.sessionId,
          featureId: of.app.feature.id,
          featureKey: "reply",
          featureVersion: of.app.feature.version,
          priceVersion,
          routeMode: "platform",
          provider: "simulated",
          model: facts.model ?? "sim-small",
          endpoint: "chat/completions",
          clientRequestId: null,
        },
        minUsd: holdUsd,
        maxUsd: holdUsd,
        accounts,
        spendsTest: true,
        claim: null,
        isFinal: true,
      },
      5_000,
    );
    const close = (settlement: Partial<Settlement> = {}) =>
      books.close({ appId: of.app.app.id, requestId, settlement: { ...served, ...settlement }, key: null });
    return { id: requestId, opened, close };
  }

  return {
    ...bed,
    books,
    send,
    user,
    request,
    makeApp: (publicAppId: string) => makeApp(bed, publicAppId, { identityMode: "demo" }),
    asOwner: bed.cloned.superuserUrl,
    close: async () => {
      await http.app.close();
      await books.stop();
      await bed.close();
    },
  };
}

const onePerMillion = {
  input: usd("1"),
  cachedInput: usd("0.1"),
  cacheWrite: usd("1.25"),
  output: usd("2"),
  reasoning: usd("2"),
  request: usd("0"),
};

/** What a manifest is priced by here: the price of `served`. */
const samplePrices: ReadonlyMap<string, ModelPrice> = new Map(
  ["sim-small", "sim-large"].map((model) => [
    `simulated/${model}`,
    {
      provider: "simulated",
      model,
      version: 1,
      perMillion: onePerMillion,
      tiers: [],
      contextLength: 128_000,
      maxOutputTokens: 32_768,
      capabilities: [],
    },
  ]),
);

/** 100 input and 50 output tokens at 1 and 2 USD per million, 25 % markup, 4000 bps of the margin to the developer. */
export const served: Settlement = {
  outcome: "succeeded",
  errorCode: null,
  provider: "simulated",
  model: "sim-small",
  servedModel: "sim-small-2026",
  payer: credits,
  tokens: { input: 100, cachedInput: 0, cacheWrite: 0, output: 50, reasoning: 0 },
  requests: 1,
  usageSource: "provider",
  simulated: true,
  lines: [
    { unit: "input", quantity: 100, price_per_million_usd: "1.00000000", amount_usd: "0.00010000" },
    { unit: "output", quantity: 50, price_per_million_usd: "2.00000000", amount_usd: "0.00010000" },
  ],
  pricing: { mode: "usage_markup", markup_percent: "25.00", developer_share_bps: 4000 },
  costUsd: usd("0.0002"),
  chargeUsd: usd("0.00025"),
  feeUsd: usd("0"),
  developerShareBps: 4000,
  failedCostsUsd: [],
  attempts: [
    {
      number: 1,
      provider: "simulated",
      model: "sim-small",
      outcome: "ok",
      status_class: "2xx",
      first_byte_ms: 12,
      duration_ms: 30,
    },
  ],
  stopped: null,
  outputLimit: null,
  warnings: [],
  firstByteMs: 12,
  durationMs: 30,
};
