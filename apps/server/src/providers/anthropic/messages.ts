import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import { cacheControl } from "./cache-control.ts";
import { parseExactly } from "./exact-json.ts";
import { translateImage } from "./images.ts";
import { thoughtsOf, weave } from "./thoughts.ts";
import type { Translation } from "./translation.ts";

export type Conversation = { system: JsonObject[]; messages: JsonObject[] };

/**
 * OpenAI's messages as Anthropic's: instructions are lifted out of the conversation and joined in their order, results
 * of tools become parts of a user's turn, and turns of one side are one message.
 * Source: https://platform.claude.com/docs/en/build-with-claude/working-with-messages,
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls, read November 2026.
 */
export function translateMessages(body: JsonObject, translation: Translation): Conversation {
  const conversation: Conversation = { system: [], messages: [] };
  const list = Array.isArray(body.messages) ? (body.messages as unknown[]) : [];
  for (const [index, message] of list.entries()) {
    if (isObject(message)) addMessage(conversation, message, `messages[${index}]`, translation);
  }
  if (conversation.messages.length === 0) {
    translation.refuse(
      "messages",
      "must hold more than instructions: this provider answers a user's message",
    );
  }
  return conversation;
}

function addMessage(to: Conversation, message: JsonObject, place: string, translation: Translation): void {
  if (message.name !== undefined && message.name !== null) translation.drop("messages.name");
  switch (message.role) {
    case "system":
    case "developer":
      to.system.push(...partsOf(message, place, translation, textOnly));
      return;
    case "user":
      addTurn(to, "user", needed(partsOf(message, place, translation, userPart), place, translation));
      return;
    case "assistant":
      addTurn(to, "assistant", assistantBlocks(message, place, translation));
      return;
    case "tool":
      addTurn(to, "user", [toolResult(message, place, translation)]);
      return;
    default:
      translation.refuse(`${place}.role`, "must be system, developer, user, assistant or tool");
  }
}

/** Upstream wants results of tools together, in the message behind the one that calls them. */
function addTurn(to: Conversation, role: "user" | "assistant", content: JsonObject[]): void {
  if (content.length === 0) return;
  const last = to.messages.at(-1);
  if (last?.role === role) (last.content as JsonObject[]).push(...content);
  else to.messages.push({ role, content });
}

function needed(blocks: JsonObject[], place: string, translation: Translation): JsonObject[] {
  if (blocks.length === 0) translation.refuse(`${place}.content`, "must not be empty for this provider");
  return blocks;
}

type ReadPart = (part: JsonObject, place: string, translation: Translation) => JsonObject | null;

/** The content of a message as blocks; a mark for the cache on the message itself stands for its last block. */
function partsOf(message: JsonObject, place: string, translation: Translation, read: ReadPart): JsonObject[] {
  const { content } = message;
  const blocks: JsonObject[] = [];
  if (typeof content === "string") blocks.push(...textBlock(content));
  else if (Array.isArray(content)) {
    for (const [index, part] of (content as unknown[]).entries()) {
      const where = `${place}.content[${index}]`;
      if (typeof part === "string") blocks.push(...textBlock(part));
      else if (!isObject(part)) translation.refuse(where, "must be an object");
      else {
        const block = read(part, where, translation);
        if (block !== null) blocks.push({ ...block, ...cacheControl(part, where, translation) });
      }
    }
  } else if (content !== undefined && content !== null) {
    translation.refuse(`${place}.content`, "must be a text or a list of parts");
  }
  const last = blocks.at(-1);
  if (last !== undefined) Object.assign(last, cacheControl(message, place, translation));
  return blocks;
}

/** Upstream refuses an empty text. */
function textBlock(text: string): JsonObject[] {
  return text === "" ? [] : [{ type: "text", text }];
}

function textPart(part: JsonObject, place: string, translation: Translation): JsonObject | null {
  const text = part.type === "refusal" ? part.refusal : part.text;
  if (typeof text !== "string") return translation.refuse(`${place}.text`, "must be a text");
  return text === "" ? null : { type: "text", text };
}

const textOnly: ReadPart = (part, place, translation) =>
  part.type === "text"
    ? textPart(part, place, translation)
    : translation.refuse(`${place}.type`, "must be text in instructions");

const userPart: ReadPart = (part, place, translation) => {
  if (part.type === "text") return textPart(part, place, translation);
  if (part.type === "image_url") return translateImage(part, place, translation);
  return translation.refuse(`${place}.type`, "must be text or image_url for this provider");
};

const assistantPart: ReadPart = (part, place, translation) => {
  if (part.type === "text" || part.type === "refusal") return textPart(part, place, translation);
  // Thoughts are gathered beside, with those of `reasoning_details`.
  if (part.type === "thinking" || part.type === "redacted_thinking") return null;
  return translation.refuse(`${place}.type`, "must be text in an answer of the model");
};

function assistantBlocks(message: JsonObject, place: string, translation: Translation): JsonObject[] {
  if (message.function_call !== undefined && message.function_call !== null) {
    translation.refuse(`${place}.function_call`, "is OpenAI's old form; use tool_calls");
  }
  const said = partsOf(message, place, translation, assistantPart);
  if (typeof message.refusal === "string") said.push(...textBlock(message.refusal));
  const calls = Array.isArray(message.tool_calls) ? (message.tool_calls as unknown[]) : [];
  const uses = calls.map((call, index) => toolUse(call, `${place}.tool_calls[${index}]`, translation));
  return weave(thoughtsOf(message, translation), [...said, ...uses]);
}

function toolUse(call: unknown, place: string, translation: Translation): JsonObject {
  if (!isObject(call) || !isObject(call.function)) {
    return translation.refuse(`${place}.type`, "must be function for this provider");
  }
  const { name, arguments: text } = call.function;
  if (typeof call.id !== "string") translation.refuse(`${place}.id`, "must be a text");
  if (typeof name !== "string") translation.refuse(`${place}.function.name`, "must be a text");
  const input = typeof text === "string" ? parseExactly(text.trim() === "" ? "{}" : text) : undefined;
  if (!isObject(input)) {
    translation.refuse(`${place}.function.arguments`, "must be the text of a JSON object for this provider");
  }
  return { type: "tool_use", id: call.id, name, input, ...cacheControl(call, place, translation) };
}

function toolResult(message: JsonObject, place: string, translation: Translation): JsonObject {
  if (typeof message.tool_call_id !== "string") translation.refuse(`${place}.tool_call_id`, "must be a text");
  const { cache_control: _own, ...rest } = message;
  const content = partsOf(rest, place, translation, userPart);
  return {
    type: "tool_result",
    tool_use_id: message.tool_call_id,
    ...(content.length === 0 ? {} : { content }),
    ...cacheControl(message, place, translation),
  };
}
