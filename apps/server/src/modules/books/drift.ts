import type { Tx } from "../../lib/db.ts";
import type { Check, Violation } from "./checks.ts";

/**
 * A check that remembers how far it came: every wallet transaction since its last run begins where the one before it
 * ended. A balance that was changed by hand is found so even where it has been spent from since.
 */
export function createContinuityCheck(): Check {
  let seen: { epoch: number; xid8: string } | null = null;
  return {
    name: "entries_continue_each_other",
    invariant: "I-03 I-15",
    violations: async (tx) => {
      const [now] = await tx<{ epoch: number; xid8: string }[]>`
        select epoch, pg_snapshot_xmin(pg_current_snapshot())::text as xid8 from deployment`;
      const since = seen;
      seen = now!;
      return since === null || since.epoch !== now!.epoch ? [] : breaksSince(tx, since);
    },
  };
}

const breaksSince = (tx: Tx, since: { epoch: number; xid8: string }) => tx<Violation[]>`
  with fresh as materialized (
    select app_id, wallet_id, fund, wallet_seq, sum(amount_usd) as moved_usd, max(balance_after_usd) as after_usd from (
      select app_id, from_id as wallet_id, fund, wallet_seq, -amount_usd as amount_usd, balance_after_usd from transfers
      where from_scope = 'end_user' and (epoch, xid8) >= (${since.epoch}, ${since.xid8}::xid8)
      union all
      select app_id, to_id, fund, wallet_seq, amount_usd, balance_after_usd from transfers
      where to_scope = 'end_user' and (epoch, xid8) >= (${since.epoch}, ${since.xid8}::xid8)) moved
    group by app_id, wallet_id, fund, wallet_seq)
  select f.wallet_id || '/' || f.fund as id, a.id::text as account_id,
    (f.after_usd - f.moved_usd - coalesce(b.balance_after_usd, 0))::text as off_usd
  from fresh f
  join accounts a on a.app_id = f.app_id and a.kind = 'wallet' and a.owner_id = f.wallet_id and a.fund = f.fund
  left join lateral (
    select wallet_seq, balance_after_usd from (
      (select t.wallet_seq, t.balance_after_usd from transfers t where t.from_scope = 'end_user' and t.app_id = f.app_id
        and t.from_id = f.wallet_id and t.fund = f.fund and t.wallet_seq < f.wallet_seq order by t.wallet_seq desc limit 1)
      union all
      (select t.wallet_seq, t.balance_after_usd from transfers t where t.to_scope = 'end_user' and t.app_id = f.app_id
        and t.to_id = f.wallet_id and t.fund = f.fund and t.wallet_seq < f.wallet_seq order by t.wallet_seq desc limit 1)) o
    order by wallet_seq desc limit 1) b on true
  where f.after_usd <> f.moved_usd + coalesce(b.balance_after_usd, 0) limit 1000`;

/**
 * Stops those of the suspected accounts whose figures do not follow from their entries and open legs, and lets go on what
 * is right again: better to stop than to go on wrong. Judged in one statement, so in one snapshot.
 * @returns how many were stopped and released by this call
 */
export async function stopDriftingAccounts(
  tx: Tx,
  suspected: readonly string[],
): Promise<{ stopped: number; released: number }> {
  await tx`set local enable_seqscan = on`;
  const changed = await tx<{ stopped: boolean }[]>`
    with looked as materialized (
      select app_id, id, kind, owner_id, fund, balance_usd, held_usd, stopped_at is not null as is_stopped from accounts
      where id = any(${[...suspected]}::uuid[]) or stopped_at is not null),
    legs as materialized (
      select h.app_id, leg.id, sum(leg.amount) as held from holds h
      cross join lateral unnest(h.leg_accounts, h.leg_amounts_usd) as leg (id, amount) group by 1, 2),
    judged as (
      select a.app_id, a.id, a.is_stopped,
        a.held_usd <> coalesce(l.held, 0) or (a.kind = 'wallet' and a.balance_usd <> coalesce(e.total, 0)) as drifts
      from looked a
      left join legs l on l.app_id = a.app_id and l.id = a.id
      left join lateral (
        select sum(e.amount_usd) as total from entries e
        where e.app_id = a.app_id and e.scope = 'end_user' and e.wallet_id = a.owner_id and e.fund = a.fund) e on a.kind = 'wallet'),
    found as (select app_id, id, drifts from judged where drifts <> is_stopped order by app_id, id)
    update accounts a set stopped_at = case when f.drifts then mf_now() end
    from found f where a.app_id = f.app_id and a.id = f.id returning f.drifts as stopped`;
  const stopped = changed.filter((row) => row.stopped).length;
  return { stopped, released: changed.length - stopped };
}
