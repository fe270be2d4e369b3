import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import { finishReasonOf } from "./stop-reasons.ts";
import { detailOf } from "./thoughts.ts";
import { usageAsOpenAi } from "./usage.ts";

/** One whole answer of `/v1/messages` as a chat completion, `content` taken for its own; `null` where it is none. */
export function completionFromMessage(answer: JsonObject, content: unknown): JsonObject | null {
  if (!Array.isArray(content)) return null;
  const blocks = (content as unknown[]).filter(isObject);
  const texts = blocks.flatMap((block) => (typeof block.text === "string" ? [block.text] : []));
  const calls = blocks.filter(({ type }) => type === "tool_use").map(toolCall);
  const thoughts = blocks.map(({ thinking }) => (typeof thinking === "string" ? thinking : "")).join("");
  const details = blocks.flatMap((block, index) => (isThought(block) ? (detailOf(block, index) ?? []) : []));
  const text = texts.join("");
  const message: JsonObject = {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    // Upstream may hide the words and give their signature alone.
    ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
    ...(details.length === 0 ? {} : { reasoning_details: details }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: answer.id,
    object: "chat.completion",
    created: Math.floor(Date.now() / 1000),
    model: answer.model,
    choices: [
      {
        index: 0,
        message,
        finish_reason: finishReasonOf(answer.stop_reason),
        native_finish_reason: answer.stop_reason ?? null,
      },
    ],
    ...(isObject(answer.usage) ? { usage: usageAsOpenAi(answer.usage) } : {}),
  };
}

export function isThought(block: JsonObject): boolean {
  return block.type === "thinking" || block.type === "redacted_thinking";
}

function toolCall(block: JsonObject): JsonObject {
  return {
    id: block.id,
    type: "function",
    function: { name: block.name, arguments: JSON.stringify(block.input ?? {}) },
  };
}
