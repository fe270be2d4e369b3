import { UpstreamFailure } from "../endpoints/upstream.ts";
import type { BridgeError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { AnswerTap } from "./answer-tap.ts";
import type { UpstreamEvent } from "./event-reader.ts";
import type { EventWriter } from "./event-writer.ts";
import type { ModelRequest } from "./request.ts";

export type RelayDeps = {
  asked: ModelRequest;
  tap: AnswerTap;
  writer: EventWriter;
  begin(): void;
  /** What closes the answer: usage as it is told, and `modelfaucet`. */
  close(): Promise<{ usage: JsonObject; modelfaucet: JsonObject }>;
  /** A failed event as an error. */
  failure(json: unknown): BridgeError;
};

/** After the last finish reason only usage is waited for, and not for long. */
const usageWaitMs = 5000;

/**
 * Passes a stream on, chunk by chunk, never faster than its reader takes it. Usage and `modelfaucet` ride on the last
 * chunk: on one of their own when usage was asked for, else on the chunk with the last finish reason.
 */
export async function relayStream(
  events: AsyncIterator<UpstreamEvent, void>,
  deps: RelayDeps,
): Promise<void> {
  const { asked, tap, writer } = deps;
  const held: JsonObject[] = [];
  let seen: JsonObject = {};
  let isDone = false;
  let answeredAt = 0;
  const send = async (chunk: JsonObject): Promise<void> => {
    if (!(await writer.data(chunk))) throw new UpstreamFailure("aborted", "the reader has gone");
  };
  for (;;) {
    const following = events.next();
    const next =
      answeredAt === 0
        ? await following
        : await within(following, answeredAt + usageWaitMs - performance.now());
    if (next === null || next.done === true) break;
    deps.begin();
    if (next.value.type === "done") {
      isDone = true;
      break;
    }
    if (next.value.type === "error") {
      if (answeredAt !== 0) break;
      throw deps.failure(next.value.json);
    }
    const { chunk } = next.value;
    tap.chunk(chunk);
    if (!Array.isArray(chunk.choices) || chunk.choices.length === 0) continue;
    seen = chunk;
    if (answeredAt === 0 && tap.finishedChoices >= asked.choices) answeredAt = performance.now();
    const { usage: _usage, modelfaucet: _foreign, ...plain } = chunk;
    if (answeredAt !== 0 && !asked.wantsUsage) held.push(plain);
    else await send(plain);
  }
  if (tap.isEmpty || (answeredAt === 0 && !isDone && tap.finishedChoices === 0)) {
    throw new UpstreamFailure("broken", "the stream ended before the answer did");
  }
  const { usage, modelfaucet } = await deps.close();
  const { id, object, created, model } = seen;
  const closing: JsonObject = { id, object: object ?? "chat.completion.chunk", created, model };
  if (asked.wantsUsage) await send({ ...closing, choices: [], usage, modelfaucet });
  else {
    const last = held.pop() ?? { ...closing, choices: [{ index: 0, delta: {}, finish_reason: null }] };
    for (const chunk of held) await send(chunk);
    await send({ ...last, modelfaucet });
  }
  writer.done();
}

/** `null` when it takes longer, or fails: the answer is whole, only its figures are not. */
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
