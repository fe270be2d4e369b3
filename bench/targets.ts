import type { ManyStreamsResult } from "./many-streams.ts";
import type { ScenarioResult } from "./scenarios.ts";

/** A target of docs/performance.md; `reached` above 1 is better than asked. */
export type TargetResult = { target: string; wanted: number; measured: number; reached: number; ok: boolean };

const ofBareHop = 0.2;
const ofSpread = 0.8;
const ofPortkey = 1;
const addedMs = 1;
const chunkDelayMs = 100;
const streamsMib = 350;

/** Every target that these results can be held to. */
export function targetsOf(
  results: readonly ScenarioResult[],
  streams: readonly ManyStreamsResult[],
): TargetResult[] {
  const settled = results.filter(({ scenario }) => scenario === "hold-settle" || scenario === "stream");
  return [
    ...settled.flatMap((result) => targetsOfOne(result, results)),
    ...streams.filter(({ through }) => through === "gateway").flatMap(targetsOfStreams),
  ];
}

function targetsOfOne(result: ScenarioResult, results: readonly ScenarioResult[]): TargetResult[] {
  const { scenario, connections, traffic, ratio, over_portkey, added_above_open_close_ms: added } = result;
  const place = `${scenario}, ${connections} connections, ${traffic}`;
  const targets: TargetResult[] = [];
  if (connections === 64)
    targets.push(atLeast(`${place}: requests per second over the bare hop's`, ofBareHop, ratio));
  if (connections > 1 && over_portkey !== undefined) {
    const target = `${place}: settled requests per second over those that Portkey's gateway relays`;
    targets.push(atLeast(target, ofPortkey, over_portkey));
  }
  const spread = results.find(
    (other) => other.scenario === scenario && other.connections === connections && other.traffic === "spread",
  );
  if (traffic === "hot" && spread && connections > 1) {
    const measured = result.requests_per_s / spread.requests_per_s;
    const target = `${place}: requests per second over those with ${spread.wallets} wallets`;
    targets.push(atLeast(target, ofSpread, measured));
  }
  if (added !== undefined)
    targets.push(atMost(`${place}: milliseconds added above one open and close`, addedMs, added));
  return targets;
}

function targetsOfStreams({ streams, p99_ms, peak_mib }: ManyStreamsResult): TargetResult[] {
  return [
    atMost(`${streams} streams: milliseconds that a chunk is on its way, p99`, chunkDelayMs, p99_ms),
    atMost(`${streams} streams: MiB of the gateway's process`, streamsMib, peak_mib),
  ];
}

function atLeast(target: string, wanted: number, measured: number): TargetResult {
  return {
    target,
    wanted,
    measured: rounded(measured),
    reached: rounded(measured / wanted),
    ok: measured >= wanted,
  };
}

function atMost(target: string, wanted: number, measured: number): TargetResult {
  const reached = rounded(wanted / Math.max(measured, 0.001));
  return { target, wanted, measured: rounded(measured), reached, ok: measured <= wanted };
}

const rounded = (value: number): number => Number(value.toFixed(3));
