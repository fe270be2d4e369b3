import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";

const countNames = [
  "input_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "output_tokens",
] as const;

/**
 * What a stream has told of its usage so far. Each report is of the whole answer until then, so a later one replaces
 * what it names; nothing is added up. `message_start` tells of the prompt, and of output what is no more than a
 * beginning; `message_delta` tells the rest, and the prompt again where upstream does.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming (message_delta: "cumulative"), November 2026.
 */
export class UsageSoFar {
  #told: JsonObject = {};

  /** What an answer begins with: its count of output is no count of what will have come. */
  begin(usage: unknown): void {
    if (!isObject(usage)) return;
    const { output_tokens: _output, output_tokens_details: _details, ...prompt } = usage;
    this.add(prompt);
  }

  add(usage: JsonObject): void {
    for (const [name, value] of Object.entries(usage)) {
      if (value !== null && value !== undefined) this.#told[name] = value;
    }
  }

  /** In OpenAI's shape. */
  get total(): JsonObject {
    return usageAsOpenAi(this.#told);
  }
}

/**
 * Anthropic counts disjoint parts; OpenAI's shape counts cached and written tokens within the prompt, thinking within
 * the completion. A sum over a count that cannot be is `null`, so that whoever meters refuses the whole: it must not
 * come out as one that can.
 * Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (tracking cache performance) and
 * `Usage` of @anthropic-ai/sdk 1.13.0, November 2026.
 */
export function usageAsOpenAi(usage: JsonObject): JsonObject {
  const [input, read, written, output] = countNames.map((name, place) => {
    const value = usage[name];
    // The prompt's and the answer's own counts must be there; the cache's may be left out.
    return (value === undefined || value === null) && (place === 1 || place === 2) ? 0 : value;
  });
  const prompt = sumOf(input, read, written);
  const details = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {};
  return {
    prompt_tokens: prompt,
    completion_tokens: output ?? null,
    total_tokens: sumOf(prompt, output),
    prompt_tokens_details: { cached_tokens: read, cache_write_tokens: written },
    completion_tokens_details: { reasoning_tokens: details.thinking_tokens ?? 0 },
  };
}

function sumOf(...counts: unknown[]): number | null {
  let sum = 0;
  for (const count of counts) {
    if (typeof count !== "number" || !Number.isInteger(count) || count < 0) return null;
    sum += count;
  }
  return sum;
}
