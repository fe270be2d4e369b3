import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";
import type { OpenRow, UsageRow } from "./rules.ts";

/**
 * Whose requests are read. Row security already closes everything else; the same facts stand in the statement so that
 * it finds its index, and so that a token that is kept to some apps sees those alone.
 */
export type RequestScope =
  | { appId: string; endUserId: string }
  | { developerId: string | null; publicAppIds: readonly string[] | null; appId?: string };

export type RequestFilter = {
  publicAppId?: string | undefined;
  featureKey?: string | undefined;
  routeMode?: string | undefined;
  provider?: string | undefined;
  /** The asked or the answered model. */
  model?: string | undefined;
  /** A request's UUID. */
  id?: string | undefined;
  status?: string | undefined;
  endUserId?: string | undefined;
  minChargeUsd?: Usd | undefined;
  /** Half open, by the time at which the request began. */
  from?: string | undefined;
  to?: string | undefined;
};

/** Newest first; `before` is the UUID of the last item that was shown. */
export type Slice = { before: string | null; limit: number };

export const selectClosed = (tx: Tx, scope: RequestScope, filter: RequestFilter, slice: Slice) => tx<
  UsageRow[]
>`
  select ${closedColumns(tx)}
  from usage_events u join apps p on p.id = u.app_id
  where ${closedWhere(tx, scope, filter)} ${slice.before === null ? tx`` : tx`and u.id < ${slice.before}`}
  order by u.id desc limit ${slice.limit}`;

/** Open requests match a filter of what is known of them already. */
export const selectOpen = (tx: Tx, scope: RequestScope, filter: RequestFilter, slice: Slice) => tx<OpenRow[]>`
  select p.public_app_id, u.id, u.feature_key, u.price_version, u.route_mode, u.provider, u.model, u.endpoint,
    u.client_request_id, u.hold_usd::text, u.created_at
  from holds u join apps p on p.id = u.app_id
  where ${scopeWhere(tx, scope)} ${sameFacts(tx, filter)}
    ${filter.model === undefined ? tx`` : tx`and u.model = ${filter.model}`}
    ${filter.from === undefined ? tx`` : tx`and u.created_at >= ${filter.from}`}
    ${filter.to === undefined ? tx`` : tx`and u.created_at < ${filter.to}`}
    ${slice.before === null ? tx`` : tx`and u.id < ${slice.before}`}
  order by u.id desc limit ${slice.limit}`;

export const selectReceipts = (
  tx: Tx,
  scope: RequestScope,
  filter: { id?: string | undefined; from?: string | undefined; to?: string | undefined },
  slice: Slice,
) => tx<UsageRow[]>`
  select ${closedColumns(tx)}
  from usage_events u join apps p on p.id = u.app_id
  where ${scopeWhere(tx, scope)} and u.outcome in ('succeeded', 'aborted') and u.route_mode <> 'local'
    ${filter.id === undefined ? tx`` : tx`and u.id = ${filter.id}`}
    ${filter.from === undefined ? tx`` : tx`and u.created_at >= ${filter.from}`}
    ${filter.to === undefined ? tx`` : tx`and u.created_at < ${filter.to}`}
    ${slice.before === null ? tx`` : tx`and u.id < ${slice.before}`}
  order by u.id desc limit ${slice.limit}`;

export type Totals = {
  calls: string;
  input_tokens: string;
  output_tokens: string;
  charge_usd: string;
  developer_share_usd: string;
};

/** Sums over the whole filter, made by the database: exact, whatever the page. */
export const selectTotals = (tx: Tx, scope: RequestScope, filter: RequestFilter) => tx<[Totals]>`
  select count(*)::text as calls, coalesce(sum(u.input_tokens), 0)::text as input_tokens,
    coalesce(sum(u.output_tokens), 0)::text as output_tokens,
    coalesce(sum(u.charge_usd), 0)::numeric(38,8)::text as charge_usd,
    coalesce(sum(u.developer_share_usd), 0)::numeric(38,8)::text as developer_share_usd
  from usage_events u join apps p on p.id = u.app_id
  where ${closedWhere(tx, scope, filter)}`;

const closedColumns = (tx: Tx) => tx`
  u.app_id, p.public_app_id, u.id, u.end_user_id, u.feature_key, u.feature_version, u.price_version, u.route_mode,
  u.provider, u.served_model, u.endpoint, u.client_request_id, u.input_tokens, u.cached_input_tokens,
  u.cache_write_tokens, u.output_tokens, u.reasoning_tokens, u.usage_source, u.simulated, u.lines, u.pricing,
  u.hold_usd::text, u.upstream_cost_usd::text, u.absorbed_cost_usd::text, u.developer_share_usd::text,
  u.platform_share_usd::text, u.fee_usd::text, u.charge_usd::text, u.provider_estimate_usd::text,
  u.paid_usd::text, u.promo_usd::text,
  u.test_usd::text, u.outcome, u.error_code, u.attempts, u.first_byte_ms, u.duration_ms, u.opened_at, u.created_at`;

const closedWhere = (tx: Tx, scope: RequestScope, filter: RequestFilter) => tx`
  ${scopeWhere(tx, scope)} ${sameFacts(tx, filter)}
  ${filter.model === undefined ? tx`` : tx`and (u.served_model = ${filter.model} or u.model = ${filter.model})`}
  ${filter.status === undefined ? tx`` : tx`and u.outcome = ${filter.status}`}
  ${filter.minChargeUsd === undefined ? tx`` : tx`and u.charge_usd >= ${formatUsd(filter.minChargeUsd)}::numeric`}
  ${filter.from === undefined ? tx`` : tx`and u.opened_at >= ${filter.from}`}
  ${filter.to === undefined ? tx`` : tx`and u.opened_at < ${filter.to}`}`;

const scopeWhere = (tx: Tx, scope: RequestScope) =>
  "endUserId" in scope
    ? tx`u.app_id = ${scope.appId} and u.end_user_id = ${scope.endUserId}`
    : tx`true
        ${scope.developerId === null ? tx`` : tx`and u.developer_id = ${scope.developerId}`}
        ${scope.publicAppIds === null ? tx`` : tx`and p.public_app_id = any(${[...scope.publicAppIds]}::text[])`}
        ${scope.appId === undefined ? tx`` : tx`and u.app_id = ${scope.appId}`}`;

const sameFacts = (tx: Tx, filter: RequestFilter) => tx`
  ${filter.publicAppId === undefined ? tx`` : tx`and p.public_app_id = ${filter.publicAppId}`}
  ${filter.featureKey === undefined ? tx`` : tx`and u.feature_key = ${filter.featureKey}`}
  ${filter.routeMode === undefined ? tx`` : tx`and u.route_mode = ${filter.routeMode}`}
  ${filter.provider === undefined ? tx`` : tx`and u.provider = ${filter.provider}`}
  ${filter.id === undefined ? tx`` : tx`and u.id = ${filter.id}`}
  ${filter.endUserId === undefined ? tx`` : tx`and u.end_user_id = ${filter.endUserId}`}`;
