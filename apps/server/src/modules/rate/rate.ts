import { ApiError } from "../../lib/errors.ts";
import type { Counted, RateClaim, RateStore } from "./claims.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createSharedStore, type SharedStore } from "./shared-store.ts";

export type { RateClaim } from "./claims.ts";

/** What a request that was let through may still use, and what it has to give back. */
export type RateGrant = {
  /** `x-ratelimit-*` of the limit that is nearest to its end; none where no rate applies. */
  readonly headers: Readonly<Record<string, string>>;
  /** The request is over: its place is free, and the tokens that were set aside become those that it used. */
  finish(tokens: number): void;
  /** The request was refused elsewhere: it has used nothing at all. */
  undo(): void;
};

export type RateLimiter = {
  /** Takes every claim or none. @throws ApiError rate_limited that names the limit; a refused request consumes nothing */
  take(claims: readonly RateClaim[], slotId: string): Promise<RateGrant>;
  /** `away`: the store that instances share does not answer, so this one limits alone. */
  readonly state: "memory" | "shared" | "away";
  close(): void;
};

const keepEveryMs = 20_000;
const probeEveryMs = 1_000;
const nothing: RateGrant = { headers: {}, finish: () => {}, undo: () => {} };

/**
 * Rates and concurrency. They are no money: counters live in this process, or in a store that all instances share. When
 * that one is away each instance limits alone, from nothing, until it answers again.
 */
export function createRateLimiter(options: {
  redisUrl: string | null;
  /** The database's clock, in which a client is told when a window ends. */
  now: () => number;
  onError: (error: unknown) => void;
}): RateLimiter {
  const memory = createMemoryStore();
  const shared: SharedStore | null =
    options.redisUrl === null ? null : createSharedStore(options.redisUrl, () => {});
  const slots = new Map<string, readonly string[]>();
  let away = false;

  const lost = (error: unknown): void => {
    if (!away) options.onError(error);
    away = true;
  };
  const store = (): RateStore => (shared && !away ? shared : memory);
  const quietly = (work: Promise<void> | void): void => {
    if (work) void work.catch(lost);
  };
  const takeFrom = async (claims: readonly RateClaim[], slotId: string) => {
    const used = store();
    try {
      return { used, result: await used.take(claims, slotId) };
    } catch (error) {
      lost(error);
      return { used: memory, result: memory.take(claims, slotId) as Awaited<ReturnType<RateStore["take"]>> };
    }
  };
  const keeping = setInterval(() => quietly(store().keep(slots)), keepEveryMs).unref();
  const probing = setInterval(() => {
    if (!shared) return;
    shared.ping().then(
      () => {
        away = false;
      },
      (error) => lost(error),
    );
  }, probeEveryMs).unref();

  return {
    get state() {
      return shared === null ? "memory" : away ? "away" : "shared";
    },
    take: async (claims, slotId) => {
      if (claims.length === 0) return nothing;
      const { used, result } = await takeFrom(claims, slotId);
      if (result.refusedBy !== null) {
        throw rateLimited(claims[result.refusedBy]!, result.counted[result.refusedBy]!, options.now());
      }
      const held = claims.filter((claim) => claim.measure === "concurrency").map((claim) => claim.key);
      if (held.length > 0) slots.set(slotId, held);
      return grantOf(claims, result.counted, used, options.now(), (changes) => {
        if (slots.delete(slotId)) quietly(used.free(held, slotId));
        quietly(used.give(changes));
      });
    },
    close: () => {
      clearInterval(keeping);
      clearInterval(probing);
      shared?.close();
    },
  };
}

function grantOf(
  claims: readonly RateClaim[],
  counted: readonly Counted[],
  store: RateStore,
  nowMs: number,
  end: (changes: Parameters<RateStore["give"]>[0]) => void,
): RateGrant {
  const takenAt = store.nowMs();
  let ended = false;
  const backOf = (measure: "requests" | "tokens", used: (claim: RateClaim) => number) =>
    claims.flatMap((claim, index) => {
      const { taken, resetMs } = counted[index]!;
      const amount = taken - used(claim);
      if (claim.measure !== measure || amount === 0) return [];
      return [{ key: claim.key, measure, amount, windowEndsAtMs: takenAt + resetMs }];
    });
  const once = (changes: Parameters<RateStore["give"]>[0]): void => {
    if (ended) return;
    ended = true;
    end(changes);
  };
  return {
    headers: headersOf(claims, counted, nowMs),
    finish: (tokens) => once(backOf("tokens", () => tokens)),
    undo: () => once([...backOf("requests", () => 0), ...backOf("tokens", () => 0)]),
  };
}

/** Of the rate that has the smallest part left. */
function headersOf(
  claims: readonly RateClaim[],
  counted: readonly Counted[],
  nowMs: number,
): Record<string, string> {
  let nearest: { limit: number; remaining: number; resetMs: number } | null = null;
  for (const [index, claim] of claims.entries()) {
    if (claim.measure !== "requests") continue;
    const { remaining, resetMs } = counted[index]!;
    if (nearest && remaining / claim.limit >= nearest.remaining / nearest.limit) continue;
    nearest = { limit: claim.limit, remaining, resetMs };
  }
  return nearest === null ? {} : rateHeaders(nearest.limit, nearest.remaining, nowMs + nearest.resetMs);
}

function rateHeaders(limit: number, remaining: number, resetAtMs: number): Record<string, string> {
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(Math.ceil(resetAtMs / 1000)),
  };
}

const units = {
  requests: "requests",
  paced: "requests",
  tokens: "tokens",
  concurrency: "requests at a time",
} as const;

function rateLimited(claim: RateClaim, { remaining, resetMs }: Counted, nowMs: number): ApiError {
  const level = claim.level.replace("_", " ");
  const resetAtMs = nowMs + resetMs;
  return new ApiError(
    "rate_limited",
    `The ${level} has used its limit of ${claim.limit} ${units[claim.measure]}; try again after \`retry-after\` seconds.`,
    {
      details: {
        level: claim.level,
        measure: claim.measure === "paced" ? "requests" : claim.measure,
        limit: claim.limit,
        reset_at: new Date(resetAtMs).toISOString(),
      },
      retryAfterSeconds: resetMs / 1000,
      headers: rateHeaders(claim.limit, Math.max(0, Math.floor(remaining)), resetAtMs),
    },
  );
}
