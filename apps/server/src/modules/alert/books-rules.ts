import { type AlertRule, type Condition, platformTarget } from "./rules.ts";

const mostSamples = 20;
/** Told by a rule of its own. */
const leaseCheck = "no_hold_outlives_its_lease";

/** Rules about the books themselves: what the checks found, and whether they run. */
export const booksRules: readonly AlertRule[] = [
  {
    name: "books_drift",
    kind: "page",
    title: "The books do not agree with themselves.",
    remedy: "Run `pnpm books` and read the named rows; accounts that drift take no new holds meanwhile.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select name as target, jsonb_build_object('violations', violations, 'off_usd', off_usd::text, 'samples', samples) as details
      from book_checks where violations > 0 and name <> ${leaseCheck}
      union all
      select 'stopped_accounts', jsonb_build_object('accounts', count(*), 'samples', (
        select jsonb_agg(s.label) from (select kind || ' ' || owner_id || '/' || fund as label from accounts
          where stopped_at is not null order by app_id, id limit ${mostSamples}) s))
      from accounts where stopped_at is not null having count(*) > 0`,
    prometheus: { expr: `modelfaucet_books_failed_checks{check!="${leaseCheck}"} > 0`, for: "0m" },
  },
  {
    name: "books_old",
    kind: "page",
    title: "The books have not been checked for five minutes.",
    remedy: "Read the worker's log for a failing check; restart the worker if it stands still.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('checked_at', checked_at) as details
      from (select coalesce(max(checked_at), (select min(applied_at) from schema_migrations)) as checked_at
        from book_checks where kind = 'minute') c where checked_at < mf_now() - interval '5 minutes'`,
    prometheus: { expr: "modelfaucet_books_age_seconds > 300", for: "0m" },
  },
  {
    name: "hold_past_lease",
    kind: "page",
    title: "An open hold has outlived its lease by a minute: recovery does not close it.",
    remedy: "Read the worker's log for errors of recovery; see that a worker runs and reaches the database.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('holds', count(*),
        'oldest_seconds', round(extract(epoch from mf_now() - min(lease_until))),
        'request_ids', (select jsonb_agg('req_' || s.id) from (select id from holds
          where lease_until < mf_now() - interval '60 seconds' order by lease_until limit ${mostSamples}) s)) as details
      from holds where lease_until < mf_now() - interval '60 seconds' having count(*) > 0`,
    prometheus: { expr: `modelfaucet_books_failed_checks{check="${leaseCheck}"} > 0`, for: "0m" },
  },
  {
    name: "wallet_in_debt",
    kind: "ticket",
    title: "A wallet is below zero.",
    remedy: "Look at the wallet's entries; it takes no new holds until its debt is paid or written off.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('wallets', count(distinct owner_id), 'debt_usd', sum(debt_usd)::text,
        'wallet_ids', (select jsonb_agg(s.owner_id) from (select distinct owner_id from accounts where debt_usd > 0
          order by 1 limit ${mostSamples}) s)) as details
      from accounts where debt_usd > 0 having count(*) > 0`,
    prometheus: { expr: "modelfaucet_wallets_in_debt > 0", for: "0m" },
  },
  {
    name: "projector_lag",
    kind: "ticket",
    title: "What people read from roll-ups is more than a minute behind the log.",
    remedy:
      "Read the worker's log for a projector that fails; `pnpm mf projectors` shows how far each has read.",
    quietSeconds: 60,
    conditions: (tx) => tx<Condition[]>`
      select p.name as target, jsonb_build_object('lag_seconds', round(extract(epoch from mf_now() - l.created_at))) as details
      from projectors p cross join lateral (
        (select e.created_at from usage_events e where p.name = 'usage_rollups' and (e.epoch, e.xid8) > (p.epoch, p.xid8)
          order by e.epoch, e.xid8 limit 1)
        union all
        (select t.created_at from transfers t where p.name = 'ledger_rollups' and (t.epoch, t.xid8) > (p.epoch, p.xid8)
          order by t.epoch, t.xid8 limit 1)) l
      where p.state = 'live' and l.created_at < mf_now() - interval '60 seconds'`,
    prometheus: { expr: "modelfaucet_projector_lag_seconds > 60", for: "1m" },
  },
];
