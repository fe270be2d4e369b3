import { type Projector, within } from "./projector.ts";

/**
 * What moved, by the time of booking: hours and days of each scope for the trial balance, and all of time for each
 * wallet.
 */
export const ledgerRollups: Projector = {
  name: "ledger_rollups",
  sources: [{ table: "transfers", kind: null }],
  add: async (tx, span, generation) => {
    await tx`
      insert into ledger_rollups as r (generation, grain, bucket, scope, wallet_id, fund, kind, reason, debits_usd, credits_usd)
      select ${generation}, g.grain, case when g.grain = 0 then 'epoch'::timestamptz else date_bin(g.length, t.created_at, 'epoch') end,
        s.scope, case when g.grain = 0 then s.wallet_id else '00000000-0000-0000-0000-000000000000' end, t.fund,
        case when g.grain = 0 and s.scope = 'end_user' then '' else t.kind end,
        case when g.grain = 0 and s.scope = 'end_user' then '' else t.reason end, sum(s.debit_usd), sum(s.credit_usd)
      from transfers t
      cross join lateral (values (t.from_scope, t.from_id, t.amount_usd, 0::numeric), (t.to_scope, t.to_id, 0::numeric, t.amount_usd))
        as s (scope, wallet_id, debit_usd, credit_usd)
      cross join (values (0::smallint, interval '1 day'), (60, interval '1 hour'), (1440, interval '1 day')) as g (grain, length)
      where ${within(tx, span, "t")}
      group by 2, 3, 4, 5, 6, 7, 8
      on conflict (generation, grain, bucket, scope, wallet_id, fund, kind, reason) do update set
        debits_usd = r.debits_usd + excluded.debits_usd, credits_usd = r.credits_usd + excluded.credits_usd`;
  },
  remove: async (tx, generation) => {
    await tx`delete from ledger_rollups where generation = ${generation}`;
  },
};
