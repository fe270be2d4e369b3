import type { Tx } from "../../lib/db.ts";
import { cover, type Group, type Interval } from "./rules.ts";

/** Whose requests are counted: apps by id. Row security closes everything else. */
export type AnalyticsScope = { appIds: readonly string[] };
export type AnalyticsFilter = {
  featureKey?: string | undefined;
  routeMode?: string | undefined;
  provider?: string | undefined;
  model?: string | undefined;
  status?: string | undefined;
};

/** How rows are put together: by one column, where only the keys named stand for themselves and the rest is `other`. */
export type Grouping = { by: Group; shown: readonly string[] | null } | null;

/** One figure of one point and group; `key` is `null` for what is not shown by itself. */
export type Measured = { point: number; key: string | null; value: string | null; weight: string };

export type AnalyticsApp = { id: string; public_app_id: string; name: string };

/** The apps that a caller may read, fewer where the caller names one. */
export const selectApps = (
  tx: Tx,
  scope: { developerId: string | null; publicAppIds: readonly string[] | null },
  publicAppId: string | undefined,
) => tx<AnalyticsApp[]>`
  select id, public_app_id, name from apps
  where true ${scope.developerId === null ? tx`` : tx`and developer_id = ${scope.developerId}`}
    ${scope.publicAppIds === null ? tx`` : tx`and public_app_id = any(${[...scope.publicAppIds]}::text[])`}
    ${publicAppId === undefined ? tx`` : tx`and public_app_id = ${publicAppId}`}`;

/**
 * Where the intervals of a zone begin, from the one that `from` lies in to the first that is not before `to`, all in
 * milliseconds. Hours are the hours that a clock there shows, so that a change of the clock by half an hour stays right;
 * of a midnight that comes twice the first one counts, and of one that does not come the moment of the jump.
 */
export const selectBounds = (
  tx: Tx,
  range: { from: string; to: string; interval: Interval; zone: string; most: number },
) =>
  range.interval === "hour"
    ? tx<{ at_ms: number }[]>`
  with wanted as (select ${range.from}::timestamptz as "from", ${range.to}::timestamptz as "to"),
  quarters as (
    select at from wanted, generate_series(date_bin('15 minutes', "from", 'epoch') - interval '90 minutes',
      "to" + interval '120 minutes', interval '15 minutes') as at),
  bounds as (select at from quarters where extract(minute from at at time zone ${range.zone}) = 0)
  select (extract(epoch from at) * 1000)::float8 as at_ms from bounds, wanted
  where at >= (select max(at) from bounds where at <= "from") and at <= (select min(at) from bounds where at >= "to")
  order by at limit ${range.most}`
    : tx<{ at_ms: number }[]>`
  with wanted as (select ${range.from}::timestamptz as "from", ${range.to}::timestamptz as "to"),
  days as (
    select local, local at time zone ${range.zone} as at
    from wanted, generate_series(date_trunc(${range.interval}, "from" at time zone ${range.zone}) - ${`1 ${range.interval}`}::interval,
      ("to" at time zone ${range.zone}) + ${`2 ${range.interval}`}::interval, ${`1 ${range.interval}`}::interval) as local),
  bounds as (
    select case when (at - interval '60 minutes') at time zone ${range.zone} >= local then at - interval '60 minutes'
      when (at - interval '30 minutes') at time zone ${range.zone} >= local then at - interval '30 minutes' else at end as at
    from days)
  select (extract(epoch from at) * 1000)::float8 as at_ms from bounds, wanted
  where at >= (select max(at) from bounds where at <= "from") and at <= (select min(at) from bounds where at >= "to")
  order by at limit ${range.most}`;

/** A sum of the roll-ups' columns between each two bounds. */
export const selectSums = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  boundsMs: readonly number[],
  grouping: Grouping,
  column: SumColumn,
) => tx<Measured[]>`
  select r.point, ${keyOf(tx, grouping)} as key, sum(${columnOf(tx, column)})::text as value, sum(r.requests)::text as weight
  from (${rowsOf(tx, "usage_rollups", scope, filter, boundsMs)}) r ${joinOf(tx, grouping)}
  ${filter.status === undefined ? tx`` : tx`where r.outcome = ${filter.status}`}
  group by 1, 2`;

/** Every sum at once, over all of the scope: what a summary shows. */
export const selectAllSums = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  boundsMs: readonly number[],
) => tx<(Record<string, string> & { point: number })[]>`
  select r.point, sum(r.requests)::text as requests, sum(${columnOf(tx, "errors")})::text as errors,
    sum(r.fallbacks)::text as fallbacks, sum(r.input_tokens)::text as input_tokens, sum(r.output_tokens)::text as output_tokens,
    sum(r.charge_usd)::numeric(38,8)::text as charge_usd, sum(r.fee_usd)::numeric(38,8)::text as fee_usd,
    sum(r.upstream_cost_usd)::numeric(38,8)::text as upstream_cost_usd,
    sum(r.developer_share_usd)::numeric(38,8)::text as developer_share_usd,
    sum(r.platform_share_usd)::numeric(38,8)::text as platform_share_usd
  from (${rowsOf(tx, "usage_rollups", scope, filter, boundsMs)}) r group by 1`;

/** How many users made a request. */
export const selectActiveUsers = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  boundsMs: readonly number[],
  grouping: Grouping,
) => tx<Measured[]>`
  select point, key, count(*)::text as value, count(*)::text as weight from (
    select distinct r.point, ${keyOf(tx, grouping)} as key, r.end_user_id
    from (${rowsOf(tx, "usage_active_users", scope, filter, boundsMs)}) r ${joinOf(tx, grouping)}) as users
  group by 1, 2`;

/** How many users were made. Only apps keep them apart. */
export const selectNewUsers = (
  tx: Tx,
  scope: AnalyticsScope,
  boundsMs: readonly number[],
  grouping: Grouping,
) => tx<Measured[]>`
  select r.point, ${keyOf(tx, grouping)} as key, count(*)::text as value, count(*)::text as weight
  from (
    select app_id, width_bucket(created_at, ${timesOf(boundsMs)}::timestamptz[]) - 1 as point from end_users
    where app_id = any(${[...scope.appIds]}::uuid[]) and created_at >= ${timeOf(boundsMs[0]!)}
      and created_at < ${timeOf(boundsMs.at(-1)!)}) r
  ${joinOf(tx, grouping)}
  group by 1, 2`;

/** The latency slots that the median and the 95th percentile lie in. */
export const selectLatencies = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  boundsMs: readonly number[],
  grouping: Grouping,
) => tx<{ point: number; key: string | null; weight: string; p50: number; p95: number }[]>`
  with slots as (
    select r.point, ${keyOf(tx, grouping)} as key, r.slot, sum(r.requests) as requests
    from (${rowsOf(tx, "usage_latencies", scope, filter, boundsMs)}) r ${joinOf(tx, grouping)}
    group by 1, 2, 3),
  summed as (
    select point, key, slot, sum(requests) over (partition by point, key order by slot) as below,
      sum(requests) over (partition by point, key) as total
    from slots where requests > 0)
  select point, key, max(total)::text as weight, min(slot) filter (where below >= ceil(total * 0.5)) as p50,
    min(slot) filter (where below >= ceil(total * 0.95)) as p95
  from summed group by 1, 2`;

/**
 * The instant before which every request is in the roll-ups: the least at which one began that is still open, or closed
 * since the cursor; else now. Where a great many have closed since, those after the first of them are not looked at: no
 * request lives longer than half an hour.
 */
export const selectCompleteUntil = (tx: Tx, scope: AnalyticsScope) => tx<[{ at: Date }]>`
  with newer as materialized (
    select u.app_id, u.opened_at, u.created_at from usage_events u
    where (u.epoch, u.xid8) > ((select epoch from projections where name = 'usage_rollups'),
      (select xid8 from projections where name = 'usage_rollups'))
    order by u.epoch, u.xid8 limit ${mostNewer})
  select least(mf_now(),
    (select min(h.created_at) from holds h where h.app_id = any(${[...scope.appIds]}::uuid[])),
    (select min(opened_at) from newer where app_id = any(${[...scope.appIds]}::uuid[])),
    (select min(created_at) - interval '30 minutes' from newer having count(*) = ${mostNewer})) as at`;

const mostNewer = 1_000;

/** What features are called now; one that is archived is not named. */
export const selectFeatureNames = (tx: Tx, scope: AnalyticsScope) => tx<
  { public_app_id: string; feature_key: string; display_name: string }[]
>`
  select p.public_app_id, f.feature_key, f.display_name from app_features f join apps p on p.id = f.app_id
  where f.app_id = any(${[...scope.appIds]}::uuid[]) and f.status <> 'archived'`;

export type SumColumn =
  | "requests"
  | "errors"
  | "fallbacks"
  | "input_tokens"
  | "output_tokens"
  | "charge_usd"
  | "fee_usd"
  | "upstream_cost_usd"
  | "developer_share_usd"
  | "platform_share_usd";

const columnOf = (tx: Tx, column: SumColumn) =>
  column === "errors"
    ? tx`case when r.outcome in ('failed', 'flagged') then r.requests else 0 end`
    : tx`r.${tx(column)}`;

/** The buckets that each roll-up keeps, in minutes; `0008_projectors.sql` says the same. */
const grainsOf = {
  usage_rollups: [1440, 180, 15],
  usage_latencies: [1440, 180, 15],
  usage_active_users: [1440, 15],
} as const;

/**
 * The rows of a roll-up between the first and the last bound, each with the number of the interval that it lies in: one
 * range of the key for each grain, and in it the stretches that this grain covers.
 */
const rowsOf = (
  tx: Tx,
  table: keyof typeof grainsOf,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  boundsMs: readonly number[],
) =>
  cover(boundsMs, grainsOf[table])
    .map(
      ({ grain, points, fromMs, toMs }) => tx`
    select (${points}::integer[])[r.at] as point, r.* from (
      select r.*, width_bucket(r.bucket, ${timesOf(fromMs)}::timestamptz[]) as at from ${tx(table)} r
      where r.app_id = any(${[...scope.appIds]}::uuid[])
        and r.generation = (select generation from projections where name = 'usage_rollups') and r.grain = ${grain}
        and r.bucket >= ${timeOf(fromMs[0]!)} and r.bucket < ${timeOf(toMs.at(-1)!)}
        ${filter.featureKey === undefined ? tx`` : tx`and r.feature_key = ${filter.featureKey}`}
        ${filter.routeMode === undefined ? tx`` : tx`and r.route_mode = ${filter.routeMode}`}
        ${filter.provider === undefined ? tx`` : tx`and r.provider = ${filter.provider}`}
        ${filter.model === undefined ? tx`` : tx`and r.model = ${filter.model}`}) r
    where r.bucket < (${timesOf(toMs)}::timestamptz[])[r.at]`,
    )
    .reduce((all, one) => tx`${all} union all ${one}`);

const timeOf = (ms: number): Date => new Date(ms);
// Texts: a list of dates would be declared as one date.
const timesOf = (ms: readonly number[]): string[] => ms.map((one) => timeOf(one).toISOString());

const needsApp = (grouping: Grouping): boolean => grouping?.by === "app" || grouping?.by === "feature";

const joinOf = (tx: Tx, grouping: Grouping) =>
  needsApp(grouping) ? tx`join apps p on p.id = r.app_id` : tx``;

const keyOf = (tx: Tx, grouping: Grouping) => {
  if (grouping === null) return tx`'all'::text`;
  const key =
    grouping.by === "app"
      ? tx`p.public_app_id`
      : grouping.by === "feature"
        ? tx`p.public_app_id || '/' || r.feature_key`
        : tx`r.${tx(grouping.by)}`;
  if (grouping.shown === null) return key;
  return tx`case when ${key} = any(${[...grouping.shown]}::text[]) then ${key} end`;
};
