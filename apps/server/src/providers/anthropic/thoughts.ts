import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import type { Translation } from "./translation.ts";

/**
 * Thoughts as OpenAI's clients carry them from one turn to the next: `reasoning_content` is their text, for people;
 * `reasoning_details` is what upstream wants back, unchanged and in its order. The form is OpenRouter's, whose clients
 * keep it: `reasoning.text` with a signature, `reasoning.encrypted` for what upstream hides.
 * Source: https://openrouter.ai/docs/use-cases/reasoning-tokens (preserving reasoning blocks),
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking, read November 2026.
 */
const format = "anthropic-claude-v1";

/** A thinking block at its place in upstream's answer; `null` for one that upstream would not take back. */
export function detailOf(block: JsonObject, index: number): JsonObject | null {
  if (block.type === "redacted_thinking") {
    return typeof block.data === "string"
      ? { type: "reasoning.encrypted", data: block.data, format, index }
      : null;
  }
  const { thinking, signature } = block;
  if (typeof signature !== "string" || signature === "") return null;
  return {
    type: "reasoning.text",
    text: typeof thinking === "string" ? thinking : "",
    signature,
    format,
    index,
  };
}

/** A block to be sent back, and its place in the answer that it is from. */
export type Thought = { block: JsonObject; index: number | null };

/** The thoughts of an earlier answer that upstream can check; others are of no use to it and are told as dropped. */
export function thoughtsOf(message: JsonObject, translation: Translation): Thought[] {
  const thoughts: Thought[] = [];
  const parts = Array.isArray(message.content) ? (message.content as unknown[]) : [];
  for (const part of parts) {
    if (!isObject(part)) continue;
    const { cache_control: _mark, ...block } = part;
    if (block.type === "thinking" && typeof block.signature === "string")
      thoughts.push({ block, index: null });
    else if (block.type === "redacted_thinking") thoughts.push({ block, index: null });
    else if (block.type === "thinking") translation.drop("messages.content.thinking");
  }
  if (thoughts.length === 0) thoughts.push(...fromDetails(message.reasoning_details, translation));
  if (thoughts.length > 0) return thoughts;
  for (const field of ["reasoning_content", "reasoning"]) {
    if (typeof message[field] === "string" && message[field] !== "") translation.drop(`messages.${field}`);
  }
  return thoughts;
}

function fromDetails(details: unknown, translation: Translation): Thought[] {
  if (!Array.isArray(details)) return [];
  const thoughts: Thought[] = [];
  for (const detail of details as unknown[]) {
    const block = isObject(detail) ? blockOf(detail) : null;
    if (block === null) translation.drop("messages.reasoning_details");
    else thoughts.push({ block, index: indexOf(detail as JsonObject) });
  }
  return thoughts;
}

/** `null` for another vendor's thoughts, and for those without the signature that upstream checks. */
function blockOf(detail: JsonObject): JsonObject | null {
  if (typeof detail.format === "string" && detail.format !== format) return null;
  if (detail.type === "reasoning.encrypted" && typeof detail.data === "string") {
    return { type: "redacted_thinking", data: detail.data };
  }
  if (detail.type !== "reasoning.text" || typeof detail.signature !== "string") return null;
  const thinking = typeof detail.text === "string" ? detail.text : "";
  return { type: "thinking", thinking, signature: detail.signature };
}

function indexOf(detail: JsonObject): number | null {
  const { index } = detail;
  return typeof index === "number" && Number.isInteger(index) && index >= 0 ? index : null;
}

/** Puts thoughts back to their places among what was said and called; those without a place come first. */
export function weave(thoughts: readonly Thought[], others: readonly JsonObject[]): JsonObject[] {
  const blocks: JsonObject[] = [];
  const waiting = [...others];
  for (const { block, index } of thoughts) {
    while (index !== null && blocks.length < index && waiting.length > 0) blocks.push(waiting.shift()!);
    blocks.push(block);
  }
  return [...blocks, ...waiting];
}
