import type { Tx } from "../../lib/db.ts";

/** What a scope gave and received by kind and reason, before one of two instants (0: from, 1: to). */
export type MovedRow = {
  cut: 0 | 1;
  scope: string;
  kind: string;
  reason: string;
  debits_usd: string;
  credits_usd: string;
};

/**
 * Everything that was booked before each instant: whole days and hours from the roll-up, the hour that an instant lies in
 * and what is newer than the roll-up from the ledger. An instant of `null` lies after everything.
 */
export const selectMoved = (tx: Tx, from: string | null, to: string | null) => tx<MovedRow[]>`
  with cuts as (
    select 0 as cut, ${from}::timestamptz as at where ${from}::timestamptz is not null
    union all
    select 1, case when ${to}::timestamptz < mf_now() then ${to}::timestamptz else '2100-01-01T00:00:00Z' end),
  moved as (
    select c.cut, r.scope, r.kind, r.reason, r.debits_usd, r.credits_usd
    from cuts c join ledger_rollups r on r.grain = 1440 and r.bucket < date_bin('1 day', c.at, 'epoch')
    where r.generation = (select generation from projections where name = 'ledger_rollups')
    union all
    select c.cut, r.scope, r.kind, r.reason, r.debits_usd, r.credits_usd
    from cuts c join ledger_rollups r on r.grain = 60 and r.bucket >= date_bin('1 day', c.at, 'epoch')
      and r.bucket < date_bin('1 hour', c.at, 'epoch')
    where r.generation = (select generation from projections where name = 'ledger_rollups')
    union all
    select t.cut, side.scope, t.kind, t.reason, side.debits_usd, side.credits_usd
    from (${unrolled(tx)}) t
    cross join lateral (values (t.from_scope, t.amount_usd, 0::numeric), (t.to_scope, 0::numeric, t.amount_usd))
      as side (scope, debits_usd, credits_usd))
  select cut, scope, kind, reason, sum(debits_usd)::numeric(38,8)::text as debits_usd,
    sum(credits_usd)::numeric(38,8)::text as credits_usd
  from moved group by cut, scope, kind, reason`;

/** Transfers before an instant that no whole bucket before it holds. */
const unrolled = (tx: Tx) => tx`
  select c.cut, t.from_scope, t.to_scope, t.kind, t.reason, t.amount_usd
  from cuts c join transfers t on t.created_at >= date_bin('1 hour', c.at, 'epoch') and t.created_at < c.at
    and (t.epoch, t.xid8) <= ${cursor(tx)}
  union all
  select c.cut, t.from_scope, t.to_scope, t.kind, t.reason, t.amount_usd
  from transfers t join cuts c on t.created_at < c.at
  where (t.epoch, t.xid8) > ${cursor(tx)}`;

const cursor = (tx: Tx) => tx`((select epoch from projections where name = 'ledger_rollups'),
  (select xid8 from projections where name = 'ledger_rollups'))`;

export type LedgerFilter = {
  kind?: string | undefined;
  wallet?: { appId: string; id: string; isShared: boolean } | undefined;
  sourceId?: string | undefined;
  /** The apps to look for a source in: a source is found by its app. */
  appIds?: readonly string[] | undefined;
  /** Half open, by the time of booking. */
  from?: string | undefined;
  to?: string | undefined;
};

/** Where a ledger transaction stands in the order of booking. */
export type LedgerPlace = { epoch: string; xid8: string; app_id: string; kind: string; source_id: string };

/** Ledger transactions by their place, newest first. */
export const selectPlaces = (tx: Tx, filter: LedgerFilter, before: LedgerPlace | null, limit: number) => tx<
  LedgerPlace[]
>`
  select t.epoch::text, t.xid8::text, t.app_id, t.kind, t.source_id from transfers t
  where true
    ${filter.kind === undefined ? tx`` : tx`and t.kind = ${filter.kind}`}
    ${filter.kind === undefined || filter.kind === "usage" ? tx`` : tx`and t.kind <> 'usage'`}
    ${filter.sourceId === undefined ? tx`` : tx`and t.source_id = ${filter.sourceId} and t.app_id = any(${[...(filter.appIds ?? [])]}::uuid[])`}
    ${filter.wallet === undefined ? tx`` : walletOf(tx, filter.wallet)}
    ${filter.from === undefined ? tx`` : tx`and t.created_at >= ${filter.from}`}
    ${filter.to === undefined ? tx`` : tx`and t.created_at < ${filter.to}`}
    ${
      before === null
        ? tx``
        : tx`and (t.epoch, t.xid8) <= (${before.epoch}::integer, ${before.xid8}::text::xid8)
      and (t.epoch, t.xid8, t.app_id, t.kind, t.source_id)
        < (${before.epoch}::integer, ${before.xid8}::text::xid8, ${before.app_id}::uuid, ${before.kind}, ${before.source_id})`
    }
  group by t.epoch, t.xid8, t.app_id, t.kind, t.source_id
  order by t.epoch desc, t.xid8 desc, t.app_id desc, t.kind desc, t.source_id desc limit ${limit}`;

const walletOf = (tx: Tx, wallet: { appId: string; id: string; isShared: boolean }) =>
  wallet.isShared
    ? tx`and (t.from_id = ${wallet.id} or t.to_id = ${wallet.id})`
    : tx`and t.app_id = ${wallet.appId}
      and ((t.from_scope = 'end_user' and t.from_id = ${wallet.id}) or (t.to_scope = 'end_user' and t.to_id = ${wallet.id}))`;

export type LedgerLine = {
  app_id: string;
  kind: string;
  source_id: string;
  from_scope: string;
  from_id: string;
  to_scope: string;
  to_id: string;
  amount_usd: string;
  reason: string;
  created_at: Date;
};

/** The lines of ledger transactions, in their order. */
export const selectLines = (tx: Tx, places: readonly LedgerPlace[]) => tx<LedgerLine[]>`
  select t.app_id, t.kind, t.source_id, t.from_scope, t.from_id, t.to_scope, t.to_id, t.amount_usd::text, t.reason, t.created_at
  from unnest(${places.map(({ app_id }) => app_id)}::uuid[], ${places.map(({ kind }) => kind)}::text[],
    ${places.map(({ source_id }) => source_id)}::text[]) as p (app_id, kind, source_id)
  join transfers t on t.app_id = p.app_id and t.kind = p.kind and t.source_id = p.source_id
  order by t.line`;

/** The home of a wallet: end users' lie with their app, the others with nobody. */
export const selectWalletHome = (tx: Tx, id: string) => tx<{ app_id: string; owner_scope: string }[]>`
  select app_id, owner_scope from wallets where id = ${id}`;

export const selectAppIds = (tx: Tx) => tx<{ id: string }[]>`
  select id from apps union all select '00000000-0000-0000-0000-000000000000'`;

/** How many rows there are to be checked. */
export const selectCounts = (tx: Tx) => tx<
  [{ accounts: number; holds: number; requests: number; transfers: number }]
>`
  select (select count(*) from accounts)::float8 as accounts, (select count(*) from holds)::float8 as holds,
    (select count(*) from usage_events)::float8 as requests, (select count(*) from transfers)::float8 as transfers`;
