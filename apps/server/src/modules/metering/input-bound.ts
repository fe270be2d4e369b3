import { isObject, type JsonObject } from "./rules.ts";

export type InputBound = {
  /** UTF-8 bytes of everything textual; no token is shorter than one byte. */
  textBytes: number;
  images: number;
  /** The most tokens that upstream can count as input. */
  maxTokens: number;
  /** Another model may count more for the same. */
  dependsOnModel: boolean;
};

/**
 * The most that one image can count as, by family of models; anything unknown gets the largest of them.
 * - gpt-4o-mini: 2,833 + 5,667 per tile of 512 px, at most 8 tiles (2,048 × 768). gpt-4o, gpt-4.1, gpt-4.5:
 *   85 + 8 × 170. o1, o3: 75 + 8 × 150. gpt-5: 70 + 8 × 140.
 * - gpt-4.1-mini, gpt-4.1-nano, gpt-5-mini, gpt-5-nano, o4-mini: 1,536 patches × at most 2.46.
 * - Claude: at most 2,576 px on the long edge, 4,784 patches.
 * Source: https://platform.openai.com/docs/guides/images-vision (calculating costs),
 * https://platform.claude.com/docs/en/build-with-claude/vision, read November 2026.
 */
const imageTokensByFamily: readonly (readonly [RegExp, number])[] = [
  [/(^|\/)gpt-4o-mini/, 48_169],
  [/(^|\/)(gpt-4\.1-(mini|nano)|gpt-5-(mini|nano)|o4-mini)/, 3_779],
  [/(^|\/)(gpt-4o|gpt-4\.1|gpt-4\.5|o1|o3)(-|$)/, 1_445],
  [/(^|\/)gpt-5(-\d{4}-\d\d-\d\d)?$/, 1_190],
  [/(^|\/)claude-/, 4_784],
];

const imageTokensMax = 48_169;

/**
 * Claude is told how to use tools, and how to keep to a schema, by a prompt that no request contains: up to 530 tokens
 * are documented for tools, none for schemas; this is about twice as much.
 * Source: https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens,
 * https://platform.claude.com/docs/en/build-with-claude/structured-outputs (token costs), read November 2026.
 */
const claudePromptTokensMax = 1_024;

/** The most tokens that one image can cost with this model. */
export function imageTokensMaximum(model: string): number {
  return imageTokensByFamily.find(([family]) => family.test(model))?.[1] ?? imageTokensMax;
}

/**
 * The bound of a prompt that needs no tokenizer: the bytes of the whole body, without the payload of images that it
 * carries as data URLs, and the documented maximum per image. Field names and quotes more than cover the tokens that a
 * chat template adds.
 */
export function boundInputTokens(body: JsonObject, model: string): InputBound {
  let images = 0;
  let payloadBytes = 0;
  for (const part of contentParts(body)) {
    if (part.type !== "image_url") continue;
    images += 1;
    const image = part.image_url;
    const url = isObject(image) ? image.url : image;
    if (typeof url === "string" && url.startsWith("data:")) payloadBytes += Buffer.byteLength(url);
  }
  // JSON escapes only lengthen, so the difference is never below the text that is left.
  const textBytes = Math.max(0, Buffer.byteLength(JSON.stringify(body)) - payloadBytes);
  const prompted = isPrompted(body);
  const promptTokens = prompted && /(^|\/)claude-/.test(model) ? claudePromptTokensMax : 0;
  return {
    textBytes,
    images,
    maxTokens: textBytes + images * imageTokensMaximum(model) + promptTokens,
    dependsOnModel: images > 0 || prompted,
  };
}

function isPrompted({ tools, response_format: format }: JsonObject): boolean {
  return (Array.isArray(tools) && tools.length > 0) || (isObject(format) && format.type === "json_schema");
}

/** The texts of a prompt, to be counted where upstream reports nothing: what was said, tools and schemas included. */
export function promptTexts(body: JsonObject): string[] {
  const texts: string[] = [];
  for (const message of messages(body)) {
    if (typeof message.content === "string") texts.push(message.content);
    for (const field of ["name", "refusal", "reasoning_content", "reasoning"]) {
      if (typeof message[field] === "string") texts.push(message[field]);
    }
    if (Array.isArray(message.tool_calls)) texts.push(JSON.stringify(message.tool_calls));
    if (isObject(message.function_call)) texts.push(JSON.stringify(message.function_call));
  }
  for (const part of contentParts(body)) {
    for (const field of ["text", "refusal", "thinking"]) {
      if (typeof part[field] === "string") texts.push(part[field]);
    }
  }
  for (const field of ["tools", "functions", "response_format"]) {
    if (typeof body[field] === "object" && body[field] !== null) texts.push(JSON.stringify(body[field]));
  }
  return texts.filter((text) => text !== "");
}

export type Unmetered = { param: string; why: string };

const meteredParts: ReadonlySet<unknown> = new Set([
  "text",
  "image_url",
  "refusal",
  "thinking",
  "redacted_thinking",
]);
const meteredTools: ReadonlySet<unknown> = new Set(["function", "custom"]);
const plainServiceTiers: ReadonlySet<unknown> = new Set(["auto", "default", "standard"]);

/**
 * The first field that asks for something without a meter, or `null`. Audio, files, video, paid server tools and
 * priced service tiers are refused before upstream: what cannot be counted is not sold.
 */
export function findUnmetered(body: JsonObject): Unmetered | null {
  const top = unmeteredTopField(body);
  if (top !== null) return top;
  const list = body.messages;
  for (const [m, message] of (Array.isArray(list) ? (list as unknown[]) : []).entries()) {
    if (!isObject(message)) continue;
    if (isGiven(message.audio)) return { param: `messages[${m}].audio`, why: "audio is not offered here" };
    const content = message.content;
    if (!Array.isArray(content)) continue;
    for (const [p, part] of (content as unknown[]).entries()) {
      if (isObject(part) && meteredParts.has(part.type)) continue;
      if (typeof part === "string") continue;
      return {
        param: `messages[${m}].content[${p}].type`,
        why: "only text and images can be sent to a model here",
      };
    }
  }
  return null;
}

function unmeteredTopField(body: JsonObject): Unmetered | null {
  const modalities = body.modalities;
  if (isGiven(modalities) && !(Array.isArray(modalities) && modalities.every((item) => item === "text"))) {
    return { param: "modalities", why: "only text output is offered here" };
  }
  for (const [param, why] of [
    ["audio", "audio is not offered here"],
    ["web_search_options", "web search by the provider has no price here"],
    ["plugins", "plugins of the provider have no price here"],
  ] as const) {
    if (isGiven(body[param])) return { param, why };
  }
  const tier = body.service_tier;
  if (isGiven(tier) && !plainServiceTiers.has(tier)) {
    return { param: "service_tier", why: "only the default service tier has a price here" };
  }
  const tools = body.tools;
  for (const [t, tool] of (Array.isArray(tools) ? (tools as unknown[]) : []).entries()) {
    if (isObject(tool) && isGiven(tool.type) && !meteredTools.has(tool.type)) {
      return { param: `tools[${t}].type`, why: "tools that the provider runs itself have no price here" };
    }
  }
  return null;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function messages(body: JsonObject): JsonObject[] {
  const list = body.messages;
  return Array.isArray(list) ? (list as unknown[]).filter(isObject) : [];
}

function contentParts(body: JsonObject): JsonObject[] {
  return messages(body).flatMap((message) =>
    Array.isArray(message.content) ? (message.content as unknown[]).filter(isObject) : [],
  );
}
