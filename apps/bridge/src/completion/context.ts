import { BridgeError } from "../errors.ts";
import type { ModelRequest } from "./request.ts";

export type ContextFit = { contextLength: number | null; promptTokens: number; warnings: string[] };

const defaultOutputMax = 1024;

/**
 * 11: whether prompt and answer fit into what the server has loaded. Servers cut what does not, and say nothing.
 * @throws BridgeError context_length_exceeded with all figures
 */
export function fitContext(
  asked: ModelRequest,
  contextLength: number | null,
  promptTokens: number,
): ContextFit {
  if (contextLength === null) return { contextLength, promptTokens, warnings: ["context_length_unknown"] };
  const output = outputTokens(asked, contextLength);
  if (promptTokens + output > contextLength)
    throw exceeded(contextLength, promptTokens, output, asked.route === "embeddings" ? "input" : "messages");
  const isNearlyFull = promptTokens + output > contextLength * 0.9;
  return { contextLength, promptTokens, warnings: isNearlyFull ? ["context_nearly_full"] : [] };
}

/** The server's own count is far below ours: it may have read only a part of the prompt. */
export function isPromptMaybeCut(countedTokens: number, reportedTokens: number): boolean {
  return reportedTokens > 0 && reportedTokens < countedTokens * 0.6 && countedTokens - reportedTokens > 64;
}

export function exceeded(
  contextLength: number,
  promptTokens: number,
  maxOutputTokens: number,
  param = "messages",
): BridgeError {
  return new BridgeError(
    "context_length_exceeded",
    `The prompt (${promptTokens} tokens) and its answer (up to ${maxOutputTokens}) do not fit into the model's ${contextLength} tokens; shorten the prompt, or load the model with a larger context.`,
    {
      param,
      details: {
        context_length: contextLength,
        prompt_tokens: promptTokens,
        max_output_tokens: maxOutputTokens,
        usage_source: "estimated",
      },
    },
  );
}

function outputTokens(asked: ModelRequest, contextLength: number): number {
  if (asked.route === "embeddings") return 0;
  return asked.maxOutputTokens ?? Math.min(defaultOutputMax, Math.floor(contextLength / 4));
}
