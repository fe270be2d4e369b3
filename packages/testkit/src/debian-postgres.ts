// Debian's PostgreSQL 15, the oldest server that the product promises to run on, as a cluster of one test file's own.
// Unlike the embedded one it brings `pg_dump` and `pg_restore`.
import { type ChildProcess, spawn } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@modelfaucet/platform/ports.ts";
import { accessUrl, newAccess, type PostgresAccess } from "@modelfaucet/platform/postgres-access.ts";
import { makeRolesAndDatabase } from "@modelfaucet/platform/postgres-cluster.ts";
import { asOwner, type Owner, unprivilegedUser } from "@modelfaucet/platform/postgres-place.ts";
import { signalPostmaster, stopWithParent } from "@modelfaucet/platform/postgres-stop.ts";
import type { PostgresServer } from "./database.ts";

/** Where Debian's package `postgresql-15` puts its programs. */
export const debianPostgresBin = "/usr/lib/postgresql/15/bin";

/** Can be given to `startProduct` and `createTestDatabase` like the embedded one. */
export type DebianPostgres = PostgresServer & {
  readonly port: number;
  /** URL of a login on any database: `postgres`, `mf_owner`, `mf_runtime`, `mf_read`. */
  url(role: keyof PostgresAccess["passwords"], database?: string): string;
  /** Ends the server and all its sessions at once, as a crash does; `start` brings it back with what was committed. */
  crash(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
};

type Options = {
  /** Whether a commit reaches the disk. Default: no, since a test's data may die with the machine. */
  durable?: boolean;
  /** Further settings, as `postgres -c` takes them. */
  settings?: Readonly<Record<string, string>>;
};

/** False where the package is missing; tests that need it are then not run, and the run says so. */
export function hasDebianPostgres(): boolean {
  return existsSync(join(debianPostgresBin, "initdb"));
}

/**
 * Makes a cluster in a temporary folder and starts it on a free port of loopback, with the roles and the database of the
 * embedded one. As root it runs as an unprivileged user. It ends with this process, however that ends.
 * @throws with one sentence where the package is missing
 */
export async function startDebianPostgres(options: Options = {}): Promise<DebianPostgres> {
  if (!hasDebianPostgres()) {
    throw new Error(
      `${debianPostgresBin} is missing: install the package \`postgresql-15\` to run these tests`,
    );
  }
  const owner = process.getuid?.() === 0 ? unprivilegedUser(readFileSync("/etc/passwd", "utf8")) : null;
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-debian-"));
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const cluster = join(folder, "cluster");
  const access = newAccess(await freePort());
  await initdb(cluster, folder, owner, access);
  let running = await startServer(cluster, folder, owner, access.port, options);
  try {
    await makeRolesAndDatabase(access);
  } catch (error) {
    await running.stop("SIGKILL");
    throw error;
  }
  const url: DebianPostgres["url"] = (role, database = "modelfaucet") => accessUrl(access, role, database);
  return {
    port: access.port,
    url,
    superuserUrl: url("postgres", "postgres"),
    ownerUrl: url("mf_owner"),
    runtimeUrl: url("mf_runtime"),
    readUrl: url("mf_read"),
    crash: () => running.stop("SIGKILL"),
    start: async () => {
      running = await startServer(cluster, folder, owner, access.port, options);
    },
    stop: async () => {
      await running.stop("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function initdb(cluster: string, folder: string, owner: Owner, access: PostgresAccess): Promise<void> {
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, access.passwords.postgres, { mode: 0o600 });
  if (owner) chownSync(passwordFile, owner.uid, owner.gid);
  const flags = ["--username", "postgres", "--pwfile", passwordFile, "--auth", "scram-sha-256"];
  const child = spawn(
    join(debianPostgresBin, "initdb"),
    ["--pgdata", cluster, ...flags, "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
    {
      ...asOwner(owner),
      cwd: "/",
      env: { LC_ALL: "C.UTF-8", TZ: "UTC" },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  const code = await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", resolve);
  });
  rmSync(passwordFile);
  if (code !== 0) throw new Error(`the cluster could not be made (${code}): ${errors}`);
}

type Server = { stop(first: "SIGINT" | "SIGKILL"): Promise<void> };

const readyWithinMs = 30_000;

async function startServer(
  cluster: string,
  folder: string,
  owner: Owner,
  port: number,
  options: Options,
): Promise<Server> {
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "100",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(options.durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    ...options.settings,
  };
  const logFile = join(folder, "postgres.log");
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(
    join(debianPostgresBin, "postgres"),
    ["-D", cluster, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    {
      ...asOwner(owner),
      cwd: "/",
      env: { LC_ALL: "C.UTF-8", TZ: "UTC", TEST_RUN_ID: process.env.TEST_RUN_ID },
      detached: true,
      stdio: ["ignore", log, log],
    },
  );
  closeSync(log);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const watcher = child.pid === undefined ? null : stopWithParent(child.pid, cluster, owner);
  await untilReady(child, cluster, logFile);
  return {
    stop: async (first) => {
      if (first === "SIGKILL") child.kill("SIGKILL");
      else await signalPostmaster(child.pid!, exited, 5_000);
      await exited;
      watcher?.kill("SIGKILL");
    },
  };
}

/** The last line of `postmaster.pid` says when it takes connections. */
async function untilReady(child: ChildProcess, cluster: string, logFile: string): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const lines = existsSync(join(cluster, "postmaster.pid"))
      ? readFileSync(join(cluster, "postmaster.pid"), "utf8").split("\n")
      : [];
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === "ready") return;
    if (child.exitCode !== null || child.pid === undefined || performance.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`PostgreSQL 15 did not start:\n${readFileSync(logFile, "utf8").slice(-4_000)}`);
    }
    await delay(15);
  }
}
