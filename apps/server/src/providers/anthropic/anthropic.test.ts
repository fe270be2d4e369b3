import {
  type StubBehaviour,
  type StubUpstream,
  startStubUpstream,
} from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createOutbound, type Outbound } from "../../lib/outbound.ts";
import {
  type JsonObject,
  type Provider,
  type UpstreamCall,
  UpstreamError,
  type UpstreamEvent,
} from "../provider.ts";
import { createAnthropicProvider } from "./anthropic.ts";

let stub: StubUpstream;
let outbound: Outbound;
let provider: Provider;

beforeAll(async () => {
  stub = await startStubUpstream();
  outbound = createOutbound({
    connectTimeoutMs: 2000,
    maxConnectionsPerOrigin: 64,
    isAllowedOrigin: (origin) => origin === stub.origin,
  });
  provider = createAnthropicProvider({ outbound, answerLimitBytes: 1_048_576 });
});

afterEach(() => stub.reset());

afterAll(async () => {
  await outbound.close();
  await stub.close();
});

const secret = "sk-ant-canary-0123456789";
const hello = { role: "user", content: "hi" };
const words = `word${" word".repeat(49)}`;
const usage = (prompt: unknown, completion: unknown, more: JsonObject = {}): JsonObject => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: typeof prompt === "number" && typeof completion === "number" ? prompt + completion : null,
  prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
  ...more,
});

function call(change: Partial<UpstreamCall> = {}): UpstreamCall {
  return {
    baseUrl: stub.url,
    apiKey: secret,
    model: "stub-claude",
    body: { messages: [hello], max_tokens: 64 },
    stream: false,
    timeouts: { connectMs: 2000, firstByteMs: 5000, idleMs: 5000, totalMs: 10_000 },
    eventLimitBytes: 4_194_304,
    signal: new AbortController().signal,
    ...change,
  };
}

async function whole(change: Partial<UpstreamCall> = {}): Promise<JsonObject> {
  const answer = await provider.open(call(change));
  if (answer.kind !== "json") throw new Error("not a JSON answer");
  return answer.body;
}

async function stream(change: Partial<UpstreamCall> = {}): Promise<AsyncIterable<UpstreamEvent>> {
  const answer = await provider.open(call({ stream: true, ...change }));
  if (answer.kind !== "stream") throw new Error("not a stream");
  return answer.events;
}

type Read = {
  /** As a client adds it up. */
  message: JsonObject & { content: string; reasoning_content: string; tool_calls: ReadCall[] };
  finishReasons: unknown[];
  usage: unknown;
  usages: number;
  chunks: JsonObject[];
  isDone: boolean;
  failure: UpstreamError | null;
};
type ReadCall = { index: number; id: string; name: string; arguments: string; pieces: string[] };

async function read(events: AsyncIterable<UpstreamEvent>): Promise<Read> {
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

async function failureOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return error as UpstreamError;
}

const thoughtful: StubBehaviour = {
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

const counted = {
  prompt_tokens: 150,
  completion_tokens: 50,
  total_tokens: 200,
  prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 20 },
  completion_tokens_details: { reasoning_tokens: 12 },
};

describe("what is sent", () => {
  it("goes to /messages with key and version in headers of their own", async () => {
    let sent = 0;
    const answer = await provider.open(
      call({ body: { messages: [hello], max_tokens: 9, foo: 1 }, onSent: () => sent++ }),
    );
    expect(answer.dropped).toEqual(["foo"]);
    const [request] = stub.requests;
    expect(request).toMatchObject({ method: "POST", path: "/v1/messages" });
    expect(request!.headers).toMatchObject({
      "x-api-key": secret,
      "anthropic-version": "2023-06-01",
      "content-type": "application/json",
    });
    expect(request!.headers.authorization).toBeUndefined();
    expect(request!.body).toEqual({
      model: "stub-claude",
      max_tokens: 9,
      messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
      stream: false,
    });
    expect(sent).toBe(1);
  });

  it("is nothing at all where a field is refused by name", async () => {
    let sent = 0;
    const asked = call({ body: { messages: [hello], max_tokens: 9, n: 2 }, onSent: () => sent++ });
    await expect(provider.open(asked)).rejects.toMatchObject({ name: "TranslationRefusal", param: "n" });
    expect([sent, stub.calls]).toEqual([0, 0]);
  });
});

describe("an answer in one piece", () => {
  it("becomes a chat completion", async () => {
    expect(await whole()).toEqual({
      id: "msg_stub",
      object: "chat.completion",
      created: expect.any(Number),
      model: "stub-claude",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: words, refusal: null },
          finish_reason: "stop",
          native_finish_reason: "end_turn",
        },
      ],
      usage: usage(100, 50),
    });
  });

  it("carries thoughts, calls and every part of usage", async () => {
    stub.script("*", thoughtful);
    const body = await whole();
    const [{ message, finish_reason }] = body.choices as [{ message: JsonObject; finish_reason: string }];
    expect(finish_reason).toBe("tool_calls");
    expect(message).toMatchObject({
      content: "Grüße aus 日本 🗾 !",
      reasoning_content: "let me “think” 🧠",
      reasoning_details: [
        {
          type: "reasoning.text",
          text: "let me “think” 🧠",
          signature: expect.any(String),
          format: "anthropic-claude-v1",
          index: 0,
        },
        { type: "reasoning.encrypted", data: "opaque==", format: "anthropic-claude-v1", index: 1 },
      ],
      tool_calls: [
        {
          id: "toolu_a",
          type: "function",
          function: { name: "weather", arguments: '{"city":"Zürich 🏔","n":12345678901234567890}' },
        },
        { id: "toolu_b", type: "function", function: { name: "now", arguments: "{}" } },
        { id: "toolu_c", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } },
      ],
    });
    expect(body.usage).toEqual(counted);
  });

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["refusal", "content_filter"],
    ["pause_turn", "stop"],
    ["something_new", "stop"],
  ])("that stopped by %s says %s, streamed or not", async (finishReason, expected) => {
    stub.script("*", { finishReason });
    const [choice] = (await whole()).choices as JsonObject[];
    expect(choice).toMatchObject({ finish_reason: expected, native_finish_reason: finishReason });
    expect(await read(await stream())).toMatchObject({ finishReasons: [expected], isDone: true });
  });

  it.each<[string, StubBehaviour]>([
    ["HTML with 200", { body: "<html>busy</html>" }],
    ["text that is no JSON", { body: '{"content": [' }],
    ["JSON that is no message", { body: { ok: true } }],
    ["JSON under another name", { contentType: "text/plain" }],
    ["an array", { body: "[]" }],
  ])("%s is malformed, streamed or not", async (_what, behaviour) => {
    stub.script("*", behaviour);
    expect(await failureOf(whole())).toMatchObject({ kind: "malformed" });
    if (behaviour.contentType === undefined)
      expect(await failureOf(stream())).toMatchObject({ kind: "malformed" });
  });

  it("that is an error after all is one", async () => {
    stub.script("*", { body: { type: "error", error: { type: "overloaded_error", message: secret } } });
    for (const failure of [await failureOf(whole()), await failureOf(stream())]) {
      expect(failure).toMatchObject({ kind: "in_band", status: 200 });
      expect(failure.message).not.toContain(secret);
    }
  });

  it("may answer a request for a stream", async () => {
    const body = {
      id: "m",
      type: "message",
      model: "x",
      content: [{ type: "text", text: "hi" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 1, output_tokens: 2 },
    };
    stub.script("*", { body, contentType: "application/json" });
    expect(await read(await stream())).toMatchObject({
      message: { content: "hi" },
      finishReasons: ["stop"],
      usage: usage(1, 2),
      isDone: true,
    });
  });

  it("is bounded", async () => {
    stub.script("*", { tokens: ["x".repeat(2_000_000)] });
    expect(await failureOf(whole())).toMatchObject({ kind: "too_large" });
  });
});

describe("a stream", () => {
  const expected = {
    message: {
      role: "assistant",
      content: "Grüße aus 日本 🗾 !",
      reasoning_content: "let me “think” 🧠",
      reasoning_details: [{ text: "let me “think” 🧠" }, { data: "opaque==" }],
      tool_calls: [
        { index: 0, id: "toolu_a", arguments: thoughtful.toolCalls![0]!.arguments },
        { index: 1, id: "toolu_b", arguments: "{}" },
        { index: 2, id: "toolu_c", arguments: '{"city":"Bern"}' },
      ],
    },
    finishReasons: ["tool_calls"],
    usage: counted,
    isDone: true,
    failure: null,
  };

  it("says the same as an answer in one piece", async () => {
    stub.script("*", thoughtful);
    const streamed = await read(await stream());
    expect(streamed).toMatchObject(expected);
    expect(streamed.message.tool_calls[0]!.pieces).toEqual(
      thoughtful.toolCalls![0]!.arguments.match(/.{1,5}/gsu),
    );
    const body = await whole();
    const [{ message }] = body.choices as [{ message: JsonObject }];
    expect(streamed.message.reasoning_details).toEqual(message.reasoning_details);
    expect(streamed.usage).toEqual(body.usage);
    for (const chunk of streamed.chunks) {
      expect(chunk).toMatchObject({ id: "msg_stub", object: "chat.completion.chunk", model: "stub-claude" });
    }
  });

  it("has the same meaning for every cut of its bytes", async () => {
    const short: StubBehaviour = {
      reasoning: ["ö🧠"],
      tokens: ["日🗾"],
      toolCalls: [{ id: "t", name: "f", arguments: '{"ü":"🏔"}' }],
    };
    stub.queue("*", short);
    const first = await read(await stream());
    const { size } = await sizeOf(short);
    for (let offset = 1; offset < size; offset++) stub.queue("*", { ...short, cutAt: [offset] });
    const meanings = new Set<string>();
    for (let offset = 1; offset < size; offset++) {
      const { message, usage, isDone } = await read(await stream());
      meanings.add(JSON.stringify([message, usage, isDone]));
    }
    expect(first.message).toMatchObject({ content: "日🗾", reasoning_content: "ö🧠" });
    expect([...meanings]).toEqual([JSON.stringify([first.message, first.usage, true])]);
  }, 60_000);

  async function sizeOf(behaviour: StubBehaviour): Promise<{ size: number }> {
    stub.queue("*", behaviour);
    const response = await fetch(`${stub.url}/messages`, {
      method: "POST",
      headers: { "anthropic-version": "2023-06-01" },
      body: JSON.stringify({ model: "stub-claude", stream: true, max_tokens: 9, messages: [hello] }),
    });
    return { size: (await response.arrayBuffer()).byteLength };
  }

  const framings = (["\n", "\r\n", "\r"] as const).flatMap((lineEnd) =>
    [{}, { noSpace: true }, { multiLine: true, comments: true }].flatMap((shape) =>
      [{}, { cutEvery: 1 }, { cutEvery: 7 }].map((cut): StubBehaviour => ({ lineEnd, ...shape, ...cut })),
    ),
  );

  it.each(framings.map((framing) => [JSON.stringify(framing), framing]))(
    "is read in the framing %s",
    async (_name, framing) => {
      stub.script("*", { ...thoughtful, ...framing });
      expect(await read(await stream())).toMatchObject(expected);
    },
  );

  it.each(["gzip", "br", "deflate"] as const)("is read through %s", async (encoding) => {
    stub.script("*", { ...thoughtful, encoding, cutEvery: 5 });
    expect(await read(await stream())).toMatchObject(expected);
  });

  it("passes over events, blocks and deltas of kinds that it does not know", async () => {
    const events = [
      {
        type: "message_start",
        message: { id: "m", model: "x", usage: { input_tokens: 7, output_tokens: 1 } },
      },
      { type: "ping" },
      { type: "brand_new", x: 1 },
      {
        type: "content_block_start",
        index: 0,
        content_block: { type: "server_tool_use", id: "s", input: {} },
      },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{}" } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "so " } },
      { type: "content_block_delta", index: 1, delta: { type: "citations_delta", citation: {} } },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "be it" } },
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } },
    ];
    stub.script("*", { chunks: events });
    expect(await read(await stream())).toMatchObject({
      message: { content: "so be it", tool_calls: [] },
      usage: usage(7, 3),
      isDone: true,
      failure: null,
    });
  });

  it("tells usage at its end alone: what it begins with is no count of what will come", async () => {
    stub.script("*", { startUsage: { input_tokens: 100, output_tokens: 1 }, closeAfter: 20 });
    const cut = await read(await stream());
    expect(cut).toMatchObject({ usage: undefined, isDone: false, failure: { kind: "truncated" } });
    expect(cut.failure!.usage).toBeUndefined();
  });

  it.each<[string, StubBehaviour, JsonObject]>([
    [
      "both halves",
      { startUsage: { input_tokens: 100, output_tokens: 0 }, usage: { output_tokens: 50 } },
      usage(100, 50),
    ],
    [
      "growing ones",
      {
        outputTokens: 3,
        cumulativeUsage: [5, 25, 50].map((output_tokens) => ({ input_tokens: 100, output_tokens })),
      },
      usage(100, 50),
    ],
    [
      "the prompt told again",
      { startUsage: { input_tokens: 90, output_tokens: 4 }, usage: { input_tokens: 100, output_tokens: 50 } },
      usage(100, 50),
    ],
    [
      "null where nothing is known",
      {
        startUsage: { input_tokens: 100, cache_read_input_tokens: null },
        usage: { input_tokens: null, output_tokens: 50 },
      },
      usage(100, 50),
    ],
  ])("of its reports of usage the last counts, never a sum: %s", async (_what, behaviour, total) => {
    stub.script("*", behaviour);
    expect((await read(await stream())).usage).toEqual(total);
  });

  it("without the end of a message is broken off; with its stop reason it is whole", async () => {
    stub.queue("*", { closeAfter: 5 }, { noDone: true }, { noDone: true, finishReason: null, usage: "none" });
    const short = await read(await stream());
    expect(short).toMatchObject({ isDone: false, failure: { kind: "truncated" } });
    expect(short.message.content.split(" ")).toHaveLength(5);
    expect(await read(await stream())).toMatchObject({ isDone: false, failure: null, usage: usage(100, 50) });
    expect(await read(await stream())).toMatchObject({ failure: { kind: "truncated" } });
  });

  it("does not listen behind the end of a message", async () => {
    stub.script("*", { afterDone: 'event: error\ndata: {"type":"error"}\n\n' });
    expect(await read(await stream())).toMatchObject({ isDone: true, failure: null });
  });

  it.each<[string, unknown[], string]>([
    ["no object", [[]], "malformed"],
    ["a delta of no block", [{ type: "content_block_delta", index: 9, delta: {} }], "malformed"],
    ["a block without a place", [{ type: "content_block_start", index: -1, content_block: {} }], "malformed"],
    ["a block that is none", [{ type: "content_block_start", index: 0 }], "malformed"],
    [
      "text that is none",
      [
        { type: "content_block_start", index: 0, content_block: { type: "text" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: 5 } },
      ],
      "malformed",
    ],
    ["a message that is none", [{ type: "message_start", message: "x" }], "malformed"],
  ])("with %s fails", async (_what, chunks, kind) => {
    stub.script("*", { chunks });
    expect((await read(await stream())).failure).toMatchObject({ kind });
  });

  it.each<[string, StubBehaviour, string]>([
    [
      "an event that is cut off",
      { body: 'data: {"type":"content_bl', contentType: "text/event-stream" },
      "truncated",
    ],
    [
      "text that is no JSON",
      { body: "data: {nonsense}\n\ndata: {}\n\n", contentType: "text/event-stream" },
      "malformed",
    ],
    ["an event without end", { floodBytes: 6_000_000 }, "too_large"],
    ["a connection that dies", { dieAfter: 3 }, "truncated"],
  ])("with %s fails", async (_what, behaviour, kind) => {
    stub.script("*", behaviour);
    expect((await read(await stream())).failure).toMatchObject({ kind });
  });

  it("ends with the error that upstream reports, without its words", async () => {
    stub.script("*", { errorAfter: 4 });
    const broken = await read(await stream());
    expect(broken.failure).toMatchObject({ kind: "in_band", refusal: "other" });
    expect(broken.failure!.message).not.toContain("overloaded");
    expect(broken.message.content.split(" ")).toHaveLength(4);
    expect(broken.finishReasons).toEqual([]);
  });

  it("cancels upstream when it is left", async () => {
    stub.script("*", { endless: true });
    for await (const event of await stream()) if (event.type === "chunk") break;
    await expect.poll(() => stub.stats.cancelled).toBe(1);
  });
});

describe("a refusal", () => {
  const error = (type: string, message = "no", details?: JsonObject) => ({
    type: "error",
    error: { type, message, ...(details === undefined ? {} : { details }) },
    request_id: "req_x",
  });
  const invalid = (message: string) => error("invalid_request_error", message);

  it.each<[number, JsonObject, string]>([
    [400, invalid("prompt is too long: 212345 tokens > 200000 maximum"), "context_length"],
    [400, invalid("input length and `max_tokens` exceed context limit: 1 + 2 > 3"), "context_length"],
    [400, invalid("Your credit balance is too low to access the Anthropic API."), "quota"],
    [400, invalid("You have reached your specified API usage limits."), "quota"],
    [400, invalid("Output blocked by content filtering policy"), "content_policy"],
    [400, invalid("messages: odd"), "other"],
    [401, error("authentication_error"), "key_refused"],
    [402, error("billing_error"), "quota"],
    [403, error("permission_error"), "key_refused"],
    [404, error("not_found_error", "model: claude-9"), "model_unknown"],
    [413, error("request_too_large"), "other"],
    [429, error("rate_limit_error"), "rate_limit"],
    [429, error("rate_limit_error", "x", { error_code: "enforced_spend_limit_reached" }), "quota"],
    [500, error("api_error"), "other"],
    [529, error("overloaded_error"), "other"],
    [401, { unexpected: true }, "key_refused"],
  ])("of status %i with %j is of the class %s", async (status, body, refusal) => {
    stub.script("*", { status, body });
    for (const failure of [await failureOf(whole()), await failureOf(stream())]) {
      expect(failure).toMatchObject({ kind: "status", status, refusal });
    }
  });

  it("names the field as OpenAI's clients call it, and only a field that was sent", async () => {
    const body = { messages: [hello], max_tokens: 9, stop: "x" };
    stub.queue("*", { status: 400, body: invalid("stop_sequences: too many") });
    stub.queue("*", { status: 400, body: invalid("messages.0.content: odd") });
    stub.queue("*", { status: 400, body: invalid("tools.0: odd") });
    const params = [];
    for (let i = 0; i < 3; i++) params.push((await failureOf(whole({ body }))).param);
    expect(params).toEqual(["stop", "messages", undefined]);
  });

  it("says when to come again, and never what upstream wrote", async () => {
    stub.script("*", { status: 429, headers: { "retry-after": "7" }, echoAuthorization: true });
    const failure = await failureOf(whole());
    expect(failure).toMatchObject({ retryAfterMs: 7_000, refusal: "rate_limit" });
    expect(JSON.stringify([failure, failure.message, failure.stack])).not.toContain(secret);
  });
});

describe("a probe", () => {
  it("asks for the models, which costs nothing", async () => {
    const asked = { baseUrl: stub.url, apiKey: secret, timeoutMs: 2_000 };
    expect(await provider.probe(asked)).toMatchObject({ ok: true, status: 200, failure: undefined });
    expect(stub.requests[0]).toMatchObject({
      method: "GET",
      path: "/v1/models",
      headers: { "x-api-key": secret },
    });
    expect(stub.billableCalls).toBe(0);
    const gone = await provider.probe({ ...asked, baseUrl: "http://127.0.0.1:9/v1" });
    expect(gone).toMatchObject({ ok: false, failure: "connect" });
  });
});
