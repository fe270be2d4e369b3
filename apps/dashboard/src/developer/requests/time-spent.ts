import type { RequestDetail } from "./request-query.ts";

export type TimeSpent = {
  /** Plan and hold: until the provider was asked. */
  oursMs: number;
  /** Of each attempt until it failed or began to answer, in order. */
  attemptsMs: readonly number[];
  /** From the first byte to the last; 0 where there was none. */
  streamMs: number;
};

/** Where the time of a request went; the parts add up to its duration. `null` while it runs. */
export function timeSpent({
  duration_ms: duration,
  first_byte_ms: firstByte,
  attempts,
}: Pick<RequestDetail, "duration_ms" | "first_byte_ms" | "attempts">): TimeSpent | null {
  if (duration === undefined) return null;
  const attemptsMs = attempts.map(({ duration_ms: ms = 0 }) => ms);
  const untilAnswer = firstByte ?? duration;
  return {
    // Each is rounded by itself: together they may be a millisecond more than the whole.
    oursMs: Math.max(0, untilAnswer - attemptsMs.reduce((sum, ms) => sum + ms, 0)),
    attemptsMs,
    streamMs: Math.max(0, duration - untilAnswer),
  };
}
