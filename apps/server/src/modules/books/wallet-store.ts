import type { Tx } from "../../lib/db.ts";
import { isOff } from "../../lib/switched.ts";
import type { LimitRow, TransactionRow, WalletRow } from "./wallet-rules.ts";

export type WalletFilter = {
  id?: string | undefined;
  appId?: string | undefined;
  ownerScope?: "end_user" | "developer" | "platform" | undefined;
  publicAppId?: string | undefined;
  status?: "active" | "frozen" | "debt" | undefined;
  /** Half open, by the time at which the wallet was made. */
  from?: string | undefined;
  to?: string | undefined;
};
export type WalletSlice = { before: string | null; limit: number };

/**
 * Wallets, newest first by their UUIDv7: the page first, then the sums of those that are on it. An end user's balance
 * lies in its accounts, one per fund; a developer's and the platform's is the sum of their entries, because no request
 * may wait on a row that others share. Where the page has only end users, no entry is read.
 */
export const selectWallets = (tx: Tx, filter: WalletFilter, slice: WalletSlice) => tx<WalletRow[]>`
  with page as materialized (
    select w.app_id, w.id, w.owner_scope, ${statusOf(tx)} as status, w.created_at, coalesce(u.own or p.sandbox, false) as may_spend_test,
      case w.owner_scope when 'end_user' then u.external_user_hash when 'developer' then d.name else 'ModelFaucet' end as owner_name,
      w.developer_id, case when w.owner_scope = 'end_user' then p.wallet_limits ->> 'user_max_balance_usd' end as max_balance_usd
    from wallets w
    left join end_users u on u.app_id = w.app_id and u.id = w.end_user_id
    left join apps p on p.id = w.app_id
    left join developers d on d.id = w.developer_id and w.owner_scope = 'developer'
    where w.owner_scope in ('end_user', 'developer', 'platform')
      ${filter.id === undefined ? tx`` : tx`and w.id = ${filter.id}`}
      ${filter.appId === undefined ? tx`` : tx`and w.app_id = ${filter.appId}`}
      ${filter.ownerScope === undefined ? tx`` : tx`and w.owner_scope = ${filter.ownerScope}`}
      ${filter.publicAppId === undefined ? tx`` : tx`and p.public_app_id = ${filter.publicAppId}`}
      ${filter.from === undefined ? tx`` : tx`and w.created_at >= ${filter.from}`}
      ${filter.to === undefined ? tx`` : tx`and w.created_at < ${filter.to}`}
      ${slice.before === null ? tx`` : tx`and w.id < ${slice.before}`}
      ${filter.status === undefined ? tx`` : tx`and case when ${statusOf(tx)} = 'frozen' then 'frozen' when ${isInDebt(tx)} then 'debt' else 'active' end = ${filter.status}`}
    order by w.id desc limit ${slice.limit}),
  shared as materialized (${filter.ownerScope === "end_user" ? noShared(tx) : sharedOf(tx)})
  select w.app_id, w.id, w.developer_id, w.owner_scope, w.owner_name, w.status, w.may_spend_test, w.max_balance_usd, f.*,
    coalesce(l.created_at, w.created_at) as updated_at
  from page w cross join lateral (${fundsOf(tx)}) f left join lateral (${lastMoveOf(tx)}) l on true
  order by w.id desc`;

const statusOf = (tx: Tx) => tx`case when ${isOff(tx, "wallet", tx`w.id`)} then 'frozen' else w.status end`;

/** The session's cap is an account; a session without one has none. */
export const selectSessionLimits = (tx: Tx, appId: string, sessionId: string) => tx<LimitRow[]>`
  select kind, "window", set_by, limit_usd::text, balance_usd::text, held_usd::text,
    mf_window_end("window", zone, window_start) as reset_at
  from accounts where app_id = ${appId} and kind = 'session' and owner_id = ${sessionId} and set_by = 'app'
    and window_start = mf_window_start("window", zone, mf_now())
  order by "window"`;

export type TransactionFilter = {
  /** The ledger's kinds; `null`: all of them. */
  kinds: readonly string[] | null;
  from?: string | undefined;
  to?: string | undefined;
};

// One transaction has at most five lines on a wallet (a charge), so this many rows hold that many transactions.
const mostLines = 8;

/** Ledger transactions of an end user's wallet, newest first by their number; `before` is a `wallet_seq`. */
export const selectTransactions = (
  tx: Tx,
  wallet: { appId: string; id: string },
  filter: TransactionFilter,
  slice: WalletSlice,
) => tx<(TransactionRow & { wallet_seq: string })[]>`
  select m.wallet_seq::text, m.kind, m.source_id, m.amount_usd::text, m.wallet_balance_after_usd::text, m.created_at,
    u.feature_key, j.reason
  from (
    select app_id, wallet_seq, kind, source_id, sum(amount_usd) as amount_usd,
      max(wallet_balance_after_usd) as wallet_balance_after_usd, max(created_at) as created_at
    from ((${linesOf(tx, wallet, filter, slice, "from")}) union all (${linesOf(tx, wallet, filter, slice, "to")})) as line
    group by app_id, wallet_seq, kind, source_id order by wallet_seq desc limit ${slice.limit}) m
  left join lateral (${featureOf(tx)}) u on true
  left join wallet_adjustments j on j.app_id = m.app_id and j.id = case when m.kind = 'adjustment' then m.source_id::uuid end
  order by m.wallet_seq desc`;

/**
 * Ledger transactions of a developer's or the platform's wallet, newest first. Their balance is stored nowhere, so the
 * one after each is added up here; `before` is `<kind>/<app>/<source id>` of the last one shown.
 */
export const selectSharedTransactions = (
  tx: Tx,
  wallet: { ownerScope: string; id: string },
  filter: TransactionFilter,
  slice: WalletSlice,
) => tx<(TransactionRow & { place: string })[]>`
  with moved as (
    select app_id, kind, source_id, sum(amount_usd) as amount_usd, max(created_at) as created_at
    from entries where scope = ${wallet.ownerScope} and wallet_id = ${wallet.id} group by app_id, kind, source_id),
  numbered as (
    select *, kind || '/' || app_id || '/' || source_id as place, row_number() over earlier as number,
      sum(amount_usd) over earlier as wallet_balance_after_usd
    from moved window earlier as (order by created_at, kind, app_id, source_id))
  select m.place, m.kind, m.source_id, m.amount_usd::text, m.wallet_balance_after_usd::numeric(38,8)::text, m.created_at,
    u.feature_key, null as reason
  from numbered m
  left join lateral (${featureOf(tx)}) u on true
  where m.amount_usd <> 0
    ${filter.kinds === null ? tx`` : tx`and m.kind = any(${[...filter.kinds]}::text[])`}
    ${filter.from === undefined ? tx`` : tx`and m.created_at >= ${filter.from}`}
    ${filter.to === undefined ? tx`` : tx`and m.created_at < ${filter.to}`}
    ${slice.before === null ? tx`` : tx`and m.number < (select number from numbered where place = ${slice.before})`}
  order by m.number desc limit ${slice.limit}`;

export type WalletPlace = { app_id: string; id: string };

/** Balances over all funds of the wallets named; a wallet that is not there is left out. Purpose `cache`. */
export const selectBalances = (tx: Tx, wallets: readonly WalletPlace[]) => tx<
  (WalletPlace & { balance_usd: string })[]
>`
  select a.app_id, a.owner_id as id, sum(a.balance_usd)::text as balance_usd
  from json_to_recordset(${JSON.stringify(wallets)}::text::json) as w (app_id uuid, id uuid)
  join accounts a on a.app_id = w.app_id and a.kind = 'wallet' and a.owner_id = w.id
  group by a.app_id, a.owner_id`;

export type Reconciled = {
  wallet_id: string;
  owner_scope: "end_user" | "developer" | "platform";
  stored_usd: string;
  derived_usd: string;
  delta_usd: string;
};
export type ReconciliationFilter = {
  ownerScope?: "end_user" | "developer" | "platform" | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

/** How many wallets there are and disagree, beside each row of the page; without rows once, with `wallet_id` null. */
export type ReconciledRow = { wallets: number; mismatches: number; now: Date } & (
  | Reconciled
  | { [K in keyof Reconciled]: null }
);

/**
 * Stored against derived balances, in one pass; `onlyMismatch` leaves out of the page what agrees. Derived is what the
 * roll-up and newer entries come to; the deep checks hold the roll-up against all of them.
 */
export const selectReconciliation = (
  tx: Tx,
  filter: ReconciliationFilter & { onlyMismatch: boolean },
  slice: WalletSlice,
) => tx<ReconciledRow[]>`
  with compared as materialized (${comparedWallets(tx, filter)}),
  summary as (
    select count(*)::int as wallets, (count(*) filter (where stored_usd <> derived_usd))::int as mismatches, mf_now() as now
    from compared)
  select s.*, c.* from summary s
  left join (
    select wallet_id, owner_scope, stored_usd::numeric(38,8)::text, derived_usd::numeric(38,8)::text,
      abs(stored_usd - derived_usd)::numeric(38,8)::text as delta_usd
    from compared
    where true ${filter.onlyMismatch ? tx`and stored_usd <> derived_usd` : tx``}
      ${slice.before === null ? tx`` : tx`and wallet_id < ${slice.before}`}
    order by wallet_id desc limit ${slice.limit}) c on true
  order by c.wallet_id desc`;

const comparedWallets = (tx: Tx, filter: ReconciliationFilter) => tx`
  select w.id as wallet_id, w.owner_scope, coalesce(e.total, 0) as derived_usd,
    case w.owner_scope when 'end_user' then coalesce(a.total, 0) else coalesce(e.total, 0) end as stored_usd
  from wallets w
  left join (select app_id, owner_id, sum(balance_usd) as total from accounts where kind = 'wallet' group by 1, 2) a
    on a.app_id = w.app_id and a.owner_id = w.id
  left join (
    select scope, wallet_id, sum(balance_usd) as total from wallet_balances
    where scope in ('end_user', 'developer', 'platform') group by 1, 2) e
    on e.scope = w.owner_scope and e.wallet_id = w.id
  where w.owner_scope in ('end_user', 'developer', 'platform')
    ${filter.ownerScope === undefined ? tx`` : tx`and w.owner_scope = ${filter.ownerScope}`}
    ${filter.from === undefined ? tx`` : tx`and w.created_at >= ${filter.from}`}
    ${filter.to === undefined ? tx`` : tx`and w.created_at < ${filter.to}`}`;

/** Developers' and the platform's balances by fund: the roll-up and what was booked since. */
const sharedOf = (tx: Tx) => tx`
  select scope, wallet_id, fund, balance_usd from wallet_balances
  where (select bool_or(owner_scope <> 'end_user') from page) and scope in ('developer', 'platform')
    and wallet_id = any (array(select id from page where owner_scope <> 'end_user'))`;

const noShared = (tx: Tx) => tx`
  select null::text as scope, null::uuid as wallet_id, null::text as fund, null::numeric as balance_usd where false`;

/** Only an end user's wallet can be in debt: by its balance, or by the floor that a clawback left on one fund. */
const isInDebt = (tx: Tx) => tx`coalesce((
  select sum(a.balance_usd) < 0 or sum(a.debt_usd) > 0 from accounts a
  where w.owner_scope = 'end_user' and a.app_id = w.app_id and a.kind = 'wallet' and a.owner_id = w.id), false)`;

/** Balance by fund of one wallet of the page. */
const fundsOf = (tx: Tx) => tx`
  select coalesce(sum(s.balance_usd) filter (where s.fund = 'paid'), 0)::numeric(38,8)::text as paid_usd,
    coalesce(sum(s.balance_usd) filter (where s.fund = 'promo'), 0)::numeric(38,8)::text as promo_usd,
    coalesce(sum(s.balance_usd) filter (where s.fund = 'test'), 0)::numeric(38,8)::text as test_usd,
    coalesce(sum(s.held_usd), 0)::numeric(38,8)::text as held_usd,
    coalesce(sum(s.held_usd) filter (where s.fund = 'test'), 0)::numeric(38,8)::text as test_held_usd,
    coalesce(sum(s.debt_usd), 0)::numeric(38,8)::text as debt_usd
  from (
    select a.fund, a.balance_usd, a.held_usd, a.debt_usd from accounts a
    where w.owner_scope = 'end_user' and a.app_id = w.app_id and a.kind = 'wallet' and a.owner_id = w.id
    union all
    select h.fund, h.balance_usd, 0, 0 from shared h where h.scope = w.owner_scope and h.wallet_id = w.id) as s`;

/** When the wallet last changed: its newest transaction, by the two indexes over its sides. */
const lastMoveOf = (tx: Tx) => tx`
  select max(t.created_at) as created_at from (
    (select t.created_at from transfers t where w.owner_scope = 'end_user' and t.app_id = w.app_id
      and t.from_scope = 'end_user' and t.from_id = w.id order by t.wallet_seq desc limit 1)
    union all
    (select t.created_at from transfers t where w.owner_scope = 'end_user' and t.app_id = w.app_id
      and t.to_scope = 'end_user' and t.to_id = w.id order by t.wallet_seq desc limit 1)) as t`;

/** One look-up by key for each transaction shown: the limit keeps the planner from reading the whole log for a join. */
const featureOf = (tx: Tx) => tx`
  select u.feature_key from usage_events u where u.app_id = m.app_id
    and u.id = case when m.kind in ('usage', 'usage_reversal') then m.source_id::uuid end limit 1`;

const linesOf = (
  tx: Tx,
  wallet: { appId: string; id: string },
  filter: TransactionFilter,
  slice: WalletSlice,
  side: "from" | "to",
) => tx`
  select app_id, wallet_seq, kind, source_id, ${side === "from" ? tx`-amount_usd` : tx`amount_usd`} as amount_usd,
    wallet_balance_after_usd, created_at
  from transfers
  where app_id = ${wallet.appId} and ${
    side === "from"
      ? tx`from_scope = 'end_user' and from_id = ${wallet.id}`
      : tx`to_scope = 'end_user' and to_id = ${wallet.id}`
  }
    ${filter.kinds === null ? tx`` : tx`and kind = any(${[...filter.kinds]}::text[])`}
    ${filter.from === undefined ? tx`` : tx`and created_at >= ${filter.from}`}
    ${filter.to === undefined ? tx`` : tx`and created_at < ${filter.to}`}
    ${slice.before === null ? tx`` : tx`and wallet_seq < ${slice.before}`}
  order by wallet_seq desc limit ${slice.limit * mostLines}`;
