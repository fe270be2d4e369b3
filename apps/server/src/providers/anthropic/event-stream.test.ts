import type { StubBehaviour, StubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../provider.ts";
import { counted, hello, read, startTestbed, type Testbed, thoughtful, usage } from "./anthropic-testbed.ts";

let bed: Testbed;
let stub: StubUpstream;

beforeAll(async () => {
  bed = await startTestbed();
  stub = bed.stub;
});
afterEach(() => stub.reset());
afterAll(() => bed.close());

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
    const streamed = await read(await bed.stream());
    expect(streamed).toMatchObject(expected);
    expect(streamed.message.tool_calls[0]!.pieces).toEqual(
      thoughtful.toolCalls![0]!.arguments.match(/.{1,5}/gsu),
    );
    const body = await bed.whole();
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
    const first = await read(await bed.stream());
    const { size } = await sizeOf(short);
    for (let offset = 1; offset < size; offset++) stub.queue("*", { ...short, cutAt: [offset] });
    const meanings = new Set<string>();
    for (let offset = 1; offset < size; offset++) {
      const { message, usage, isDone } = await read(await bed.stream());
      meanings.add(JSON.stringify([message, usage, isDone]));
    }
    expect(first.message).toMatchObject({ content: "日🗾", reasoning_content: "ö🧠" });
    expect([...meanings]).toEqual([JSON.stringify([first.message, first.usage, true])]);
  }, 60_000);

  async function sizeOf(behaviour: StubBehaviour): Promise<{ size: number }> {
    stub.queue("*", behaviour);
    const response = await fetch(`${stub.url}/messages`, {
      method: "POST",
      headers: { "anthropic-version": "2026-10-21" },
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
      expect(await read(await bed.stream())).toMatchObject(expected);
    },
  );

  it.each(["gzip", "br", "deflate"] as const)("is read through %s", async (encoding) => {
    stub.script("*", { ...thoughtful, encoding, cutEvery: 5 });
    expect(await read(await bed.stream())).toMatchObject(expected);
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
    expect(await read(await bed.stream())).toMatchObject({
      message: { content: "so be it", tool_calls: [] },
      usage: usage(7, 3),
      isDone: true,
      failure: null,
    });
  });

  it("tells usage at its end alone: what it begins with is no count of what will come", async () => {
    stub.script("*", { startUsage: { input_tokens: 100, output_tokens: 1 }, closeAfter: 20 });
    const cut = await read(await bed.stream());
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
    expect((await read(await bed.stream())).usage).toEqual(total);
  });

  it("without the end of a message is broken off; with its stop reason it is whole", async () => {
    stub.queue("*", { closeAfter: 5 }, { noDone: true }, { noDone: true, finishReason: null, usage: "none" });
    const short = await read(await bed.stream());
    expect(short).toMatchObject({ isDone: false, failure: { kind: "truncated" } });
    expect(short.message.content.split(" ")).toHaveLength(5);
    expect(await read(await bed.stream())).toMatchObject({
      isDone: false,
      failure: null,
      usage: usage(100, 50),
    });
    expect(await read(await bed.stream())).toMatchObject({ failure: { kind: "truncated" } });
  });

  it("does not listen behind the end of a message", async () => {
    stub.script("*", { afterDone: 'event: error\ndata: {"type":"error"}\n\n' });
    expect(await read(await bed.stream())).toMatchObject({ isDone: true, failure: null });
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
    expect((await read(await bed.stream())).failure).toMatchObject({ kind });
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
    expect((await read(await bed.stream())).failure).toMatchObject({ kind });
  });

  it("ends with the error that upstream reports, without its words", async () => {
    stub.script("*", { errorAfter: 4 });
    const broken = await read(await bed.stream());
    expect(broken.failure).toMatchObject({ kind: "in_band", refusal: "other" });
    expect(broken.failure!.message).not.toContain("overloaded");
    expect(broken.message.content.split(" ")).toHaveLength(4);
    expect(broken.finishReasons).toEqual([]);
  });

  it("cancels upstream when it is left", async () => {
    stub.script("*", { endless: true });
    for await (const event of await bed.stream()) if (event.type === "chunk") break;
    await expect.poll(() => stub.stats.cancelled).toBe(1);
  });
});
