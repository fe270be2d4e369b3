import type { Database } from "../../lib/db.ts";
import type { SecretBox, SecretPlace } from "../../lib/secret-box.ts";

/** A model's answer as its client got it: one body, or the chunks of a stream in their order. JSON texts. */
export type KeptAnswer = { kind: "body"; body: string } | { kind: "stream"; chunks: readonly string[] };

/** Whose answer it is: the Idempotency-Key that its caller chose, and the request that was served under it. */
export type AnswerKey = { appId: string; caller: string; route: string; key: string; requestId: string };

export type KeptAnswers = {
  /** Keeps an answer, sealed, for a day. A second one for the same key changes nothing. */
  keep(key: AnswerKey, answer: KeptAnswer): Promise<void>;
  /** `null` when none was kept, or its day is over. */
  find(key: AnswerKey): Promise<KeptAnswer | null>;
};

/** Where an answer is sealed to: a row that is moved does not open. */
export const answerPlace = (appId: string, requestId: string): SecretPlace => ({
  table: "idempotency_answers",
  column: "sealed_answer",
  rowId: requestId,
  owner: appId,
});

/** Answers under their caller's own key: the one thing of a model call that is kept, because its caller asked for it. */
export function createKeptAnswers(deps: {
  database: Pick<Database, "read" | "write">;
  secretBox: Pick<SecretBox, "seal" | "open">;
}): KeptAnswers {
  return {
    keep: (key, answer) => {
      const sealed = deps.secretBox.seal(JSON.stringify(answer), answerPlace(key.appId, key.requestId));
      return deps.database.write({ purpose: "settlement" }, async (tx) => {
        await tx`
          insert into idempotency_answers (app_id, caller, route, key, request_id, sealed_answer)
          values (${key.appId}, ${key.caller}, ${key.route}, ${key.key}, ${key.requestId}, ${sealed})
          on conflict do nothing`;
      });
    },
    find: async (key) => {
      const [row] = await deps.database.read(
        { purpose: "settlement" },
        (tx) => tx<{ sealed_answer: string }[]>`
          select sealed_answer from idempotency_answers
          where app_id = ${key.appId} and caller = ${key.caller} and route = ${key.route} and key = ${key.key}
            and request_id = ${key.requestId} and created_at > mf_now() - interval '24 hours'`,
      );
      if (!row) return null;
      const place = answerPlace(key.appId, key.requestId);
      return JSON.parse(deps.secretBox.open(row.sealed_answer, place)) as KeptAnswer;
    },
  };
}
