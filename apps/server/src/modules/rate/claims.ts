/** One rate or concurrency limit that a request meets: per window so many, or so many at a time. */
export type RateClaim = {
  /** Names the counter: measure, level, target and who set it. */
  key: string;
  /** `paced`: requests whose room grows back evenly over the window, so that nobody who comes steadily waits long. */
  measure: "requests" | "paced" | "tokens" | "concurrency";
  /** What refused, as the client is told: `session`, `end_user`, `feature`, `app`, … */
  level: string;
  limit: number;
  /** Length of the window, which begins with its first request; without meaning for concurrency. */
  windowMs: number;
  /** Taken at once: 1 request, or the tokens that the request may need. Tokens are corrected when they are known. */
  cost: number;
};

/** A counter after a request was let through, or as it stands when it refused. */
export type Counted = {
  /** What is left of the limit. */
  remaining: number;
  /** Until the window ends. */
  resetMs: number;
  /** What was taken for this request: fewer tokens than asked for where fewer were left. */
  taken: number;
};

/** Everything was taken, or nothing: `refusedBy` is the place of the first claim that does not fit. */
export type TakeResult = { refusedBy: number | null; counted: Counted[] };

/** Gives back part of what was taken, while the window that it was taken from still runs. */
export type GiveBack = {
  key: string;
  measure: "requests" | "tokens";
  amount: number;
  windowEndsAtMs: number;
};

/** Where counters live: in one process, or shared by several. Nothing is ever half taken. */
export type RateStore = {
  /** `slotId` names the request that holds a place among those at a time. */
  take(claims: readonly RateClaim[], slotId: string): Promise<TakeResult> | TakeResult;
  /** Below zero takes more. */
  give(changes: readonly GiveBack[]): Promise<void> | void;
  free(keys: readonly string[], slotId: string): Promise<void> | void;
  /** Keeps places of requests that still run; a place that is not kept is free after `slotLeaseMs`. */
  keep(slots: ReadonlyMap<string, readonly string[]>): Promise<void> | void;
  /** The clock that windows end by, in milliseconds. */
  nowMs(): number;
};

export const slotLeaseMs = 60_000;
export const slotRetryMs = 1_000;
