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
import { createOpenAiCompatibleProvider } from "./openai-compatible.ts";

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
  provider = createOpenAiCompatibleProvider({ outbound, answerLimitBytes: 1_048_576 });
});

afterEach(() => stub.reset());

afterAll(async () => {
  await outbound.close();
  await stub.close();
});

const secret = "sk-canary-0123456789";

function call(change: Partial<UpstreamCall> = {}): UpstreamCall {
  return {
    baseUrl: stub.url,
    apiKey: secret,
    model: "stub-text",
    body: { messages: [{ role: "user", content: "hi" }], max_tokens: 50 },
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

type Read = { text: string; chunks: JsonObject[]; isDone: boolean; failure: UpstreamError | null };

async function read(events: AsyncIterable<UpstreamEvent>): Promise<Read> {
  const result: Read = { text: "", chunks: [], isDone: false, failure: null };
  try {
    for await (const event of events) {
      if (event.type === "done") result.isDone = true;
      else {
        result.chunks.push(event.chunk);
        const [choice] = (event.chunk.choices ?? []) as { delta?: { content?: string } }[];
        result.text += choice?.delta?.content ?? "";
      }
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    result.failure = error;
  }
  return result;
}

async function failureOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return error as UpstreamError;
}

const words = `word${" word".repeat(49)}`;

describe("what is sent", () => {
  it("goes to the model's own name with the key, unknown fields unchanged", async () => {
    const body = { messages: [], foo: { bar: [1, "ü"] }, stream_options: { include_usage: false } };
    let sent = 0;
    await whole({ body, model: "upstream-name", onSent: () => sent++ });
    const [request] = stub.requests;
    expect(request!.path).toBe("/v1/chat/completions");
    expect(request!.headers.authorization).toBe(`Bearer ${secret}`);
    expect(request!.headers["accept-encoding"]).toBe("identity");
    expect(request!.body).toEqual({
      messages: [],
      foo: { bar: [1, "ü"] },
      model: "upstream-name",
      stream: false,
    });
    expect(sent).toBe(1);
  });

  it("asks a stream for its usage and keeps the caller's other options", async () => {
    await read(await stream({ body: { messages: [], stream_options: { include_obfuscation: false } } }));
    expect(stub.requests[0]!.body).toMatchObject({
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  it("sends no authorization where there is no key", async () => {
    await whole({ apiKey: null });
    expect(stub.requests[0]!.headers.authorization).toBeUndefined();
  });
});

describe("an answer in one piece", () => {
  it("is handed over as upstream wrote it", async () => {
    const body = await whole();
    expect(body).toMatchObject({ choices: [{ message: { content: words } }], usage: { total_tokens: 150 } });
  });

  it.each<[string, StubBehaviour]>([
    ["HTML with 200", { body: "<html>busy</html>" }],
    ["text that is no JSON", { body: '{"choices": [' }],
    ["JSON that is no answer", { body: { ok: true } }],
    ["JSON under another name", { contentType: "text/plain" }],
    ["an array", { body: "[]" }],
    ["bytes that are no gzip", { headers: { "content-encoding": "gzip" } }],
    ["an unknown encoding", { headers: { "content-encoding": "rot13" } }],
  ])("is malformed when it is %s", async (_name, behaviour) => {
    stub.script("*", behaviour);
    expect((await failureOf(whole())).kind).toBe("malformed");
  });

  it.each(["gzip", "br", "deflate"] as const)("is read through %s", async (encoding) => {
    stub.script("*", { encoding });
    expect(await whole()).toMatchObject({ choices: [{ message: { content: words } }] });
    stub.script("*", { encoding, status: 429, body: { error: { code: "insufficient_quota" } } });
    expect(await failureOf(whole())).toMatchObject({ kind: "status", status: 429, refusal: "quota" });
  });

  it("is refused above the limit, compressed or not", async () => {
    stub.script("*", { tokens: ["x".repeat(2_000_000)] });
    expect((await failureOf(whole())).kind).toBe("too_large");
    stub.script("*", { tokens: ["x".repeat(20_000_000)], encoding: "gzip" });
    expect((await failureOf(whole())).kind).toBe("too_large");
  });

  it("is an in-band error with its usage when it carries one", async () => {
    stub.script("*", {
      body: { error: { message: "no" }, usage: { prompt_tokens: 3, completion_tokens: 0 } },
    });
    expect(await failureOf(whole())).toMatchObject({ kind: "in_band", usage: { prompt_tokens: 3 } });
  });

  it("is truncated when the connection dies inside it", async () => {
    stub.script("*", { dieAfter: 0 });
    expect((await failureOf(whole())).kind).toBe("truncated");
  });
});

describe("an error status", () => {
  it("is told as a class and a status, never in upstream's words", async () => {
    stub.script("*", { status: 401, echoAuthorization: true });
    const failure = await failureOf(whole());
    expect(failure).toMatchObject({ kind: "status", status: 401, refusal: "key_refused" });
    expect(`${failure.message} ${failure.stack} ${JSON.stringify(failure)}`).not.toContain("canary");
  });

  it.each([
    ["seconds", { "retry-after": "7" }, 7000],
    ["milliseconds", { "retry-after": "7", "retry-after-ms": "250" }, 250],
    ["absurd", { "retry-after": "99999999" }, 3_600_000],
    ["nonsense", { "retry-after": "soon" }, undefined],
  ])("says when to retry: %s", async (_name, headers, expected) => {
    stub.script("*", { status: 429, headers });
    expect((await failureOf(whole())).retryAfterMs).toBe(expected);
  });

  it("reads a date in Retry-After", async () => {
    stub.script("*", {
      status: 503,
      headers: { "retry-after": new Date(Date.now() + 30_000).toUTCString() },
    });
    const { retryAfterMs } = await failureOf(whole());
    expect(retryAfterMs).toBeGreaterThan(25_000);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
  });

  it("names a field of our own body, and no other text", async () => {
    const error = { code: "unsupported_parameter", param: "max_tokens" };
    stub.queue(
      "*",
      { status: 400, body: { error } },
      { status: 400, body: { error: { ...error, param: secret } } },
    );
    expect(await failureOf(whole())).toMatchObject({ refusal: "unsupported_parameter", param: "max_tokens" });
    expect((await failureOf(whole())).param).toBeUndefined();
  });

  it("keeps its status when its body is HTML, huge or broken off, and for a redirect, which is not followed", async () => {
    stub.queue(
      "*",
      { status: 502, body: "<html>Bad Gateway</html>" },
      { status: 500, body: "x".repeat(5_000_000) },
      { status: 500, dieAfter: 0 },
      { status: 302, headers: { location: `${stub.url}/models` } },
    );
    for (const status of [502, 500, 500, 302]) {
      expect(await failureOf(whole())).toMatchObject({ kind: "status", status });
    }
    expect(stub.calls).toBe(4);
  });
});

describe("a streamed answer", () => {
  it("ends with done, its usage on a chunk of its own", async () => {
    const result = await read(await stream());
    expect(result).toMatchObject({ text: words, isDone: true, failure: null });
    expect(result.chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 100, completion_tokens: 50 },
    });
  });

  const tokens = ["你好", "，世界", " 👩‍👩‍👧", "🎉", " é", "\u2028", "\n\ndata: x\r\n", '"\\'];

  it("has the same text for every cut of its bytes", async () => {
    const { size } = await sizeOf({ tokens, outputTokens: 1, usage: "none" });
    for (let offset = 1; offset < size; offset++) stub.queue("*", { tokens, usage: "none", cutAt: [offset] });
    const texts = new Set<string>();
    for (let offset = 1; offset < size; offset++) texts.add((await read(await stream())).text);
    expect([...texts]).toEqual([tokens.join("")]);
  }, 30_000);

  async function sizeOf(behaviour: StubBehaviour): Promise<{ size: number }> {
    stub.queue("*", behaviour);
    const body = JSON.stringify({ model: "stub-text", stream: true });
    const response = await fetch(`${stub.url}/chat/completions`, { method: "POST", body });
    return { size: (await response.arrayBuffer()).byteLength };
  }

  const framings = (["\n", "\r\n", "\r"] as const).flatMap((lineEnd) =>
    [
      {},
      { noSpace: true },
      { multiLine: true },
      { comments: true },
      { multiLine: true, comments: true },
    ].flatMap((shape) =>
      [{}, { cutEvery: 1 }, { cutEvery: 7 }].map((cut): StubBehaviour => ({ lineEnd, ...shape, ...cut })),
    ),
  );

  it.each(framings.map((framing) => [JSON.stringify(framing), framing]))(
    "is read in the framing %s",
    async (_n, framing) => {
      stub.script("*", { tokens, ...framing });
      expect(await read(await stream())).toMatchObject({
        text: tokens.join(""),
        isDone: true,
        failure: null,
      });
    },
  );

  it.each(["gzip", "br", "deflate"] as const)("is read through %s", async (encoding) => {
    stub.script("*", { tokens, encoding, cutEvery: 5 });
    expect(await read(await stream())).toMatchObject({ text: tokens.join(""), isDone: true });
  });

  it("hands chunks on as they come", async () => {
    stub.script("*", { outputTokens: 3, tokenMs: 150 });
    const times: number[] = [];
    for await (const event of await stream()) if (event.type === "chunk") times.push(performance.now());
    expect(times[2]! - times[1]!).toBeGreaterThan(100);
  });

  it("just ends when upstream closes without [DONE]", async () => {
    stub.queue("*", { noDone: true }, { closeAfter: 5 });
    expect(await read(await stream())).toMatchObject({ text: words, isDone: false, failure: null });
    const cutShort = await read(await stream());
    expect(cutShort).toMatchObject({ isDone: false, failure: null });
    expect(cutShort.text.split(" ")).toHaveLength(5);
  });

  it("reads a last event without a blank line behind it", async () => {
    stub.script("*", { contentType: "text/event-stream", body: 'data: {"choices":[]}\n\ndata: [DONE]' });
    const result = await read(await stream());
    expect(result).toMatchObject({ isDone: true, failure: null });
  });

  it("is truncated when the connection dies, after handing out what came, with the usage seen so far", async () => {
    const cumulativeUsage = [
      { prompt_tokens: 10, completion_tokens: 5 },
      { prompt_tokens: 60, completion_tokens: 25 },
    ];
    stub.script("*", { dieAfter: 20, cumulativeUsage, tokenMs: 1 });
    const result = await read(await stream());
    expect(result.text.split(" ")).toHaveLength(20);
    expect(result.failure).toMatchObject({ kind: "truncated", usage: cumulativeUsage[1] });
  });

  it("is truncated when it ends inside an event", async () => {
    stub.script("*", { contentType: "text/event-stream", body: 'data: {"choices":[]}\n\ndata: {"cho' });
    expect((await read(await stream())).failure?.kind).toBe("truncated");
  });

  it("throws an in-band error in its place", async () => {
    stub.script("*", { errorAfter: 3 });
    const result = await read(await stream());
    expect(result.text).toBe("word word word");
    expect(result.failure).toMatchObject({ kind: "in_band" });
    expect(result.failure!.message).not.toContain("stub");
  });

  it("takes a choice that ends in an error for one", async () => {
    stub.script("*", { chunks: [{ choices: [{ index: 0, delta: {}, finish_reason: "error" }] }] });
    expect((await read(await stream())).failure?.kind).toBe("in_band");
  });

  it.each([["not JSON"], ["[1]"], ['{"choices":5}'], ["null"]])(
    "is malformed with the event %s",
    async (text) => {
      stub.script("*", { contentType: "text/event-stream", body: `data: ${text}\n\ndata: [DONE]\n\n` });
      expect((await read(await stream())).failure?.kind).toBe("malformed");
    },
  );

  it("stops reading an event that never ends", async () => {
    stub.script("*", { floodBytes: 50_000_000 });
    const result = await read(await stream({ eventLimitBytes: 262_144 }));
    expect(result.failure?.kind).toBe("too_large");
    await expect.poll(() => stub.stats.cancelled).toBe(1);
  });

  it("ignores what follows [DONE]", async () => {
    stub.script("*", { afterDone: 'data: {"choices":[{"delta":{"content":"more"}}]}\n\ndata: junk\n\n' });
    expect(await read(await stream())).toMatchObject({ text: words, isDone: true, failure: null });
  });

  it("does not keep the connection of an upstream that stays silent behind [DONE]", async () => {
    stub.script("*", { lingerMs: 4000 });
    expect(await read(await stream())).toMatchObject({ isDone: true });
    await expect.poll(() => stub.stats.cancelled, { timeout: 2000 }).toBe(1);
  });

  it("is one chunk and done when upstream answers a stream with plain JSON", async () => {
    const toolCalls = [{ id: "a", name: "f", arguments: "{}" }];
    stub.script(() => ({
      body: {
        choices: [{ index: 0, message: { content: "hi", tool_calls: toolCalls }, finish_reason: "stop" }],
        usage: { prompt_tokens: 1 },
      },
    }));
    const result = await read(await stream());
    expect(result).toMatchObject({ text: "hi", isDone: true });
    expect(result.chunks).toHaveLength(1);
    expect(result.chunks[0]).toMatchObject({
      choices: [{ delta: { tool_calls: [{ index: 0 }] }, finish_reason: "stop" }],
    });
  });

  it("is malformed when upstream answers a stream with HTML", async () => {
    stub.script("*", { body: "<html></html>" });
    expect((await failureOf(stream())).kind).toBe("malformed");
  });
});

describe("cancelling", () => {
  it("closes upstream's socket at once when the loop is left", async () => {
    stub.script("*", { endless: true });
    for await (const event of await stream()) if (event.type === "chunk") break;
    await expect.poll(() => stub.stats.cancelled, { timeout: 1000, interval: 10 }).toBe(1);
  });

  it("closes upstream's socket when the signal aborts, while waiting and while reading", async () => {
    stub.queue("*", { hang: "accept" }, { hang: "headers" }, { endless: true, tokenMs: 20 });
    const waiting = new AbortController();
    setTimeout(() => waiting.abort(), 50);
    expect((await failureOf(stream({ signal: waiting.signal }))).kind).toBe("aborted");
    for (let cancelled = 2; cancelled <= 3; cancelled++) {
      const reading = new AbortController();
      setTimeout(() => reading.abort(), 50);
      expect((await read(await stream({ signal: reading.signal }))).failure?.kind).toBe("aborted");
      await expect.poll(() => stub.stats.cancelled, { timeout: 1000, interval: 10 }).toBe(cancelled);
    }
  });

  it("sends nothing when the signal was aborted before", async () => {
    expect((await failureOf(whole({ signal: AbortSignal.abort() }))).kind).toBe("aborted");
    expect(stub.calls).toBe(0);
  });

  it("reads no further while nobody asks, and so holds back an endless upstream", async () => {
    stub.script("*", { tokens: Array.from({ length: 4000 }, () => "x".repeat(16_384)) });
    const iterator = (await stream())[Symbol.asyncIterator]();
    await iterator.next();
    const before = process.memoryUsage().arrayBuffers;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
    expect(stub.requests[0]!.closedAt).toBeNull();
    await iterator.return!();
  });
});

describe("limits of time", () => {
  const short = { connectMs: 1000, firstByteMs: 120, idleMs: 150, totalMs: 5000 };

  it("first byte: an upstream that accepts and never answers", async () => {
    stub.script("*", { hang: "accept" });
    expect((await failureOf(stream({ timeouts: short }))).kind).toBe("first_byte_timeout");
    expect((await failureOf(whole({ timeouts: short }))).kind).toBe("first_byte_timeout");
  });

  it("first byte: an upstream that sends headers alone", async () => {
    stub.script("*", { hang: "headers" });
    expect((await read(await stream({ timeouts: short }))).failure?.kind).toBe("first_byte_timeout");
  });

  it("idle: an upstream that falls silent inside its answer", async () => {
    stub.script("*", { outputTokens: 3, gaps: [{ before: 2, ms: 2000 }] });
    expect((await read(await stream({ timeouts: short }))).failure?.kind).toBe("idle_timeout");
    await expect.poll(() => stub.stats.cancelled).toBe(1);
  });

  it("idle does not count the time in which nobody reads", async () => {
    stub.script("*", { tokens: Array.from({ length: 40 }, () => "x".repeat(16_384)) });
    const iterator = (await stream({ timeouts: short }))[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const rest = await read({ [Symbol.asyncIterator]: () => iterator });
    expect(rest).toMatchObject({ isDone: true, failure: null });
  });

  it("total: an upstream that never ends", async () => {
    stub.script("*", { endless: true, tokenMs: 20 });
    const timeouts = { ...short, totalMs: 400 };
    expect((await read(await stream({ timeouts }))).failure?.kind).toBe("total_timeout");
  });

  it("connect: nobody listens", async () => {
    const gone = await startStubUpstream();
    await gone.close();
    const open = createOutbound({
      connectTimeoutMs: 500,
      maxConnectionsPerOrigin: 4,
      isAllowedOrigin: () => true,
    });
    const lonely = createOpenAiCompatibleProvider({ outbound: open, answerLimitBytes: 1000 });
    let sent = false;
    const failure = await failureOf(lonely.open(call({ baseUrl: gone.url, onSent: () => (sent = true) })));
    expect(failure.kind).toBe("connect");
    expect(failure.message).not.toContain("127.0.0.1");
    expect(sent).toBe(false);
    await open.close();
  });
});

describe("probe", () => {
  it("asks for the models, which is not billable", async () => {
    const result = await provider.probe({ baseUrl: stub.url, apiKey: secret, timeoutMs: 1000 });
    expect(result).toMatchObject({ ok: true, status: 200, failure: undefined });
    expect(stub.billableCalls).toBe(0);
    expect(
      await provider.probe({ baseUrl: "http://127.0.0.1:9", apiKey: null, timeoutMs: 1000 }),
    ).toMatchObject({
      ok: false,
      failure: "not_allowed",
    });
  });
});
