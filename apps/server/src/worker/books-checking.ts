import { applySettings, type Database } from "../lib/db.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { formatUsd } from "../lib/money.ts";
import { keepCheckResults, secondsSinceChecks } from "../modules/alert/alert.ts";
import {
  type Books,
  type Check,
  type CheckResult,
  deepChecks,
  minuteChecks,
  runChecks,
} from "../modules/books/books.ts";

type Parts = { database: Database; books: Books; metrics: Metrics; log: Logger };

const operator = { purpose: "operator" } as const;
const deepStatementTimeoutMs = 30 * 60_000;
const deepLock = 7_146_229_037;

/** The minute's checks; accounts that drift are stopped, and what is right again is let go on. */
export async function checkBooks(parts: Parts, continuity: Check): Promise<void> {
  const { database, books, log } = parts;
  const results = await database.read(operator, (tx) => runChecks(tx, [...minuteChecks, continuity]));
  await keep(parts, "minute", results);
  const suspected = results.flatMap(({ accountIds }) => accountIds);
  if (suspected.length > 0 || (await hasStoppedAccounts(database))) {
    const { stopped, released } = await books.stopDrifting(suspected);
    if (stopped + released > 0) log.warn({ stopped, released }, "accounts were stopped or released");
  }
}

/** The deep sums, once in an hour whichever worker comes first; each statement may take as long as a history is. */
export async function checkDeepSums(parts: Parts, everySeconds: number): Promise<void> {
  const { database } = parts;
  const since = await database.read(operator, (tx) => secondsSinceChecks(tx, "deep"));
  if (since !== null && since >= 0 && since < everySeconds) return;
  // A connection of its own: on those of the pool nothing may be silent for so long.
  const sql = database.connect({ max: 1, statementTimeoutMs: deepStatementTimeoutMs });
  try {
    const results = await sql.begin("isolation level repeatable read read only", async (tx) => {
      await applySettings(tx, operator);
      const [row] = await tx<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${deepLock}) as mine,
        set_config('statement_timeout', ${String(deepStatementTimeoutMs)}, true)`;
      return row!.mine ? runChecks(tx, deepChecks) : null;
    });
    if (results) await keep(parts, "deep", results);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function keep(
  { database, metrics, log }: Parts,
  kind: "minute" | "deep",
  results: readonly CheckResult[],
): Promise<void> {
  for (const { name, violations, offUsd, samples } of results) {
    metrics.booksFailedChecks.set({ check: name }, violations);
    metrics.booksDriftUsd.set({ check: name }, Number.parseFloat(formatUsd(offUsd)));
    if (violations > 0) log.error({ check: name, violations, samples }, "the books do not agree");
  }
  await database.write(operator, (tx) => keepCheckResults(tx, kind, results));
}

async function hasStoppedAccounts(database: Database): Promise<boolean> {
  const rows = await database.read(
    operator,
    (tx) => tx`select 1 from accounts where stopped_at is not null limit 1`,
  );
  return rows.length > 0;
}
