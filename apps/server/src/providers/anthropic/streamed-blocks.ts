import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import { isThought } from "./message.ts";
import { detailOf } from "./thoughts.ts";

/** Beyond it thoughts are relayed as they come but not kept, so they cannot be sent back. */
const thoughtCharactersMax = 1_048_576;
const blocksMax = 4_096;

type Block = {
  index: number;
  type: unknown;
  /** The place among the tool calls; `null` for another kind of block. */
  call: number | null;
  /** Arguments as they stood in the block's start, where no delta has come. */
  input: unknown;
  hasArguments: boolean;
  thought: JsonObject | null;
};

/**
 * The blocks of one streamed message, as deltas of a chat completion. Text, thinking and arguments leave as they come.
 * What upstream wants back of its thinking leaves once, whole, before the answer ends: clients of OpenAI's shape add
 * texts up and let a later field replace an earlier one, and each of them gets it right this way.
 */
export class StreamedBlocks {
  #blocks = new Map<number, Block>();
  #calls = 0;
  #details: JsonObject[] = [];
  #thoughtCharacters = 0;

  /** `null`, here and below, for an event that makes no sense. */
  start(index: unknown, content: unknown): JsonObject[] | null {
    if (!isIndex(index) || !isObject(content) || this.#blocks.size >= blocksMax) return null;
    const isCall = content.type === "tool_use";
    const block: Block = {
      index,
      type: content.type,
      call: isCall ? this.#calls++ : null,
      input: content.input,
      hasArguments: false,
      thought: isThought(content) ? { ...content } : null,
    };
    this.#blocks.set(index, block);
    if (isCall) {
      const opening = { name: content.name, arguments: "" };
      return [{ tool_calls: [{ index: block.call, id: content.id, type: "function", function: opening }] }];
    }
    if (content.type === "text" && typeof content.text === "string" && content.text !== "") {
      return [{ content: content.text }];
    }
    if (content.type === "thinking" && typeof content.thinking === "string" && content.thinking !== "") {
      return [{ reasoning_content: content.thinking }];
    }
    return [];
  }

  add(index: unknown, delta: unknown): JsonObject[] | null {
    const block = isIndex(index) ? this.#blocks.get(index) : undefined;
    if (block === undefined || !isObject(delta)) return null;
    switch (delta.type) {
      case "text_delta":
        return pieceOf(delta.text, (content) => ({ content }));
      case "thinking_delta":
        this.#think(block, "thinking", delta.thinking);
        return pieceOf(delta.thinking, (reasoning_content) => ({ reasoning_content }));
      case "signature_delta":
        this.#think(block, "signature", delta.signature);
        return typeof delta.signature === "string" ? [] : null;
      case "input_json_delta":
        return this.#argue(block, delta.partial_json);
      default:
        return [];
    }
  }

  stop(index: unknown): JsonObject[] | null {
    const block = isIndex(index) ? this.#blocks.get(index) : undefined;
    if (block === undefined) return null;
    if (block.thought !== null) {
      const detail = detailOf(block.thought, block.index);
      if (detail !== null && this.#thoughtCharacters <= thoughtCharactersMax) this.#details.push(detail);
      block.thought = null;
    }
    if (block.call === null || block.hasArguments) return [];
    // A call without arguments comes without a piece of them.
    block.hasArguments = true;
    const text = JSON.stringify(isObject(block.input) ? block.input : {});
    return [{ tool_calls: [{ index: block.call, function: { arguments: text } }] }];
  }

  /** What is told before the answer ends. */
  closing(): JsonObject[] {
    return this.#details.length === 0 ? [] : [{ reasoning_details: this.#details }];
  }

  #argue(block: Block, piece: unknown): JsonObject[] | null {
    if (block.call === null) return typeof piece === "string" ? [] : null;
    const place = block.call;
    return pieceOf(piece, (text) => {
      block.hasArguments = true;
      return { tool_calls: [{ index: place, function: { arguments: text } }] };
    });
  }

  #think(block: Block, field: "thinking" | "signature", piece: unknown): void {
    if (block.thought === null || typeof piece !== "string") return;
    this.#thoughtCharacters += piece.length;
    if (this.#thoughtCharacters > thoughtCharactersMax) return;
    const before = block.thought[field];
    block.thought[field] = typeof before === "string" ? before + piece : piece;
  }
}

function pieceOf(piece: unknown, deltaOf: (text: string) => JsonObject): JsonObject[] | null {
  if (typeof piece !== "string") return null;
  return piece === "" ? [] : [deltaOf(piece)];
}

function isIndex(index: unknown): index is number {
  return typeof index === "number" && Number.isInteger(index) && index >= 0;
}
