// What the books no longer need: keys that were answered, limits whose window is long over, whole months of the log. Entries
// of the ledger are never among it.
import type { Tx } from "../../lib/db.ts";

/** Kept answers hold what a model said: sealed, and for a day at most, whatever else is kept. */
const answerHours = 24;
/** A limit's account outlives every usage that it can be compared with. */
const limitDays = 400;

/** Keys of that age; one whose request is still open stays. */
const endedKeys = (tx: Tx, hours: number) => tx`
  from idempotency_keys k where k.created_at < mf_now() - make_interval(hours => ${hours})
    and not exists (select 1 from holds h where h.app_id = k.app_id and h.idempotency_caller = k.caller
      and h.idempotency_route = k.route and h.idempotency_key = k.key)`;

const endedAnswers = (tx: Tx) => tx`
  from idempotency_answers a where a.created_at < mf_now() - make_interval(hours => ${answerHours})`;

/** Limits of a window that is over, and caps of sessions that are gone; with money held they stay. */
const endedLimits = (tx: Tx) => tx`
  from accounts a where a.kind not in ('wallet', 'developer', 'platform') and a.held_usd = 0
    and a.window_start < mf_now() - make_interval(days => ${limitDays})
    and case when a."window" <> 'total'
      then mf_window_end(a."window", a.zone, a.window_start) < mf_now() - make_interval(days => ${limitDays})
      else a.kind = 'session' and a.created_at < mf_now() - make_interval(days => ${limitDays})
        and not exists (select 1 from virtual_sessions s where s.app_id = a.app_id and s.id = a.owner_id) end`;

/** Budgets that apps shared: one goes with all of its slices. The longest window is a month. */
const endedBudgets = (tx: Tx) => tx`
  from budgets b where b."window" <> 'total' and b.window_start < mf_now() - make_interval(days => ${limitDays + 31})
    and not exists (select 1 from accounts a where a.kind = b.level and a.owner_id = b.owner_id
      and a."window" = b."window" and a.window_start = b.window_start and a.held_usd <> 0)`;

export type EndedRows = "idempotency_keys" | "kept_answers" | "limit_accounts" | "budgets";

export async function countEndedRows(tx: Tx, kind: EndedRows, hours: number): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count ${selections[kind](tx, hours)}`;
  return row!.count;
}

const selections = {
  idempotency_keys: endedKeys,
  kept_answers: endedAnswers,
  limit_accounts: endedLimits,
  budgets: endedBudgets,
};

/** Removes at most `most` of a kind; gives how many. Rows that a batch of the books has locked are left for later. */
export async function removeEndedRows(tx: Tx, kind: EndedRows, hours: number, most: number): Promise<number> {
  const rows = await removals[kind](tx, most, hours);
  return rows.length;
}

const removals = {
  idempotency_keys: (tx: Tx, most: number, hours: number) => tx`
    with gone as (select k.app_id, k.caller, k.route, k.key ${endedKeys(tx, hours)}
      order by k.created_at limit ${most} for update of k skip locked)
    delete from idempotency_keys k using gone
    where (k.app_id, k.caller, k.route, k.key) = (gone.app_id, gone.caller, gone.route, gone.key) returning 1`,
  kept_answers: (tx: Tx, most: number) => tx`
    with gone as (select a.app_id, a.caller, a.route, a.key ${endedAnswers(tx)}
      order by a.created_at limit ${most} for update of a skip locked)
    delete from idempotency_answers a using gone
    where (a.app_id, a.caller, a.route, a.key) = (gone.app_id, gone.caller, gone.route, gone.key) returning 1`,
  limit_accounts: (tx: Tx, most: number) => tx`
    with gone as (select a.app_id, a.id ${endedLimits(tx)} limit ${most} for update of a skip locked)
    delete from accounts a using gone where a.app_id = gone.app_id and a.id = gone.id returning 1`,
  budgets: (tx: Tx, most: number) => tx`
    with gone as (select b.level, b.owner_id, b."window", b.window_start ${endedBudgets(tx)}
      limit ${most} for update of b skip locked),
    slices as (
      delete from accounts a using gone where a.kind = gone.level and a.owner_id = gone.owner_id
        and a."window" = gone."window" and a.window_start = gone.window_start)
    delete from budgets b using gone where (b.level, b.owner_id, b."window", b.window_start)
      = (gone.level, gone.owner_id, gone."window", gone.window_start) returning 1`,
};
