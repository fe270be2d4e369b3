/** Tokens in disjoint parts: their sum is what the provider counted, and each is priced once. */
export type TokenCounts = {
  input: number;
  cachedInput: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
};

export type NormalisedUsage =
  | { ok: true; tokens: TokenCounts; warnings: string[] }
  /** `why` names the field; it never repeats its value. */
  | { ok: false; why: string };

const countMax = 100_000_000;

/**
 * Reads a usage object in the shape of OpenAI's chat completions. Cached and reasoning tokens may stand inside the
 * totals or beside them: `total_tokens` tells which. A count that cannot be is refused as a whole, so that the caller
 * estimates; a cached count above the input is clamped, with a warning.
 * Source: https://platform.openai.com/docs/api-reference/chat/object (usage),
 * https://api-docs.deepseek.com/api/create-chat-completion (prompt_cache_hit_tokens),
 * https://docs.litellm.ai/docs/completion/prompt_caching, https://docs.x.ai/docs/guides/reasoning, November 2026.
 */
export function normaliseUsage(usage: unknown, _shape: "openai"): NormalisedUsage {
  if (!isObject(usage)) return { ok: false, why: "usage is no object" };
  const counts = readCounts(usage);
  if (typeof counts === "string") return { ok: false, why: counts };
  const { prompt, completion, cacheWrite: writes, cached, reasoning, total } = counts;
  const warnings: string[] = [];

  const beside = total === null ? 0 : total - prompt - completion;
  const reasoningBeside =
    beside > 0 && reasoning > 0 && (beside === reasoning || beside === reasoning + cached + writes);
  const cacheBeside =
    beside > 0 && beside - (reasoningBeside ? reasoning : 0) === cached + writes && cached + writes > 0;
  if (beside !== 0 && !reasoningBeside && !cacheBeside) warnings.push("total_tokens differs from its parts");

  let input = prompt;
  let cachedInput = cached;
  let cacheWrite = writes;
  if (!cacheBeside) {
    cachedInput = Math.min(cached, prompt);
    cacheWrite = Math.min(writes, prompt - cachedInput);
    if (cachedInput < cached) warnings.push("cached tokens exceed the input");
    if (cacheWrite < writes) warnings.push("cache writes exceed the input");
    input = prompt - cachedInput - cacheWrite;
  }
  let output = completion;
  let thought = reasoning;
  if (!reasoningBeside) {
    thought = Math.min(reasoning, completion);
    if (thought < reasoning) warnings.push("reasoning tokens exceed the output");
    output = completion - thought;
  }
  return { ok: true, tokens: { input, cachedInput, cacheWrite, output, reasoning: thought }, warnings };
}

/** No output token at all. Beside real output such a usage says nothing: the caller counts for itself. */
export function reportsNoOutput(tokens: TokenCounts): boolean {
  return tokens.output + tokens.reasoning === 0;
}

/**
 * True for an answer that is a failure: nothing came, and no stop explains it. An answer that its limit or a content
 * filter ended before any text is an answer, and is charged.
 */
export function isEmptyAnswer(answer: { hasOutput: boolean; finishReasons: readonly string[] }): boolean {
  if (answer.hasOutput) return false;
  return !answer.finishReasons.some((reason) => reason === "length" || reason === "content_filter");
}

type Counts = {
  prompt: number;
  completion: number;
  cached: number;
  cacheWrite: number;
  reasoning: number;
  total: number | null;
};

function readCounts(usage: JsonObject): Counts | string {
  const inputDetails = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const outputDetails = isObject(usage.completion_tokens_details) ? usage.completion_tokens_details : {};
  const fields = {
    prompt: usage.prompt_tokens,
    completion: usage.completion_tokens,
    cached: first(
      inputDetails.cached_tokens,
      usage.cached_tokens,
      usage.prompt_cache_hit_tokens,
      usage.cache_read_input_tokens,
    ),
    cacheWrite: first(
      inputDetails.cache_write_tokens,
      inputDetails.cache_creation_tokens,
      usage.cache_creation_input_tokens,
    ),
    reasoning: first(outputDetails.reasoning_tokens, usage.reasoning_tokens),
  };
  for (const [name, value] of Object.entries(fields)) {
    if (!isCount(value)) return `the count of ${name} tokens is not a whole number from 0 to ${countMax}`;
  }
  const total = usage.total_tokens;
  return { ...(fields as Omit<Counts, "total">), total: isCount(total) ? total : null };
}

/** Providers write `null` for a detail that they do not have; the first that has one speaks. */
function first(...values: unknown[]): unknown {
  return values.find((value) => value !== undefined && value !== null) ?? 0;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= countMax;
}

export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
