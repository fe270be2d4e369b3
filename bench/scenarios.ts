import type { Ground } from "./ground.ts";
import { type Call, load, quantile, type Slice, type Target } from "./load.ts";
import { type CpuTimes, cpuPerRequest, type Meters, noMeters, plus, readMeters } from "./meters.ts";
import type { CaseName } from "./options.ts";
import type { Probe } from "./probe.ts";
import type { Rig } from "./rig.ts";

/** One line of the result. Milliseconds; `ratio` is the gateway's requests per second over the bare hop's. */
export type ScenarioResult = {
  scenario: CaseName;
  connections: number;
  wallets: number;
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
  /** With one connection: the books' share of that, and what is left of it. */
  open_close_p50_ms?: number;
  added_above_open_close_ms?: number;
  /** Opens and closes that shared one commit on average, and how long it took from its first statement to its commit. */
  batch_items?: number;
  batch_ms?: number;
  /** Microseconds of processor time for each request, by the part that used them. They hardly know the other load. */
  cpu_us: CpuTimes;
  bare_cpu_us: CpuTimes;
  errors: number;
};

/** How many calls were sent where, so that the books can be held to them. */
export type Sent = { settled: number; relayedBare: number; probed: number };

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
  name: "bare" | "one" | "many" | "probe";
  run(requests: number): Promise<Slice>;
  /** Runs until the code is compiled and every session is in memory. */
  warmUp(): Promise<Slice>;
};

/**
 * Measures the bare hop, one wallet and a thousand by turns, a slice each, so that whatever else the machine does
 * meets all of them alike.
 */
export async function measure(
  scenario: CaseName,
  connections: number,
  { rig, ground, probe, seconds, sent }: Measuring,
): Promise<ScenarioResult[]> {
  const isSettled = scenario === "hold-settle" || scenario === "stream";
  const loadWith = async (name: Contender["name"], target: Target, width: number, requests: number) => {
    const slice = await load(target, width, requests);
    if (isSettled) sent[name === "bare" ? "relayedBare" : "settled"] += slice.requests - slice.errors;
    return slice;
  };
  const loaded = (name: Contender["name"], target: Target): Contender => ({
    name,
    run: (requests) => loadWith(name, target, connections, requests),
    warmUp: () => loadWith(name, target, warmUpConnections, warmUpRequests),
  });
  const contenders: Contender[] = [
    loaded("bare", bareTarget(scenario, rig, ground)),
    loaded("one", gatewayTarget(scenario, rig, ground, 1)),
    loaded("many", gatewayTarget(scenario, rig, ground, ground.tokens.length)),
  ];
  if (connections === 1 && isSettled) {
    const run = async (pairs: number): Promise<Slice> => {
      const slice = await probe.run(pairs);
      sent.probed += slice.requests;
      return slice;
    };
    contenders.push({ name: "probe", run, warmUp: () => run(warmUpPairs) });
  }
  const sums = await byTurns(contenders, connections, seconds, rig);
  const bare = sums.get("bare")!;
  return (["one", "many"] as const).map((name) =>
    resultOf(scenario, connections, name === "one" ? 1 : ground.tokens.length, {
      own: sums.get(name)!,
      bare,
      probe: sums.get("probe"),
    }),
  );
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

function resultOf(
  scenario: CaseName,
  connections: number,
  wallets: number,
  { own, bare, probe }: { own: Sum; bare: Sum; probe: Sum | undefined },
): ScenarioResult {
  const sorted = (slice: Slice): number[] => slice.latenciesMs.toSorted((a, b) => a - b);
  const latencies = sorted(own);
  const p50 = quantile(latencies, 0.5);
  const bareP50 = quantile(sorted(bare), 0.5);
  const rate = own.requests / own.seconds;
  const bareRate = bare.requests / bare.seconds;
  const openClose = probe && quantile(sorted(probe), 0.5);
  return {
    scenario,
    connections,
    wallets,
    seconds: rounded(own.seconds, 1),
    requests_per_s: Math.round(rate),
    p50_ms: rounded(p50),
    p95_ms: rounded(quantile(latencies, 0.95)),
    p99_ms: rounded(quantile(latencies, 0.99)),
    bare_requests_per_s: Math.round(bareRate),
    bare_p50_ms: rounded(bareP50),
    ratio: rounded(rate / bareRate),
    added_p50_ms: rounded(p50 - bareP50),
    ...(openClose === undefined
      ? {}
      : {
          open_close_p50_ms: rounded(openClose),
          added_above_open_close_ms: rounded(p50 - bareP50 - openClose),
        }),
    ...(own.meters.batches === 0
      ? {}
      : {
          batch_items: rounded(own.meters.batchItems / own.meters.batches, 1),
          batch_ms: rounded(own.meters.batchMs / own.meters.batches),
        }),
    cpu_us: cpuPerRequest(own.meters, own.requests, ["gateway", "database", "upstream"]),
    bare_cpu_us: cpuPerRequest(bare.meters, bare.requests, ["bareHop", "upstream"]),
    errors: own.errors + bare.errors,
  };
}

const rounded = (value: number, decimals = 3): number => Number(value.toFixed(decimals));

const messages = [
  { role: "system", content: "You write short, friendly replies for a customer desk." },
  {
    role: "user",
    content: "The parcel of order 4711 has not arrived yet. Write two sentences to the customer.",
  },
];

function bodyOf(scenario: CaseName, ground: Ground): string | undefined {
  if (scenario === "auth") return undefined;
  return JSON.stringify({
    model: ground.model,
    messages,
    max_tokens: 256,
    ...(scenario === "stream" ? { stream: true } : {}),
    // A client may not say where its request goes: refused behind session and body, before anything is held.
    ...(scenario === "boundary" ? { base_url: "http://127.0.0.1" } : {}),
  });
}

function callOf(scenario: CaseName, ground: Ground, path: string, token: string): Call {
  const body = bodyOf(scenario, ground);
  return {
    method: body === undefined ? "GET" : "POST",
    path,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
  };
}

function bareTarget(scenario: CaseName, rig: Rig, ground: Ground): Target {
  const path =
    scenario === "auth" ? "/v1/models" : scenario === "boundary" ? "/refused" : "/v1/chat/completions";
  return {
    url: rig.bareHop,
    calls: [callOf(scenario, ground, path, ground.tokens[0]!)],
    ...expected(scenario),
  };
}

function gatewayTarget(scenario: CaseName, rig: Rig, ground: Ground, wallets: number): Target {
  const path = scenario === "auth" ? "/v1/models" : "/v1/chat/completions";
  const calls = ground.tokens.slice(0, wallets).map((token) => callOf(scenario, ground, path, token));
  return { url: rig.gateway, calls, ...expected(scenario) };
}

function expected(scenario: CaseName): Pick<Target, "expectedStatus" | "bodyEnd"> {
  return {
    expectedStatus: scenario === "boundary" ? 400 : 200,
    bodyEnd: scenario === "stream" ? "data: [DONE]\n\n" : null,
  };
}
