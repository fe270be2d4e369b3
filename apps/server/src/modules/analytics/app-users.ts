import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { type Usd, usdFromStore } from "../../lib/money.ts";
import { limitsColumn, type StoredLimit, storedLimitsOf } from "../../lib/stored-limit.ts";
import { isOff } from "../../lib/switched.ts";

/** An end user as its developer sees it. Sums are of the month that runs by the app's calendar. */
export type AppUser = {
  id: string;
  externalUserHash: string;
  identityMode: "signed" | "server" | "demo";
  verified: boolean;
  status: "active" | "suspended";
  own: boolean;
  balanceUsd: Usd;
  spentUsd: Usd;
  requests: number;
  modes: ("platform" | "developer_key" | "byok" | "local")[];
  lastSeenAt: Date | null;
  createdAt: Date;
};

export type AppUserSort = "newest" | "last_seen" | "spent";

/** The sort key of the row that a page ends with: an instant, an amount, or nothing, as text; and its id. */
export type AppUserPlace = { key: string | null; id: string };

export type AppUserFilter = {
  appId: string;
  externalUserHash?: string | undefined;
  status?: "active" | "suspended" | undefined;
  from?: string | undefined;
  to?: string | undefined;
  sort: AppUserSort;
  after: AppUserPlace | null;
  limit: number;
};

/** Each with the place that a page would end at behind it. */
export async function listAppUsers(
  tx: Tx,
  filter: AppUserFilter,
): Promise<(AppUser & { place: AppUserPlace })[]> {
  const rows = await tx`
    with app as (
      select id, identity_mode, mf_uuid_at(mf_window_start('month', time_zone, mf_now())) as month_begins
      from apps where id = ${filter.appId}),
    ${filter.sort === "spent" ? spendersOf(tx) : tx``}
    page as (
      select u.*, ${keyOf(tx, filter.sort)} as place_key, app.identity_mode, app.month_begins
      from app join end_users u on u.app_id = app.id
      ${filter.sort === "spent" ? tx`left join spenders s on s.end_user_id = u.id` : tx``}
      where u.status <> 'erased' and ${matches(tx, filter)} and ${isBehind(tx, filter)}
      order by ${orderOf(tx, filter.sort)} limit ${filter.limit})
    select u.*, ${sumsOf(tx)} from page u ${joinSums(tx)} order by ${orderOfPage(tx, filter.sort)}`;
  return rows.map((row) => ({ ...userOf(row), place: { key: row.place_key, id: row.id } }));
}

export type UsageOfMode = {
  routeMode: AppUser["modes"][number];
  requests: number;
  inputTokens: number;
  outputTokens: number;
  chargeUsd: Usd;
  feeUsd: Usd;
};

export type AppUserDetails = AppUser & {
  metadata: Record<string, unknown>;
  /** What was set on this user, by whomever. */
  limits: readonly StoredLimit[];
  usage: UsageOfMode[];
  sessions: { id: string; origin: string | null; createdAt: Date; expiresAt: Date }[];
};

const mostSessions = 100;

/** `null`: the app has no such user, or it was erased. */
export async function readAppUser(tx: Tx, appId: string, id: string): Promise<AppUserDetails | null> {
  const [row] = await tx`
    select u.*, ${sumsOf(tx)}, ${limitsColumn(
      tx,
      tx`l.app_id = u.app_id and l.level = 'end_user' and l.target_id = u.id`,
    )} as limits
    from (
      select u.*, a.identity_mode, mf_uuid_at(mf_window_start('month', a.time_zone, mf_now())) as month_begins
      from end_users u join apps a on a.id = u.app_id
      where u.app_id = ${appId} and u.id = ${id} and u.status <> 'erased') u ${joinSums(tx)}`;
  if (!row) return null;
  const usage = await tx`
    select route_mode, count(*)::int as requests, sum(input_tokens)::float8 as input_tokens,
      sum(output_tokens)::float8 as output_tokens, sum(charge_usd)::text as charge_usd, sum(fee_usd)::text as fee_usd
    from usage_events where app_id = ${appId} and end_user_id = ${id} and id >= ${row.month_begins}
    group by 1 order by 1`;
  const sessions = await tx`
    select id, origin, created_at, token_expires_at from virtual_sessions
    where app_id = ${appId} and end_user_id = ${id} and revoked_at is null and token_expires_at > mf_now()
    order by id desc limit ${mostSessions}`;
  return {
    ...userOf(row),
    metadata: row.metadata,
    limits: storedLimitsOf(row.limits),
    usage: usage.map(usageOf),
    sessions: sessions.map((session) => ({
      id: session.id,
      origin: session.origin,
      createdAt: session.created_at,
      expiresAt: session.token_expires_at,
    })),
  };
}

/** Who spent how much this month. One pass over the app's rows of the month, which are in one partition or two. */
const spendersOf = (tx: Tx) => tx`
  spenders as (
    select e.end_user_id, sum(e.charge_usd) as spent_usd from usage_events e join app on app.id = e.app_id
    where e.id >= app.month_begins group by 1),`;

const keyOf = (tx: Tx, sort: AppUserSort) => {
  if (sort === "spent") return tx`coalesce(s.spent_usd, 0)::text`;
  return sort === "last_seen" ? tx`u.last_seen_at::text` : tx`null::text`;
};

const orderOf = (tx: Tx, sort: AppUserSort) => {
  if (sort === "spent") return tx`coalesce(s.spent_usd, 0) desc, u.id desc`;
  return sort === "last_seen" ? tx`u.last_seen_at desc nulls last, u.id desc` : tx`u.id desc`;
};

const orderOfPage = (tx: Tx, sort: AppUserSort) => {
  if (sort === "spent") return tx`u.place_key::numeric desc, u.id desc`;
  return sort === "last_seen" ? tx`u.last_seen_at desc nulls last, u.id desc` : tx`u.id desc`;
};

const matches = (tx: Tx, { externalUserHash, status, from, to }: AppUserFilter) => tx`
  (${externalUserHash ?? null}::text is null or u.external_user_hash = ${externalUserHash ?? null})
  and (${status ?? null}::text is null or case when ${isOff(tx, "end_user", tx`u.id`)} then 'suspended' else u.status end = ${status ?? null})
  and (${from ?? null}::timestamptz is null or u.created_at >= ${from ?? null})
  and (${to ?? null}::timestamptz is null or u.created_at < ${to ?? null})`;

/** Below the place that the page before ended at. */
const isBehind = (tx: Tx, { sort, after }: AppUserFilter) => {
  if (after === null) return tx`true`;
  const { key, id } = after;
  if (sort === "newest") return tx`u.id < ${id}`;
  if (sort === "spent") return tx`(coalesce(s.spent_usd, 0), u.id) < (${key}::numeric, ${id}::uuid)`;
  // Who was never seen comes last.
  return key === null
    ? tx`u.last_seen_at is null and u.id < ${id}`
    : tx`((u.last_seen_at, u.id) < (${key}::timestamptz, ${id}::uuid) or u.last_seen_at is null)`;
};

const sumsOf = (tx: Tx) => tx`
  coalesce(w.balance_usd, 0)::text as balance_usd, coalesce(m.spent_usd, 0)::text as spent_usd,
  ${isOff(tx, "end_user", tx`u.id`)} as switched_off, coalesce(m.requests, 0) as requests, coalesce(m.modes, '{}') as modes`;

const joinSums = (tx: Tx) => tx`
  left join lateral (
    select sum(a.balance_usd) as balance_usd from accounts a
    where a.app_id = u.app_id and a.kind = 'wallet' and a.owner_id = u.id) w on true
  left join lateral (
    select sum(e.charge_usd) as spent_usd, count(*)::int as requests, array_agg(distinct e.route_mode) as modes
    from usage_events e where e.app_id = u.app_id and e.end_user_id = u.id and e.id >= u.month_begins) m on true`;

function userOf(row: postgres.Row): AppUser {
  return {
    id: row.id,
    externalUserHash: row.external_user_hash,
    identityMode: row.identity_mode,
    verified: row.verified,
    status: row.switched_off ? "suspended" : row.status,
    own: row.own,
    balanceUsd: usdFromStore(row.balance_usd),
    spentUsd: usdFromStore(row.spent_usd),
    requests: row.requests,
    modes: row.modes,
    lastSeenAt: row.last_seen_at,
    createdAt: row.created_at,
  };
}

function usageOf(row: postgres.Row): UsageOfMode {
  return {
    routeMode: row.route_mode,
    requests: row.requests,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    chargeUsd: usdFromStore(row.charge_usd),
    feeUsd: usdFromStore(row.fee_usd),
  };
}
