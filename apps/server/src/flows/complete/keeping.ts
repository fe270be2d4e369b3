import type { AnswerKey, KeptAnswers } from "../../modules/answer/answer.ts";
import type { KeyClaim } from "../../modules/books/items.ts";
import type { JsonObject } from "../../providers/provider.ts";
import type { Run } from "./run.ts";

/** A longer answer is not kept: a repeat of its request is told that it was answered, and by which receipt. */
const longestKept = 1024 * 1024;

/** What is relayed under a caller's own Idempotency-Key, until it is whole. */
export type Recording = {
  add(chunk: JsonObject): void;
  /** `null` when there was too much of it. */
  readonly chunks: readonly string[] | null;
};

export function createRecording(): Recording {
  let chunks: string[] | null = [];
  let length = 0;
  return {
    add: (chunk) => {
      if (chunks === null) return;
      const text = JSON.stringify(chunk);
      length += text.length;
      if (length > longestKept) chunks = null;
      else chunks.push(text);
    },
    get chunks() {
      return chunks;
    },
  };
}

export type KeepContext = { answers: KeptAnswers; onError: (error: unknown) => void };

/** Keeps a whole body before it leaves. That it could not be kept is nobody's failure: the answer is there. */
export async function keepBody(run: Run, body: JsonObject, context: KeepContext): Promise<void> {
  if (run.claim === null || run.recording === null) return;
  const text = JSON.stringify(body);
  if (text.length > longestKept) return;
  await context.answers
    .keep(answerKeyOf(run.appId, run.claim, run.requestId), { kind: "body", body: text })
    .catch(context.onError);
}

/** Keeps a stream whose last chunks are about to leave. */
export async function keepStream(run: Run, last: readonly JsonObject[], context: KeepContext): Promise<void> {
  if (run.claim === null || run.recording === null) return;
  for (const chunk of last) run.recording.add(chunk);
  const { chunks } = run.recording;
  if (chunks === null) return;
  await context.answers
    .keep(answerKeyOf(run.appId, run.claim, run.requestId), { kind: "stream", chunks })
    .catch(context.onError);
}

export const answerKeyOf = (appId: string, claim: KeyClaim, requestId: string): AnswerKey => ({
  appId,
  caller: claim.caller,
  route: claim.route,
  key: claim.key,
  requestId,
});
