import { cpuTimeMs } from "./cpu-time.ts";
import type { Rig } from "./rig.ts";

type PartName = keyof Rig["pids"];
export type CpuTimes = Partial<Record<PartName, number>>;

/** Running totals, read before and after a slice of load. */
export type Meters = { cpuMs: CpuTimes; batches: number; batchItems: number; batchMs: number };

export const noMeters: Meters = { cpuMs: {}, batches: 0, batchItems: 0, batchMs: 0 };

/** Reads processor times from /proc, where there is one, and the gateway's own figures of its commits. */
export async function readMeters(rig: Rig): Promise<Meters> {
  const cpuMs: CpuTimes = {};
  for (const part of Object.keys(rig.pids) as PartName[]) {
    const ms = cpuTimeMs(rig.pids[part]!);
    if (ms !== null) cpuMs[part] = ms;
  }
  const text = await (await fetch(`${rig.gateway}/metrics`)).text();
  return {
    cpuMs,
    batches: totalOf(text, "modelfaucet_commit_ms_count"),
    batchItems: totalOf(text, "modelfaucet_commit_batch_size_sum"),
    batchMs: totalOf(text, "modelfaucet_commit_ms_sum"),
  };
}

/** `sum` and what was metered between two readings. */
export function plus(sum: Meters, before: Meters, after: Meters): Meters {
  const parts = Object.keys(after.cpuMs) as PartName[];
  return {
    cpuMs: Object.fromEntries(
      parts.map((part) => [part, (sum.cpuMs[part] ?? 0) + after.cpuMs[part]! - (before.cpuMs[part] ?? 0)]),
    ),
    batches: sum.batches + after.batches - before.batches,
    batchItems: sum.batchItems + after.batchItems - before.batchItems,
    batchMs: sum.batchMs + after.batchMs - before.batchMs,
  };
}

/** Microseconds of processor time that each part has used for one request. */
export function cpuPerRequest({ cpuMs }: Meters, requests: number, parts: readonly PartName[]): CpuTimes {
  return Object.fromEntries(
    parts.flatMap((part) => {
      const ms = cpuMs[part];
      return ms === undefined ? [] : [[part, Math.round((1000 * ms) / requests)]];
    }),
  );
}

/** A metric of the Prometheus text, added up over its labels. */
function totalOf(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) {
      sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return sum;
}
