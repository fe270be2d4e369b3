import { randomBytes } from "node:crypto";
import type { SimulatedModel } from "./models.ts";
import { cutIntoTokens, writeReply, writeThoughts } from "./reply.ts";
import { exampleFor } from "./schema-example.ts";

export type SimulatedRequest = {
  model?: unknown;
  messages: unknown[];
  stream?: unknown;
  stream_options?: { include_usage?: unknown } | null;
  n?: unknown;
  max_tokens?: unknown;
  max_completion_tokens?: unknown;
  tools?: unknown;
  tool_choice?: unknown;
  response_format?: { type?: unknown; json_schema?: { schema?: unknown } } | null;
  /** How long the answer takes and how many tokens it has: how the demo shows requests that run side by side. */
  simulate?: { duration_ms?: unknown; output_tokens?: unknown } | null;
};

export type PlannedChoice = {
  thoughts: string[];
  /** Tokens of the text, or of the arguments when a tool is called. */
  text: string[];
  call: { id: string; type: "function"; function: { name: string; arguments: string } } | null;
  finishReason: "stop" | "length" | "tool_calls";
};

export type AnswerPlan = {
  id: string;
  createdAt: number;
  model: string;
  choices: PlannedChoice[];
  /** Tokens of the longest choice; each takes `tokenMs`. */
  steps: number;
  tokenMs: number;
  usage: object;
};

const choicesMax = 16;
const durationMsMax = 60_000;

/** Decides the whole answer before its first token leaves: the same request gets the same text. */
export function planAnswer(request: SimulatedRequest, model: SimulatedModel, tokenMs: number): AnswerPlan {
  const limit = Math.min(
    count(request.max_completion_tokens, 1) ?? count(request.max_tokens, 1) ?? model.maxOutputTokens,
    model.maxOutputTokens,
  );
  const wanted = count(request.simulate?.output_tokens, 1);
  const choices: PlannedChoice[] = [];
  const n = Math.min(count(request.n, 1) ?? 1, choicesMax);
  for (let index = 0; index < n; index++) choices.push(planChoice(request, model, index, limit, wanted));

  const steps = Math.max(...choices.map((choice) => choice.thoughts.length + choice.text.length));
  const durationMs = count(request.simulate?.duration_ms, 0);
  return {
    id: `chatcmpl-sim-${randomBytes(9).toString("hex")}`,
    createdAt: Math.floor(Date.now() / 1000),
    model: model.id,
    choices,
    steps,
    tokenMs: durationMs === null ? tokenMs : Math.min(durationMs, durationMsMax) / Math.max(1, steps),
    usage: usageOf(request, choices),
  };
}

function planChoice(
  request: SimulatedRequest,
  model: SimulatedModel,
  index: number,
  limit: number,
  wanted: number | null,
): PlannedChoice {
  const thoughts = model.reasons ? cutIntoTokens(writeThoughts(request.messages)) : [];
  const tool = forcedTool(request);
  let text: string[];
  if (tool !== null) text = cutIntoTokens(JSON.stringify(exampleFor(tool.parameters)));
  else if (request.response_format?.type === "json_schema") {
    text = cutIntoTokens(JSON.stringify(exampleFor(request.response_format.json_schema?.schema)));
  } else if (request.response_format?.type === "json_object") {
    text = cutIntoTokens(JSON.stringify({ reply: writeReply(request.messages, index) }));
  } else {
    text = cutIntoTokens(writeReply(request.messages, index));
    if (wanted !== null) text = stretch(text, wanted - thoughts.length);
  }
  const isCut = thoughts.length + text.length > limit;
  const keptThoughts = thoughts.slice(0, limit);
  const kept = text.slice(0, Math.max(0, limit - keptThoughts.length));
  const call = { id: `call_sim_${index}`, type: "function" as const };
  return {
    thoughts: keptThoughts,
    text: kept,
    call: tool === null ? null : { ...call, function: { name: tool.name, arguments: kept.join("") } },
    finishReason: isCut ? "length" : tool === null ? "stop" : "tool_calls",
  };
}

/** The reply again and again, until it has as many tokens as were asked for. */
function stretch(text: string[], tokens: number): string[] {
  const stretched: string[] = [];
  for (let i = 0; i < tokens; i++) {
    const piece = text[i % text.length]!;
    stretched.push(i > 0 && i % text.length === 0 ? `\n\n${piece}` : piece);
  }
  return stretched;
}

type Tool = { name: string; parameters: unknown };

/** A tool is called when the caller insists, and has not been answered by it already. */
function forcedTool(request: SimulatedRequest): Tool | null {
  const choice = request.tool_choice as { function?: { name?: unknown } } | string | null | undefined;
  if (!Array.isArray(request.tools) || choice === undefined || choice === null) return null;
  const named = typeof choice === "object" ? choice.function?.name : undefined;
  if (choice !== "required" && named === undefined) return null;
  const last = request.messages.at(-1) as { role?: unknown } | undefined;
  if (choice === "required" && last?.role === "tool") return null;
  for (const tool of request.tools as { function?: { name?: unknown; parameters?: unknown } }[]) {
    const name = tool?.function?.name;
    if (typeof name === "string" && (named === undefined || named === name)) {
      return { name, parameters: tool.function?.parameters };
    }
  }
  return null;
}

function usageOf(request: SimulatedRequest, choices: PlannedChoice[]): object {
  const prompt = cutIntoTokens(JSON.stringify(request.messages)).length;
  const reasoning = choices.reduce((sum, choice) => sum + choice.thoughts.length, 0);
  const completion = reasoning + choices.reduce((sum, choice) => sum + choice.text.length, 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

function count(value: unknown, least: number): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= least ? value : null;
}
