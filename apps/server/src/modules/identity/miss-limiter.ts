import { ApiError } from "../../lib/errors.ts";

/** Bounds what one address can make us read by guessing tokens. */
export type MissLimiter = {
  /** Runs a read for that address; a read that finds nothing counts. @throws ApiError rate_limited */
  run<Found>(address: string, read: () => Promise<Found | null>): Promise<Found | null>;
};

type Visitor = { misses: number; windowStartMs: number; running: number; waiting: (() => void)[] };

const missesPerWindow = 30;
const windowMs = 10_000;
/** An address reads so many at a time, so that a burst of guesses ends near the limit, not far beyond it. */
const runningPerAddress = 8;
const waitingPerAddress = 2_000;
const rememberedAddresses = 20_000;

/** `nowMs` is any clock that goes forward. */
export function createMissLimiter(nowMs: () => number): MissLimiter {
  const visitors = new Map<string, Visitor>();
  return {
    run: async (address, read) => {
      const visitor = visitorOf(visitors, networkOf(address), nowMs());
      refuseAboveLimit(visitor, nowMs());
      await waitForTurn(visitor);
      try {
        refuseAboveLimit(visitor, nowMs());
        const found = await read();
        if (found === null) countMiss(visitor, nowMs());
        return found;
      } finally {
        const next = visitor.waiting.shift();
        if (next) next();
        else visitor.running -= 1;
      }
    },
  };
}

/** The /64 of an IPv6 address: one household can use all of it. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [head = "", tail] = address.toLowerCase().split("%")[0]!.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : new Array(Math.max(0, 8 - before.length - after.length)).fill("0");
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

function visitorOf(visitors: Map<string, Visitor>, network: string, nowMs: number): Visitor {
  const known = visitors.get(network);
  if (known) return known;
  if (visitors.size >= rememberedAddresses) forgetOne(visitors);
  const visitor: Visitor = { misses: 0, windowStartMs: nowMs, running: 0, waiting: [] };
  visitors.set(network, visitor);
  return visitor;
}

function forgetOne(visitors: Map<string, Visitor>): void {
  // The oldest idle one; among many busy ones the search stays short.
  let looked = 0;
  for (const [network, visitor] of visitors) {
    looked += 1;
    if (visitor.running > 0 && looked < 100) continue;
    visitors.delete(network);
    return;
  }
}

function refuseAboveLimit(visitor: Visitor, nowMs: number): void {
  if (nowMs - visitor.windowStartMs >= windowMs) return;
  if (visitor.misses < missesPerWindow && visitor.waiting.length < waitingPerAddress) return;
  const waitMs = visitor.windowStartMs + windowMs - nowMs;
  throw new ApiError("rate_limited", "Too many unknown tokens from this address; wait and try again.", {
    details: {
      level: "address",
      limit: missesPerWindow,
      reset_at: new Date(Date.now() + waitMs).toISOString(),
    },
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
  });
}

async function waitForTurn(visitor: Visitor): Promise<void> {
  if (visitor.running < runningPerAddress) {
    visitor.running += 1;
    return;
  }
  // The place of whoever leaves is handed over, so `running` stays as it is.
  await new Promise<void>((resolve) => visitor.waiting.push(resolve));
}

function countMiss(visitor: Visitor, nowMs: number): void {
  if (nowMs - visitor.windowStartMs >= windowMs) {
    visitor.windowStartMs = nowMs;
    visitor.misses = 0;
  }
  visitor.misses += 1;
}
