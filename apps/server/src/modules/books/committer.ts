import type { Database, Sql, Tx } from "../../lib/db.ts";
import { databaseAway, isDatabaseAway, sqlState } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { type BatchContext, type BatchItem, type BatchResult, runBatch } from "./batch.ts";
import { createBooksConnection } from "./connection.ts";

export type CommitterOptions = {
  database: Database;
  maxBatch: number;
  maxQueued: number;
  statementTimeoutMs: number;
  context: BatchContext;
  onBatch: (kind: "hold" | "settle", size: number, ms: number) => void;
  onError: (error: unknown) => void;
};

export type Committer = {
  /**
   * Joins the next batch. What has a deadline gives up when it passes: rejected, or, for an open that was tried and may
   * be committed, with the outcome `unknown`. A close is repeated until it is done.
   */
  submit(entry: BatchItem, deadlineMs?: number): Promise<BatchResult>;
  /** One transaction between two batches, on the same connection. */
  exclusive<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  readonly waiting: number;
  stop(): Promise<void>;
};

type Entry = {
  item: BatchItem;
  /** Its batch has been sent at least once, so its effect may be there. */
  wasTried: boolean;
  gaveUp: boolean;
  resolve: (result: BatchResult) => void;
  reject: (error: unknown) => void;
};
type Job = {
  run: (tx: Tx) => Promise<unknown>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
};

const retryable = new Set(["40P01", "40001", "55P03", "57014"]);
const mostTriesAlone = 8;
const stopWithinMs = 5_000;
const toldAtOnce = 8;

/**
 * The books' one writer in this process: a connection of its own, one batch in flight, closes before opens. Idle, an
 * entry is committed at once; under load what arrives during a commit travels together in the next one.
 */
export function createCommitter(options: CommitterOptions): Committer {
  const closes: Entry[] = [];
  const others: Entry[] = [];
  const jobs: Job[] = [];
  let running: Promise<void> | null = null;
  let stopping = false;
  let stopped = false;
  // A batch is a few round trips, each bounded by half the statement timeout.
  const connection = createBooksConnection(() => connect(options), options.statementTimeoutMs * 2);

  const isWaiting = (): boolean => closes.length + others.length + jobs.length > 0;
  const work = async (): Promise<void> => {
    // What arrives in the same turn of the event loop shares the first batch.
    await Promise.resolve();
    while (isWaiting()) {
      const job = jobs.shift();
      if (job) {
        await connection
          .use((tx) => inTransaction(tx, job.run))
          .then(job.resolve as (value: unknown) => void, job.reject);
        continue;
      }
      const batch = closes.splice(0, options.maxBatch);
      batch.push(...others.splice(0, options.maxBatch - batch.length));
      await commit(batch, false, 0);
    }
  };
  const start = (): void => {
    if (running) return;
    running = work()
      .catch(options.onError)
      .finally(() => {
        running = null;
        if (isWaiting()) start();
      });
  };

  const commit = async (batch: Entry[], repeated: boolean, tries: number): Promise<void> => {
    const now = performance.now();
    const live = batch.filter((entry) => !entry.gaveUp);
    if (live.length === 0) return;
    for (const entry of live) entry.wasTried = true;
    try {
      const results = await connection.use((tx) =>
        runBatch(
          tx,
          live.map((entry) => entry.item),
          options.context,
          repeated,
        ),
      );
      const ms = performance.now() - now;
      options.onBatch(live.some((entry) => entry.item.type === "open") ? "hold" : "settle", live.length, ms);
      answer(live, results, isWaiting());
    } catch (error) {
      await recover(live, error, tries);
    }
  };

  const recover = async (batch: Entry[], error: unknown, tries: number): Promise<void> => {
    if (isDatabaseAway(error)) {
      options.onError(error);
      if (stopped) {
        for (const entry of batch) entry.reject(databaseAway(error));
        return;
      }
      await pause(Math.min(50 * 2 ** tries, 1_000));
      return commit(batch, true, tries + 1);
    }
    if (batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await commit(batch.slice(0, half), true, 0);
      return commit(batch.slice(half), true, 0);
    }
    if (retryable.has(sqlState(error)) && tries < mostTriesAlone) {
      await pause(5 * 2 ** tries * (0.5 + Math.random()));
      return commit(batch, true, tries + 1);
    }
    options.onError(error);
    batch[0]!.reject(
      new ApiError("internal_error", "The books could not take this request; try again.", { cause: error }),
    );
  };

  return {
    submit: (item, deadlineMs) => {
      if (stopping && item.type === "open") return Promise.reject(databaseAway("the committer is stopping"));
      if (item.type !== "close" && others.length >= options.maxQueued) {
        return Promise.reject(
          new ApiError("service_unavailable", "Too many requests wait for the books; try again.", {
            retryAfterSeconds: 1,
          }),
        );
      }
      return new Promise((resolve, reject) => {
        const entry: Entry = { item, wasTried: false, gaveUp: false, resolve, reject };
        if (deadlineMs !== undefined) giveUpAfter(entry, deadlineMs);
        (item.type === "close" ? closes : others).push(entry);
        start();
      });
    },
    exclusive: (run) =>
      new Promise((resolve, reject) => {
        jobs.push({ run, resolve, reject });
        start();
      }),
    get waiting() {
      return closes.length + others.length;
    },
    stop: async () => {
      stopping = true;
      // With the database away what waits here is left to recovery, which finds its holds.
      const deadline = performance.now() + stopWithinMs;
      while (running && performance.now() < deadline) await Promise.race([running, pause(100)]);
      stopped = true;
      await connection.close();
    },
  };
}

/**
 * Tells entries what became of them. Where the next batch waits already, its first statements go out before: the
 * database works on it while this process works on what these entries go on with. Many are told a few at a time, so
 * that the database's answer is not kept waiting either.
 */
function answer(entries: readonly Entry[], results: readonly BatchResult[], nextWaits: boolean): void {
  let told = 0;
  const tell = (): void => {
    const end = Math.min(entries.length, told + toldAtOnce);
    for (; told < end; told++) entries[told]!.resolve(results[told]!);
    if (told < entries.length) setImmediate(tell);
  };
  if (nextWaits) setImmediate(tell);
  else tell();
}

function giveUpAfter(entry: Entry, ms: number): void {
  const { resolve, reject } = entry;
  const timer = setTimeout(() => {
    entry.gaveUp = true;
    if (entry.wasTried && entry.item.type === "open") resolve({ outcome: "unknown" });
    else reject(databaseAway("the database did not answer in time"));
  }, ms);
  entry.resolve = (result) => {
    clearTimeout(timer);
    resolve(result);
  };
  entry.reject = (error) => {
    clearTimeout(timer);
    reject(error);
  };
}

function connect(options: CommitterOptions): Sql {
  return options.database.connect({
    max: 1,
    statementTimeoutMs: Math.floor(options.statementTimeoutMs / 2),
    // The batch's statements join a few keys with big tables by their indexes, whatever the planner knows of sizes.
    connection: {
      // The whole connection is the books', so that no batch has to say so again.
      "mf.purpose": "settlement",
      lock_timeout: "1000",
      enable_hashjoin: "off",
      enable_mergejoin: "off",
      enable_seqscan: "off",
      plan_cache_mode: "force_generic_plan",
    },
  });
}

async function inTransaction<T>(tx: Tx, run: (tx: Tx) => Promise<T>): Promise<T> {
  await tx`begin`;
  const value = await run(tx);
  await tx`commit`;
  return value;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
