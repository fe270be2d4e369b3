import type { Tx } from "../lib/db.ts";
import { type Projector, type Span, within } from "./projector.ts";

/** What a slot of `usage_latencies` spans; `modules/analytics/rules.ts` reads them by the same figure. */
const latencySlotGrowth = 1.15;

/**
 * Requests by app, feature, route, provider, model and outcome, in quarters of an hour, three hours and days; beside them when
 * their first byte came, and who made them. A later correction counts where its request does.
 */
export const usageRollups: Projector = {
  name: "usage_rollups",
  sources: [
    { table: "usage_events" },
    { table: "transfers", kind: "usage_reversal" },
    { table: "transfers", kind: "cost_correction" },
  ],
  add: async (tx, span, generation) => {
    await addRequests(tx, span, generation);
    await addLatencies(tx, span, generation);
    await addActiveUsers(tx, span, generation);
  },
  remove: async (tx, generation) => {
    const apps = await tx<{ id: string }[]>`select id from apps`;
    for (const { id } of apps) {
      await tx`delete from usage_rollups where app_id = ${id} and generation = ${generation}`;
      await tx`delete from usage_latencies where app_id = ${id} and generation = ${generation}`;
      await tx`delete from usage_active_users where app_id = ${id} and generation = ${generation}`;
    }
  },
};

const bucketed = (tx: Tx) => tx`
  cross join (values (15::smallint, interval '15 minutes'), (180, interval '3 hours'), (1440, interval '1 day'))
    as g (grain, length)`;

const addRequests = (tx: Tx, span: Span, generation: number) => tx`
  insert into usage_rollups as r (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, outcome,
    developer_id, requests, fallbacks, input_tokens, output_tokens, charge_usd, fee_usd, upstream_cost_usd,
    absorbed_cost_usd, developer_share_usd, platform_share_usd)
  select m.app_id, ${generation}, g.grain, date_bin(g.length, m.at, 'epoch'), m.feature_key, m.route_mode, m.provider, m.model,
    m.outcome, m.developer_id, sum(m.requests), sum(m.fallbacks), sum(m.input_tokens), sum(m.output_tokens),
    sum(m.charge_usd), sum(m.fee_usd), sum(m.upstream_cost_usd), sum(m.absorbed_cost_usd), sum(m.developer_share_usd),
    sum(m.platform_share_usd)
  from (${settled(tx, span)} union all ${corrected(tx, span)}) as m ${bucketed(tx)}
  group by m.app_id, g.grain, date_bin(g.length, m.at, 'epoch'), m.feature_key, m.route_mode, m.provider, m.model, m.outcome,
    m.developer_id
  on conflict (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, outcome) do update set
    requests = r.requests + excluded.requests, fallbacks = r.fallbacks + excluded.fallbacks,
    input_tokens = r.input_tokens + excluded.input_tokens, output_tokens = r.output_tokens + excluded.output_tokens,
    charge_usd = r.charge_usd + excluded.charge_usd, fee_usd = r.fee_usd + excluded.fee_usd,
    upstream_cost_usd = r.upstream_cost_usd + excluded.upstream_cost_usd,
    absorbed_cost_usd = r.absorbed_cost_usd + excluded.absorbed_cost_usd,
    developer_share_usd = r.developer_share_usd + excluded.developer_share_usd,
    platform_share_usd = r.platform_share_usd + excluded.platform_share_usd`;

/** A request fell back when it was tried with another model or provider than the first; a retry of the same is none. */
const settled = (tx: Tx, span: Span) => tx`
  select u.app_id, u.developer_id, u.opened_at as at, u.feature_key, u.route_mode, u.provider, u.model, u.outcome, 1 as requests,
    case when jsonb_array_length(u.attempts) > 1 and exists (
      select 1 from jsonb_array_elements(u.attempts) a
      where (a ->> 'provider', a ->> 'model') is distinct from (u.attempts -> 0 ->> 'provider', u.attempts -> 0 ->> 'model'))
      then 1 else 0 end as fallbacks,
    u.input_tokens, u.output_tokens, u.charge_usd, u.fee_usd, u.upstream_cost_usd, u.absorbed_cost_usd,
    u.developer_share_usd, u.platform_share_usd
  from usage_events u where ${within(tx, span, "u")}`;

/**
 * Money that came back, or a cost that was known late. The source's id begins with the request's. What cannot be found
 * any more counts at its own time, under no name; nothing is lost.
 */
const corrected = (tx: Tx, span: Span) => tx`
  select t.app_id, a.developer_id, coalesce(u.opened_at, t.created_at), coalesce(u.feature_key, ''),
    coalesce(u.route_mode, 'platform'), coalesce(u.provider, ''), coalesce(u.model, ''), coalesce(u.outcome, 'succeeded'), 0, 0, 0, 0,
    case when 'end_user' in (t.from_scope, t.to_scope) then s.amount_usd else 0 end,
    0::numeric,
    case when 'end_user' in (t.from_scope, t.to_scope) and t.reason = 'usage_provider_cost' then s.amount_usd else 0 end,
    case when 'absorbed_cost' in (t.from_scope, t.to_scope) then s.amount_usd else 0 end,
    case when t.reason = 'usage_developer_share' then s.amount_usd else 0 end,
    case when t.reason = 'usage_platform_share' then s.amount_usd else 0 end
  from transfers t
  join apps a on a.id = t.app_id
  cross join lateral (
    select case when t.to_scope in ('end_user', 'absorbed_cost') then -t.amount_usd else t.amount_usd end as amount_usd) s
  left join lateral (
    select e.opened_at, e.feature_key, e.route_mode, e.provider, e.model, e.outcome from usage_events e
    where e.app_id = t.app_id and e.id = case
      when t.source_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' then left(t.source_id, 36)::uuid end
    limit 1) u on true
  where t.kind <> 'usage' and t.kind in ('usage_reversal', 'cost_correction') and ${within(tx, span, "t")}`;

const addLatencies = (tx: Tx, span: Span, generation: number) => tx`
  insert into usage_latencies as r (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, slot,
    developer_id, requests)
  select u.app_id, ${generation}, g.grain, date_bin(g.length, u.opened_at, 'epoch'), u.feature_key, u.route_mode, u.provider,
    u.model, floor(ln(greatest(u.first_byte_ms, 1)::float8) / ln(${latencySlotGrowth}::float8))::smallint, u.developer_id,
    count(*)
  from usage_events u ${bucketed(tx)}
  where u.first_byte_ms is not null and ${within(tx, span, "u")}
  group by 1, 3, 4, 5, 6, 7, 8, 9, 10
  on conflict (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, slot) do update set
    requests = r.requests + excluded.requests`;

const addActiveUsers = (tx: Tx, span: Span, generation: number) => tx`
  insert into usage_active_users (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, end_user_id,
    developer_id)
  select distinct u.app_id, ${generation}::integer, g.grain, date_bin(g.length, u.opened_at, 'epoch'), u.feature_key,
    u.route_mode, u.provider, u.model, u.end_user_id, u.developer_id
  from usage_events u ${bucketed(tx)}
  where g.grain <> 180 and ${within(tx, span, "u")}
  on conflict do nothing`;
