import type { Tx } from "../../lib/db.ts";

/**
 * Stops the accounts whose stored figures do not agree with their last entry or their open legs, and lets those go on
 * that agree again: better to stop than to go on wrong. Judged in one statement, so in one snapshot.
 * @returns how many wallets and limits were stopped and released by this call
 */
export async function stopDriftingAccounts(tx: Tx): Promise<{ stopped: number; released: number }> {
  await tx`set local enable_hashjoin = on`;
  const changed = await tx<{ stopped: boolean }[]>`
    with legs as materialized (
      select h.app_id, leg.id, sum(leg.amount) as held from holds h
      cross join lateral unnest(h.leg_accounts, h.leg_amounts_usd) as leg (id, amount) group by 1, 2),
    judged as (
      select a.app_id, a.id, a.stopped_at is not null as is_stopped,
        a.held_usd <> coalesce(l.held, 0) or (a.kind = 'wallet' and a.balance_usd <> coalesce(e.balance_after_usd, 0)) as drifts
      from accounts a
      left join legs l on l.app_id = a.app_id and l.id = a.id
      left join lateral (
        (select t.balance_after_usd from transfers t where t.from_scope = 'end_user' and t.app_id = a.app_id
          and t.from_id = a.owner_id and t.wallet_seq = a.wallet_seq and t.fund = a.fund limit 1)
        union all
        (select t.balance_after_usd from transfers t where t.to_scope = 'end_user' and t.app_id = a.app_id
          and t.to_id = a.owner_id and t.wallet_seq = a.wallet_seq and t.fund = a.fund limit 1)
        limit 1) e on a.kind = 'wallet'
      where a.kind = 'wallet' or a.held_usd <> 0 or a.stopped_at is not null),
    found as (select app_id, id, drifts from judged where drifts <> is_stopped order by app_id, id)
    update accounts a set stopped_at = case when f.drifts then mf_now() end
    from found f where a.app_id = f.app_id and a.id = f.id returning f.drifts as stopped`;
  const stopped = changed.filter((row) => row.stopped).length;
  return { stopped, released: changed.length - stopped };
}
