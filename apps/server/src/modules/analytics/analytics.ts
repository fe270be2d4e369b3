/** The door of analytics: what is read from the roll-ups, over any range, by the calendar of any zone. */
import type { Tx } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import {
  allMetrics,
  type Group,
  type Interval,
  latencyOfSlot,
  type Metric,
  mostPoints,
  mostSeries,
  refuseEmptyRange,
  refuseRange,
  refuseUnkept,
  type Unit,
  unitOf,
  widened,
} from "./rules.ts";
import {
  type AnalyticsApp,
  type AnalyticsFilter,
  type AnalyticsScope,
  type Grouping,
  type Measured,
  type SumColumn,
  selectActiveUsers,
  selectAllSums,
  selectApps,
  selectBounds,
  selectCompleteUntil,
  selectFeatureNames,
  selectLatencies,
  selectNewUsers,
  selectSums,
} from "./store.ts";

export {
  type AppUser,
  type AppUserDetails,
  type AppUserPlace,
  type AppUserSort,
  listAppUsers,
  readAppUser,
} from "./app-users.ts";
export {
  type LedgerTransaction,
  listLedgerTransactions,
  readLedgerTransaction,
  readTrialBalance,
} from "./ledger.ts";
export { type LedgerPlace, selectCounts } from "./ledger-store.ts";

/** Whose requests are counted: a developer's, of fewer apps where the token or the caller says so; `null`: everybody's. */
export type AnalyticsCaller = { developerId: string | null; publicAppIds: readonly string[] | null };
export type AnalyticsQuery = AnalyticsFilter & { publicAppId?: string | undefined; from: string; to: string };
export type SeriesQuery = AnalyticsQuery & {
  metric: Metric;
  interval: Interval;
  timeZone: string;
  groupBy?: Group | undefined;
};

/** Money as a string of eight decimals, everything else a number; nothing where there is nothing to measure. */
export type Value = number | string | undefined;
export type Series = { key: string; label: string; points: { at: string; value?: Value }[]; total?: Value };

/** One metric over time. @throws ApiError invalid_request */
export async function readSeries(
  tx: Tx,
  caller: AnalyticsCaller,
  query: SeriesQuery,
): Promise<{ unit: Unit; series: Series[]; completeUntil: Date }> {
  const { metric, interval, groupBy } = query;
  refuseRange(Date.parse(query.from), Date.parse(query.to), interval);
  refuseUnkept(metric, { group: groupBy, status: query.status, filtered: filtersRequests(query) });
  const bounds = await readBounds(tx, query);
  const apps = await selectApps(tx, caller, query.publicAppId);
  const scope = { appIds: apps.map(({ id }) => id) };
  const whole = [bounds[0]!, bounds.at(-1)!];
  const measure = (boundsMs: readonly number[], grouping: Grouping) =>
    measureOne(tx, scope, query, metric, boundsMs, grouping);

  let grouping: Grouping = groupBy === undefined ? null : { by: groupBy, shown: null };
  let totals = largestFirst(await measure(whole, grouping));
  if (groupBy !== undefined && totals.length > mostSeries) {
    grouping = { by: groupBy, shown: totals.slice(0, mostSeries).map(({ key }) => key!) };
    totals = largestFirst(await measure(whole, grouping));
  }
  const points = await measure(bounds, grouping);
  const labels = await labelsOf(tx, scope, apps, groupBy);
  const keys = groupBy === undefined ? ["all"] : totals.map(({ key }) => key);
  const times = bounds.slice(0, -1).map((ms) => new Date(ms).toISOString());
  const found = new Map(points.map(({ point, key, value }) => [`${point} ${key}`, value]));
  return {
    unit: unitOf(metric),
    series: keys.map((key) => ({
      key: key ?? "other",
      label: key === null ? "Other" : (labels.get(key) ?? key),
      points: times.map((at, point) => ({ at, ...currentOf(metric, found.get(`${point} ${key}`)) })),
      ...totalOf(metric, totals.find((total) => total.key === key)?.value),
    })),
    completeUntil: await readCompleteUntil(tx, scope),
  };
}

/** Every metric over one range, and over the range of the same length before it. @throws ApiError invalid_request */
export async function readSummary(
  tx: Tx,
  caller: AnalyticsCaller,
  query: AnalyticsQuery & { comparesPrevious: boolean },
): Promise<{ items: { metric: Metric; value?: Value; previous?: Value }[]; completeUntil: Date }> {
  refuseEmptyRange(Date.parse(query.from), Date.parse(query.to));
  const { fromMs, toMs } = widened(Date.parse(query.from), Date.parse(query.to));
  const apps = await selectApps(tx, caller, query.publicAppId);
  const scope = { appIds: apps.map(({ id }) => id) };
  const current = await summarize(tx, scope, query, [fromMs, toMs]);
  const previous = query.comparesPrevious
    ? await summarize(tx, scope, query, [fromMs - (toMs - fromMs), fromMs])
    : null;
  return {
    items: allMetrics
      .filter((metric) => metric !== "new_users" || !filtersRequests(query))
      .map((metric) => ({
        metric,
        ...currentOf(metric, current.get(metric)),
        ...(previous === null ? {} : previousOf(metric, previous.get(metric))),
      })),
    completeUntil: await readCompleteUntil(tx, scope),
  };
}

async function readBounds(tx: Tx, query: SeriesQuery): Promise<number[]> {
  const rows = await selectBounds(tx, {
    from: query.from,
    to: query.to,
    interval: query.interval,
    zone: query.timeZone,
    most: mostPoints + 2,
  }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== "22023") throw error;
    throw new ApiError("invalid_request", "`time_zone` is not one that the database knows.", {
      param: "time_zone",
    });
  });
  return rows.map(({ at_ms }) => at_ms);
}

const filtersRequests = (query: AnalyticsFilter): boolean =>
  query.featureKey !== undefined ||
  query.routeMode !== undefined ||
  query.provider !== undefined ||
  query.model !== undefined;

type Figure = { point: number; key: string | null; value: string | null; weight: number };

async function measureOne(
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  metric: Metric,
  boundsMs: readonly number[],
  grouping: Grouping,
): Promise<Figure[]> {
  if (metric === "active_users")
    return figuresOf(await selectActiveUsers(tx, scope, filter, boundsMs, grouping));
  if (metric === "new_users") return figuresOf(await selectNewUsers(tx, scope, boundsMs, grouping));
  if (metric === "first_byte_p50_ms" || metric === "first_byte_p95_ms") {
    const rows = await selectLatencies(tx, scope, filter, boundsMs, grouping);
    return rows.map(({ point, key, weight, p50, p95 }) => ({
      point,
      key,
      weight: Number(weight),
      value: String(latencyOfSlot(metric === "first_byte_p50_ms" ? p50 : p95)),
    }));
  }
  const column: SumColumn = metric === "error_rate" ? "errors" : metric;
  const rows = figuresOf(await selectSums(tx, scope, filter, boundsMs, grouping, column));
  if (metric !== "error_rate") return rows;
  return rows.map((row) => ({ ...row, value: rateOf(Number(row.value), row.weight) }));
}

const figuresOf = (rows: readonly Measured[]): Figure[] =>
  rows.map((row) => ({ ...row, weight: Number(row.weight) }));

const rateOf = (errors: number, requests: number): string | null =>
  requests === 0 ? null : String(Math.round((errors / requests) * 1e6) / 1e6);

/** By what was measured; rates and percentiles do not tell how much there is, so the busiest come first. */
function largestFirst(figures: readonly Figure[]): Figure[] {
  const sizes = new Map(figures.map((figure) => [figure, figure.weight]));
  return [...figures].sort((a, b) => {
    // What is not shown by itself stands last.
    if ((a.key === null) !== (b.key === null)) return a.key === null ? 1 : -1;
    return sizes.get(b)! - sizes.get(a)! || (a.key! < b.key! ? -1 : 1);
  });
}

async function summarize(
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  boundsMs: readonly number[],
): Promise<Map<Metric, string | null>> {
  const [sums] = await selectAllSums(tx, scope, filter, boundsMs);
  const [latencies] = await selectLatencies(tx, scope, filter, boundsMs, null);
  const [active] = await selectActiveUsers(tx, scope, filter, boundsMs, null);
  const [made] = filtersRequests(filter) ? [] : await selectNewUsers(tx, scope, boundsMs, null);
  const found = new Map<Metric, string | null>(Object.entries(sums ?? {}) as [Metric, string][]);
  found.set("error_rate", sums ? rateOf(Number(sums.errors), Number(sums.requests)) : null);
  found.set("active_users", active?.value ?? null);
  found.set("new_users", made?.value ?? null);
  found.set("first_byte_p50_ms", latencies ? String(latencyOfSlot(latencies.p50)) : null);
  found.set("first_byte_p95_ms", latencies ? String(latencyOfSlot(latencies.p95)) : null);
  return found;
}

async function labelsOf(
  tx: Tx,
  scope: AnalyticsScope,
  apps: readonly AnalyticsApp[],
  group: Group | undefined,
): Promise<Map<string, string>> {
  if (group === undefined) return new Map([["all", "All"]]);
  if (group === "app") return new Map(apps.map(({ public_app_id, name }) => [public_app_id, name]));
  if (group !== "feature") return new Map();
  const features = await selectFeatureNames(tx, scope);
  return new Map(
    features.map(({ public_app_id, feature_key, display_name }) => [
      `${public_app_id}/${feature_key}`,
      display_name,
    ]),
  );
}

async function readCompleteUntil(tx: Tx, scope: AnalyticsScope): Promise<Date> {
  const [row] = await selectCompleteUntil(tx, scope);
  return row.at;
}

const currentOf = (metric: Metric, value: string | null | undefined) => named("value", metric, value);
const previousOf = (metric: Metric, value: string | null | undefined) => named("previous", metric, value);
const totalOf = (metric: Metric, value: string | null | undefined) => named("total", metric, value);

/** Sums of nothing are zero; of a rate or a percentile of nothing there is none. */
function named<Name extends string>(
  name: Name,
  metric: Metric,
  value: string | null | undefined,
): { [N in Name]?: Value } {
  const unit = unitOf(metric);
  if (unit === "usd") return { [name]: value ?? "0.00000000" } as { [N in Name]?: Value };
  if (value === null || value === undefined)
    return (unit === "ratio" || unit === "ms" ? {} : { [name]: 0 }) as { [N in Name]?: Value };
  return { [name]: Number(value) } as { [N in Name]?: Value };
}
