import { createHash } from "node:crypto";
import type { AskedFor, StubStep } from "./answer.ts";
import { piecesOf, type StubBehaviour, type StubToolCall } from "./behaviour.ts";

type Json = Record<string, unknown>;

/** The stub signs its thoughts so that it knows them again. */
export function signatureOf(thinking: string): string {
  return createHash("sha256").update(`stub ${thinking}`).digest("base64");
}

/** The JSON of an unstreamed answer of `/v1/messages`. */
export function wholeMessage(behaviour: StubBehaviour, asked: AskedFor): Json {
  const { usage } = usagesOf(behaviour);
  return {
    ...head(behaviour, asked),
    content: blocksOf(behaviour).map(({ whole }) => whole),
    stop_reason: stopReason(behaviour),
    stop_sequence: null,
    ...(usage === undefined ? {} : { usage }),
  };
}

/** The events of a streamed answer, without `message_stop`. */
export function messageEvents(behaviour: StubBehaviour, asked: AskedFor): StubStep[] {
  if (behaviour.chunks !== undefined) {
    return behaviour.chunks.map((chunk) => step(chunk as Json, true, behaviour.tokenMs ?? 0));
  }
  const { start, delta: total } = usagesOf(behaviour);
  const message = { ...head(behaviour, asked), content: [], stop_reason: null, stop_sequence: null };
  const steps = [
    step({ type: "message_start", message: start === undefined ? message : { ...message, usage: start } }),
    step({ type: "ping" }),
  ];
  let pieces = 0;
  for (const [index, block] of blocksOf(behaviour).entries()) {
    steps.push(step({ type: "content_block_start", index, content_block: block.start }));
    for (const { delta, isPiece } of block.deltas) {
      const gap = behaviour.gaps?.find(({ before }) => isPiece && before === pieces)?.ms ?? 0;
      const waitMs = isPiece ? (behaviour.tokenMs ?? 0) + gap : 0;
      steps.push(step({ type: "content_block_delta", index, delta }, isPiece, waitMs));
      if (!isPiece) continue;
      const usage = behaviour.cumulativeUsage?.[Math.min(pieces, behaviour.cumulativeUsage.length - 1)];
      if (usage !== undefined)
        steps.push(step({ type: "message_delta", delta: { stop_reason: null }, usage }));
      pieces += 1;
    }
    steps.push(step({ type: "content_block_stop", index }));
  }
  const stop_reason = stopReason(behaviour);
  if (stop_reason === null && total === undefined) return steps;
  const ending = { type: "message_delta", delta: { stop_reason, stop_sequence: null } };
  const counted = total === undefined ? ending : { ...ending, usage: total };
  return [...steps, step(counted, false, behaviour.usageAfterMs ?? 0)];
}

export const messageStop = { type: "message_stop" };

/** Source: https://platform.claude.com/docs/en/api/errors, read November 2026. */
const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

export function messageError(status: number, message: string): Json {
  return {
    type: "error",
    error: { type: errorTypes[status] ?? "api_error", message },
    request_id: "req_stub",
  };
}

function step(chunk: Json, isPiece = false, waitMs = 0): StubStep {
  return { chunk, isPiece, waitMs, event: String(chunk.type) };
}

function head(behaviour: StubBehaviour, asked: AskedFor): Json {
  return {
    id: behaviour.id ?? "msg_stub",
    type: "message",
    role: "assistant",
    model: behaviour.model ?? asked.model,
  };
}

type Delta = { delta: Json; isPiece: boolean };
type StubBlock = { whole: Json; start: Json; deltas: Delta[] };

function blocksOf(behaviour: StubBehaviour): StubBlock[] {
  const blocks: StubBlock[] = [];
  if (behaviour.reasoning !== undefined) blocks.push(thinkingBlock(behaviour.reasoning));
  if (behaviour.redactedThinking !== undefined) {
    const block = { type: "redacted_thinking", data: behaviour.redactedThinking };
    blocks.push({ whole: block, start: block, deltas: [] });
  }
  const pieces = piecesOf(behaviour);
  if (pieces.length > 0) {
    blocks.push({
      whole: { type: "text", text: pieces.join("") },
      start: { type: "text", text: "" },
      deltas: pieces.map((text) => ({ delta: { type: "text_delta", text }, isPiece: true })),
    });
  }
  return [...blocks, ...(behaviour.toolCalls ?? []).map(toolBlock)];
}

function thinkingBlock(pieces: string[]): StubBlock {
  const thinking = pieces.join("");
  const signature = signatureOf(thinking);
  return {
    whole: { type: "thinking", thinking, signature },
    start: { type: "thinking", thinking: "", signature: "" },
    deltas: [
      ...pieces.map((text) => ({ delta: { type: "thinking_delta", thinking: text }, isPiece: true })),
      { delta: { type: "signature_delta", signature }, isPiece: false },
    ],
  };
}

const argumentCharacters = 5;

function toolBlock(call: StubToolCall, index: number): StubBlock {
  const head = { type: "tool_use", id: call.id ?? `toolu_stub_${index}`, name: call.name };
  const pieces = call.arguments.match(new RegExp(`[^]{1,${argumentCharacters}}`, "gu")) ?? [];
  return {
    whole: { ...head, input: { toJSON: () => raw(call.arguments || "{}") } },
    start: { ...head, input: {} },
    // The first piece is always an empty one.
    deltas: ["", ...pieces].map((text) => ({
      delta: { type: "input_json_delta", partial_json: text },
      isPiece: text !== "",
    })),
  };
}

/** JSON as it was written, numbers included. */
function raw(text: string): unknown {
  const keep = (_key: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === "number" && source !== undefined
      ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)
      : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}

function stopReason(behaviour: StubBehaviour): string | null {
  if (behaviour.finishReason !== undefined) return behaviour.finishReason;
  return behaviour.toolCalls === undefined ? "end_turn" : "tool_use";
}

/** Whole, and cut in two as a stream tells it: the prompt first, the output last. `undefined`: nothing is said. */
function usagesOf(behaviour: StubBehaviour): { usage?: unknown; start?: unknown; delta?: unknown } {
  if (behaviour.usage === "none") return {};
  const output = piecesOf(behaviour).length + (behaviour.reasoning?.length ?? 0);
  const usage = behaviour.usage ??
    behaviour.cumulativeUsage?.at(-1) ?? {
      input_tokens: 100,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: behaviour.toolCalls === undefined ? output : 50,
    };
  if (typeof usage !== "object" || usage === null) return { usage, start: usage, delta: usage };
  const { output_tokens, output_tokens_details, ...prompt } = usage as Json;
  const start = { ...prompt, output_tokens: 0 };
  const delta =
    output_tokens_details === undefined ? { output_tokens } : { output_tokens, output_tokens_details };
  return {
    usage,
    start: behaviour.startUsage ?? start,
    delta: behaviour.startUsage === undefined ? delta : usage,
  };
}
