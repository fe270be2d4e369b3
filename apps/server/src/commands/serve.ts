import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { type ApiDeps, mountApi } from "../api/api.ts";
import { originsOfConsole } from "../api/console-door.ts";
import { apiHint } from "../api/hint.ts";
import type { Config, Role } from "../config.ts";
import { gatewayHint } from "../gateway/hint.ts";
import { mountGateway } from "../gateway/server.ts";
import { refuseStale } from "../lib/change-feed.ts";
import { assertNoTransactionOpen } from "../lib/db.ts";
import { createHttpServer, type HttpServer, type ServiceName } from "../lib/http.ts";
import { doesNotAnswer, schemaState } from "../lib/migrations.ts";
import { parseUsd } from "../lib/money.ts";
import type { Outbound } from "../lib/outbound.ts";
import { keyCanaryPlace } from "../lib/secret-box.ts";
import { readRetirement } from "../modules/key-rotation/key-rotation.ts";
import { createAppOrigins } from "../modules/tenancy/app-origins.ts";
import { createSystem, type System } from "../wiring.ts";
import { outboundToAlerts } from "../wiring-watching.ts";
import { createWorker, type Worker } from "../worker/worker.ts";

export const serveHelp = `usage: pnpm mf serve [--roles gateway,api,worker]
Runs the servers of this process until SIGTERM or SIGINT.`;

const allRoles: readonly Role[] = ["gateway", "api", "worker"];

/** `serve`: 1 and one sentence when the database, its schema or the key ring is not what this code wants. */
export async function runServe(args: readonly string[], config: Config): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { roles: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(serveHelp);
    return 0;
  }
  const roles = (values.roles?.split(",").map((role) => role.trim()) ?? config.roles) as Role[];
  const unknown = roles.find((role) => !allRoles.includes(role));
  if (unknown !== undefined || roles.length === 0) {
    console.error(
      `--roles takes gateway, api and worker, comma-separated; "${unknown ?? ""}" is none of them`,
    );
    return 2;
  }
  const schema = await readSchema(config);
  if (schema.state !== "ok") {
    console.error(schema.sentence);
    return 1;
  }
  const system = await createSystem(config, roles, schema.version);
  for (const warning of config.warnings) system.log.warn(warning);
  const refused = await refuseWrongKey(system);
  if (refused) {
    console.error(refused);
    await system.stop();
    return 1;
  }
  await system.start();
  const servers = await listen(system);
  const alertOutbound = (webhook: { url: string }): Outbound =>
    outboundToAlerts(webhook.url, system, assertNoTransactionOpen);
  const worker = roles.includes("worker")
    ? createWorker({ ...system, openAlertOutbound: alertOutbound })
    : null;
  worker?.start();
  system.log.info({ roles }, "ready");
  return untilSignal(system, servers, worker);
}

async function readSchema(config: Config) {
  const sql = postgres(config.database.directUrl!, {
    max: 1,
    onnotice: () => {},
    connect_timeout: Math.ceil(config.database.connectTimeoutMs / 1000),
  });
  try {
    return await schemaState(sql, config.hosted.environment);
  } catch (error) {
    return {
      state: "missing" as const,
      version: 0,
      sentence: doesNotAnswer(error),
    };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const canary = "modelfaucet";

/** The key ring must open the word that the first server of this database sealed. */
async function refuseWrongKey(system: System): Promise<string | null> {
  const sealed = await system.database.write({}, async (tx) => {
    const fresh = system.secretBox.seal(canary, keyCanaryPlace);
    const [row] = await tx<{ key_canary: string }[]>`
      update deployment set key_canary = coalesce(key_canary, ${fresh}) returning key_canary`;
    return row!.key_canary;
  });
  if (opensCanary(system, sealed)) return refuseRetiredKey(system);
  return "SECRET_ENCRYPTION_KEY does not open this database's secrets: use the key that sealed them";
}

/** What the old key would still seal, nothing would open once it is gone. */
async function refuseRetiredKey(system: System): Promise<string | null> {
  const { keyId } = system.secretBox;
  const at = await system.database.read({ purpose: "cache" }, (tx) => readRetirement(tx, keyId));
  if (at === null) return null;
  return `SECRET_ENCRYPTION_KEY seals with a key that was retired at ${at.toISOString()}: put the new key first`;
}

function opensCanary(system: System, sealed: string | null): boolean {
  try {
    return sealed !== null && system.secretBox.open(sealed, keyCanaryPlace) === canary;
  } catch {
    // Whoever asks says all that can be said; what does not open is not shown.
    return false;
  }
}

async function listen(system: System): Promise<HttpServer[]> {
  const { config, roles } = system;
  const origins = await createAppOrigins({ database: system.database, feed: system.feed });
  const server = (
    service: ServiceName,
    corsOrigins: readonly string[],
    hint?: (method: string, path: string) => string | undefined,
  ) =>
    createHttpServer({
      service,
      log: system.log,
      metrics: system.metrics,
      cors: {
        origins: corsOrigins,
        // Only the API knows the console's cookie.
        credentialsOrigins: service === "@modelfaucet/api" ? consoleOriginsOf(config) : [],
        isAppOrigin: origins.has,
      },
      trustedProxyCidrs: config.trustedProxyCidrs,
      readiness: () => readiness(system),
      onAnswer: system.facts.answered,
      tracing: system.tracing?.server(service.replace("@", "").replace("/", "-")) ?? null,
      // The gateway asks for itself, where it asks who calls; what it knows of providers it tells at any time.
      ...(service === "@modelfaucet/api" ? { refuseWork: () => refuseStale(system.feed) } : {}),
      ...(hint ? { notFoundHint: hint } : {}),
      monitoring: {
        ...config.metrics,
        allowedCidrs: config.metrics.allowedCidrs,
        isOperatorToken: (token, address) => isOperatorToken(system, token, address),
      },
    });
  // Everything is mounted before anything listens: a table with a hole in it never answers.
  const servers: { role: Role; http: HttpServer; port: number }[] = [];
  if (roles.includes("gateway")) {
    const http = server("@modelfaucet/gateway", config.corsOrigins.gateway, gatewayHint);
    mountGateway(http, {
      complete: system.complete,
      sessions: system.sessions,
      bodyMemory: system.bodyMemory,
      bodyLimitBytes: config.bodies.modelLimitBytes,
      keepaliveMs: config.gateway.keepaliveMs,
      maxInFlight: config.gateway.maxInFlight,
      production: config.production,
      isOperatorToken: (token, address) => isOperatorToken(system, token, address),
      isOtherToken: async (token, address) =>
        system.bootstrap.match(token) !== null ||
        (await system.developerTokens.find(token, address)) !== null ||
        (await system.operatorTokens.find(token, address)) !== null,
      onRefused: (code, level) => system.metrics.gatewayRefusals.inc({ code, level }),
      onAuthFailure: (kind) => system.metrics.authFailures.inc({ service: "@modelfaucet/gateway", kind }),
    });
    servers.push({ role: "gateway", http, port: config.ports.gateway });
  }
  if (roles.includes("api")) {
    const http = server("@modelfaucet/api", config.corsOrigins.api, apiHint);
    mountApi(http, apiDepsOf(system));
    servers.push({ role: "api", http, port: config.ports.api });
  }
  if (roles.includes("worker")) {
    servers.push({ role: "worker", http: server("@modelfaucet/worker", []), port: config.ports.worker });
  }
  for (const { role, http, port } of servers) {
    const address = await http.app.listen({ port, host: config.bindAddress });
    console.log(`${role} listens on ${address}`);
  }
  return servers.map(({ http }) => http);
}

/** The bootstrap credential, or a named token of an operator who is not switched off. */
async function isOperatorToken(system: System, token: string, address: string): Promise<boolean> {
  if (system.bootstrap.match(token) === "operator") return true;
  return (await system.operatorTokens.find(token, address))?.operatorStatus === "active";
}

function consoleOriginsOf(config: Config): string[] {
  return originsOfConsole(config.urls.dashboard, config.production);
}

function apiDepsOf(system: System): ApiDeps {
  const { config } = system;
  return {
    ...system,
    plans: system.complete,
    providers: system.complete.providers,
    production: config.production,
    secretDigests: config.secretDigests,
    checkAnswers: config.nodeEnv === "test",
    bodyLimitBytes: config.bodies.apiLimitBytes,
    sessionTtlSeconds: config.sessionTtlSeconds,
    userTokenMaxTtlSeconds: config.userTokenMaxTtlSeconds,
    gatewayBaseUrl: config.urls.gatewayForClients,
    supportUrl: config.urls.support,
    apiUrl: config.urls.api,
    dashboardUrl: config.urls.dashboard,
    consoleOrigins: consoleOriginsOf(config),
    credentialRate: config.rateLimits.api,
    testCreditMaxUsd: parseUsd(config.testCreditMaxUsd)!,
    onError: (err) => system.log.error({ err }, "background work failed"),
  };
}

async function readiness(system: System): Promise<Record<string, boolean>> {
  if (!(await system.database.isUp())) return { database: false, schema: false, keys: false };
  return system.database.read({}, async (tx) => {
    const schema = await schemaState(tx as unknown as postgres.Sql, system.config.hosted.environment);
    const [row] = await tx<{ key_canary: string | null }[]>`select key_canary from deployment`;
    // A copy of the database that is not fresh takes no work, whatever its schema.
    return {
      database: true,
      schema: schema.state === "ok" && system.feed.isFresh(),
      keys: opensCanary(system, row?.key_canary ?? null),
    };
  });
}

/**
 * Serves until told to end: not ready at once, but still answering for as long as a balancer needs to see that; what runs
 * finishes within the grace, what is left ends as our failure.
 */
async function untilSignal(
  system: System,
  servers: readonly HttpServer[],
  worker: Worker | null,
): Promise<number> {
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    if (system.config.endsWithParent) endWithParent(resolve);
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));
  const deadline = performance.now() + system.config.shutdownGraceMs;
  for (const server of servers) server.drain();
  await Promise.all([worker?.stop(), delay(Math.min(longestGoodbyeMs, system.config.shutdownGraceMs / 10))]);
  if (!(await system.inFlight.idle(Math.max(0, deadline - performance.now() - 1_000)))) await endRest(system);
  await Promise.all(servers.map((server) => closeWithin(server, system, 2_000)));
  await system.stop();
  return 0;
}

const longestGoodbyeMs = 5_000;
const settleRestMs = 5_000;

/** What has not finished ends as our failure, and is settled. */
async function endRest({ inFlight }: System): Promise<void> {
  inFlight.stopAll("shutdown");
  await inFlight.idle(settleRestMs);
}

async function closeWithin(server: HttpServer, system: System, ms: number): Promise<void> {
  // A request that was being admitted when the signal came has begun only now: its end is no client's leaving.
  const timer = setTimeout(() => {
    void endRest(system).finally(() => server.app.server.closeAllConnections());
  }, ms);
  await server.app.close();
  clearTimeout(timer);
}

/** A process that a test or `npm start` made ends when that one is gone, however it went. */
function endWithParent(end: () => void): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) end();
  }, 1_000).unref();
}
