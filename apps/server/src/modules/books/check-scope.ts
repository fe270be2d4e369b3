import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";

/** Whose books are checked; nothing named: all of them. A wallet comes with its app. */
export type CheckScope = {
  appId?: string;
  developerId?: string;
  walletId?: string;
  /** Narrows what is compared request by request and move by move; balances are of their whole history. */
  since?: Date;
};

export type Only = postgres.PendingQuery<postgres.Row[]>;

/**
 * Stands before a check's query and gives its tables a narrower meaning under their own names; what has to be whole is
 * named with its schema. Without a scope it is empty, so the queries of every minute are what they look like.
 */
export function onlyOf(tx: Tx, scope: CheckScope): Only {
  const { appId = null, developerId = null, walletId = null, since = null } = scope;
  if (appId === null && developerId === null && walletId === null && since === null) return tx``;
  const owned = tx`(${appId}::uuid is null or app_id = ${appId}) and (${developerId}::uuid is null or developer_id = ${developerId})`;
  const paid = tx`(${walletId}::uuid is null or end_user_id = ${walletId})`;
  // What a request moved belongs together: absorbed cost never touches the wallet of the request's user.
  const moved = tx`(${walletId}::uuid is null or ${walletId} in (from_id, to_id) or (kind = 'usage' and source_id in (
    select u.id::text from public.usage_events u where u.app_id = ${appId} and u.end_user_id = ${walletId})))`;
  return tx`
    with accounts as not materialized (
      select * from public.accounts where ${owned} and (${walletId}::uuid is null or (kind = 'wallet' and owner_id = ${walletId}))),
    holds as not materialized (select * from public.holds where ${owned} and ${paid}),
    usage_events as not materialized (
      select * from public.usage_events where ${owned} and ${paid} and (${since}::timestamptz is null or id >= mf_uuid_at(${since}))),
    transfers as not materialized (
      select * from public.transfers where ${owned} and ${moved} and (${since}::timestamptz is null
        or case kind when 'usage' then source_id >= mf_uuid_at(${since})::text collate "C" else created_at >= ${since} end)),
    entries as not materialized (
      select * from public.entries where ${owned} and (${walletId}::uuid is null or (app_id, kind, source_id) in (
        select app_id, kind, source_id from public.transfers where app_id = ${appId} and ${walletId} in (from_id, to_id)))),
    wallet_adjustments as not materialized (
      select * from public.wallet_adjustments where ${owned} and (${walletId}::uuid is null or wallet_id = ${walletId})
        and (${since}::timestamptz is null or created_at >= ${since})),
    budgets as not materialized (
      select * from public.budgets where ${appId}::uuid is null and (${developerId}::uuid is null or developer_id = ${developerId}))`;
}

export type DriftingWallet = {
  wallet_id: string;
  fund: string;
  stored_usd: string;
  derived_usd: string;
  difference_usd: string;
};

const mostDrifting = 1_000;

/** Wallets whose stored balance of a fund is not the sum of its entries, the furthest off first. Purpose `operator`. */
export async function listDriftingWallets(tx: Tx, only: Only): Promise<DriftingWallet[]> {
  const rows = await tx<DriftingWallet[]>`${only}
    select coalesce(a.owner_id, e.wallet_id) as wallet_id, coalesce(a.fund, e.fund) as fund,
      coalesce(a.balance_usd, 0)::numeric(38,8)::text as stored_usd, coalesce(e.total, 0)::numeric(38,8)::text as derived_usd,
      (coalesce(a.balance_usd, 0) - coalesce(e.total, 0))::numeric(38,8)::text as difference_usd
    from (select * from accounts where kind = 'wallet') a
    full join (
      select app_id, wallet_id, fund, sum(amount_usd) as total from entries where scope = 'end_user' group by 1, 2, 3) e
      on e.app_id = a.app_id and e.wallet_id = a.owner_id and e.fund = a.fund
    where coalesce(a.balance_usd, 0) <> coalesce(e.total, 0)
    order by abs(coalesce(a.balance_usd, 0) - coalesce(e.total, 0)) desc, 1 limit ${mostDrifting}`;
  return [...rows];
}

/** The scope that an operator's words name. @throws with one sentence when nothing has that name */
export async function findScope(
  tx: Tx,
  words: { publicAppId?: string; developer?: string; walletId?: string; since?: Date },
): Promise<CheckScope> {
  const scope: CheckScope = words.since === undefined ? {} : { since: words.since };
  if (words.publicAppId !== undefined) {
    const [app] = await tx<{ id: string }[]>`select id from apps where public_app_id = ${words.publicAppId}`;
    if (!app) throw new Error(`there is no app "${words.publicAppId}"`);
    scope.appId = app.id;
  }
  if (words.developer !== undefined) {
    const [developer] = await tx<{ id: string }[]>`
      select id from developers where id::text = ${words.developer} or lower(email) = lower(${words.developer})`;
    if (!developer) throw new Error(`there is no developer "${words.developer}"`);
    scope.developerId = developer.id;
  }
  if (words.walletId !== undefined) {
    const [wallet] = await tx<{ id: string; app_id: string }[]>`
      select id, app_id from wallets where id::text = ${words.walletId} and owner_scope = 'end_user'`;
    if (!wallet || (scope.appId !== undefined && scope.appId !== wallet.app_id))
      throw new Error(
        `there is no end user's wallet "${words.walletId}"${scope.appId ? " in that app" : ""}`,
      );
    scope.walletId = wallet.id;
    scope.appId = wallet.app_id;
  }
  return scope;
}
