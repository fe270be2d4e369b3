import { ApiError } from "../../lib/errors.ts";
import { networkOf } from "./miss-limiter.ts";

/** Bounds how often one address may be wrong when it signs in: ten failures, then a pause. */
export type SignInPause = {
  /**
   * Runs one try for that address; a try that says `invalid_session` counts. Tries on their way count as if they would
   * fail, so that many at once are no way around.
   * @throws ApiError rate_limited
   */
  run<T>(address: string, attempt: () => Promise<T>): Promise<T>;
};

/** When the last failures were, oldest first, ten at most. A success forgets none: a guesser may own a good token. */
type Visitor = { failures: number[]; running: number };

const mostFailures = 10;
const pauseMs = 15 * 60_000;
const rememberedAddresses = 20_000;

/** `nowMs` is any clock that goes forward. `onPause` is told once per pause. */
export function createSignInPause(
  nowMs: () => number,
  onPause: (address: string) => Promise<void>,
): SignInPause {
  const visitors = new Map<string, Visitor>();
  return {
    run: async (address, attempt) => {
      const network = networkOf(address);
      const visitor = visitorOf(visitors, network, nowMs());
      refusePaused(visitor, nowMs());
      visitor.running += 1;
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof ApiError && error.code === "invalid_session") {
          visitor.failures.push(nowMs());
          if (visitor.failures.length === mostFailures) await onPause(address);
        }
        throw error;
      } finally {
        visitor.running -= 1;
        if (visitor.failures.length === 0 && visitor.running === 0) visitors.delete(network);
      }
    },
  };
}

function visitorOf(visitors: Map<string, Visitor>, network: string, nowMs: number): Visitor {
  const known = visitors.get(network);
  if (known) {
    forgetOldFailures(known, nowMs);
    return known;
  }
  if (visitors.size >= rememberedAddresses) forgetOldest(visitors);
  const visitor: Visitor = { failures: [], running: 0 };
  visitors.set(network, visitor);
  return visitor;
}

/** Ten within a quarter of an hour are a pause, counted from the last one; after it the count begins anew. */
function forgetOldFailures(visitor: Visitor, nowMs: number): void {
  const { failures } = visitor;
  if (failures.length >= mostFailures) {
    if (nowMs - failures.at(-1)! >= pauseMs) failures.length = 0;
    return;
  }
  while (failures.length > 0 && nowMs - failures[0]! >= pauseMs) failures.shift();
}

/** The one that has been remembered longest; those with a try on its way are passed over while the search is short. */
function forgetOldest(visitors: Map<string, Visitor>): void {
  let looked = 0;
  for (const [network, visitor] of visitors) {
    looked += 1;
    if (visitor.running > 0 && looked < 100) continue;
    visitors.delete(network);
    return;
  }
}

function refusePaused(visitor: Visitor, nowMs: number): void {
  const { failures, running } = visitor;
  if (failures.length + running < mostFailures) return;
  const isPaused = failures.length >= mostFailures;
  const waitMs = isPaused ? failures.at(-1)! + pauseMs - nowMs : 1_000;
  throw new ApiError(
    "rate_limited",
    isPaused
      ? "Too many failed sign-ins from this address; wait a quarter of an hour and try again."
      : "Too many sign-ins at once from this address; try again in a second.",
    {
      details: {
        level: "address",
        limit: mostFailures,
        reset_at: new Date(Date.now() + waitMs).toISOString(),
      },
      retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
    },
  );
}
