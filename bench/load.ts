import { createRequire } from "node:module";

export type Call = { method: "GET" | "POST"; path: string; headers: Record<string, string>; body?: string };

/** One place that is loaded, with the calls that go there in turn. */
export type Target = {
  url: string;
  calls: readonly Call[];
  expectedStatus: number;
  /** How the body of a whole answer ends; checked on each one. */
  bodyEnd: string | null;
};

/** What one slice of load came to. Latencies are in milliseconds. */
export type Slice = {
  requests: number;
  seconds: number;
  latenciesMs: number[];
  errors: number;
};

type Client = { setRequests(calls: readonly Call[]): void };
type Run = {
  on(event: "response", listener: (client: Client, status: number, bytes: number, ms: number) => void): void;
};
type Result = { errors: number; mismatches: number };
type Autocannon = (
  options: Record<string, unknown>,
  done: (error: Error | null, result: Result) => void,
) => Run;
// The package has no types of its own.
const autocannon = createRequire(import.meta.url)("autocannon") as Autocannon;

const loopback = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Load is for machines of one's own. @throws when the address is not loopback */
function assertLoopback(url: string): void {
  if (loopback.has(new URL(url).hostname)) return;
  throw new Error(
    `${new URL(url).host} is not on this machine: the benchmark loads loopback addresses alone`,
  );
}

/**
 * Sends exactly `requests` calls over `connections` keep-alive connections, each connection the next one as soon as the
 * last is answered, and waits for every answer. The calls are dealt out, so that no two connections share one.
 */
export function load(target: Target, connections: number, requests: number): Promise<Slice> {
  assertLoopback(target.url);
  const hands = dealt(target.calls, connections);
  const latenciesMs: number[] = [];
  let unexpected = 0;
  let dealtTo = 0;
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let endedAt = startedAt;
    const run = autocannon(
      {
        url: target.url,
        connections,
        amount: Math.max(requests, connections),
        timeout: 30,
        sampleInt: 20,
        setupClient: (client: Client) => client.setRequests(hands[dealtTo++ % hands.length]!),
        ...(target.bodyEnd === null ? {} : { verifyBody: (body: string) => body.endsWith(target.bodyEnd!) }),
      },
      (error, result) => {
        if (error) return reject(error);
        resolve({
          requests: latenciesMs.length,
          seconds: (endedAt - startedAt) / 1000,
          latenciesMs,
          errors: unexpected + result.errors + result.mismatches,
        });
      },
    );
    run.on("response", (_, status, __, ms) => {
      endedAt = performance.now();
      latenciesMs.push(ms);
      if (status !== target.expectedStatus) unexpected++;
    });
  });
}

function dealt(calls: readonly Call[], connections: number): Call[][] {
  if (calls.length <= connections) return calls.map((call) => [call]);
  return Array.from({ length: connections }, (_, place) =>
    calls.filter((__, index) => index % connections === place),
  );
}

/** The value below which `share` of the sorted figures lie. */
export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
