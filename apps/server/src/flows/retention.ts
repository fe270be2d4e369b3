import type { Database, Tx } from "../lib/db.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { countEndedRows, type EndedRows, removeEndedRows } from "../modules/books/books.ts";
import { countEndedDebugRows, removeEndedDebugRows } from "../modules/debug-log/debug-log.ts";
import {
  countEndedSessions,
  countSpentUserTokens,
  removeEndedSessions,
  removeSpentUserTokens,
} from "../modules/identity/identity.ts";

export type RetentionLimits = {
  /** Sessions are kept so long after their end; 0 keeps them. */
  sessionsDays: number;
  /** Idempotency keys are kept so long; 0 keeps them. Kept answers of models always go after a day. */
  idempotencyHours: number;
};

/** How many rows of each kind went, or would go. */
export type Retained = Record<EndedRows | "sessions" | "user_token_uses" | "debug_logs", number>;

type Kind = {
  name: keyof Retained;
  count: (tx: Tx) => Promise<number>;
  remove: (tx: Tx, most: number) => Promise<number>;
};

const rowsPerBatch = 500;
/** Of one kind in one run; what is left is for the next. */
const mostBatches = 2_000;

/** Counts what `removeEnded` would remove now. */
export async function countEnded(database: Database, limits: RetentionLimits): Promise<Retained> {
  return database.read({ purpose: "operator" }, async (tx) => {
    const counts = nothing();
    for (const kind of kindsOf(limits)) counts[kind.name] = await kind.count(tx);
    return counts;
  });
}

/**
 * Removes what its time is over for, in small commits that a run after a stop goes on from, and writes one audit row where
 * anything went. Whatever belongs to an open request stays.
 */
export async function removeEnded(
  database: Database,
  limits: RetentionLimits,
  actor: AuditActor,
): Promise<Retained> {
  const counts = nothing();
  for (const kind of kindsOf(limits)) {
    for (let batch = 0; batch < mostBatches; batch++) {
      const removed = await database.write({ purpose: "operator" }, (tx) => kind.remove(tx, rowsPerBatch));
      counts[kind.name] += removed;
      if (removed < rowsPerBatch) break;
    }
  }
  if (Object.values(counts).some((count) => count > 0)) {
    await database.write({ purpose: "operator" }, (tx) => auditRetention(tx, actor, { ...counts }));
  }
  return counts;
}

/** The audit row of a run. */
export async function auditRetention(
  tx: Tx,
  actor: AuditActor,
  metadata: Record<string, unknown>,
): Promise<void> {
  const reason = "the time that is set for them is over";
  await append(tx, {
    ...actor,
    action: "retention.run",
    resourceType: "retention",
    resourceId: "run",
    reason,
    metadata,
  });
}

function kindsOf({ sessionsDays, idempotencyHours }: RetentionLimits): Kind[] {
  const ofBooks = (name: EndedRows): Kind => ({
    name,
    count: (tx) => countEndedRows(tx, name, idempotencyHours),
    remove: (tx, most) => removeEndedRows(tx, name, idempotencyHours, most),
  });
  const sessions: Kind = {
    name: "sessions",
    count: (tx) => countEndedSessions(tx, sessionsDays),
    remove: (tx, most) => removeEndedSessions(tx, sessionsDays, most),
  };
  return [
    ...(sessionsDays > 0 ? [sessions] : []),
    { name: "user_token_uses", count: countSpentUserTokens, remove: removeSpentUserTokens },
    ofBooks("kept_answers"),
    { name: "debug_logs", count: countEndedDebugRows, remove: removeEndedDebugRows },
    ...(idempotencyHours > 0 ? [ofBooks("idempotency_keys")] : []),
    ofBooks("budgets"),
    ofBooks("limit_accounts"),
  ];
}

const nothing = (): Retained => ({
  sessions: 0,
  user_token_uses: 0,
  kept_answers: 0,
  idempotency_keys: 0,
  debug_logs: 0,
  budgets: 0,
  limit_accounts: 0,
});
