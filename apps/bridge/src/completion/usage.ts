import type { TokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import type { LocalModel } from "../endpoints/endpoints.ts";
import { askUpstream } from "../endpoints/upstream.ts";
import { isObject, type JsonObject, positiveInteger } from "../json.ts";
import type { AnswerTap } from "./answer-tap.ts";
import { type ModelRequest, promptNumbers, promptTexts, upstreamBody } from "./request.ts";

export type Usage = {
  source: "provider" | "estimated";
  input: number;
  output: number;
  /** As it is told: the server's own object, or one made of counts. */
  object: JsonObject;
};

const tokenizeMs = 3000;

/** Tokens of a prompt: by the server's own tokenizer where it has one, else counted here. */
export async function countPrompt(
  asked: ModelRequest,
  model: LocalModel,
  counter: TokenCounter,
): Promise<number> {
  const own = await countByServer(asked, model).catch(() => null);
  if (own !== null) return own;
  return (await counter.count(promptTexts(asked))).tokens + promptNumbers(asked);
}

/** The server's figures, or, where it says nothing or all zero beside a prompt, those counted here. */
export async function usageOf(
  asked: ModelRequest,
  model: LocalModel,
  tap: AnswerTap,
  prompt: { counted: number; counter: TokenCounter },
): Promise<Usage> {
  const reported = readUsage(tap.usage, asked.route === "embeddings");
  if (reported !== null) return { source: "provider", ...reported, object: tap.usage as JsonObject };
  const output = asked.route === "embeddings" ? 0 : await countOutput(tap, model, prompt.counter);
  const object = {
    prompt_tokens: prompt.counted,
    ...(asked.route === "embeddings" ? {} : { completion_tokens: output }),
    total_tokens: prompt.counted + output,
  };
  return { source: "estimated", input: prompt.counted, output, object };
}

function readUsage(usage: unknown, embeds: boolean): { input: number; output: number } | null {
  if (!isObject(usage)) return null;
  const input = countOf(usage.prompt_tokens);
  const output = embeds ? 0 : countOf(usage.completion_tokens);
  if (input === null || output === null || input + output === 0) return null;
  return { input, output };
}

function countOf(value: unknown): number | null {
  return value === 0 ? 0 : positiveInteger(value);
}

async function countOutput(tap: AnswerTap, model: LocalModel, counter: TokenCounter): Promise<number> {
  const texts = tap.outputTexts();
  const own = await countTextsByServer(texts, model).catch(() => null);
  return (own ?? (await counter.count(texts)).tokens) + tap.overflowTokens;
}

/**
 * vLLM counts a conversation with its template; llama.cpp turns one into a prompt first.
 * Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (tokenizer API),
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (apply-template, tokenize), November 2026.
 */
async function countByServer(asked: ModelRequest, model: LocalModel): Promise<number | null> {
  const { kind } = model.endpoint;
  if (kind !== "vllm" && kind !== "llamacpp") return null;
  if (asked.route === "embeddings")
    return addNumbers(await countTextsByServer(promptTexts(asked), model), asked);
  const { messages, tools } = upstreamBody(asked, model.name);
  const given = tools === undefined ? {} : { tools };
  if (kind === "vllm") return countOfVllm(model, { messages, ...given, add_generation_prompt: true });
  const { json } = await ask(model, "/apply-template", { messages, ...given });
  if (!isObject(json) || typeof json.prompt !== "string") return null;
  return countOfLlamaCpp(model, json.prompt);
}

async function countTextsByServer(texts: readonly string[], model: LocalModel): Promise<number | null> {
  const { kind } = model.endpoint;
  if (kind !== "vllm" && kind !== "llamacpp") return null;
  if (texts.length > textsMax) return null;
  let tokens = 0;
  for (const text of texts) {
    const count =
      kind === "vllm"
        ? await countOfVllm(model, { prompt: text, add_special_tokens: false })
        : await countOfLlamaCpp(model, text);
    if (count === null) return null;
    tokens += count;
  }
  return tokens;
}

/** Each is a call of its own; many are counted here. */
const textsMax = 32;

async function countOfVllm(model: LocalModel, body: JsonObject): Promise<number | null> {
  const { json } = await ask(model, "/tokenize", { model: model.name, ...body });
  return isObject(json) ? countOf(json.count) : null;
}

async function countOfLlamaCpp(model: LocalModel, content: string): Promise<number | null> {
  const { json } = await ask(model, "/tokenize", { content, parse_special: true });
  return isObject(json) && Array.isArray(json.tokens) ? json.tokens.length : null;
}

function ask(model: LocalModel, path: string, body: JsonObject) {
  return askUpstream(model.endpoint, { method: "POST", atRoot: true, path, body, timeoutMs: tokenizeMs });
}

function addNumbers(count: number | null, asked: ModelRequest): number | null {
  return count === null ? null : count + promptNumbers(asked);
}
