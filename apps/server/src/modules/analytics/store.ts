import type { Tx } from "../../lib/db.ts";
import type { Group, Interval, Segment } from "./rules.ts";

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

/** A sum of the roll-ups' columns. */
export const selectSums = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  segments: readonly Segment[],
  grouping: Grouping,
  column: SumColumn,
) => tx<Measured[]>`
  select s.point, ${keyOf(tx, grouping)} as key, sum(${columnOf(tx, column)})::text as value, sum(r.requests)::text as weight
  from ${segmentsOf(tx, segments)} cross join lateral (
    select r.* from usage_rollups r where ${rowsOf(tx, scope, filter)}
      ${filter.status === undefined ? tx`` : tx`and r.outcome = ${filter.status}`}) r
  ${joinOf(tx, grouping)}
  group by 1, 2`;

/** Every sum at once, over all of the scope: what a summary shows. */
export const selectAllSums = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  segments: readonly Segment[],
) => tx<(Record<string, string> & { point: number })[]>`
  select s.point, sum(r.requests)::text as requests, sum(${columnOf(tx, "errors")})::text as errors,
    sum(r.fallbacks)::text as fallbacks, sum(r.input_tokens)::text as input_tokens, sum(r.output_tokens)::text as output_tokens,
    sum(r.charge_usd)::numeric(38,8)::text as charge_usd, sum(r.fee_usd)::numeric(38,8)::text as fee_usd,
    sum(r.upstream_cost_usd)::numeric(38,8)::text as upstream_cost_usd,
    sum(r.developer_share_usd)::numeric(38,8)::text as developer_share_usd,
    sum(r.platform_share_usd)::numeric(38,8)::text as platform_share_usd
  from ${segmentsOf(tx, segments)} cross join lateral (
    select r.* from usage_rollups r where ${rowsOf(tx, scope, filter)}) r
  group by 1`;

/** How many users made a request. */
export const selectActiveUsers = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  segments: readonly Segment[],
  grouping: Grouping,
) => tx<Measured[]>`
  select point, key, count(*)::text as value, count(*)::text as weight from (
    select distinct s.point, ${keyOf(tx, grouping)} as key, r.app_id, r.end_user_id
    from ${segmentsOf(tx, segments)} cross join lateral (
      select r.* from usage_active_users r where ${rowsOf(tx, scope, filter)}) r
    ${joinOf(tx, grouping)}) as users
  group by 1, 2`;

/** How many users were made. Only apps keep them apart. */
export const selectNewUsers = (
  tx: Tx,
  scope: AnalyticsScope,
  segments: readonly Segment[],
  grouping: Grouping,
) => tx<Measured[]>`
  select s.point, ${keyOf(tx, grouping)} as key, count(*)::text as value, count(*)::text as weight
  from ${segmentsOf(tx, segments)} cross join lateral (
    select r.app_id from end_users r where r.app_id = any(${[...scope.appIds]}::uuid[])
      and r.created_at >= s."from" and r.created_at < s."to") r
  ${joinOf(tx, grouping)}
  group by 1, 2`;

/** The latency slots that the percentiles lie in: `value` of the first asked for, and of the second where there is one. */
export const selectLatencies = (
  tx: Tx,
  scope: AnalyticsScope,
  filter: AnalyticsFilter,
  segments: readonly Segment[],
  grouping: Grouping,
) => tx<{ point: number; key: string | null; weight: string; p50: number; p95: number }[]>`
  with slots as (
    select s.point, ${keyOf(tx, grouping)} as key, r.slot, sum(r.requests) as requests
    from ${segmentsOf(tx, segments)} cross join lateral (
      select r.* from usage_latencies r where ${rowsOf(tx, scope, filter)}) r
    ${joinOf(tx, grouping)}
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
 * since the cursor; else now.
 */
export const selectCompleteUntil = (tx: Tx, scope: AnalyticsScope) => tx<[{ at: Date }]>`
  select least(mf_now(),
    (select min(h.created_at) from holds h where h.app_id = any(${[...scope.appIds]}::uuid[])),
    (select min(u.opened_at) from usage_events u where u.app_id = any(${[...scope.appIds]}::uuid[])
      and (u.epoch, u.xid8) > ((select epoch from projections where name = 'usage_rollups'),
        (select xid8 from projections where name = 'usage_rollups')))) as at`;

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

const segmentsOf = (tx: Tx, segments: readonly Segment[]) => tx`
  (select unnest(${segments.map(({ point }) => point)}::int[]) as point,
    unnest(${segments.map(({ grain }) => grain)}::smallint[]) as grain,
    to_timestamp(unnest(${segments.map(({ fromMs }) => fromMs / 1_000)}::float8[])) as "from",
    to_timestamp(unnest(${segments.map(({ toMs }) => toMs / 1_000)}::float8[])) as "to") s`;

const rowsOf = (tx: Tx, scope: AnalyticsScope, filter: AnalyticsFilter) => tx`
  r.app_id = any(${[...scope.appIds]}::uuid[])
  and r.generation = (select generation from projections where name = 'usage_rollups')
  and r.grain = s.grain and r.bucket >= s."from" and r.bucket < s."to"
  ${filter.featureKey === undefined ? tx`` : tx`and r.feature_key = ${filter.featureKey}`}
  ${filter.routeMode === undefined ? tx`` : tx`and r.route_mode = ${filter.routeMode}`}
  ${filter.provider === undefined ? tx`` : tx`and r.provider = ${filter.provider}`}
  ${filter.model === undefined ? tx`` : tx`and r.model = ${filter.model}`}`;

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
