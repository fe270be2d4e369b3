import { createRecovery } from "../flows/recover-requests.ts";
import { type RetentionLimits, removeEnded } from "../flows/retention.ts";
import { type Database, sqlState } from "../lib/db.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { formatUsd } from "../lib/money.ts";
import { newestBackups } from "../modules/backup/backup.ts";
import {
  type Books,
  type Check,
  createContinuityCheck,
  minuteChecks,
  runChecks,
} from "../modules/books/books.ts";
import { createProjectors, readProjectors } from "../projectors/projectors.ts";

export type Worker = { start(): void; stop(): Promise<void> };

type WorkerParts = {
  config: { retention: RetentionLimits; minuteMs: number };
  database: Database;
  books: Books;
  metrics: Metrics;
  log: Logger;
};

const gaugeEveryMs = 5_000;
const partitionEveryMs = 6 * 3_600_000;
const retentionEveryMs = 24 * 3_600_000;

/** What has to happen without anybody asking: recovery, the minute's checks of the books, next month's partitions. */
export function createWorker(parts: WorkerParts): Worker {
  const onError = (err: unknown): void => parts.log.error({ err }, "a job of the worker failed");
  const recovery = createRecovery({
    database: parts.database,
    books: parts.books,
    onRecovered: (result) => parts.metrics.requestsRecovered.inc({ result }),
    onError,
  });
  const projectors = createProjectors({ database: parts.database, onError });
  const timers: NodeJS.Timeout[] = [];
  const every = (ms: number, job: () => Promise<void>): void => {
    let running = false;
    const run = async (): Promise<void> => {
      if (running) return;
      running = true;
      await job().catch(onError);
      running = false;
    };
    void run();
    timers.push(setInterval(run, ms).unref());
  };
  let checkedAt = performance.now();
  const continuity = createContinuityCheck();
  return {
    start: () => {
      recovery.start();
      projectors.start();
      every(parts.config.minuteMs, async () => {
        await checkBooks(parts, continuity);
        checkedAt = performance.now();
      });
      every(gaugeEveryMs, async () => {
        parts.metrics.booksAgeSeconds.set((performance.now() - checkedAt) / 1_000);
        await readGauges(parts);
      });
      every(partitionEveryMs, () =>
        parts.database.write({}, async (tx) => {
          await tx`select mf_ensure_usage_partitions()`;
        }),
      );
      every(retentionEveryMs, () => retain(parts));
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all([recovery.stop(), projectors.stop()]);
    },
  };
}

/** What the servers' login may remove; whole months of usage are for their owner alone. */
async function retain({ config, database, log }: WorkerParts): Promise<void> {
  const actor = { actorScope: "system", actorId: "retention" } as const;
  try {
    const removed = await removeEnded(database, config.retention, actor);
    log.info({ removed }, "retention ran");
  } catch (error) {
    if (sqlState(error) !== "42501") throw error;
    log.warn("this login may not remove rows, so retention is left to `mf retention run`");
  }
}

async function checkBooks({ database, books, metrics, log }: WorkerParts, continuity: Check): Promise<void> {
  const results = await database.read({ purpose: "operator" }, (tx) =>
    runChecks(tx, [...minuteChecks, continuity]),
  );
  for (const { name, violations, offUsd, samples } of results) {
    metrics.booksFailedChecks.set({ check: name }, violations);
    metrics.booksDriftUsd.set({ check: name }, Number.parseFloat(formatUsd(offUsd)));
    if (violations > 0) log.error({ check: name, violations, samples }, "the books do not agree");
  }
  const suspected = results.flatMap(({ accountIds }) => accountIds);
  if (suspected.length > 0 || (await hasStoppedAccounts(database))) {
    const { stopped, released } = await books.stopDrifting(suspected);
    if (stopped + released > 0) log.warn({ stopped, released }, "accounts were stopped or released");
  }
}

async function hasStoppedAccounts(database: Database): Promise<boolean> {
  const rows = await database.read(
    { purpose: "operator" },
    (tx) => tx`select 1 from accounts where stopped_at is not null limit 1`,
  );
  return rows.length > 0;
}

async function readGauges({ database, metrics }: WorkerParts): Promise<void> {
  const [row] = await database.read(
    { purpose: "operator" },
    (tx) => tx<{ open: number; oldest: number; debt: number }[]>`
    select (select count(*)::int from holds) as open,
      coalesce((select extract(epoch from mf_now() - min(created_at)) from holds), 0)::float8 as oldest,
      (select count(distinct (app_id, owner_id))::int from accounts where debt_usd > 0) as debt`,
  );
  metrics.holdsOpen.set(row!.open);
  metrics.holdOldestSeconds.set(row!.oldest);
  metrics.walletsInDebt.set(row!.debt);
  const { ageSeconds } = await database.read({ purpose: "operator" }, newestBackups);
  metrics.backupAgeSeconds.set(ageSeconds ?? Number.POSITIVE_INFINITY);
  const states = await database.read({ purpose: "projection" }, readProjectors);
  for (const { name, state, lag_seconds: lag } of states) {
    if (state === "live") metrics.projectorLagSeconds.set({ projector: name }, lag);
  }
}
