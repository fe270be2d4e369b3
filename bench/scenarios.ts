import { bareTarget, gatewayTarget, portkeyTarget, type ScenarioName } from "./calls.ts";
import type { Ground } from "./ground.ts";
import { load, quantile, type Slice, type Target } from "./load.ts";
import { type CpuTimes, cpuPerRequest, type Meters, noMeters, plus, readMeters } from "./meters.ts";
import type { Probe } from "./probe.ts";
import type { Rig } from "./rig.ts";
import type { Traffic } from "./traffic.ts";

/** One line of the result. Milliseconds; `ratio` is the gateway's requests per second over the bare hop's. */
export type ScenarioResult = {
  scenario: ScenarioName;
  connections: number;
  traffic: Traffic["name"];
  wallets: number;
  apps: number;
  limits: number;
  seconds: number;
  requests_per_s: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  bare_requests_per_s: number;
  bare_p50_ms: number;
  ratio: number;
  /** What the gateway adds to the bare hop's median. */
  added_p50_ms: number;
  /** What Portkey's gateway relayed in the same turns, and ours, which settles, over it. */
  portkey_requests_per_s?: number;
  portkey_p50_ms?: number;
  over_portkey?: number;
  /** With one connection: the books' share of what is added, and what is left of it. */
  open_close_p50_ms?: number;
  added_above_open_close_ms?: number;
  /** Opens and closes that shared one commit on average, and how long it took from its first statement to its commit. */
  batch_items?: number;
  batch_ms?: number;
  /** Microseconds of processor time for each request, by the part that used them. They hardly know the other load. */
  cpu_us: CpuTimes;
  bare_cpu_us: CpuTimes;
  portkey_cpu_us?: CpuTimes;
  errors: number;
};

/** How many calls were sent where, so that the books can be held to them. */
export type Sent = { settled: number; relayed: number; probed: number };

export type Measuring = {
  rig: Rig;
  ground: Ground;
  probe: Probe;
  seconds: number;
  sent: Sent;
};

/** Slices added up, with what was metered meanwhile. */
type Sum = Slice & { meters: Meters };

type Contender = {
  name: string;
  run(requests: number): Promise<Slice>;
  /** Runs until the code is compiled and every session is in memory. */
  warmUp(): Promise<Slice>;
};

/**
 * Measures the bare hop, Portkey's gateway and ours with each traffic by turns, a slice each, so that whatever else the
 * machine does meets all of them alike.
 */
export async function measure(
  scenario: ScenarioName,
  connections: number,
  traffics: readonly Traffic[],
  measuring: Measuring,
): Promise<ScenarioResult[]> {
  const { rig, ground, probe, seconds, sent } = measuring;
  const reachesUpstream = scenario !== "auth" && scenario !== "boundary";
  const loaded = (name: string, target: Target, counted: "settled" | "relayed"): Contender => {
    const loadWith = async (width: number, requests: number): Promise<Slice> => {
      const slice = await load(target, width, requests);
      if (reachesUpstream) sent[counted] += slice.requests - slice.errors;
      return slice;
    };
    return {
      name,
      run: (requests) => loadWith(connections, requests),
      warmUp: () => loadWith(warmUpConnections, warmUpRequests),
    };
  };
  const contenders = [loaded("bare", bareTarget(scenario, rig, ground), "relayed")];
  if (rig.portkey !== null && reachesUpstream && scenario !== "limits")
    contenders.push(loaded("portkey", portkeyTarget(scenario, rig.portkey, rig, ground), "relayed"));
  for (const traffic of traffics)
    contenders.push(loaded(nameOf(traffic), gatewayTarget(scenario, rig, ground, traffic), "settled"));
  if (connections === 1 && reachesUpstream) contenders.push(probing(probe, sent));
  const sums = await byTurns(contenders, connections, seconds, rig);
  return traffics.map((traffic) =>
    resultOf(scenario, connections, traffic, {
      own: sums.get(nameOf(traffic))!,
      bare: sums.get("bare")!,
      portkey: sums.get("portkey"),
      probe: sums.get("probe"),
    }),
  );
}

const nameOf = (traffic: Traffic): string => `${traffic.name} ${traffic.limits}`;

function probing(probe: Probe, sent: Sent): Contender {
  const run = async (pairs: number): Promise<Slice> => {
    const slice = await probe.run(pairs);
    sent.probed += slice.requests;
    return slice;
  };
  return { name: "probe", run, warmUp: () => run(warmUpPairs) };
}

const slices = 4;
// A gateway runs for weeks; what its first seconds cost, while its code is still being compiled, is not what is asked.
const warmUpConnections = 64;
const warmUpRequests = 4_000;
const warmUpPairs = 600;
const trySeconds = 0.5;

async function byTurns(
  contenders: readonly Contender[],
  connections: number,
  seconds: number,
  rig: Rig,
): Promise<Map<string, Sum>> {
  const perSecond = new Map<string, number>();
  const sums = new Map<string, Sum>();
  for (const { name, run, warmUp } of contenders) {
    const warm = await warmUp();
    const tried = await run(Math.max(20, 4 * connections));
    const trial = await run(Math.ceil((tried.requests / tried.seconds) * trySeconds));
    perSecond.set(name, trial.requests / trial.seconds);
    const errors = warm.errors + tried.errors + trial.errors;
    sums.set(name, { requests: 0, seconds: 0, latenciesMs: [], errors, meters: noMeters });
  }
  for (let round = 0; round < slices; round++) {
    // There and back: a machine that gets slower or faster meanwhile favours nobody.
    for (const { name, run } of round % 2 === 0 ? contenders : [...contenders].reverse()) {
      const before = await readMeters(rig);
      const slice = await run(Math.ceil((perSecond.get(name)! * seconds) / slices));
      const after = await readMeters(rig);
      perSecond.set(name, slice.requests / slice.seconds);
      const sum = sums.get(name)!;
      sum.requests += slice.requests;
      sum.seconds += slice.seconds;
      sum.errors += slice.errors;
      for (const ms of slice.latenciesMs) sum.latenciesMs.push(ms);
      sum.meters = plus(sum.meters, before, after);
    }
  }
  return sums;
}

type Sums = { own: Sum; bare: Sum; portkey: Sum | undefined; probe: Sum | undefined };

function resultOf(
  scenario: ScenarioName,
  connections: number,
  traffic: Traffic,
  { own, bare, portkey, probe }: Sums,
): ScenarioResult {
  const latencies = own.latenciesMs.toSorted((a, b) => a - b);
  const p50 = quantile(latencies, 0.5);
  const bareP50 = medianOf(bare);
  const { name, wallets, apps, limits } = traffic;
  return {
    scenario,
    connections,
    traffic: name,
    wallets,
    apps,
    limits,
    seconds: rounded(own.seconds, 1),
    requests_per_s: Math.round(rateOf(own)),
    p50_ms: rounded(p50),
    p95_ms: rounded(quantile(latencies, 0.95)),
    p99_ms: rounded(quantile(latencies, 0.99)),
    bare_requests_per_s: Math.round(rateOf(bare)),
    bare_p50_ms: rounded(bareP50),
    ratio: rounded(rateOf(own) / rateOf(bare)),
    added_p50_ms: rounded(p50 - bareP50),
    ...besidePortkey(own, portkey),
    ...aboveOpenClose(p50 - bareP50, probe),
    ...batchesOf(own.meters),
    cpu_us: cpuPerRequest(own.meters, own.requests, ["gateway", "database", "upstream"]),
    bare_cpu_us: cpuPerRequest(bare.meters, bare.requests, ["bareHop", "upstream"]),
    ...(portkey
      ? { portkey_cpu_us: cpuPerRequest(portkey.meters, portkey.requests, ["portkey", "upstream"]) }
      : {}),
    errors: own.errors + bare.errors + (portkey?.errors ?? 0),
  };
}

function besidePortkey(own: Sum, portkey: Sum | undefined): Partial<ScenarioResult> {
  if (!portkey) return {};
  return {
    portkey_requests_per_s: Math.round(rateOf(portkey)),
    portkey_p50_ms: rounded(medianOf(portkey)),
    over_portkey: rounded(rateOf(own) / rateOf(portkey)),
  };
}

function aboveOpenClose(addedMs: number, probe: Sum | undefined): Partial<ScenarioResult> {
  if (!probe) return {};
  const openClose = medianOf(probe);
  return {
    open_close_p50_ms: rounded(openClose),
    added_above_open_close_ms: rounded(addedMs - openClose),
  };
}

function batchesOf({ batches, batchItems, batchMs }: Meters): Partial<ScenarioResult> {
  if (batches === 0) return {};
  return { batch_items: rounded(batchItems / batches, 1), batch_ms: rounded(batchMs / batches) };
}

const rateOf = ({ requests, seconds }: Sum): number => requests / seconds;
const medianOf = ({ latenciesMs }: Sum): number =>
  quantile(
    latenciesMs.toSorted((a, b) => a - b),
    0.5,
  );
const rounded = (value: number, decimals = 3): number => Number(value.toFixed(decimals));
