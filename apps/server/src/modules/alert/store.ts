import type { Tx } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";
import type { AlertKind, Condition, Decision, OpenAlert } from "./rules.ts";

export type AlertRow = {
  id: string;
  rule: string;
  kind: AlertKind;
  target: string;
  details: Record<string, unknown>;
  openedAt: Date;
  /** The same as the database writes it: no digit is lost in a cursor. */
  openedAtText: string;
  closedAt: Date | null;
  acknowledgedBy: string | null;
  acknowledgedAt: Date | null;
};

const evaluationLock = 7_146_229_036;
const mostOpenPerRule = 200;

/** True for one worker at a time, until its transaction ends. */
export async function lockEvaluation(tx: Tx): Promise<boolean> {
  const [row] = await tx<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${evaluationLock}) as mine`;
  return row!.mine;
}

export async function readOpenAlerts(tx: Tx): Promise<OpenAlert[]> {
  return tx<OpenAlert[]>`
    select id, rule, target, extract(epoch from mf_now() - seen_at)::float8 as "quietForSeconds"
    from alerts where closed_at is null order by rule, target`;
}

/** Writes a decision down; gives the alerts that it opened and closed. */
export async function applyDecision(
  tx: Tx,
  rule: { name: string; kind: AlertKind },
  { opens, stays, closes }: Decision,
): Promise<{ opened: AlertRow[]; closed: AlertRow[] }> {
  if (stays.length > 0) {
    await tx`
      update alerts a set seen_at = mf_now(), details = s.details
      from jsonb_to_recordset(${tx.json(stays as never)}) as s (id uuid, details jsonb) where a.id = s.id`;
  }
  const opened = opens.length === 0 ? [] : await insertAlerts(tx, rule, opens.slice(0, mostOpenPerRule));
  const closed =
    closes.length === 0
      ? []
      : await tx<
          AlertRow[]
        >`update alerts set closed_at = greatest(opened_at, mf_now()) where id = any (${closes}) returning ${columns(tx)}`;
  return { opened, closed: [...closed] };
}

async function insertAlerts(
  tx: Tx,
  rule: { name: string; kind: AlertKind },
  conditions: readonly Condition[],
): Promise<AlertRow[]> {
  const rows = conditions.map((condition) => ({ ...condition, id: uuidV7() }));
  return tx<AlertRow[]>`
    insert into alerts (id, rule, kind, target, details)
    select s.id, ${rule.name}, ${rule.kind}, s.target, s.details
    from jsonb_to_recordset(${tx.json(rows as never)}) as s (id uuid, target text, details jsonb)
    on conflict (rule, target) where closed_at is null do nothing returning ${columns(tx)}`;
}

/** Closes what is open under rules that are no longer in the list; gives how many. */
export async function closeUnknownRules(tx: Tx, known: readonly string[]): Promise<number> {
  const closed = await tx`
    update alerts set closed_at = greatest(opened_at, mf_now()) where closed_at is null and rule <> all (${[...known]}) returning id`;
  return closed.length;
}

/** The newest first; one more than asked for says that there are more. */
export async function listAlerts(
  tx: Tx,
  slice: {
    before: { at: string; id: string } | null;
    limit: number;
    state?: "open" | "closed" | undefined;
    kind?: AlertKind | undefined;
    from?: string | undefined;
    to?: string | undefined;
  },
): Promise<AlertRow[]> {
  const { before, limit, state, kind, from, to } = slice;
  return tx<AlertRow[]>`select ${columns(tx)} from alerts where true
    ${state === "open" ? tx`and closed_at is null` : tx``} ${state === "closed" ? tx`and closed_at is not null` : tx``}
    ${kind ? tx`and kind = ${kind}` : tx``}
    ${before ? tx`and (opened_at, id) < (${before.at}::text::timestamptz, ${before.id}::uuid)` : tx``}
    ${from ? tx`and opened_at >= ${from}::timestamptz` : tx``} ${to ? tx`and opened_at < ${to}::timestamptz` : tx``}
    order by opened_at desc, id desc limit ${limit + 1}`;
}

/** Notes who looks after an alert; the first one stays. `null` when there is no such alert. */
export async function acknowledgeAlert(
  tx: Tx,
  id: string,
  by: string,
): Promise<{ alert: AlertRow; isFirst: boolean } | null> {
  const [first] = await tx<AlertRow[]>`
    update alerts set acknowledged_by = ${by}, acknowledged_at = mf_now()
    where id = ${id} and acknowledged_by is null returning ${columns(tx)}`;
  if (first) return { alert: first, isFirst: true };
  const [known] = await tx<AlertRow[]>`select ${columns(tx)} from alerts where id = ${id}`;
  return known ? { alert: known, isFirst: false } : null;
}

const columns = (
  tx: Tx,
) => tx`id, rule, kind, target, details, opened_at as "openedAt", opened_at::text as "openedAtText", closed_at as "closedAt",
  acknowledged_by as "acknowledgedBy", acknowledged_at as "acknowledgedAt"`;
