import { removeEndedDebugCalls } from "../flows/debug-log.ts";
import { type AlertWebhook, deliverNotices } from "../flows/deliver-notices.ts";
import { evaluateAlerts } from "../flows/evaluate-alerts.ts";
import { resealInBackground } from "../flows/key-rotation.ts";
import { createRecovery } from "../flows/recover-requests.ts";
import { type RetentionLimits, removeEnded } from "../flows/retention.ts";
import { liftEndedSwitches } from "../flows/switches.ts";
import { type Database, sqlState } from "../lib/db.ts";
import type { InstanceFacts } from "../lib/instance-facts.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Outbound } from "../lib/outbound.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { newestBackups } from "../modules/backup/backup.ts";
import { type Books, createContinuityCheck } from "../modules/books/books.ts";
import { readOpenRotation } from "../modules/key-rotation/key-rotation.ts";
import { createProjectors, readProjectors } from "../projectors/projectors.ts";
import { checkBooks, checkDeepSums } from "./books-checking.ts";
import { createJobs } from "./jobs.ts";

export type Worker = { start(): void; stop(): Promise<void> };

type WorkerParts = {
  config: {
    retention: RetentionLimits;
    minuteMs: number;
    priceBookMaxAgeDays: number;
    alertWebhook: AlertWebhook | null;
  };
  database: Database;
  books: Books;
  secretBox: SecretBox;
  metrics: Metrics;
  facts: Pick<InstanceFacts, "setLateJobs">;
  /** Opens the way to the operators' webhook and to nothing else. */
  openAlertOutbound: (webhook: AlertWebhook) => Outbound;
  log: Logger;
};

const gaugeEveryMs = 5_000;
const noticesEveryMs = 1_000;
const rotationEveryMs = 1_000;
const partitionEveryMs = 6 * 3_600_000;
const retentionEveryMs = 24 * 3_600_000;
/** Half a minute is a minute's work, so that a fault shows within one; an hour is so many of them. */
const minutesInAnHour = 120;

/** What has to happen without anybody asking: recovery, the checks of the books, alerts, next month's partitions. */
export function createWorker(parts: WorkerParts): Worker {
  const { config, database, metrics, log } = parts;
  const onError = (err: unknown): void => log.error({ err }, "a job of the worker failed");
  const recovery = createRecovery({
    database,
    books: parts.books,
    onRecovered: (result) => metrics.requestsRecovered.inc({ result }),
    onError,
  });
  const projectors = createProjectors({ database, onError });
  const jobs = createJobs({
    metrics,
    onError: (job, err) => log.error({ err, job }, "a job of the worker failed"),
  });
  parts.facts.setLateJobs(jobs.late);
  const webhook = config.alertWebhook;
  const outbound = webhook && parts.openAlertOutbound(webhook);
  let checkedAt = performance.now();
  const continuity = createContinuityCheck();
  return {
    start: () => {
      recovery.start();
      projectors.start();
      jobs.every("books_minute", config.minuteMs, async () => {
        await checkBooks(parts, continuity);
        checkedAt = performance.now();
      });
      const hourMs = config.minuteMs * minutesInAnHour;
      jobs.every("books_deep", hourMs / 4, () => checkDeepSums(parts, hourMs / 1_000));
      jobs.every("alerts", config.minuteMs, () => judgeAlerts(parts));
      // Their end needs nobody; here it is only written down.
      jobs.every("ended_switches", config.minuteMs, async () => void (await liftEndedSwitches(parts)));
      if (outbound) {
        const sending = { database, outbound, webhook };
        jobs.every("alert_notices", noticesEveryMs, async () => void (await deliverNotices(sending)));
      }
      jobs.every("gauges", gaugeEveryMs, async () => {
        metrics.booksAgeSeconds.set((performance.now() - checkedAt) / 1_000);
        await readGauges(parts);
      });
      jobs.every("partitions", partitionEveryMs, () =>
        database.write({}, async (tx) => {
          await tx`select mf_ensure_usage_partitions()`;
        }),
      );
      jobs.every("debug_logs", config.minuteMs, () => endDebugLogs(parts));
      jobs.every("retention", retentionEveryMs, () => retain(parts));
      jobs.every("key_rotation", rotationEveryMs, () => resealInBackground(parts));
    },
    stop: async () => {
      jobs.stop();
      await Promise.all([recovery.stop(), projectors.stop(), outbound?.close()]);
    },
  };
}

async function judgeAlerts({ config, database, log }: WorkerParts): Promise<void> {
  const onError = (err: unknown): void => log.error({ err }, "an alert rule could not be judged");
  const deps = { database, notifies: config.alertWebhook !== null, onError };
  const result = await evaluateAlerts(deps, config);
  for (const { rule, target, kind } of result?.opened ?? []) log.warn({ rule, target, kind }, "alert opened");
  for (const { rule, target, kind } of result?.closed ?? []) log.info({ rule, target, kind }, "alert closed");
}

/** Content goes when its day is over, not with the next daily round. */
async function endDebugLogs({ database, log }: WorkerParts): Promise<void> {
  const removed = await removeEndedDebugCalls(database);
  if (removed > 0) log.info({ removed }, "recorded calls went");
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
  const rotation = await database.read({ purpose: "cache" }, readOpenRotation);
  metrics.keysPending.set(rotation === null ? 0 : Math.max(1, rotation.total - rotation.done));
  const states = await database.read({ purpose: "projection" }, readProjectors);
  for (const { name, state, lag_seconds: lag } of states) {
    if (state === "live") metrics.projectorLagSeconds.set({ projector: name }, lag);
  }
}
