import { Worker } from "node:worker_threads";
import type { CountAnswer, CountJob } from "./worker.ts";

export type TokenCount = {
  tokens: number;
  /** False when (part of) the texts was estimated as UTF-8 bytes / 4, rounded up. */
  exact: boolean;
};

export type TokenCounter = {
  /** Counts all texts together with the o200k vocabulary. Answers within the deadline, and never rejects. */
  count(texts: readonly string[]): Promise<TokenCount>;
  /** Ends the worker; counts that wait are answered by their estimate. */
  close(): Promise<void>;
};

export type TokenCounterOptions = {
  deadlineMs?: number;
  /** Counts under way together; beyond it a count is estimated at once. */
  queueMax?: number;
  /** UTF-16 units under way together; beyond it a count is estimated at once. */
  queueCharactersMax?: number;
  /** Where `worker.ts` is once it is bundled. */
  worker?: URL | undefined;
};

/** A worker that is this much later than its deadline is stuck in one segment, and is replaced. */
const stuckAfterDeadlines = 4;

type Waiting = { texts: readonly string[]; characters: number; resolve: (count: TokenCount) => void };

/**
 * Counts tokens in a worker thread, because a tokenizer can need seconds for hostile text. The worker starts with the
 * first count and does not keep the process alive.
 */
export function createTokenCounter(options: TokenCounterOptions = {}): TokenCounter {
  const deadlineMs = options.deadlineMs ?? 500;
  const queueMax = options.queueMax ?? 256;
  const queueCharactersMax = options.queueCharactersMax ?? 16_777_216;
  const program = options.worker ?? new URL("./worker.ts", import.meta.url);
  const waiting = new Map<number, Waiting>();
  /** Jobs that the worker still has, answered or not: their texts are in its memory. */
  const posted = new Map<number, number>();
  let postedCharacters = 0;
  let worker: Worker | null = null;
  let lastId = 0;
  let isClosed = false;

  function answer(id: number, count: TokenCount): void {
    const job = waiting.get(id);
    waiting.delete(id);
    job?.resolve(count);
  }

  function estimateAll(): void {
    for (const [id, job] of waiting) answer(id, estimate(job.texts));
  }

  function forget(gone: Worker): void {
    if (worker !== gone) return;
    worker = null;
    posted.clear();
    postedCharacters = 0;
    estimateAll();
  }

  function start(): Worker {
    const started = new Worker(program, { name: "token-counter" });
    started.unref();
    started.on("message", (message: CountAnswer) => {
      postedCharacters -= posted.get(message.id) ?? 0;
      posted.delete(message.id);
      answer(message.id, { tokens: message.tokens, exact: message.exact });
    });
    started.on("error", () => forget(started));
    started.on("exit", () => forget(started));
    return started;
  }

  return {
    count(texts) {
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      if (characters === 0) return Promise.resolve({ tokens: 0, exact: true });
      const isFull = posted.size >= queueMax || postedCharacters + characters > queueCharactersMax;
      if (isClosed || isFull) return Promise.resolve(estimate(texts));
      worker ??= start();
      const current = worker;
      const id = ++lastId;
      posted.set(id, characters);
      postedCharacters += characters;
      current.postMessage({ id, texts, deadlineAt: Date.now() + deadlineMs } satisfies CountJob);
      return new Promise((resolve) => {
        const late = setTimeout(() => answer(id, estimate(texts)), deadlineMs);
        const stuck = setTimeout(() => {
          if (worker === current && posted.has(id)) void current.terminate();
        }, deadlineMs * stuckAfterDeadlines);
        stuck.unref();
        waiting.set(id, {
          texts,
          characters,
          resolve: (count) => {
            clearTimeout(late);
            if (!posted.has(id)) clearTimeout(stuck);
            resolve(count);
          },
        });
      });
    },
    async close() {
      isClosed = true;
      estimateAll();
      await worker?.terminate();
    },
  };
}

function estimate(texts: readonly string[]): TokenCount {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return { tokens: Math.ceil(bytes / 4), exact: bytes === 0 };
}
