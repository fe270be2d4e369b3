import type { Tx } from "../../lib/db.ts";
import { type Usd, usdFromStore } from "../../lib/money.ts";
import { type CheckScope, type Only, onlyOf } from "./check-scope.ts";

/** One invariant of the books: its query gives back the rows that break it, and what they break it by. */
export type Check = {
  name: string;
  invariant: string;
  /** `only` stands before the query and narrows its tables; `whole` is false where it names one wallet. */
  violations: (tx: Tx, only: Only, whole: boolean) => Promise<Violation[]>;
};
export type Violation = { id: string; off_usd: string | null; account_id?: string };
export type CheckResult = {
  name: string;
  invariant: string;
  ok: boolean;
  violations: number;
  offUsd: Usd;
  /** Ids of rows that break it, with what they are off by, in USD. */
  samples: string[];
  /** The accounts whose own figures are wrong. */
  accountIds: string[];
};

const mostViolations = 1_000;
const mostSamples = 20;

/** What was charged under a limit in months that are no longer in the log. */
const detachedCharges = (tx: Tx) =>
  tx`select app_id, account_id, sum(charge_usd) as charged from detached_charges group by 1, 2`;

/** Cheap enough for every minute: stored figures against the last entry and the open legs. */
export const minuteChecks: readonly Check[] = [
  {
    name: "stored_balance_equals_last_entry",
    invariant: "I-03",
    violations: (tx, only) => tx<Violation[]>`${only}
      select a.owner_id || '/' || a.fund as id, a.id::text as account_id,
        (a.balance_usd - coalesce(l.balance_after_usd, 0))::text as off_usd
      from accounts a
      left join lateral (
        -- An account knows the number of its last transaction, so this is one look into an index per side.
        (select t.balance_after_usd from public.transfers t where t.from_scope = 'end_user' and t.app_id = a.app_id
          and t.from_id = a.owner_id and t.wallet_seq = a.wallet_seq and t.fund = a.fund limit 1)
        union all
        (select t.balance_after_usd from public.transfers t where t.to_scope = 'end_user' and t.app_id = a.app_id
          and t.to_id = a.owner_id and t.wallet_seq = a.wallet_seq and t.fund = a.fund limit 1)
        limit 1) l on true
      where a.kind = 'wallet' and a.balance_usd <> coalesce(l.balance_after_usd, 0) limit ${mostViolations}`,
  },
  {
    name: "available_is_not_negative",
    invariant: "I-05",
    violations: (tx, only) => tx<Violation[]>`${only}
      select id::text, (balance_usd - held_usd + debt_usd)::text as off_usd from accounts
      where held_usd < 0 or balance_usd - held_usd < -debt_usd or (debt_usd > 0 and kind <> 'wallet') limit ${mostViolations}`,
  },
  {
    name: "held_equals_open_holds",
    invariant: "I-06",
    violations: (tx, only, whole) => tx<Violation[]>`${only}
      select a.id::text, a.id::text as account_id, (a.held_usd - coalesce(l.held, 0))::text as off_usd from accounts a
      full join (
        select h.app_id, leg.id, sum(leg.amount) as held from holds h
        cross join lateral unnest(h.leg_accounts, h.leg_amounts_usd) as leg (id, amount) group by 1, 2) l
        on l.app_id = a.app_id and l.id = a.id
      where coalesce(a.held_usd, 0) <> coalesce(l.held, 0) and (a.id is not null or ${whole}) limit ${mostViolations}`,
  },
  {
    name: "no_hold_outlives_its_lease",
    invariant: "I-28",
    violations: (tx, only) => tx<Violation[]>`${only}
      select id::text, hold_usd::text as off_usd from holds
      where lease_until < mf_now() - interval '60 seconds' limit ${mostViolations}`,
  },
];

/** The deep sums over the whole history. */
export const deepChecks: readonly Check[] = [
  {
    name: "stored_balance_equals_sum_of_entries",
    invariant: "I-03",
    violations: (tx, only) => tx<Violation[]>`${only}
      select coalesce(a.owner_id, e.wallet_id) || '/' || coalesce(a.fund, e.fund) as id,
        (coalesce(a.balance_usd, 0) - coalesce(e.total, 0))::text as off_usd
      from (select * from accounts where kind = 'wallet') a
      full join (
        select app_id, wallet_id, fund, sum(amount_usd) as total from entries where scope = 'end_user' group by 1, 2, 3) e
        on e.app_id = a.app_id and e.wallet_id = a.owner_id and e.fund = a.fund
      where coalesce(a.balance_usd, 0) <> coalesce(e.total, 0) limit ${mostViolations}`,
  },
  {
    name: "session_cap_equals_limit_less_charges",
    invariant: "I-03",
    violations: (tx, only) => tx<Violation[]>`${only}
      select a.id::text, (a.balance_usd - a.limit_usd + coalesce(u.charged, 0) + coalesce(d.charged, 0))::text as off_usd
      from accounts a left join (
        select app_id, session_id, sum(charge_usd) as charged from public.usage_events group by 1, 2) u
        on u.app_id = a.app_id and u.session_id = a.owner_id
      left join (${detachedCharges(tx)}) d on d.app_id = a.app_id and d.account_id = a.id
      where a.kind = 'session' and a.balance_usd <> a.limit_usd - coalesce(u.charged, 0) - coalesce(d.charged, 0)
      limit ${mostViolations}`,
  },
  {
    name: "limit_equals_what_is_left_and_charged",
    invariant: "I-03",
    violations: (tx, only) => tx<Violation[]>`${only}
      select a.id::text, (a.balance_usd - a.limit_usd + coalesce(u.charged, 0) + coalesce(d.charged, 0))::text as off_usd
      from accounts a left join (
        select e.app_id, leg.id, sum(e.charge_usd) as charged from public.usage_events e cross join lateral unnest(e.leg_accounts) as leg (id)
        group by 1, 2) u on u.app_id = a.app_id and u.id = a.id
      left join (${detachedCharges(tx)}) d on d.app_id = a.app_id and d.account_id = a.id
      where a.kind not in ('wallet', 'session', 'credential')
        and a.balance_usd <> a.limit_usd - coalesce(u.charged, 0) - coalesce(d.charged, 0) limit ${mostViolations}`,
  },
  {
    name: "key_budget_equals_what_is_left_and_taken",
    invariant: "I-03",
    violations: (tx, only) => tx<Violation[]>`${only}
      select a.id::text, (a.balance_usd - a.limit_usd + coalesce(u.taken, 0) + coalesce(d.charged, 0))::text as off_usd
      from accounts a left join (
        select app_id, credential_id, sum(key_cost_usd) as taken from public.usage_events where credential_id is not null group by 1, 2) u
        on u.app_id = a.app_id and u.credential_id = a.owner_id
      left join (${detachedCharges(tx)}) d on d.app_id = a.app_id and d.account_id = a.id
      where a.kind = 'credential' and a.balance_usd <> a.limit_usd - coalesce(u.taken, 0) - coalesce(d.charged, 0)
      limit ${mostViolations}`,
  },
  {
    name: "own_keys_and_machines_carry_no_hidden_money",
    invariant: "I-20",
    violations: (tx, only) => tx<Violation[]>`${only}
      select u.id::text, u.charge_usd::text as off_usd from usage_events u
      where u.route_mode in ('byok', 'local') and (u.upstream_cost_usd <> 0 or u.absorbed_cost_usd <> 0 or u.charge_usd <> u.fee_usd)
      union all
      select t.source_id, t.amount_usd::text from transfers t join usage_events u on u.app_id = t.app_id and u.id::text = t.source_id
      where t.kind = 'usage' and (u.route_mode in ('byok', 'local') or u.route_mode = 'developer_key') and t.to_scope = 'provider_cost'
      limit ${mostViolations}`,
  },
  {
    name: "budget_equals_its_slices",
    invariant: "I-07",
    violations: (tx, only) => tx<Violation[]>`${only}
      select b.level || '/' || b.owner_id as id, (b.leased_usd - coalesce(s.leased, 0))::text as off_usd
      from budgets b left join (
        select kind, owner_id, "window", window_start, sum(limit_usd) as leased from accounts
        where kind in ('developer', 'platform') group by 1, 2, 3, 4) s
        on s.kind = b.level and s.owner_id = b.owner_id and s."window" = b."window" and s.window_start = b.window_start
      where b.leased_usd <> coalesce(s.leased, 0) limit ${mostViolations}`,
  },
  {
    name: "rolled_up_wallets_equal_their_entries",
    invariant: "I-03",
    // The roll-up adds up every tenant, so it is compared as a whole in every scope.
    violations: (tx) => tx<Violation[]>`
      select coalesce(s.scope, e.scope) || '/' || coalesce(s.wallet_id, e.wallet_id) || '/' || coalesce(s.fund, e.fund) as id,
        (coalesce(s.balance_usd, 0) - coalesce(e.total, 0))::text as off_usd
      from wallet_balances s
      full join (
        select scope, wallet_id, fund, sum(amount_usd) as total from entries group by 1, 2, 3) e
        on e.scope = s.scope and e.wallet_id = s.wallet_id and e.fund = s.fund
      where coalesce(s.balance_usd, 0) <> coalesce(e.total, 0) limit ${mostViolations}`,
  },
  {
    name: "entries_sum_to_zero",
    invariant: "I-01 I-02 I-04",
    violations: (tx, only) => tx<Violation[]>`${only}
      select kind || '/' || source_id as id, sum(amount_usd)::text as off_usd from entries group by app_id, kind, source_id
      having sum(amount_usd) <> 0 or count(*) < 2 or min(abs(amount_usd)) = 0 limit ${mostViolations}`,
  },
  {
    name: "a_request_is_open_or_closed",
    invariant: "I-08",
    violations: (tx, only) => tx<Violation[]>`${only}
      select h.id::text, null as off_usd from holds h join usage_events u using (app_id, id) limit ${mostViolations}`,
  },
  {
    name: "charge_equals_its_transfers",
    invariant: "I-09 I-10",
    violations: (tx, only) => tx<Violation[]>`${only}
      select coalesce(u.id::text, t.source_id) as id, (coalesce(u.charge_usd, 0) - coalesce(t.total, 0))::text as off_usd
      from usage_events u full join (
        select app_id, source_id, sum(amount_usd) filter (where from_scope = 'end_user') as total from transfers
        where kind = 'usage' group by 1, 2) t on t.app_id = u.app_id and t.source_id = u.id::text
      where (u.id is null or coalesce(u.charge_usd, 0) <> coalesce(t.total, 0))
        and (u.id is not null or not exists (
          select 1 from detached_months m where t.source_id::uuid >= m.first_id and t.source_id::uuid < m.end_id))
      limit ${mostViolations}`,
  },
  {
    name: "parts_add_up_to_the_charge",
    invariant: "I-17 I-18",
    violations: (tx, only) => tx<Violation[]>`${only}
      select id::text, (charge_usd - upstream_cost_usd - developer_share_usd - platform_share_usd)::text as off_usd from usage_events
      where charge_usd <> upstream_cost_usd + developer_share_usd + platform_share_usd or charge_usd > hold_usd
        or developer_share_usd > floor((charge_usd - upstream_cost_usd) * (pricing ->> 'developer_share_bps')::numeric * 10000) / 100000000
      limit ${mostViolations}`,
  },
  {
    name: "absorbed_cost_equals_its_transfers",
    invariant: "I-17 I-30",
    violations: (tx, only) => tx<Violation[]>`${only}
      select u.id::text, (u.absorbed_cost_usd - coalesce(t.total, 0))::text as off_usd
      from usage_events u left join (
        select app_id, source_id, sum(amount_usd) as total from transfers
        where kind = 'usage' and from_scope = 'absorbed_cost' group by 1, 2) t on t.app_id = u.app_id and t.source_id = u.id::text
      where u.absorbed_cost_usd <> coalesce(t.total, 0) limit ${mostViolations}`,
  },
  {
    name: "wallet_transactions_are_numbered_without_gaps",
    invariant: "I-15",
    violations: (tx, only) => tx<Violation[]>`${only}
      select wallet_id::text as id, null as off_usd from entries where scope = 'end_user' group by app_id, wallet_id
      having count(distinct wallet_seq) <> max(wallet_seq) or min(wallet_seq) <> 1 limit ${mostViolations}`,
  },
  {
    name: "rows_name_one_tenant",
    invariant: "I-26",
    violations: (tx, only) => tx<Violation[]>`${only}
      select u.id::text, null as off_usd from usage_events u join end_users e on e.app_id = u.app_id and e.id = u.end_user_id
      where e.developer_id <> u.developer_id
      union all
      select t.source_id, null from transfers t join apps a on a.id = t.app_id where a.developer_id <> t.developer_id
      limit ${mostViolations}`,
  },
  {
    name: "money_moves_by_hand_are_audited",
    invariant: "I-31",
    violations: (tx, only) => tx<Violation[]>`${only}
      select w.id::text, w.amount_usd::text as off_usd from wallet_adjustments w
      where not exists (select 1 from audit_logs l where l.resource_type = 'wallet' and l.metadata ->> 'adjustment_id' = w.id::text)
        or not exists (select 1 from public.transfers t where t.app_id = w.app_id and t.source_id = w.id::text)
      limit ${mostViolations}`,
  },
  {
    name: "nothing_is_dated_in_the_future",
    invariant: "I-32",
    violations: (tx, only) => tx<Violation[]>`${only}
      select id::text, null as off_usd from usage_events where created_at > mf_now() limit ${mostViolations}`,
  },
];

/** The rows that break one check, within a scope. */
export function violationsOf(check: Check, tx: Tx, scope: CheckScope = {}): Promise<Violation[]> {
  return check.violations(tx, onlyOf(tx, scope), scope.walletId === undefined);
}

export async function runChecks(
  tx: Tx,
  checks: readonly Check[],
  scope: CheckScope = {},
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const found = await violationsOf(check, tx, scope);
    results.push({
      name: check.name,
      invariant: check.invariant,
      ok: found.length === 0,
      violations: found.length,
      offUsd: found.reduce(
        (sum, row) => (sum + (row.off_usd ? absolute(usdFromStore(row.off_usd)) : 0n)) as Usd,
        0n as Usd,
      ),
      samples: found
        .slice(0, mostSamples)
        .map((row) => (row.off_usd ? `${row.id} off by ${row.off_usd}` : row.id)),
      accountIds: found.flatMap((row) => row.account_id ?? []),
    });
  }
  return results;
}

export type ScopeBalance = { scope: string; debits_usd: string; credits_usd: string; balance_usd: string };

/** What each scope has received and given since the beginning; the balances add up to zero. */
export async function trialBalance(tx: Tx, scope: CheckScope = {}): Promise<ScopeBalance[]> {
  return tx<ScopeBalance[]>`${onlyOf(tx, scope)}
    select scope, coalesce(-sum(amount_usd) filter (where amount_usd < 0), 0)::numeric(20,8)::text as debits_usd,
      coalesce(sum(amount_usd) filter (where amount_usd > 0), 0)::numeric(20,8)::text as credits_usd,
      sum(amount_usd)::numeric(20,8)::text as balance_usd
    from entries group by scope order by scope`;
}

const absolute = (amount: Usd): bigint => (amount < 0n ? -amount : amount);
