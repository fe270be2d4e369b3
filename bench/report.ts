import { execFileSync } from "node:child_process";
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { quantile } from "./load.ts";
import type { ManyStreamsResult } from "./many-streams.ts";
import type { Proof } from "./proof.ts";
import { type Rig, resultsFolder, root } from "./rig.ts";
import type { ScenarioResult } from "./scenarios.ts";
import type { TargetResult } from "./targets.ts";

export type Report = {
  at: string;
  machine: Record<string, unknown>;
  scenarios: ScenarioResult[];
  streams: ManyStreamsResult[];
  targets: TargetResult[];
  books: Proof;
};

/** What the figures depend on: processor, disk, versions, and the settings that make a commit durable. */
export async function machineFacts(rig: Rig): Promise<Record<string, unknown>> {
  const setting = async (name: string): Promise<string> => {
    const [row] = await rig.sql<{ value: string }[]>`select current_setting(${name}) as value`;
    return row!.value;
  };
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    postgres: await setting("server_version"),
    fsync: await setting("fsync"),
    synchronous_commit: await setting("synchronous_commit"),
    disk_sync_p50_ms: Number(diskSyncMs().toFixed(3)),
    load_average: loadavg()[0],
    commit: commitOf(),
  };
}

/** Writes the report under bench/results/ and gives its path. */
export function keep(report: Report): string {
  mkdirSync(resultsFolder, { recursive: true });
  const path = join(resultsFolder, `${report.at.replaceAll(":", "-")}.json`);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

export type Moved = { place: string; before: number; now: number; lostPercent: number };

/** How each scenario's ratio moved against an earlier report. @throws when the file is no report */
export function compared(path: string, results: readonly ScenarioResult[]): Moved[] {
  const earlier = (JSON.parse(readFileSync(path, "utf8")) as Partial<Report>).scenarios;
  if (!Array.isArray(earlier)) throw new Error(`${path} is not a result of this benchmark`);
  return results.flatMap((result) => {
    const match = earlier.find((other) => placeOf(other) === placeOf(result));
    if (!match) return [];
    const { ratio } = result;
    const lostPercent = Number((100 * (1 - ratio / match.ratio)).toFixed(1));
    return [{ place: placeOf(result), before: match.ratio, now: ratio, lostPercent }];
  });
}

/** What makes two lines the same measurement. Results of before November 2026 tell one wallet or many by their number. */
function placeOf(result: ScenarioResult): string {
  const { scenario, connections, wallets, limits } = result;
  const traffic = result.traffic ?? (wallets === 1 ? "hot" : "spread");
  return `${scenario} ${connections} ${traffic}${limits ? `, ${limits} limits` : ""}`;
}

const syncs = 40;

/** The median time in which the disk makes 8 KiB durable: the floor under every commit. */
function diskSyncMs(): number {
  const path = join(tmpdir(), `modelfaucet-bench-sync-${process.pid}`);
  const file = openSync(path, "w");
  const page = Buffer.alloc(8192, 1);
  const times: number[] = [];
  for (let index = 0; index < syncs; index++) {
    const startedAt = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    times.push(performance.now() - startedAt);
  }
  closeSync(file);
  rmSync(path);
  return quantile(
    times.toSorted((a, b) => a - b),
    0.5,
  );
}

function commitOf(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
