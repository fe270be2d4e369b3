// The case `streams-1000`: a thousand streams at twenty chunks a second. What the gateway's process takes of memory, and
// how long a chunk is on its way: `node scripts/run.mjs bench/streams.ts`, 1 where a target is missed.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { startPostgres } from "@modelfaucet/platform/postgres.ts";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import type { PostgresServer } from "@modelfaucet/testkit/database.ts";
import { credit, layGround } from "@modelfaucet/testkit/ground.ts";
import { freePorts, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { cpuTimeMs } from "./cpu-time.ts";
import type { StreamsRead } from "./streams-reader.ts";

export type StreamsResult = StreamsRead & {
  streams: number;
  chunks_per_s: number;
  seconds: number;
  /** Resident memory of the gateway's process before the first stream, and at its highest, in MiB. */
  idle_mib: number;
  peak_mib: number;
  /** Of one core, while the streams ran. */
  gateway_cpu: number;
};

export type StreamsOptions = {
  postgres: PostgresServer;
  streams: number;
  seconds: number;
  chunksPerSecond?: number;
};

/** The case as it stands in the requirements, on a durable PostgreSQL of its own. */
async function runStreams(): Promise<StreamsResult> {
  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-bench-"));
  // As root PostgreSQL runs as an unprivileged user, who must be able to enter.
  chmodSync(dataDir, 0o755);
  const server = await startPostgres({ dataDir });
  try {
    const postgres = {
      superuserUrl: server.superuserUrl,
      ownerUrl: server.url("mf_owner"),
      runtimeUrl: server.url("mf_runtime"),
      readUrl: server.url("mf_read"),
    };
    return await measureStreams({ postgres, streams: 1_000, seconds: 20 });
  } finally {
    await server.stop();
    deleteDataFolder(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const users = 50;

/** Runs the streams on a product of their own, and holds its books to what was answered. @throws when they are not right */
export async function measureStreams(options: StreamsOptions): Promise<StreamsResult> {
  const { streams, seconds, chunksPerSecond = 20 } = options;
  const product = await startProduct({
    postgres: options.postgres,
    gatewayEnv: {
      LOG_LEVEL: "warn",
      PROVIDER_MAX_CONNECTIONS: String(streams + 10),
      GATEWAY_MAX_IN_FLIGHT: String(streams + 10),
      GATEWAY_RATE_LIMIT_MAX_REQUESTS: "0",
    },
  });
  try {
    const [port] = await freePorts(1);
    const upstream = await startStreamsUpstream(port!, chunksPerSecond, seconds);
    try {
      return await run(product, `http://127.0.0.1:${port}/v1`, options, chunksPerSecond);
    } finally {
      upstream.disconnect();
    }
  } finally {
    await product.stop();
  }
}

async function run(
  product: Product,
  upstream: string,
  { streams, seconds }: StreamsOptions,
  chunksPerSecond: number,
): Promise<StreamsResult> {
  const ground = await layGround(product);
  await product.admin("PUT", "/v1/admin/providers/stub", { base_url: upstream, reason: "benchmark" });
  const sessions = await Promise.all(Array.from({ length: users }, () => ground.openSession()));
  for (const { userId } of sessions) await credit(product, userId, "100.00");
  const rampMs = Math.min(seconds * 250, 5_000);
  const tokens = sessions.map(({ token }) => token);
  const pid = product.gatewayProcesses[0]!.child.pid!;
  const read = await readStreams(pid, { url: product.gateways[0]!, streams, rampMs, tokens });
  await expectBooksClean(product, { withinMs: 20_000 });
  return { streams, chunks_per_s: chunksPerSecond, seconds, ...read };
}

export type StreamsReading = {
  /** With `/v1`. */
  url: string;
  streams: number;
  rampMs: number;
  tokens: readonly string[];
  headers?: Readonly<Record<string, string>>;
};

/** Reads so many streams through whatever serves `url`, and watches the process that does. */
export async function readStreams(
  pid: number,
  { url, streams, rampMs, tokens, headers = {} }: StreamsReading,
): Promise<StreamsRead & Pick<StreamsResult, "idle_mib" | "peak_mib" | "gateway_cpu">> {
  const idleMib = residentMib(pid);
  const cpuBefore = cpuTimeMs(pid) ?? 0;
  const startedAt = performance.now();
  const memory = watchMemory(pid);
  const reader = await start("streams-reader.ts", [
    url,
    String(streams),
    String(rampMs),
    tokens.join(","),
    JSON.stringify(headers),
  ]);
  const read = await new Promise<StreamsRead>((resolve, reject) => {
    reader.once("message", (message) => resolve(message as StreamsRead));
    reader.once("exit", (code) => reject(new Error(`the reader ended with ${code}`)));
  });
  const elapsedMs = performance.now() - startedAt;
  return {
    ...read,
    idle_mib: idleMib,
    peak_mib: memory.end(),
    gateway_cpu: Number((((cpuTimeMs(pid) ?? 0) - cpuBefore) / elapsedMs).toFixed(2)),
  };
}

/** The upstream of the streams, in a process of its own; `disconnect` ends it. */
export function startStreamsUpstream(
  port: number,
  perSecond: number,
  seconds: number,
): Promise<ChildProcess> {
  return start("streams-upstream.ts", [String(port), String(perSecond), String(seconds * perSecond)]);
}

async function start(file: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join("bench", file), ...args],
    { cwd: root, stdio: ["ignore", "inherit", "inherit", "ipc"] },
  );
  await new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  return child;
}

function watchMemory(pid: number): { end(): number } {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, residentMib(pid));
  }, 200);
  return {
    end: () => {
      clearInterval(timer);
      return most;
    },
  };
}

/** Source: proc_pid_statm(5), read November 2026; pages of 4 KiB. */
function residentMib(pid: number): number {
  return Math.round((Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4) / 1024);
}

const mostMib = 350;
const mostDelayMs = 100;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await runStreams();
  console.log(JSON.stringify(result));
  const missed = result.peak_mib > mostMib || result.p99_ms > mostDelayMs || result.broken > 0;
  console.error(
    `${missed ? "missed" : "reached"}: at most ${mostMib} MiB, a chunk's delay at most ${mostDelayMs} ms (p99)`,
  );
  process.exitCode = missed ? 1 : 0;
}
