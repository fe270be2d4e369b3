import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import { cacheControl } from "./cache-control.ts";
import { translateMessages } from "./messages.ts";
import { type ModelTraits, traitsOf } from "./model-traits.ts";
import { translateThinking } from "./thinking.ts";
import { translateTools } from "./tools.ts";
import { Translation } from "./translation.ts";

export type TranslatedRequest = { body: JsonObject; dropped: string[] };

/**
 * A chat completion's body as one for Anthropic's `/v1/messages`. What cannot be said there is refused by name where it
 * would change what is answered or what it costs, and else left out and told.
 * Source: https://platform.claude.com/docs/en/api/messages and the types of @anthropic-ai/sdk 1.13.0, November 2026.
 * @throws TranslationRefusal
 */
export function translateRequest(asked: JsonObject, model: string, stream: boolean): TranslatedRequest {
  const translation = new Translation();
  refuseUntranslatable(asked, translation);
  const traits = traitsOf(model);
  const maxTokens = maxTokensOf(asked, translation);
  const tools = translateTools(asked, traits, translation);
  const forcesTool = tools.tool_choice?.type === "any" || tools.tool_choice?.type === "tool";
  const { thinking, effort } = translateThinking(asked, traits, { maxTokens, forcesTool }, translation);
  const { system, messages } = translateMessages(asked, translation);
  const output = { ...(effort === undefined ? {} : { effort }), ...outputFormat(asked, translation) };
  const body: JsonObject = {
    model,
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...tools,
    ...(thinking === undefined ? {} : { thinking }),
    ...(Object.keys(output).length === 0 ? {} : { output_config: output }),
    ...stopSequences(asked, translation),
    ...sampling(asked, traits, thinking !== undefined, translation),
    ...(typeof asked.user === "string" ? { metadata: { user_id: asked.user } } : {}),
    ...serviceTier(asked),
    ...cacheControl(asked, "", translation),
    stream,
  };
  for (const [name, value] of Object.entries(asked)) {
    if (!understood.has(name) && !saysNothing(name, value)) translation.drop(name);
  }
  return { body, dropped: translation.dropped };
}

const understood: ReadonlySet<string> = new Set([
  ...["model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "n", "user"],
  ...["tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "stop", "response_format"],
  ...["temperature", "top_p", "top_k", "thinking", "reasoning", "reasoning_effort", "cache_control"],
  ...["service_tier", "modalities", "logprobs", "top_logprobs", "logit_bias", "speed", "inference_geo"],
]);

/** A field that repeats its default is not lost. */
function saysNothing(name: string, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (name === "presence_penalty" || name === "frequency_penalty") return value === 0;
  if (name === "metadata") return isObject(value) && Object.keys(value).length === 0;
  return name === "store" && value === false;
}

function refuseUntranslatable(asked: JsonObject, translation: Translation): void {
  const { n, logprobs, top_logprobs, logit_bias, speed, inference_geo } = asked;
  if (typeof n === "number" && n > 1) translation.refuse("n", "must be 1: this provider gives one answer");
  const why = "is not offered by this provider";
  if (logprobs === true) translation.refuse("logprobs", why);
  if (typeof top_logprobs === "number" && top_logprobs > 0) translation.refuse("top_logprobs", why);
  if (isObject(logit_bias) && Object.keys(logit_bias).length > 0) translation.refuse("logit_bias", why);
  // Source: https://platform.claude.com/docs/en/about-claude/pricing (fast mode, data residency), November 2026.
  const dearer = "changes what a call costs and has no price here";
  if (speed !== undefined && speed !== null && speed !== "standard") translation.refuse("speed", dearer);
  if (inference_geo !== undefined && inference_geo !== null) translation.refuse("inference_geo", dearer);
}

function maxTokensOf(asked: JsonObject, translation: Translation): number {
  const limit = asked.max_tokens ?? asked.max_completion_tokens;
  if (typeof limit === "number" && Number.isInteger(limit) && limit > 0) return limit;
  return translation.refuse("max_tokens", "must be a whole number above 0");
}

/**
 * Anthropic answers in a form that a schema describes; there is no word for JSON of any form.
 * Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs, read November 2026.
 */
function outputFormat(asked: JsonObject, translation: Translation): { format?: JsonObject } {
  const wanted = asked.response_format;
  if (wanted === undefined || wanted === null) return {};
  if (isObject(wanted) && wanted.type === "text") return {};
  if (isObject(wanted) && wanted.type === "json_schema" && isObject(wanted.json_schema)) {
    const { schema } = wanted.json_schema;
    if (isObject(schema)) return { format: { type: "json_schema", schema } };
    return translation.refuse("response_format.json_schema.schema", "must be an object");
  }
  return translation.refuse(
    "response_format",
    "must be text or json_schema: this provider has no word for other forms",
  );
}

function stopSequences(asked: JsonObject, translation: Translation): { stop_sequences?: string[] } {
  const { stop } = asked;
  if (stop === undefined || stop === null) return {};
  const sequences = Array.isArray(stop) ? (stop as unknown[]) : [stop];
  if (sequences.length === 0) return {};
  return {
    stop_sequences: sequences.map((sequence) => {
      if (typeof sequence !== "string")
        return translation.refuse("stop", "must be a text or a list of texts");
      if (sequence.trim() === "")
        translation.refuse("stop", "must hold more than white space for this provider");
      return sequence;
    }),
  };
}

/**
 * Temperature runs from 0 to 1 here, and 1 is what a model does by itself. Newer models take neither it nor its like,
 * none takes it with thinking, and one that has a temperature takes no top_p.
 * Source: https://platform.claude.com/docs/en/api/messages (temperature, top_p),
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking (feature compatibility), November 2026.
 */
function sampling(
  asked: JsonObject,
  traits: ModelTraits,
  thinks: boolean,
  translation: Translation,
): JsonObject {
  const { temperature, top_p, top_k } = asked;
  const kept: JsonObject = {};
  if (isGiven(temperature)) {
    const ok = typeof temperature === "number" && temperature >= 0 && temperature <= 1;
    if (!ok) translation.refuse("temperature", "must be a number from 0 to 1 for this provider");
    if (temperature !== 1) kept.temperature = temperature;
  }
  if (isGiven(top_p) && top_p !== 1) kept.top_p = top_p;
  if (isGiven(top_k)) kept.top_k = top_k;
  for (const name of Object.keys(kept)) {
    const excluded = thinks || !traits.takesSampling || (name === "top_p" && kept.temperature !== undefined);
    if (!excluded) continue;
    translation.drop(name);
    delete kept[name];
  }
  return kept;
}

/** `auto` may use capacity that was bought ahead; the default of OpenAI's clients means none of it. */
function serviceTier(asked: JsonObject): { service_tier?: string } {
  const tier = asked.service_tier;
  return tier === "default" || tier === "standard" ? { service_tier: "standard_only" } : {};
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
