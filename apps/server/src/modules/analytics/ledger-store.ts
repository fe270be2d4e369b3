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
 * and what is newer than the roll-up from the ledger. `null`: everything there is.
 */
export const selectMoved = (tx: Tx, fromMs: number | null, toMs: number | null) => tx<MovedRow[]>`
  select cut, scope, kind, reason, sum(debits_usd)::numeric(38,8)::text as debits_usd,
    sum(credits_usd)::numeric(38,8)::text as credits_usd
  from (${fromMs === null ? tx`` : tx`${movedBefore(tx, 0, fromMs)} union all`} ${movedBefore(tx, 1, toMs)}) as moved
  group by cut, scope, kind, reason`;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const movedBefore = (tx: Tx, cut: 0 | 1, atMs: number | null) => {
  if (atMs === null) {
    return tx`${rolledUp(tx, cut, 1440, null, null)} union all ${bothSides(tx, cut, tx`select * from unrolled_transfers`)}`;
  }
  const day = new Date(Math.floor(atMs / dayMs) * dayMs);
  const hour = new Date(Math.floor(atMs / hourMs) * hourMs);
  const at = new Date(atMs);
  return tx`
    ${rolledUp(tx, cut, 1440, null, day)} union all ${rolledUp(tx, cut, 60, day, hour)}
    union all ${bothSides(tx, cut, tx`select * from unrolled_transfers where created_at < ${at}`)}
    union all ${bothSides(
      tx,
      cut,
      tx`select * from transfers where created_at >= ${hour} and created_at < ${at}
        and (epoch, xid8) <= ((select epoch from projections where name = 'ledger_rollups'),
          (select xid8 from projections where name = 'ledger_rollups'))`,
    )}`;
};

const rolledUp = (tx: Tx, cut: 0 | 1, grain: 60 | 1440, from: Date | null, to: Date | null) => tx`
  select ${cut}::integer as cut, scope, kind, reason, debits_usd, credits_usd from ledger_rollups
  where generation = (select generation from projections where name = 'ledger_rollups') and grain = ${grain}
    ${from === null ? tx`` : tx`and bucket >= ${from}`} ${to === null ? tx`` : tx`and bucket < ${to}`}`;

const bothSides = (tx: Tx, cut: 0 | 1, transfers: ReturnType<typeof rolledUp>) => tx`
  select ${cut}::integer, s.scope, t.kind, t.reason, s.debits_usd, s.credits_usd from (${transfers}) t
  cross join lateral (values (t.from_scope, t.amount_usd, 0::numeric), (t.to_scope, 0::numeric, t.amount_usd))
    as s (scope, debits_usd, credits_usd)`;

export type LedgerFilter = {
  kind?: string | undefined;
  wallet?: { appId: string; id: string; isShared: boolean } | undefined;
  sourceId?: string | undefined;
  /** The apps to look for a source in: a source is found by its app. */
  appIds?: readonly string[] | undefined;
  /** Half open, by the time of booking. */
  from?: string | undefined;
  to?: string | undefined;
  /** Reads the whole period instead of everything that is newer than it. */
  byTime?: boolean | undefined;
};

/** Where a ledger transaction stands in the order of booking. */
export type LedgerPlace = { epoch: string; xid8: string; app_id: string; kind: string; source_id: string };

/** Ledger transactions by their place, newest first. */
export const selectPlaces = (tx: Tx, filter: LedgerFilter, before: LedgerPlace | null, limit: number) => tx<
  LedgerPlace[]
>`
  select t.epoch::text, t.xid8::text, t.app_id, t.kind, t.source_id
  from ${filter.byTime ? tx`(select * from transfers where created_at >= ${filter.from!} and created_at < ${filter.to!} offset 0)` : tx`transfers`} t
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
