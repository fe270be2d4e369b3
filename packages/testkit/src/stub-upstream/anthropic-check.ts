import { signatureOf } from "./anthropic-answer.ts";

// biome-ignore lint/suspicious/noExplicitAny: whatever was sent
type Json = any;

/**
 * What the real API would refuse of a request, as its sentence begins; `null` for one that it takes. The stub is as
 * strict as its model, so that a translation that only looks right does not pass.
 * Source: https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/api/errors (common
 * validation errors) and the types of @anthropic-ai/sdk 1.13.0, November 2026.
 */
export function refusalOfMessages(body: Json, version: unknown): string | null {
  if (version !== "2026-10-21" && version !== "2023-06-01") return "anthropic-version: header is required";
  if (!isObject(body)) return "body: must be an object";
  const isTaken = (name: string): boolean =>
    topFields.has(name) || (version === "2023-06-01" && samplingFields.has(name));
  const extra = Object.keys(body).find((name) => !isTaken(name));
  if (extra !== undefined) return `${extra}: Extra inputs are not permitted`;
  return (
    refusalOfNumbers(body) ??
    refusalOfTools(body) ??
    refusalOfThinking(body) ??
    refusalOfConversation(body) ??
    (marksIn(body) > 4 ? "A maximum of 4 blocks with cache_control may be provided." : null)
  );
}

const topFields = new Set([
  ...["model", "messages", "max_tokens", "system", "stream", "stop_sequences"],
  ...["tools", "tool_choice", "thinking", "metadata", "service_tier", "output_config", "cache_control"],
]);

/** Gone in the newer version. Source: https://platform.claude.com/docs/en/api/migration-2026-10-21, November 2026. */
const samplingFields = new Set(["temperature", "top_p", "top_k"]);

function refusalOfNumbers(body: Json): string | null {
  const { max_tokens, temperature, top_p, stop_sequences, metadata } = body;
  if (!Number.isInteger(max_tokens) || max_tokens < 1) return "max_tokens: must be a positive integer";
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 1)) return "temperature: range: 0..1";
  if (temperature !== undefined && top_p !== undefined) {
    return "`temperature` and `top_p` cannot both be specified for this model.";
  }
  for (const sequence of stop_sequences ?? []) {
    if (typeof sequence !== "string" || sequence.trim() === "") {
      return "stop_sequences: each stop sequence must contain non-whitespace";
    }
  }
  if (metadata !== undefined && Object.keys(metadata).some((name) => name !== "user_id")) {
    return "metadata: Extra inputs are not permitted";
  }
  return null;
}

function refusalOfTools({ tools, tool_choice, output_config }: Json): string | null {
  for (const tool of tools ?? []) {
    if (typeof tool.name !== "string" || !/^[a-zA-Z0-9_-]{1,128}$/.test(tool.name))
      return "tools.0.custom.name: pattern";
    if (tool.input_schema?.type !== "object") return "tools.0.custom.input_schema.type: Field required";
    const extra = Object.keys(tool).find(
      (name) => !["name", "description", "input_schema", "strict", "cache_control", "type"].includes(name),
    );
    if (extra !== undefined) return `tools.0.custom.${extra}: Extra inputs are not permitted`;
  }
  if (tool_choice !== undefined && (tools ?? []).length === 0) return "tool_choice: tools are required";
  if (tool_choice !== undefined && !["auto", "any", "tool", "none"].includes(tool_choice.type)) {
    return "tool_choice: Input tag is not expected";
  }
  const format = output_config?.format;
  if (format !== undefined && (format.type !== "json_schema" || !isObject(format.schema))) {
    return "output_config.format: must be a json_schema";
  }
  return null;
}

function refusalOfThinking({ thinking, max_tokens, temperature, top_k, tool_choice }: Json): string | null {
  if (thinking === undefined || thinking.type === "disabled" || thinking.type === "between_tools")
    return null;
  if (thinking.type === "enabled") {
    if (!(thinking.budget_tokens >= 1024)) return "thinking.enabled.budget_tokens: must be at least 1024";
    if (thinking.budget_tokens >= max_tokens)
      return "`max_tokens` must be greater than `thinking.budget_tokens`.";
  } else if (thinking.type !== "adaptive") return "thinking: Input tag is not expected";
  if (temperature !== undefined && temperature !== 1)
    return "`temperature` may only be set to 1 with thinking.";
  if (top_k !== undefined) return "`top_k` must be unset when thinking is enabled.";
  if (["any", "tool"].includes(tool_choice?.type))
    return "Thinking may not be enabled when tool_choice forces tool use.";
  return null;
}

function refusalOfConversation({ messages, system, thinking }: Json): string | null {
  if (!Array.isArray(messages) || messages.length === 0) return "messages: at least one message is required";
  for (const block of Array.isArray(system) ? system : []) {
    if (block.type !== "text" || block.text === "") return "system: text content blocks must be non-empty";
  }
  for (const [m, message] of messages.entries()) {
    const place = `messages.${m}`;
    if (message.role !== "user" && message.role !== "assistant")
      return `${place}.role: Input should be 'user'`;
    if (typeof message.content === "string") continue;
    if (!Array.isArray(message.content) || message.content.length === 0) return `${place}: must have content`;
    for (const block of message.content) {
      const refusal = refusalOfBlock(block, message.role);
      if (refusal !== null) return `${place}.content: ${refusal}`;
    }
    const refusal = refusalOfResults(messages, m, thinking);
    if (refusal !== null) return `${place}: ${refusal}`;
  }
  return null;
}

const blockFields: Readonly<Record<string, readonly string[]>> = {
  text: ["text"],
  image: ["source"],
  tool_use: ["id", "name", "input"],
  tool_result: ["tool_use_id", "content", "is_error"],
  thinking: ["thinking", "signature"],
  redacted_thinking: ["data"],
};

function refusalOfBlock(block: Json, role: string): string | null {
  const fields = blockFields[block?.type];
  if (fields === undefined) return `Input tag '${block?.type}' is not expected`;
  const extra = Object.keys(block).find((name) => ![...fields, "type", "cache_control"].includes(name));
  if (extra !== undefined) return `${extra}: Extra inputs are not permitted`;
  const ofModel = ["tool_use", "thinking", "redacted_thinking"].includes(block.type);
  if (block.type !== "text" && ofModel !== (role === "assistant"))
    return `${block.type} blocks of the wrong role`;
  switch (block.type) {
    case "text":
      return block.text === "" ? "text content blocks must be non-empty" : null;
    case "image":
      return ["base64", "url"].includes(block.source?.type) ? null : "image.source: not expected";
    case "tool_use":
      return isObject(block.input) ? null : "tool_use.input: Input should be a valid dictionary";
    case "thinking":
      return block.signature === signatureOf(block.thinking)
        ? null
        : "Invalid `signature` in `thinking` block";
    default:
      return null;
  }
}

/** Every call has its result at the beginning of the message behind it, and no result is without a call. */
function refusalOfResults(messages: Json[], m: number, thinking: Json): string | null {
  const { role, content } = messages[m];
  const next = Array.isArray(messages[m + 1]?.content) ? messages[m + 1].content : [];
  if (role === "assistant") {
    const ids = idsOf(content, "tool_use", "id");
    const results = idsOf(next, "tool_result", "tool_use_id");
    if (ids.some((id) => !results.includes(id)))
      return "`tool_use` ids were found without `tool_result` blocks";
    const isThinking = thinking?.type === "enabled" || thinking?.type === "adaptive";
    const begins = ["thinking", "redacted_thinking"].includes(content[0].type);
    if (isThinking && ids.length > 0 && m === messages.length - 2 && !begins) {
      return "Expected `thinking` or `redacted_thinking`, but found `tool_use`";
    }
    return null;
  }
  const before = Array.isArray(messages[m - 1]?.content) ? messages[m - 1].content : [];
  const called = idsOf(before, "tool_use", "id");
  if (idsOf(content, "tool_result", "tool_use_id").some((id) => !called.includes(id))) {
    return "unexpected `tool_use_id` found in `tool_result` blocks";
  }
  const firstOther = content.findIndex(({ type }: Json) => type !== "tool_result");
  const late = firstOther >= 0 && content.slice(firstOther).some(({ type }: Json) => type === "tool_result");
  return late ? "`tool_result` blocks must come first" : null;
}

function idsOf(blocks: Json[], type: string, field: string): string[] {
  return blocks.filter((block) => block.type === type).map((block) => block[field]);
}

function marksIn(value: Json): number {
  if (Array.isArray(value)) return value.reduce((sum, item) => sum + marksIn(item), 0);
  if (!isObject(value)) return 0;
  const own = value.cache_control === undefined || value.cache_control === null ? 0 : 1;
  return own + Object.values(value).reduce((sum: number, item) => sum + marksIn(item), 0);
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
