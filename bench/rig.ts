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
import { freePorts, testSecrets } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
export const resultsFolder = join(root, "bench", "results");

export type Rig = {
  api: string;
  gateway: string;
  bareHop: string;
  upstream: string;
  /** The servers' own login. */
  databaseUrl: string;
  /** A superuser's connection, which row security does not bind. */
  sql: postgres.Sql;
  /** Process ids of the parts whose processor time is told. */
  pids: Readonly<Record<"gateway" | "database" | "bareHop" | "upstream", number>>;
  stop(): Promise<void>;
};

const startWithinMs = 30_000;
const endWithinMs = 15_000;

/** Starts all of it. What was started ends with `stop`, and with this process. */
export async function startRig(options: { profile: boolean; tell(step: string): void }): Promise<Rig> {
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
  { profile, tell }: { profile: boolean; tell(step: string): void },
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
  const [apiPort, workerPort, gatewayPort, upstreamPort, barePort] = await freePorts(5);
  const origin = (port: number | undefined): string => `http://127.0.0.1:${port}`;
  const upstream = `${origin(upstreamPort)}/v1`;
  const servers = {
    ...testSecrets,
    NODE_ENV: "development",
    DATABASE_URL: server.url("mf_runtime"),
    TEST_CREDIT_MAX_USD: "1000.00",
    MODELFAUCET_PARENT_PID: String(process.pid),
  };
  const serve = (roles: string): string[] => ["apps/server/src/main.ts", "serve", "--roles", roles];
  const start = (part: Part): Promise<number> => startPart(part, dataDir, ends);
  const upstreamPid = await start({
    name: "upstream",
    args: ["bench/upstream.ts", String(upstreamPort)],
    url: `${upstream}/models`,
  });
  const bareHopPid = await start({
    name: "bare-hop",
    args: ["bench/bare-hop.ts", String(barePort), upstream],
    url: `${origin(barePort)}/v1/models`,
  });
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
  return {
    api: origin(apiPort),
    gateway: origin(gatewayPort),
    bareHop: origin(barePort),
    upstream,
    databaseUrl: server.url("mf_runtime"),
    sql,
    pids: { gateway: gatewayPid, database: server.pid, bareHop: bareHopPid, upstream: upstreamPid },
  };
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
