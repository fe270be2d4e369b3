import { parentPort } from "node:worker_threads";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { segments } from "./segments.ts";

export type CountJob = { id: number; texts: readonly string[]; deadlineAt: number };
export type CountAnswer = { id: number; tokens: number; exact: boolean };

/** Text that looks like a control token is text. */
const plainText = { disallowedSpecial: new Set<string>() };

parentPort?.on("message", (job: CountJob) => {
  let tokens = 0;
  let restBytes = 0;
  for (const text of job.texts) {
    for (const segment of segments(text)) {
      if (Date.now() < job.deadlineAt) tokens += countTokens(segment, plainText);
      else restBytes += Buffer.byteLength(segment);
    }
  }
  const answer: CountAnswer = {
    id: job.id,
    tokens: tokens + Math.ceil(restBytes / 4),
    exact: restBytes === 0,
  };
  parentPort?.postMessage(answer);
});
