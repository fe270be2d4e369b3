import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";
import { columnsOf } from "./columns.ts";
import type { KeyClaim, Leg, RequestFacts } from "./items.ts";
import type { Account } from "./rules.ts";

type Fragment = ReturnType<typeof updateAccounts>;
export type NewHold = { facts: RequestFacts; holdUsd: Usd; legs: readonly Leg[]; claim: KeyClaim | null };

/** Adds holds; `balances`, where given, is the update of accounts that goes with them. */
export const insertHolds = (
  tx: Tx,
  holds: readonly NewHold[],
  instanceId: string,
  ttlSeconds: number,
  balances: Fragment | null,
) => {
  const column = columnsOf(holds.map(holdRow));
  return tx`
  ${balances ? tx`with balances as (${balances})` : tx``}
  insert into holds (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version, price_version,
    route_mode, provider, model, endpoint, client_request_id, hold_usd, leg_accounts, leg_amounts_usd, lease_until, instance_id,
    idempotency_caller, idempotency_route, idempotency_key)
  select app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version, price_version,
    route_mode, provider, model, endpoint, client_request_id, hold_usd, leg_accounts::uuid[], leg_amounts_usd::numeric(20,8)[],
    mf_now() + make_interval(secs => ${ttlSeconds}::float8), ${instanceId}::uuid, idempotency_caller, idempotency_route, idempotency_key
  from (select
    unnest(${column("app_id")}::text::uuid[]) as app_id,
    unnest(${column("id")}::text::uuid[]) as id,
    unnest(${column("developer_id")}::text::uuid[]) as developer_id,
    unnest(${column("end_user_id")}::text::uuid[]) as end_user_id,
    unnest(${column("session_id")}::text::uuid[]) as session_id,
    unnest(${column("feature_id")}::text::uuid[]) as feature_id,
    unnest(${column("feature_key")}::text::text[]) as feature_key,
    unnest(${column("feature_version")}::text::int[]) as feature_version,
    unnest(${column("price_version")}::text::int[]) as price_version,
    unnest(${column("route_mode")}::text::text[]) as route_mode,
    unnest(${column("provider")}::text::text[]) as provider,
    unnest(${column("model")}::text::text[]) as model,
    unnest(${column("endpoint")}::text::text[]) as endpoint,
    unnest(${column("client_request_id")}::text::text[]) as client_request_id,
    unnest(${column("hold_usd")}::text::numeric[]) as hold_usd,
    unnest(${column("leg_accounts")}::text::text[]) as leg_accounts,
    unnest(${column("leg_amounts_usd")}::text::text[]) as leg_amounts_usd,
    unnest(${column("idempotency_caller")}::text::text[]) as idempotency_caller,
    unnest(${column("idempotency_route")}::text::text[]) as idempotency_route,
    unnest(${column("idempotency_key")}::text::text[]) as idempotency_key) w
  on conflict (app_id, id) do nothing`;
};

/**
 * Takes the holds away and writes their usage events in their place: what the hold has kept is taken from its row, so
 * that an event exists exactly where a hold was, and tells of the same request. With them go the transfers, and the
 * update of accounts where it is given.
 */
export const settleHolds = (
  tx: Tx,
  events: readonly Record<string, unknown>[],
  transfers: readonly Record<string, unknown>[],
  epoch: number,
  balances: Fragment | null,
) => {
  const column = columnsOf(events);
  return tx`
  with gone as (
    delete from holds h using (select
      unnest(${column("app_id")}::text::uuid[]) as app_id,
      unnest(${column("id")}::text::uuid[]) as id,
      unnest(${column("route_mode")}::text::text[]) as route_mode,
      unnest(${column("credential_id")}::text::uuid[]) as credential_id,
      unnest(${column("key_cost_usd")}::text::numeric[]) as key_cost_usd,
      unnest(${column("provider_estimate_usd")}::text::numeric[]) as provider_estimate_usd,
      unnest(${column("provider")}::text::text[]) as provider,
      unnest(${column("model")}::text::text[]) as model,
      unnest(${column("served_model")}::text::text[]) as served_model,
      unnest(${column("input_tokens")}::text::int[]) as input_tokens,
      unnest(${column("cached_input_tokens")}::text::int[]) as cached_input_tokens,
      unnest(${column("cache_write_tokens")}::text::int[]) as cache_write_tokens,
      unnest(${column("output_tokens")}::text::int[]) as output_tokens,
      unnest(${column("reasoning_tokens")}::text::int[]) as reasoning_tokens,
      unnest(${column("requests")}::text::int[]) as requests,
      unnest(${column("usage_source")}::text::text[]) as usage_source,
      unnest(${column("simulated")}::text::boolean[]) as simulated,
      unnest(${column("lines")}::text::jsonb[]) as lines,
      unnest(${column("pricing")}::text::jsonb[]) as pricing,
      unnest(${column("upstream_cost_usd")}::text::numeric[]) as upstream_cost_usd,
      unnest(${column("absorbed_cost_usd")}::text::numeric[]) as absorbed_cost_usd,
      unnest(${column("developer_share_usd")}::text::numeric[]) as developer_share_usd,
      unnest(${column("platform_share_usd")}::text::numeric[]) as platform_share_usd,
      unnest(${column("fee_usd")}::text::numeric[]) as fee_usd,
      unnest(${column("charge_usd")}::text::numeric[]) as charge_usd,
      unnest(${column("paid_usd")}::text::numeric[]) as paid_usd,
      unnest(${column("promo_usd")}::text::numeric[]) as promo_usd,
      unnest(${column("test_usd")}::text::numeric[]) as test_usd,
      unnest(${column("wallet_balance_usd")}::text::numeric[]) as wallet_balance_usd,
      unnest(${column("outcome")}::text::text[]) as outcome,
      unnest(${column("error_code")}::text::text[]) as error_code,
      unnest(${column("stopped")}::text::text[]) as stopped,
      unnest(${column("output_limit")}::text::jsonb[]) as output_limit,
      unnest(${column("warnings")}::text::text[]) as warnings,
      unnest(${column("attempts")}::text::jsonb[]) as attempts,
      unnest(${column("first_byte_ms")}::text::int[]) as first_byte_ms,
      unnest(${column("duration_ms")}::text::int[]) as duration_ms) w
    where h.app_id = w.app_id and h.id = w.id
    returning h.app_id, h.id, h.developer_id, h.end_user_id, h.session_id, h.feature_id, h.feature_key, h.feature_version,
      h.price_version, w.route_mode, w.credential_id, w.key_cost_usd, w.provider_estimate_usd, w.provider, w.model, w.served_model, h.endpoint, h.client_request_id, w.input_tokens,
      w.cached_input_tokens, w.cache_write_tokens, w.output_tokens, w.reasoning_tokens, w.requests, w.usage_source, w.simulated,
      w.lines, w.pricing, h.hold_usd, w.upstream_cost_usd, w.absorbed_cost_usd, w.developer_share_usd, w.platform_share_usd,
      w.fee_usd, w.charge_usd, w.paid_usd, w.promo_usd, w.test_usd, w.wallet_balance_usd, w.outcome, w.error_code, w.stopped,
      w.output_limit, w.warnings, w.attempts, w.first_byte_ms, w.duration_ms, h.created_at as opened_at, h.leg_accounts)
  ${transfers.length > 0 ? tx`, moved as (${insertTransfers(tx, transfers, epoch)})` : tx``}
  ${balances ? tx`, balances as (${balances})` : tx``}
  insert into usage_events (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version,
    price_version, route_mode, credential_id, key_cost_usd, provider_estimate_usd, provider, model, served_model, endpoint,
    client_request_id, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, requests, usage_source, simulated,
    lines, pricing, hold_usd, upstream_cost_usd, absorbed_cost_usd, developer_share_usd, platform_share_usd,
    fee_usd, charge_usd, paid_usd, promo_usd, test_usd, wallet_balance_usd, outcome, error_code, stopped,
    output_limit, warnings, attempts, first_byte_ms, duration_ms, opened_at, leg_accounts, epoch)
  select app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version,
    price_version, route_mode, credential_id, key_cost_usd, provider_estimate_usd, provider, model, served_model, endpoint,
    client_request_id, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, requests, usage_source, simulated,
    lines, pricing, hold_usd, upstream_cost_usd, absorbed_cost_usd, developer_share_usd, platform_share_usd,
    fee_usd, charge_usd, paid_usd, promo_usd, test_usd, wallet_balance_usd, outcome, error_code, stopped,
    output_limit, warnings::text[], attempts, first_byte_ms, duration_ms, opened_at, leg_accounts, ${epoch}::int
  from gone`;
};

export const insertTransfers = (tx: Tx, transfers: readonly Record<string, unknown>[], epoch: number) => {
  const column = columnsOf(transfers);
  return tx`
  insert into transfers (app_id, kind, source_id, line, developer_id, from_scope, from_id, to_scope, to_id, amount_usd, reason,
    fund, wallet_seq, balance_after_usd, wallet_balance_after_usd, epoch)
  select
    unnest(${column("app_id")}::text::uuid[]),
    unnest(${column("kind")}::text::text[]),
    unnest(${column("source_id")}::text::text[]),
    unnest(${column("line")}::text::smallint[]),
    unnest(${column("developer_id")}::text::uuid[]),
    unnest(${column("from_scope")}::text::text[]),
    unnest(${column("from_id")}::text::uuid[]),
    unnest(${column("to_scope")}::text::text[]),
    unnest(${column("to_id")}::text::uuid[]),
    unnest(${column("amount_usd")}::text::numeric[]),
    unnest(${column("reason")}::text::text[]),
    unnest(${column("fund")}::text::text[]),
    unnest(${column("wallet_seq")}::text::bigint[]),
    unnest(${column("balance_after_usd")}::text::numeric[]),
    unnest(${column("wallet_balance_after_usd")}::text::numeric[]),
    ${epoch}::int`;
};

export const updateAccounts = (tx: Tx, accounts: readonly Account[]) => {
  const column = columnsOf(
    accounts.map((account) => ({
      app_id: account.appId,
      id: account.id,
      balance_usd: formatUsd(account.balanceUsd),
      held_usd: formatUsd(account.heldUsd),
      limit_usd: account.limitUsd === null ? null : formatUsd(account.limitUsd),
      debt_usd: formatUsd(account.debtUsd),
      wallet_seq: account.walletSeq,
    })),
  );
  return tx`
  update accounts a set balance_usd = w.balance_usd, held_usd = w.held_usd, debt_usd = w.debt_usd, wallet_seq = w.wallet_seq,
    limit_usd = w.limit_usd
  from (select
    unnest(${column("app_id")}::text::uuid[]) as app_id,
    unnest(${column("id")}::text::uuid[]) as id,
    unnest(${column("balance_usd")}::text::numeric[]) as balance_usd,
    unnest(${column("held_usd")}::text::numeric[]) as held_usd,
    unnest(${column("debt_usd")}::text::numeric[]) as debt_usd,
    unnest(${column("limit_usd")}::text::numeric[]) as limit_usd,
    unnest(${column("wallet_seq")}::text::bigint[]) as wallet_seq) w
  where a.app_id = w.app_id and a.id = w.id`;
};

function holdRow(hold: NewHold): Record<string, unknown> {
  const { facts } = hold;
  return {
    app_id: facts.appId,
    id: facts.requestId,
    developer_id: facts.developerId,
    end_user_id: facts.endUserId,
    session_id: facts.sessionId,
    feature_id: facts.featureId,
    feature_key: facts.featureKey,
    feature_version: facts.featureVersion,
    price_version: facts.priceVersion,
    route_mode: facts.routeMode,
    provider: facts.provider,
    model: facts.model,
    endpoint: facts.endpoint,
    client_request_id: facts.clientRequestId,
    hold_usd: formatUsd(hold.holdUsd),
    leg_accounts: `{${hold.legs.map((leg) => leg.accountId).join(",")}}`,
    leg_amounts_usd: `{${hold.legs.map((leg) => formatUsd(leg.amountUsd)).join(",")}}`,
    idempotency_caller: hold.claim?.caller ?? null,
    idempotency_route: hold.claim?.route ?? null,
    idempotency_key: hold.claim?.key ?? null,
  };
}
