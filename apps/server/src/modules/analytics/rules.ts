import { ApiError } from "../../lib/errors.ts";

/** The metrics that are sums of the roll-ups' columns; money and counts. */
export type SumMetric =
  | "requests"
  | "errors"
  | "input_tokens"
  | "output_tokens"
  | "charge_usd"
  | "fee_usd"
  | "upstream_cost_usd"
  | "developer_share_usd"
  | "platform_share_usd"
  | "fallbacks";
export type Metric =
  | SumMetric
  | "error_rate"
  | "active_users"
  | "new_users"
  | "first_byte_p50_ms"
  | "first_byte_p95_ms";
export type Unit = "requests" | "ratio" | "tokens" | "usd" | "users" | "ms";
export type Interval = "hour" | "day" | "week" | "month";
export type Group = "app" | "feature" | "route_mode" | "provider" | "model";

export const allMetrics: readonly Metric[] = [
  "requests",
  "errors",
  "error_rate",
  "input_tokens",
  "output_tokens",
  "charge_usd",
  "fee_usd",
  "upstream_cost_usd",
  "developer_share_usd",
  "platform_share_usd",
  "active_users",
  "new_users",
  "first_byte_p50_ms",
  "first_byte_p95_ms",
  "fallbacks",
];

export function unitOf(metric: Metric): Unit {
  if (metric.endsWith("_usd")) return "usd";
  if (metric.endsWith("_tokens")) return "tokens";
  if (metric.endsWith("_users")) return "users";
  if (metric.endsWith("_ms")) return "ms";
  return metric === "error_rate" ? "ratio" : "requests";
}

export const mostPoints = 1_000;
export const mostSeries = 20;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const aboutMs: Readonly<Record<Interval, number>> = {
  hour: hourMs,
  day: dayMs,
  week: 7 * dayMs,
  month: 28 * dayMs,
};
const coarser: readonly Interval[] = ["hour", "day", "week", "month"];

/** @throws ApiError invalid_request for a range that is none, or that has too many intervals: it names one that fits */
export function refuseRange(fromMs: number, toMs: number, interval: Interval): void {
  refuseEmptyRange(fromMs, toMs);
  if ((toMs - fromMs) / aboutMs[interval] <= mostPoints - 2) return;
  const fitting = coarser.find((word) => (toMs - fromMs) / aboutMs[word] <= mostPoints - 2);
  if (fitting === undefined) {
    throw new ApiError(
      "invalid_request",
      `The range has more than ${mostPoints} months: ask for a shorter one.`,
      {
        param: "from",
      },
    );
  }
  throw new ApiError(
    "invalid_request",
    `The range has more than ${mostPoints} points: use \`interval=${fitting}\`, or ask for a shorter range.`,
    { param: "interval", details: { interval: fitting, maximum: mostPoints } },
  );
}

/** @throws ApiError invalid_request */
export function refuseEmptyRange(fromMs: number, toMs: number): void {
  if (fromMs < earliestMs || toMs > latestMs) {
    throw new ApiError("invalid_request", "`from` and `to` must lie between 2000 and 2100.", {
      param: fromMs < earliestMs ? "from" : "to",
    });
  }
  if (toMs <= fromMs)
    throw new ApiError("invalid_request", "`to` must be later than `from`.", { param: "to" });
}

const earliestMs = Date.UTC(2000, 0, 1);
const latestMs = Date.UTC(2100, 0, 1);

/** What the roll-ups keep apart; of some metrics they do not keep all. @throws ApiError invalid_request */
export function refuseUnkept(
  metric: Metric,
  asked: { group?: Group | undefined; status?: string | undefined; filtered: boolean },
): void {
  const isSum = metric !== "active_users" && metric !== "new_users" && !metric.startsWith("first_byte");
  if (asked.status !== undefined && !isSum)
    throw doesNotGo(metric, "status", "is counted whatever became of the request");
  if (metric !== "new_users") return;
  if (asked.group !== undefined && asked.group !== "app")
    throw doesNotGo(metric, "group_by", "is kept by app alone");
  if (asked.filtered) throw doesNotGo(metric, "metric", "is kept by app alone");
}

function doesNotGo(metric: Metric, param: string, why: string): ApiError {
  return new ApiError(
    "invalid_request",
    `\`${param}\` does not go with \`metric=${metric}\`, which ${why}.`,
    {
      param,
    },
  );
}

/** Widens a range to whole quarters of an hour. */
export function widened(fromMs: number, toMs: number): { fromMs: number; toMs: number } {
  return {
    fromMs: Math.floor(fromMs / quarterMs) * quarterMs,
    toMs: Math.ceil(toMs / quarterMs) * quarterMs,
  };
}

const quarterMs = 15 * minuteMs;

/** The lengths of buckets that a roll-up keeps, in minutes, longest first; the last one is a quarter of an hour. */
export type Grains = readonly number[];

/** Stretches that buckets of one grain cover, and the points they belong to; in order of time, without overlap. */
export type Cover = { grain: number; points: number[]; fromMs: number[]; toMs: number[] };

/**
 * Covers each interval between two neighbouring bounds by the longest buckets that fit: days of UTC in the middle,
 * shorter ones at the edges. Bounds are whole quarters of an hour, as the bounds of every zone's days are.
 */
export function cover(boundsMs: readonly number[], grains: Grains): Cover[] {
  const covers = grains.map((grain): Cover => ({ grain, points: [], fromMs: [], toMs: [] }));
  for (const [point, fromMs] of boundsMs.slice(0, -1).entries()) {
    coverOne(point, fromMs, boundsMs[point + 1]!, covers);
  }
  return covers.filter(({ points }) => points.length > 0);
}

function coverOne(point: number, fromMs: number, toMs: number, covers: readonly Cover[]): void {
  const [longest, ...shorter] = covers;
  if (longest === undefined || fromMs >= toMs) return;
  const length = longest.grain * minuteMs;
  const first = Math.ceil(fromMs / length) * length;
  const last = Math.floor(toMs / length) * length;
  if (first >= last) {
    coverOne(point, fromMs, toMs, shorter);
    return;
  }
  coverOne(point, fromMs, first, shorter);
  longest.points.push(point);
  longest.fromMs.push(first);
  longest.toMs.push(last);
  coverOne(point, last, toMs, shorter);
}

/** How much longer each latency slot is than the one before; `0008_projectors.sql` says the same. */
export const latencySlotGrowth = 1.15;

/** The middle of a latency slot, in milliseconds. */
export function latencyOfSlot(slot: number): number {
  return Math.round(latencySlotGrowth ** (slot + 0.5));
}
