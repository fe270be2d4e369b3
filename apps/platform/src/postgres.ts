// Real PostgreSQL 18 for one data folder: no Docker, no installation, also as root and under a 0700 home.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "./failure.ts";
import { freePort, isFree } from "./ports.ts";
import {
  accessUrl,
  type DatabaseRole,
  databaseName,
  newAccess,
  type PostgresAccess,
  readAccess,
  superuser,
  writeAccess,
} from "./postgres-access.ts";
import { installBinaries } from "./postgres-binaries.ts";
import { makeCluster, makeRolesAndDatabase } from "./postgres-cluster.ts";
import { asOwner, type ClusterPlace, clusterPlace } from "./postgres-place.ts";
import { signalPostmaster, stopWithParent } from "./postgres-stop.ts";

export type PostgresOptions = {
  /** Absolute path of the data folder; it exists. */
  readonly dataDir: string;
  /** Told about each slow step, one short phrase. */
  readonly log?: (step: string) => void;
  /** A fixed port; without it the one of the last start if it is free, else any free one. */
  readonly port?: number;
  /** `false` switches fsync off: for tests, whose data may die with the machine. Default: durable. */
  readonly durable?: boolean;
};

export type PostgresAddress = {
  readonly port: number;
  readonly pid: number;
  /** URL of the superuser on database `postgres`. */
  readonly superuserUrl: string;
  /** URL of a role, on database `modelfaucet` unless another is named. */
  url(role: DatabaseRole, database?: string): string;
};

export type RunningPostgres = PostgresAddress & {
  /** Resolves when the server process has ended, whoever ended it. */
  readonly exited: Promise<void>;
  /** Fast shutdown; resolves when the process is gone, soon after `withinMs` (4000) at the latest. */
  stop(withinMs?: number): Promise<void>;
};

/**
 * Starts the data folder's PostgreSQL: makes the cluster, the roles `mf_owner`, `mf_runtime`, `mf_read` and the database
 * `modelfaucet` on first use. The caller holds the folder's lock. It ends with this process, however that ends.
 * @throws Failure with one sentence that names the log file.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { dataDir, log = () => {}, durable = true } = options;
  const place = clusterPlace(dataDir);
  await endLeftBehind(dataDir, place, log);
  const access = await chooseAccess(options, place);
  mkdirSync(place.folder, { recursive: true });
  const isNew = !existsSync(join(place.folder, "cluster", "PG_VERSION"));
  if (isNew) log("unpacking PostgreSQL 18");
  const binaries = await installBinaries(place.folder, place.owner);
  if (isNew) log("making the database cluster");
  const cluster = await makeCluster(place.folder, binaries, place.owner, access);

  const logFile = prepareLog(dataDir);
  const logStart = statSync(logFile).size;
  const child = spawnPostmaster(binaries, cluster, place, logFile, serverSettings(access.port, durable));
  const exited = new Promise<void>((resolve) => {
    child.on("exit", () => resolve());
    child.on("error", () => resolve());
  });
  const pid = child.pid;
  const watcher = pid === undefined ? null : stopWithParent(pid, cluster, place.owner);
  const stop = async (withinMs = 4000) => {
    if (pid !== undefined) await signalPostmaster(pid, exited, withinMs);
    watcher?.kill("SIGKILL");
  };
  try {
    await untilReady(child, exited, cluster, { logFile, logStart }, log);
    await makeRolesAndDatabase(access);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...addressOf(access, pid!), exited, stop };
}

/** The PostgreSQL that runs for this data folder right now, or `null`. */
export function findPostgres(dataDir: string): PostgresAddress | null {
  const access = readAccess(dataDir);
  if (!access) return null;
  const running = readPostmasterFile(join(clusterPlace(dataDir).folder, "cluster"));
  if (!running?.ready || !isAlive(running.pid)) return null;
  return addressOf({ ...access, port: running.port }, running.pid);
}

function addressOf(access: PostgresAccess, pid: number): PostgresAddress {
  return {
    port: access.port,
    pid,
    superuserUrl: accessUrl(access, superuser, "postgres"),
    url: (role, database = databaseName) => accessUrl(access, role, database),
  };
}

// After a `kill -9` of the platform its PostgreSQL is about to end; the lock says that nobody else uses it.
async function endLeftBehind(
  dataDir: string,
  place: ClusterPlace,
  log: (step: string) => void,
): Promise<void> {
  const running = readPostmasterFile(join(place.folder, "cluster"));
  if (!running || !isPostmasterOf(running.pid, place)) return;
  log("waiting for the PostgreSQL of an earlier start to end");
  process.kill(running.pid, "SIGINT");
  for (let tries = 0; tries < 200; tries++) {
    if (!isPostmasterOf(running.pid, place)) return;
    await delay(50);
  }
  throw new Failure(
    `A PostgreSQL of an earlier start (process ${running.pid}) does not end: stop it, see ${join(dataDir, "logs", "postgres.log")}, then start again.`,
  );
}

// The number in the file may meanwhile be another program's.
function isPostmasterOf(pid: number, place: ClusterPlace): boolean {
  if (!isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(place.folder, "cluster"));
  } catch {
    return process.platform !== "linux";
  }
}

async function chooseAccess(options: PostgresOptions, place: ClusterPlace): Promise<PostgresAccess> {
  const kept = readAccess(options.dataDir);
  if (!kept && existsSync(join(place.folder, "cluster", "PG_VERSION"))) {
    throw new Failure(
      `The cluster in ${place.folder} was made with a data folder that is gone: run \`npm start -- --fresh\` to begin with empty data, or bring back ${join(options.dataDir, "postgres.json")}.`,
    );
  }
  const port =
    options.port ?? (kept && (await isFree(kept.port, "127.0.0.1")) ? kept.port : await freePort());
  const access = kept ? { ...kept, port } : newAccess(port);
  if (kept?.port !== port) writeAccess(options.dataDir, access);
  return access;
}

function prepareLog(dataDir: string): string {
  const path = join(dataDir, "logs", "postgres.log");
  mkdirSync(join(dataDir, "logs"), { recursive: true });
  if (existsSync(path) && statSync(path).size > 10_000_000) renameSync(path, `${path}.old`);
  closeSync(openSync(path, "a", 0o600));
  return path;
}

function serverSettings(port: number, durable: boolean): Record<string, string> {
  return {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "256MB",
    max_wal_size: "2GB",
    timezone: "UTC",
    log_timezone: "UTC",
    // A failing statement's values are an end user's data; the log keeps what happened, not to which row.
    log_error_verbosity: "terse",
    log_min_error_statement: "panic",
    password_encryption: "scram-sha-256",
    ...(durable
      ? { fsync: "on", synchronous_commit: "on", full_page_writes: "on" }
      : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
}

function spawnPostmaster(
  binaries: string,
  cluster: string,
  place: ClusterPlace,
  logFile: string,
  settings: Record<string, string>,
): ChildProcess {
  const logHandle = openSync(logFile, "a", 0o600);
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  // Its own session: Ctrl-C at the terminal must reach the servers first, the database last.
  const child = spawn(join(binaries, "bin", "postgres"), ["-D", cluster, ...flags], {
    ...asOwner(place.owner),
    cwd: "/",
    // Nothing of ours: its user could read it. But a test run must recognize what it has started.
    env: { LC_ALL: "C", TZ: "UTC", TEST_RUN_ID: process.env.TEST_RUN_ID },
    detached: true,
    stdio: ["ignore", logHandle, logHandle],
  });
  closeSync(logHandle);
  child.unref();
  return child;
}

async function untilReady(
  child: ChildProcess,
  exited: Promise<void>,
  cluster: string,
  { logFile, logStart }: { logFile: string; logStart: number },
  log: (step: string) => void,
): Promise<void> {
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  const startedAt = Date.now();
  let told = false;
  while (Date.now() - startedAt < 120_000) {
    if (ended) throw new Failure(failedStart(logFile, logStart));
    const state = readPostmasterFile(cluster);
    if (state?.ready && state.pid === child.pid) return;
    if (!told && Date.now() - startedAt > 3000) {
      told = true;
      log("PostgreSQL is recovering after a hard stop");
    }
    await delay(15);
  }
  throw new Failure(`PostgreSQL is not ready after 120 s: see ${logFile}, then start again.`);
}

function failedStart(logFile: string, logStart: number): string {
  const lines = readFileSync(logFile).subarray(logStart).toString("utf8").split("\n");
  const saying = /(?:\b(?:FATAL|PANIC): |^postgres: )\s*(.+)$/;
  const why = lines.map((line) => saying.exec(line)?.[1]).findLast(Boolean);
  return `PostgreSQL did not start${why ? ` (${why})` : ""}: read ${logFile}, remove the cause and start again, or run \`npm start -- --fresh\` to begin with empty data.`;
}

type PostmasterFile = { readonly pid: number; readonly port: number; readonly ready: boolean };

// Lines of postmaster.pid: process, folder, start time, port, socket folder, address, shared memory, state.
// Source: PostgreSQL 18, src/include/utils/pidfile.h, 2026-03.
function readPostmasterFile(cluster: string): PostmasterFile | null {
  try {
    const lines = readFileSync(join(cluster, "postmaster.pid"), "utf8").split("\n");
    const pid = Number(lines[0]);
    if (!Number.isSafeInteger(pid) || pid <= 0) return null;
    return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" };
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
