import { effectiveManifest } from "@modelfaucet/contract/manifest.ts";
import { createTokenCounter, type TokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import type { Config, Role } from "./config.ts";
import type { CompleteContext } from "./flows/complete/complete.ts";
import { createInFlight, type InFlight } from "./flows/complete/in-flight.ts";
import { plannableFeatures } from "./flows/complete/plan.ts";
import { createBootstrapUses } from "./flows/credential-uses.ts";
import { recordKeyFinding } from "./flows/provider-keys.ts";
import { createSwitchStopper } from "./flows/stop-switched.ts";
import { type BodyMemory, createBodyMemory } from "./lib/body-memory.ts";
import { type ChangeFeed, createChangeFeed } from "./lib/change-feed.ts";
import { assertNoTransactionOpen, type Database, openDatabase } from "./lib/db.ts";
import { armFailpoints } from "./lib/failpoint.ts";
import { uuidV7 } from "./lib/ids.ts";
import { createInstanceFacts, type InstanceFacts } from "./lib/instance-facts.ts";
import { createLog, type Logger } from "./lib/log.ts";
import { createMetrics, type Metrics } from "./lib/metrics.ts";
import type { Outbound } from "./lib/outbound.ts";
import { createMappedLookup } from "./lib/outbound-hosts.ts";
import { createSecretBox, type SecretBox } from "./lib/secret-box.ts";
import type { Tracing } from "./lib/tracing.ts";
import { createKeptAnswers } from "./modules/answer/answer.ts";
import { type Books, createBooks, readEpoch } from "./modules/books/books.ts";
import { type Credentials, createCredentials } from "./modules/credential/credential.ts";
import { createDebugLogs, type DebugLogs } from "./modules/debug-log/debug-log.ts";
import { type BootstrapCredentials, createBootstrapCredentials } from "./modules/identity/bootstrap.ts";
import { type ConsoleSessions, createConsoleSessions } from "./modules/identity/console-sessions.ts";
import type { DeveloperTokens } from "./modules/identity/developer-tokens.ts";
import type { KeySets } from "./modules/identity/key-sets.ts";
import { createMissLimiter } from "./modules/identity/miss-limiter.ts";
import type { OperatorTokens } from "./modules/identity/operator-tokens.ts";
import { createSessionCache, type SessionCache } from "./modules/identity/session-cache.ts";
import { createPriceBook, type PriceBook } from "./modules/pricing/pricing.ts";
import { createRateLimiter, type RateLimiter } from "./modules/rate/rate.ts";
import { type Circuits, circuitName, createCircuits, type Upstreams } from "./modules/routing/routing.ts";
import { createSwitches, featureTarget, type Switches } from "./modules/switch/switch.ts";
import { createDirectory, type Directory } from "./modules/tenancy/directory.ts";
import { createAnthropicProvider } from "./providers/anthropic/anthropic.ts";
import { createOpenAiCompatibleProvider } from "./providers/openai-compatible/openai-compatible.ts";
import { createProofs } from "./wiring-identity.ts";
import { keysIn, upstreamsOf } from "./wiring-keys.ts";
import { countingRefusals, countSettled, tenantDoorOf, tracingOf, watched } from "./wiring-watching.ts";

/** Everything that the roles of one process share, built once, by hand. */
export type System = {
  config: Config;
  roles: readonly Role[];
  instanceId: string;
  log: Logger;
  metrics: Metrics;
  /** What this instance tells of its last minutes. */
  facts: InstanceFacts;
  /** `null`: nothing is traced. */
  tracing: Tracing | null;
  database: Database;
  secretBox: SecretBox;
  feed: ChangeFeed;
  switches: Switches;
  directory: Directory;
  sessions: SessionCache;
  developerTokens: DeveloperTokens;
  operatorTokens: OperatorTokens;
  keySets: KeySets;
  consoleSessions: ConsoleSessions;
  prices: PriceBook;
  upstreams: Upstreams;
  circuits: Circuits;
  /** Keys of developers and end users. */
  credentials: Credentials;
  outbound: Outbound;
  books: Books;
  counter: TokenCounter;
  inFlight: InFlight;
  bodyMemory: BodyMemory;
  debugLogs: DebugLogs;
  rates: RateLimiter;
  bootstrap: BootstrapCredentials;
  complete: CompleteContext;
  /** Starts the memory copies; resolves when they are whole. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

const answerLimitBytes = 64 * 1024 * 1024;
const gaugeEveryMs = 1_000;
const tracesGoodbyeMs = 2_000;

export async function createSystem(
  config: Config,
  roles: readonly Role[],
  schemaVersion: number,
): Promise<System> {
  armFailpoints(config.failpoints, config.production);
  const instanceId = uuidV7();
  const service = roles.length === 1 ? `@modelfaucet/${roles[0]}` : "@modelfaucet/server";
  const log = createLog({ ...config.log, service, instance: instanceId, version: config.version });
  const metrics = createMetrics({ version: config.version, schema: String(schemaVersion) });
  const onError = (err: unknown): void => log.error({ err }, "background work failed");
  const facts = createInstanceFacts(() => performance.now());
  const database = databaseOf(config, roles, config.database.url!, (ms) => metrics.dbWaitMs.observe(ms));
  const directDatabase = databaseOf(config, roles, config.database.directUrl!);
  const secretBox = watched(createSecretBox(config.secretEncryptionKey!), facts, metrics);
  const circuits = createCircuits({ ...config.providers.circuit, now: () => performance.now() });
  const feed = createChangeFeed({
    database,
    directDatabase,
    instanceId,
    roles,
    pollMs: config.switchPollMs,
    rateStore: () => rates.state,
    // The first one seals: a rotation waits for all that seal with another.
    facts: () => ({ ...facts.snapshot(), keys: secretBox.keyIds, open_circuits: circuits.openProviders() }),
    onError,
  });
  const switches = createSwitches({
    database,
    feed,
    onApplied: (seconds) => {
      metrics.switchSeconds.observe(seconds);
      facts.switched(seconds);
    },
  });
  const directory = createDirectory({
    database,
    feed,
    effectiveManifest,
    isFeatureOff: (appId, key) => switches.isOff("feature", featureTarget(appId, key)),
  });
  const misses = createMissLimiter(() => performance.now());
  const sessions = createSessionCache({ database, feed, misses });
  const bootstrap = createBootstrapCredentials({
    adminTokens: config.adminToken ?? [],
    developerAdminTokens: config.developerAdminToken ?? [],
    onUse: createBootstrapUses({ database, nowMs: feed.now, onError }),
  });
  const prices = createPriceBook({ database, now: feed.now });
  const upstreams = upstreamsOf(config, database, secretBox, switches, log);
  const credentials = createCredentials({ database, feed, secretBox, record: recordKeyFinding, onError });
  const outbound = countingRefusals(
    "upstream",
    metrics,
    {
      connectTimeoutMs: config.providers.connectTimeoutMs,
      maxConnectionsPerOrigin: config.providers.maxConnections,
      isAllowedOrigin: upstreams.allowsOrigin,
      assertNoTransactionOpen,
      lookup: config.hostMap === null ? undefined : createMappedLookup(config.hostMap),
      tenant: tenantDoorOf(config),
    },
    facts.egressRefused,
  );
  const proofs = createProofs({ database, misses, outbound, nowMs: feed.now, onError });
  const books = createBooks({
    database: directDatabase,
    maxBatch: config.database.groupCommitMaxBatch,
    maxQueued: config.gateway.maxInFlight * 2,
    statementTimeoutMs: config.database.statementTimeoutMs,
    context: { epoch: await readEpoch(database), instanceId, holdTtlSeconds: config.holdTtlSeconds },
    onBatch: (kind, size, ms) => {
      metrics.commitMs.observe({ kind }, ms);
      metrics.commitBatchSize.observe({ kind }, size);
    },
    onError,
  });
  const rates = createRateLimiter({ redisUrl: config.redisUrl, now: feed.now, onError });
  const counter = createTokenCounter();
  // The first count starts the worker thread; no request should wait for that.
  void counter.count(["warm"]);
  const inFlight = createInFlight({ books, holdTtlSeconds: config.holdTtlSeconds, onError });
  createSwitchStopper({
    inFlight,
    switches,
    feed,
    database,
    onStopped: (requestId, what) =>
      log.info({ request_id: requestId, what }, "a running request was stopped"),
    onError,
  });
  const system: Omit<System, "complete" | "start" | "stop"> = {
    config,
    roles,
    instanceId,
    log,
    metrics,
    facts,
    tracing: await tracingOf(config, instanceId, metrics, onError),
    database,
    secretBox,
    feed,
    switches,
    directory,
    sessions,
    ...proofs,
    prices,
    upstreams,
    circuits,
    credentials,
    outbound,
    books,
    counter,
    inFlight,
    bodyMemory: createBodyMemory(config.bodies.memoryBytes),
    debugLogs: createDebugLogs({ database, secretBox, onError }),
    rates,
    bootstrap,
    consoleSessions: createConsoleSessions({ database, misses, bootstrap }),
  };
  const gauges = setInterval(() => {
    metrics.streamsOpen.set(inFlight.streams);
    for (const state of ["used", "waiting"] as const) metrics.dbPool.set({ state }, database.load[state]);
    for (const { name } of upstreams.all())
      metrics.circuitOpen.set({ provider: name }, circuits.look(circuitName(name, null)!) === "open" ? 1 : 0);
  }, gaugeEveryMs).unref();
  feed.on("prices", () => prices.reload());
  feed.on("provider", () => upstreams.reload());
  return {
    ...system,
    complete: completeContextOf(system),
    start: async () => {
      await feed.start();
      await Promise.all([switches.reload(), prices.reload(), upstreams.reload()]);
    },
    stop: async () => {
      clearInterval(gauges);
      await Promise.all([credentials.stop(), system.debugLogs.stop()]);
      await system.tracing?.close(tracesGoodbyeMs);
      inFlight.close();
      rates.close();
      await books.stop();
      await feed.stop();
      await Promise.all([counter.close(), outbound.close(), directDatabase.close()]);
      await database.close();
    },
  };
}

function databaseOf(
  config: Config,
  roles: readonly Role[],
  url: string,
  onWait?: (ms: number) => void,
): Database {
  const isWorkerAlone = roles.length === 1 && roles[0] === "worker";
  return openDatabase({
    url,
    poolMax: config.database.poolMax ?? (isWorkerAlone ? 8 : 20),
    connectTimeoutMs: config.database.connectTimeoutMs,
    statementTimeoutMs: config.database.statementTimeoutMs,
    idleTransactionTimeoutMs: config.database.idleTransactionTimeoutMs,
    applicationName: `modelfaucet ${roles.join(",")}`,
    // Whoever names a direct connection has a pooler on the other one.
    behindPooler: url !== config.database.directUrl,
    onWait,
  });
}

type Parts = Omit<System, "complete" | "start" | "stop">;

function completeContextOf(parts: Parts): CompleteContext {
  const { config, metrics, log } = parts;
  const { connectTimeoutMs: connectMs, idleTimeoutMs: idleMs, totalTimeoutMs: totalMs } = config.providers;
  return {
    feed: parts.feed,
    books: parts.books,
    counter: parts.counter,
    prices: parts.prices,
    upstreams: parts.upstreams,
    inFlight: parts.inFlight,
    providers: {
      openai: createOpenAiCompatibleProvider({ outbound: parts.outbound, answerLimitBytes }),
      anthropic: createAnthropicProvider({ outbound: parts.outbound, answerLimitBytes }),
    },
    circuits: parts.circuits,
    ...keysIn(parts),
    timeouts: {
      streamed: { connectMs, idleMs, totalMs, firstByteMs: config.providers.firstByteTimeoutMs },
      unstreamed: { connectMs, idleMs, totalMs, firstByteMs: config.providers.unstreamedTimeoutMs },
    },
    eventLimitBytes: config.gateway.sseEventLimitBytes,
    maxRetries: config.providers.maxRetries,
    retryDelayMs: config.providers.retryDelayMs,
    usageWaitMs: config.gateway.usageWaitMs,
    settleWaitMs: config.gateway.settleWaitMs,
    holdDeadlineMs: config.gateway.settleWaitMs,
    topUpUrl: null,
    now: parts.feed.now,
    featuresOf: async (appId) => {
      const app = await parts.directory.app(appId);
      return app && plannableFeatures(app);
    },
    boundsOf: (appId) => parts.directory.app(appId),
    debugLogs: parts.debugLogs,
    isRecording: async (appId) =>
      ((await parts.directory.app(appId))?.debugLogUntilMs ?? 0) > parts.feed.now(),
    rates: parts.rates,
    switches: parts.switches,
    answers: createKeptAnswers({ database: parts.database, secretBox: parts.secretBox }),
    credentialRate: config.rateLimits.gateway,
    spendsTest: (session) => !config.production || session.endUserOwn,
    onAttempt: (provider, result) => metrics.attempts.inc({ provider, result }),
    onUpstream: (provider, phase, ms) => metrics.upstreamMs.observe({ provider, phase }, ms),
    onStage: (stage, ms) => {
      metrics.overheadMs.observe({ stage }, ms);
      if (stage === "total") parts.facts.called(ms);
    },
    onSettled: (settlement, figures) => countSettled(metrics, settlement, figures),
    onLate: (done) => {
      metrics.settlementsPending.inc();
      parts.facts.settlesLate(done);
      void done.finally(() => metrics.settlementsPending.dec());
    },
    onError: (err) => log.error({ err }, "a request could not be settled yet"),
  };
}
