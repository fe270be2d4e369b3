import { ApiError } from "../../lib/errors.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { isEmptyAnswer, repairToolCalls } from "../../modules/metering/metering.ts";
import { type JsonObject, UpstreamError } from "../../providers/provider.ts";
import { modelfaucetOf, relayedChunk, usageChunk } from "./answer.ts";
import type { BegunAnswer } from "./attempts.ts";
import { failureOf } from "./failures.ts";
import { type KeepContext, keepStream } from "./keeping.ts";
import type { Run } from "./run.ts";
import { type SettleContext, type Settled, settleAbort, settleFailure, settleSuccess } from "./settlement.ts";

export type RelayContext = SettleContext & KeepContext & { usageWaitMs: number };

/**
 * Relays a stream chunk by chunk and settles it before its last chunk leaves. Whoever reads may stop at any time: then
 * upstream is cancelled and what was relayed is settled.
 * @throws ApiError after a failure, which has been settled at no charge
 */
export async function* relayStream(
  run: Run,
  begun: Extract<BegunAnswer, { kind: "stream" }>,
  context: RelayContext,
): AsyncGenerator<JsonObject, void> {
  let isSettled = false;
  let createdAt: unknown;
  const held: JsonObject[] = [];
  const finish = async (): Promise<JsonObject[]> => {
    const settled = await settleSuccess(run, context);
    isSettled = true;
    const closing = closingChunks(run, settled, held, createdAt);
    if (!settled.isPending) await keepStream(run, closing, context);
    return closing;
  };
  try {
    for await (const chunk of chunksOf(run, begun, context.usageWaitMs)) {
      createdAt ??= chunk.created;
      const choices = chunk.choices;
      if (!Array.isArray(choices) || choices.length === 0) continue;
      // Without a usage chunk the price rides on the last finish reason, so that chunk waits for the settlement.
      if (run.isAnswered && !run.asked.includeUsage) held.push(chunk);
      else {
        const relayed = relayedChunk(run, chunk);
        run.recording?.add(relayed);
        run.relayMs += performance.now() - run.chunkAt;
        yield relayed;
      }
      const hit = failpoint("mid_stream");
      if (hit) await hit;
    }
    refuseIncomplete(run);
    const closing = await finish();
    await failpoint("before_last_chunk");
    yield* closing;
  } catch (error) {
    if (isSettled) throw error;
    isSettled = true;
    throw await settleStopped(run, error, context);
  } finally {
    // The reader has gone at a chunk: the generator is being returned, not thrown into.
    if (!isSettled) {
      run.stop("client_left");
      if (run.isAnswered) await finish();
      else await settleAbort(run, context);
    }
    run.abort.abort();
  }
}

/** What leaves once the request is settled: the chunk with the usage, or those that waited, the last one with the price. */
function closingChunks(
  run: Run,
  settled: Settled,
  held: readonly JsonObject[],
  createdAt: unknown,
): JsonObject[] {
  if (run.asked.includeUsage) return [usageChunk(run, settled, createdAt)];
  const chunks =
    held.length > 0
      ? held
      : [{ created: createdAt, choices: [{ index: 0, delta: {}, finish_reason: null }] }];
  return chunks.map((chunk, index) => ({
    ...relayedChunk(run, chunk),
    ...(index === chunks.length - 1 ? { modelfaucet: modelfaucetOf(run, settled) } : {}),
  }));
}

/** Settles a request that ended early, by who ended it, and gives the error that its client is told. */
export async function settleStopped(run: Run, error: unknown, context: SettleContext): Promise<unknown> {
  if (error instanceof ApiError) {
    await settleFailure(run, error.code, context);
    return error;
  }
  if (!(error instanceof UpstreamError)) {
    await settleFailure(run, "internal_error", context);
    return error;
  }
  if (error.kind === "aborted" && run.stopReason === "client_left") {
    await settleAbort(run, context);
    return new ApiError("client_closed_request", "The client closed the request.", { cause: error });
  }
  if (error.kind === "aborted" && typeof run.stopReason === "object" && run.stopReason !== null) {
    const { side, error: told } = run.stopReason;
    await (side === "payer" ? settleAbort(run, context, told.code) : settleFailure(run, told.code, context));
    return told;
  }
  if (error.kind === "aborted") {
    await settleFailure(
      run,
      run.stopReason === "shutdown" ? "service_unavailable" : "internal_error",
      context,
    );
    return new ApiError(
      "service_unavailable",
      "The gateway had to end this answer; you were not charged. Try again.",
      { cause: error },
    );
  }
  const failure = failureOf(error, run);
  await settleFailure(run, failure.code, context, error.usage);
  return failure;
}

/** Upstream's chunks in order, seen by the tap as they pass; after the last finish reason only usage is waited for. */
async function* chunksOf(
  run: Run,
  begun: Extract<BegunAnswer, { kind: "stream" }>,
  usageWaitMs: number,
): AsyncGenerator<JsonObject, void> {
  const repair = repairToolCalls();
  let next = begun.first;
  let answeredAt = 0;
  while (!next.done && next.value.type === "chunk") {
    run.chunkAt = performance.now();
    const chunk = repair(next.value.chunk);
    run.tap.chunk(chunk);
    yield chunk;
    if (run.isAnswered && answeredAt === 0) answeredAt = performance.now();
    const following = begun.events.next();
    if (answeredAt !== 0) await failpoint("awaiting_usage");
    const waited =
      answeredAt === 0
        ? await following
        : await within(following, answeredAt + usageWaitMs - performance.now());
    if (waited === null) return;
    next = waited;
  }
  run.saidDone = !next.done && next.value.type === "done";
}

/** A stream that ends without `[DONE]` must have said why each choice ended. */
function refuseIncomplete(run: Run): void {
  if (isEmptyAnswer(run.tap))
    throw new UpstreamError("malformed", "the answer is empty", { usage: run.tap.usage });
  if (!run.isAnswered && !run.saidDone) {
    throw new UpstreamError("truncated", "the stream ended before the answer did", { usage: run.tap.usage });
  }
}

/** `null` when it takes longer, or fails: the answer is whole, only its bookkeeping is not. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), Math.max(0, ms));
  });
  try {
    return await Promise.race([work.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
