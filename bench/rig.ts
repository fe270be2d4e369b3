// Everything that a run needs, each part in a process of its own, all of it on loopback and gone afterwards.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { startPostgres } from "@modelfaucet/platform/postgres.ts";
import { migrate } from "@modelfaucet/server/lib/migrations.ts";
import type { PostgresServer } from "@modelfaucet/testkit/database.ts";
import { freePorts, testSecrets } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { hasPortkey, portkeyCommand } from "./portkey.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
export const resultsFolder = join(root, "bench", "results");

export type Rig = {
  api: string;
  gateway: string;
  bareHop: string;
  upstream: string;
  /** Portkey's gateway; `null` where it is not installed, or not wanted. */
  portkey: string | null;
  /** The servers' own login. */
  databaseUrl: string;
  /** The same server, for a product with a database of its own. */
  postgres: PostgresServer;
  /** A superuser's connection, which row security does not bind. */
  sql: postgres.Sql;
  /** Process ids of the parts whose processor time is told. */
  pids: Readonly<Partial<Record<"gateway" | "database" | "bareHop" | "upstream" | "portkey", number>>>;
  /** A further bare hop before another upstream; it ends with the rig. `upstream` is with `/v1`. */
  startBareHop(upstream: string): Promise<{ url: string; pid: number }>;
  stop(): Promise<void>;
};

export type RigOptions = {
  /** Writes a CPU profile of the gateway to the results. */
  profile: boolean;
  /** Starts Portkey's gateway too, where it is installed. */
  portkey?: boolean;
  tell(step: string): void;
};

const startWithinMs = 30_000;
const endWithinMs = 15_000;
const upstreamConnections = 2_000;

/** Starts all of it. What was started ends with `stop`, and with this process. */
export async function startRig(options: RigOptions): Promise<Rig> {
  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-bench-"));
  // As root PostgreSQL runs as an unprivileged user, who must be able to enter.
  chmodSync(dataDir, 0o755);
  const ends: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
    deleteDataFolder(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    return { ...(await startParts(dataDir, ends, options)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  dataDir: string,
  ends: (() => Promise<void>)[],
  { profile, portkey = false, tell }: RigOptions,
): Promise<Omit<Rig, "stop">> {
  tell("starting PostgreSQL with fsync on");
  const server = await startPostgres({ dataDir, durable: true });
  ends.push(() => server.stop());
  const owner = postgres(server.url("mf_owner"), { max: 1, onnotice: () => {} });
  await migrate(owner, { environment: "local", grantTo: { runtime: "mf_runtime", reader: "mf_read" } });
  await owner.end();
  const sql = postgres(server.superuserUrl.replace(/\/postgres$/, "/modelfaucet"), {
    max: 2,
    onnotice: () => {},
  });
  ends.push(() => sql.end({ timeout: 2 }));

  tell("starting the servers, the stub upstream and the bare hop");
  const [apiPort, workerPort, gatewayPort, upstreamPort, portkeyPort] = await freePorts(5);
  const origin = (port: number | undefined): string => `http://127.0.0.1:${port}`;
  const upstream = `${origin(upstreamPort)}/v1`;
  const servers = {
    ...testSecrets,
    NODE_ENV: "development",
    DATABASE_URL: server.url("mf_runtime"),
    TEST_CREDIT_MAX_USD: "1000.00",
    // Asked at each request, as everywhere, and never refusing one.
    API_RATE_LIMIT_MAX_REQUESTS: "1000000000",
    GATEWAY_RATE_LIMIT_MAX_REQUESTS: "1000000000",
    // A thousand streams at a time want a connection each; the bare hop has as many.
    PROVIDER_MAX_CONNECTIONS: String(upstreamConnections),
    MODELFAUCET_PARENT_PID: String(process.pid),
  };
  const serve = (roles: string): string[] => ["apps/server/src/main.ts", "serve", "--roles", roles];
  const start = (part: Part): Promise<number> => startPart(part, dataDir, ends);
  const upstreamPid = await start({
    name: "upstream",
    args: ["bench/upstream.ts", String(upstreamPort)],
    url: `${upstream}/models`,
  });
  const startBareHop = async (before: string): Promise<{ url: string; pid: number }> => {
    const [port] = await freePorts(1);
    const url = origin(port);
    const args = ["bench/bare-hop.ts", String(port), before, String(upstreamConnections)];
    return { url, pid: await start({ name: `bare-hop-${port}`, args, url: `${url}/v1/models` }) };
  };
  const bareHop = await startBareHop(upstream);
  await start({
    name: "api-worker",
    args: serve("api,worker"),
    url: `${origin(apiPort)}/ready`,
    env: { ...servers, PORT_API: String(apiPort), PORT_WORKER: String(workerPort) },
  });
  const profiling = ["--cpu-prof", `--cpu-prof-dir=${resultsFolder}`, "--cpu-prof-name=gateway.cpuprofile"];
  const gatewayPid = await start({
    name: "gateway",
    args: [...(profile ? profiling : []), ...serve("gateway")],
    url: `${origin(gatewayPort)}/ready`,
    env: { ...servers, PORT_GATEWAY: String(gatewayPort) },
  });
  const portkeyPid = portkey ? await startPortkey(portkeyPort!, start, tell) : null;
  return {
    api: origin(apiPort),
    gateway: origin(gatewayPort),
    bareHop: bareHop.url,
    upstream,
    portkey: portkeyPid === null ? null : origin(portkeyPort),
    databaseUrl: server.url("mf_runtime"),
    postgres: {
      superuserUrl: server.superuserUrl,
      ownerUrl: server.url("mf_owner"),
      runtimeUrl: server.url("mf_runtime"),
      readUrl: server.url("mf_read"),
    },
    sql,
    startBareHop,
    pids: {
      gateway: gatewayPid,
      database: server.pid,
      bareHop: bareHop.pid,
      upstream: upstreamPid,
      ...(portkeyPid === null ? {} : { portkey: portkeyPid }),
    },
  };
}

async function startPortkey(
  port: number,
  start: (part: Part) => Promise<number>,
  tell: (step: string) => void,
): Promise<number | null> {
  if (!hasPortkey()) {
    tell("Portkey's gateway is not installed and not measured: `pnpm portkey:install` brings it");
    return null;
  }
  const { args, env } = portkeyCommand(port);
  return start({
    name: "portkey",
    args: ["--import", "./scripts/follow-parent.mjs", ...args],
    url: `http://127.0.0.1:${port}/`,
    env: { ...env, MODELFAUCET_PARENT_PID: String(process.pid) },
  });
}

type Part = { name: string; args: string[]; url: string; env?: Record<string, string> };

async function startPart(part: Part, dataDir: string, ends: (() => Promise<void>)[]): Promise<number> {
  mkdirSync(resultsFolder, { recursive: true });
  // Log lines go to a file, as they would to a collector: nobody here spends time on reading them.
  const path = join(dataDir, `${part.name}.log`);
  const log = openSync(path, "a");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...part.args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", ...part.env },
    stdio: ["ignore", log, log, "ipc"],
  });
  ends.push(() => ended(child));
  const deadline = performance.now() + startWithinMs;
  while (!(await answers(part.url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`${part.name} did not start:\n${readFileSync(path, "utf8").slice(-2_000)}`);
    }
    await delay(30);
  }
  return child.pid!;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), endWithinMs);
  await gone;
  clearTimeout(timer);
}
