import { forgetSilentInstances } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import {
  type AlertBounds,
  type AlertRow,
  type AlertRule,
  alertRules,
  applyDecision,
  closeUnknownRules,
  decide,
  insertNotice,
  lockEvaluation,
  type NoticeEvent,
  readOpenAlerts,
} from "../modules/alert/alert.ts";

export type Evaluation = { opened: AlertRow[]; closed: AlertRow[] };

/**
 * Asks every rule what it holds for, opens and closes alerts, and writes down what the operators' webhook has to be told,
 * all in one transaction. Of several workers one does so at a time; `null`: another one is at it. A rule that fails is
 * told to `onError` and leaves its alerts as they are.
 */
export async function evaluateAlerts(
  deps: { database: Pick<Database, "write">; notifies: boolean; onError: (error: unknown) => void },
  bounds: AlertBounds,
): Promise<Evaluation | null> {
  return deps.database.write({ purpose: "operator" }, async (tx) => {
    if (!(await lockEvaluation(tx))) return null;
    await forgetSilentInstances(tx);
    const open = Map.groupBy(await readOpenAlerts(tx), ({ rule }) => rule);
    const result: Evaluation = { opened: [], closed: [] };
    for (const rule of alertRules) {
      const judged = await judge(tx, rule, open.get(rule.name) ?? [], bounds).catch((cause: unknown) => {
        deps.onError(new Error(`the alert rule ${rule.name} could not be judged`, { cause }));
        return null;
      });
      if (judged === null) continue;
      result.opened.push(...judged.opened);
      result.closed.push(...judged.closed);
      if (deps.notifies) await tellOf(tx, rule, judged);
    }
    await closeUnknownRules(
      tx,
      alertRules.map(({ name }) => name),
    );
    return result;
  });
}

/** In a savepoint of its own: what fails here must not take the other rules with it. */
async function judge(
  tx: Tx,
  rule: AlertRule,
  open: Parameters<typeof decide>[1],
  bounds: AlertBounds,
): Promise<Evaluation> {
  return tx.savepoint(async (part) => {
    const found = await rule.conditions(part, bounds);
    return applyDecision(part, rule, decide(rule, open, found));
  });
}

async function tellOf(tx: Tx, rule: AlertRule, { opened, closed }: Evaluation): Promise<void> {
  for (const alert of opened) await tell(tx, rule, alert, "alert.opened", alert.openedAt);
  for (const alert of closed) await tell(tx, rule, alert, "alert.closed", alert.closedAt!);
}

async function tell(
  tx: Tx,
  { title, remedy }: AlertRule,
  alert: AlertRow,
  event: NoticeEvent,
  at: Date,
): Promise<void> {
  const { id, rule, kind, target, details, openedAt, closedAt } = alert;
  const body = JSON.stringify({
    type: event,
    timestamp: at.toISOString(),
    data: {
      id,
      rule,
      kind,
      title,
      remedy,
      target,
      details,
      opened_at: openedAt.toISOString(),
      ...(closedAt === null ? {} : { closed_at: closedAt.toISOString() }),
    },
  });
  await insertNotice(tx, { alertId: id, event, body });
}
