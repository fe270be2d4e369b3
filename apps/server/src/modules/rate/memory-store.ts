import { type RateClaim, type RateStore, slotLeaseMs, slotRetryMs, type TakeResult } from "./claims.ts";

type Window = { used: number; endsAtMs: number };

const paceOf = (claim: RateClaim): number => claim.windowMs / claim.limit;
const mostCounters = 200_000;
const sweepEveryMs = 10_000;

/** Counters of one process, by a clock that is never set. */
export function createMemoryStore(nowMs: () => number = () => performance.now()): RateStore {
  const windows = new Map<string, Window>();
  const slots = new Map<string, Map<string, number>>();
  let sweptAt = nowMs();

  const sweep = (now: number): void => {
    if (now - sweptAt < sweepEveryMs && windows.size < mostCounters) return;
    sweptAt = now;
    for (const [key, window] of windows) if (window.endsAtMs <= now) windows.delete(key);
    for (const [key, held] of slots) {
      for (const [id, until] of held) if (until <= now) held.delete(id);
      if (held.size === 0) slots.delete(key);
    }
    // More live counters than that: the oldest windows go first, which errs on the side of the caller.
    for (const key of windows.keys()) {
      if (windows.size < mostCounters) break;
      windows.delete(key);
    }
  };
  const windowOf = (claim: RateClaim, now: number): Window => {
    const window = windows.get(claim.key);
    return window && window.endsAtMs > now ? window : { used: 0, endsAtMs: now + claim.windowMs };
  };
  /** What is used shrinks by one with each step of the pace; it is all gone when the window ends. */
  const pacedOf = (claim: RateClaim, now: number): Window => {
    const endsAtMs = Math.max(now, windows.get(claim.key)?.endsAtMs ?? now);
    return { used: (endsAtMs - now) / paceOf(claim), endsAtMs };
  };
  const heldOf = (key: string, now: number): number => {
    const held = slots.get(key);
    if (!held) return 0;
    for (const [id, until] of held) if (until <= now) held.delete(id);
    return held.size;
  };

  return {
    nowMs,
    take: (claims, slotId): TakeResult => {
      const now = nowMs();
      sweep(now);
      const seen = claims.map((claim) => {
        if (claim.measure === "concurrency") {
          const remaining = claim.limit - heldOf(claim.key, now);
          return { claim, window: null, remaining, resetMs: slotRetryMs };
        }
        const window = claim.measure === "paced" ? pacedOf(claim, now) : windowOf(claim, now);
        const remaining = claim.limit - window.used;
        const waitMs = claim.measure === "paced" ? (1 - remaining) * paceOf(claim) : window.endsAtMs - now;
        return { claim, window, remaining, resetMs: Math.max(1, waitMs) };
      });
      const refusedBy = seen.findIndex(({ claim, remaining }) =>
        claim.measure === "requests" ? remaining < claim.cost : remaining < 1,
      );
      const counted = seen.map(({ claim, window, remaining, resetMs }) => {
        const taken =
          refusedBy >= 0 ? 0 : claim.measure === "concurrency" ? 1 : Math.min(claim.cost, remaining);
        if (refusedBy < 0 && window) {
          window.used += taken;
          if (claim.measure === "paced") window.endsAtMs = now + window.used * paceOf(claim);
          windows.set(claim.key, window);
        } else if (refusedBy < 0) {
          const held = slots.get(claim.key) ?? new Map<string, number>();
          slots.set(claim.key, held.set(slotId, now + slotLeaseMs));
        }
        return { remaining: Math.max(0, remaining - taken), resetMs, taken };
      });
      return { refusedBy: refusedBy < 0 ? null : refusedBy, counted };
    },
    give: (changes) => {
      for (const { key, amount, windowEndsAtMs } of changes) {
        const window = windows.get(key);
        if (window && Math.abs(window.endsAtMs - windowEndsAtMs) < 1)
          window.used = Math.max(0, window.used - amount);
      }
    },
    free: (keys, slotId) => {
      for (const key of keys) {
        const held = slots.get(key);
        held?.delete(slotId);
        if (held?.size === 0) slots.delete(key);
      }
    },
    keep: (kept) => {
      const until = nowMs() + slotLeaseMs;
      for (const [slotId, keys] of kept) {
        for (const key of keys) if (slots.get(key)?.has(slotId)) slots.get(key)!.set(slotId, until);
      }
    },
  };
}
