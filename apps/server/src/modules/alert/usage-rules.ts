import type { Tx } from "../../lib/db.ts";
import { type AlertRule, type Condition, platformTarget } from "./rules.ts";

const mostSamples = 20;
/** A share of next to nothing wakes nobody. USD within the hour. */
const absorbedFloorUsd = "0.01";

/** Rules about what was called and charged within the last hour, and about the prices that it was charged by. */
export const usageRules: readonly AlertRule[] = [
  {
    name: "charge_capped",
    kind: "page",
    title: "A charge was capped at its hold: upstream took more than the worst case that was reserved.",
    remedy:
      "Compare the named requests' tokens with their output limits, and the model's prices with its provider's list.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select u.provider || '/' || u.model as target, jsonb_build_object('requests', count(*),
        'absorbed_usd', sum(u.absorbed_cost_usd)::text, 'request_ids', ${requestIds(tx)}) as details
      from usage_events u
      join feature_versions v on v.app_id = u.app_id and v.feature_id = u.feature_id and v.version = u.feature_version
      where ${lastHour(tx)} and u.outcome in ('succeeded', 'aborted') and u.charge_usd = u.hold_usd
        and (select sum((line ->> 'amount_usd')::numeric) from jsonb_array_elements(u.lines) as line)
          * (1 + (u.pricing ->> 'markup_percent')::numeric / 100) + coalesce((v.pricing ->> 'request_fee_usd')::numeric, 0)
          -- The cost was rounded once and the charge once more.
          > u.hold_usd + 0.00000002
      group by 1`,
    prometheus: null,
  },
  {
    name: "absorbed_cost",
    kind: "page",
    title:
      "The operator carries upstream cost that nobody is charged for: over 1 USD or 2 % of charges within an hour.",
    remedy:
      "Find the failing provider in the requests of the last hour; switch it off if it takes money for failures.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('absorbed_usd', absorbed::text, 'charges_usd', charged::text) as details
      from (select coalesce(sum(u.absorbed_cost_usd), 0) as absorbed, coalesce(sum(u.charge_usd), 0) as charged
        from usage_events u where ${lastHour(tx)}) s
      where absorbed > 1 or (absorbed > 0.02 * charged and absorbed > ${absorbedFloorUsd}::numeric)`,
    prometheus: {
      expr: `sum(increase(modelfaucet_money_usd_total{kind="absorbed"}[1h])) > 1 or (sum(increase(modelfaucet_money_usd_total{kind="absorbed"}[1h])) > ${absorbedFloorUsd} and sum(increase(modelfaucet_money_usd_total{kind="absorbed"}[1h])) > 0.02 * sum(increase(modelfaucet_money_usd_total{kind="charge"}[1h])))`,
      for: "0m",
    },
  },
  {
    name: "estimated_usage",
    kind: "ticket",
    title: "A provider leaves out its usage, so tokens are counted here: over 0.5 % of an hour's requests.",
    remedy:
      "See which provider it is and whether it can be made to report usage; estimated charges may be disputed.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('requests', sum(requests), 'estimated', sum(estimated),
        'by_provider', jsonb_object_agg(provider, estimated) filter (where estimated > 0)) as details
      from (select u.provider, count(*) as requests, count(*) filter (where u.usage_source = 'estimated') as estimated
        from usage_events u where ${lastHour(tx)} and u.requests = 1 group by 1) s
      having sum(estimated) > 0.005 * sum(requests)`,
    prometheus: {
      expr: 'sum(increase(modelfaucet_tokens_total{usage_source="estimated"}[1h])) > 0.005 * sum(increase(modelfaucet_tokens_total[1h]))',
      for: "0m",
    },
  },
  {
    name: "other_model_answered",
    kind: "ticket",
    title: "Another model answered than was asked for.",
    remedy:
      "Ask the provider why, or take the model from the features that list it; charges follow the asked one's price.",
    quietSeconds: 0,
    // The same model under a longer path, or a dated snapshot of it, is the one that was asked for.
    conditions: (tx) => tx<Condition[]>`
      select provider || '/' || model as target, jsonb_build_object('answered', jsonb_agg(distinct served_model),
        'requests', count(*)) as details
      from (select u.provider, u.model, u.served_model, regexp_replace(u.model, '^.*/', '') as asked,
          regexp_replace(u.served_model, '^.*/', '') as answered
        from usage_events u where ${lastHour(tx)} and u.requests = 1 and u.served_model <> u.model) s
      where asked <> answered and not (starts_with(answered, asked)
        and substr(answered, length(asked) + 1) ~ '^-([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4})$')
      group by 1`,
    prometheus: null,
  },
  {
    name: "price_missing",
    kind: "ticket",
    title: "A model that features route to has no price, so it is never called.",
    remedy: "Import its price with `pnpm prices:import`, or take the model from the features that list it.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select routed.name as target, jsonb_build_object('features', count(distinct routed.feature)) as details
      from (
        select case jsonb_typeof(entry) when 'string' then entry #>> '{}' else (entry ->> 'provider') || '/' || (entry ->> 'model') end as name,
          f.app_id || '/' || f.feature_key as feature
        from app_features f join apps a on a.id = f.app_id
        cross join lateral jsonb_array_elements(${list(tx, tx`f.policy -> 'models'`)}) as entry
        where f.status = 'active' and a.status = 'active'
        union all
        select (entry ->> 'provider') || '/' || (entry ->> 'model'), 'auto-text'
        from settings s cross join lateral jsonb_array_elements(${list(tx, tx`s.value`)}) as entry where s.name = 'auto-text') routed
      where not exists (
        select 1 from priced_models m join price_versions v using (version) join price_publications p using (version)
        where m.provider || '/' || m.model = routed.name and v.effective_from <= mf_now())
      group by 1 order by 1 limit ${mostSamples}`,
    prometheus: null,
  },
  {
    name: "price_book_old",
    kind: "ticket",
    title: "The price book has not been renewed for too long; calls go on at the last prices.",
    remedy: "Compare it with the providers' lists and import a new version with `pnpm prices:import`.",
    quietSeconds: 0,
    conditions: (tx, { priceBookMaxAgeDays }) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('published_at', published_at, 'max_age_days', ${priceBookMaxAgeDays}::int) as details
      from (select max(published_at) as published_at from price_publications) p
      where published_at < mf_now() - make_interval(days => ${priceBookMaxAgeDays})`,
    prometheus: null,
  },
];

/** Requests that were booked within the last hour; what is dated ahead is for the checks of the books to find. */
function lastHour(tx: Tx) {
  return tx`u.created_at > mf_now() - interval '1 hour'`;
}

/** What is no list has no elements. */
function list(tx: Tx, value: ReturnType<Tx>) {
  return tx`case jsonb_typeof(${value}) when 'array' then ${value} else '[]' end`;
}

function requestIds(tx: Tx) {
  return tx`to_jsonb((array_agg('req_' || u.id order by u.id desc))[1:${mostSamples}])`;
}
