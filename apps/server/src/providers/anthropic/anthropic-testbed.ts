import {
  type StubBehaviour,
  type StubUpstream,
  startStubUpstream,
} from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { expect } from "vitest";
import { createOutbound } from "../../lib/outbound.ts";
import {
  type JsonObject,
  type Provider,
  type UpstreamCall,
  UpstreamError,
  type UpstreamEvent,
} from "../provider.ts";
import { createAnthropicProvider } from "./anthropic.ts";

export const secret = "sk-ant-canary-0123456789";
export const hello = { role: "user", content: "hi" };

/** The provider over the real way out, before a stub that answers in Anthropic's dialect. */
export type Testbed = {
  stub: StubUpstream;
  provider: Provider;
  call(change?: Partial<UpstreamCall>): UpstreamCall;
  whole(change?: Partial<UpstreamCall>): Promise<JsonObject>;
  stream(change?: Partial<UpstreamCall>): Promise<AsyncIterable<UpstreamEvent>>;
  close(): Promise<void>;
};

export async function startTestbed(): Promise<Testbed> {
  const stub = await startStubUpstream();
  const outbound = createOutbound({
    connectTimeoutMs: 2000,
    maxConnectionsPerOrigin: 64,
    isAllowedOrigin: (origin) => origin === stub.origin,
  });
  const provider = createAnthropicProvider({ outbound, answerLimitBytes: 1_048_576 });
  const call: Testbed["call"] = (change = {}) => ({
    baseUrl: stub.url,
    apiKey: secret,
    model: "stub-claude",
    body: { messages: [hello], max_tokens: 64 },
    stream: false,
    timeouts: { connectMs: 2000, firstByteMs: 5000, idleMs: 5000, totalMs: 10_000 },
    eventLimitBytes: 4_194_304,
    signal: new AbortController().signal,
    ...change,
  });
  return {
    stub,
    provider,
    call,
    whole: async (change) => {
      const answer = await provider.open(call(change));
      if (answer.kind !== "json") throw new Error("not a JSON answer");
      return answer.body;
    },
    stream: async (change) => {
      const answer = await provider.open(call({ stream: true, ...change }));
      if (answer.kind !== "stream") throw new Error("not a stream");
      return answer.events;
    },
    close: async () => {
      await outbound.close();
      await stub.close();
    },
  };
}

export const words = `word${" word".repeat(49)}`;
/** Usage as it comes out, with nothing of cache and thinking. */
export const usage = (prompt: unknown, completion: unknown, more: JsonObject = {}): JsonObject => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: typeof prompt === "number" && typeof completion === "number" ? prompt + completion : null,
  prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
  ...more,
});

/** A stream, added up as a client does. */
export type Read = {
  message: JsonObject & { content: string; reasoning_content: string; tool_calls: ReadCall[] };
  finishReasons: unknown[];
  usage: unknown;
  usages: number;
  chunks: JsonObject[];
  isDone: boolean;
  failure: UpstreamError | null;
};
type ReadCall = { index: number; id: string; name: string; arguments: string; pieces: string[] };

export async function read(events: AsyncIterable<UpstreamEvent>): Promise<Read> {
  const message: Read["message"] = { content: "", reasoning_content: "", tool_calls: [] };
  const result: Read = {
    message,
    finishReasons: [],
    usage: undefined,
    usages: 0,
    chunks: [],
    isDone: false,
    failure: null,
  };
  try {
    for await (const event of events) {
      if (event.type === "done") result.isDone = true;
      else {
        result.chunks.push(event.chunk);
        add(result, event.chunk);
      }
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    result.failure = error;
  }
  return result;
}

function add(result: Read, chunk: JsonObject): void {
  if (chunk.usage !== undefined) {
    result.usage = chunk.usage;
    result.usages += 1;
  }
  const [choice] = chunk.choices as { delta: JsonObject; finish_reason: unknown }[];
  if (choice === undefined) return;
  if (choice.finish_reason !== null) result.finishReasons.push(choice.finish_reason);
  const { content, reasoning_content, tool_calls, ...rest } = choice.delta;
  result.message.content += content ?? "";
  result.message.reasoning_content += reasoning_content ?? "";
  Object.assign(result.message, rest);
  for (const piece of (tool_calls ?? []) as { index: number; id?: string; function: JsonObject }[]) {
    if (piece.id !== undefined) {
      const { name } = piece.function as { name: string };
      result.message.tool_calls[piece.index] = {
        index: piece.index,
        id: piece.id,
        name,
        arguments: "",
        pieces: [],
      };
    }
    const known = result.message.tool_calls[piece.index]!;
    known.arguments += piece.function.arguments;
    if (piece.function.arguments !== "") known.pieces.push(piece.function.arguments as string);
  }
}

export async function failureOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return error as UpstreamError;
}

/** An answer with everything in it, and what its usage comes to. */
export const thoughtful: StubBehaviour = {
  reasoning: ["let me ", "“think” ", "🧠"],
  redactedThinking: "opaque==",
  tokens: ["Grüße", " aus", " 日本 🗾", " !"],
  toolCalls: [
    { id: "toolu_a", name: "weather", arguments: '{"city": "Zürich 🏔", "n": 12345678901234567890}' },
    { id: "toolu_b", name: "now", arguments: "" },
    { id: "toolu_c", name: "weather", arguments: '{"city":"Bern"}' },
  ],
  usage: {
    input_tokens: 100,
    cache_read_input_tokens: 30,
    cache_creation_input_tokens: 20,
    output_tokens: 50,
    output_tokens_details: { thinking_tokens: 12 },
  },
};

export const counted = {
  prompt_tokens: 150,
  completion_tokens: 50,
  total_tokens: 200,
  prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 20 },
  completion_tokens_details: { reasoning_tokens: 12 },
};
