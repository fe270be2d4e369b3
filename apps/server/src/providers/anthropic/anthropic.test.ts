import type { StubBehaviour, StubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../provider.ts";
import {
  counted,
  failureOf,
  hello,
  read,
  secret,
  startTestbed,
  type Testbed,
  thoughtful,
  usage,
  words,
} from "./anthropic-testbed.ts";

let bed: Testbed;
let stub: StubUpstream;

beforeAll(async () => {
  bed = await startTestbed();
  stub = bed.stub;
});
afterEach(() => stub.reset());
afterAll(() => bed.close());

describe("what is sent", () => {
  it("goes to /messages with key and version in headers of their own", async () => {
    let sent = 0;
    const answer = await bed.provider.open(
      bed.call({ body: { messages: [hello], max_tokens: 9, foo: 1 }, onSent: () => sent++ }),
    );
    expect(answer.dropped).toEqual(["foo"]);
    const [request] = stub.requests;
    expect(request).toMatchObject({ method: "POST", path: "/v1/messages" });
    expect(request!.headers).toMatchObject({
      "x-api-key": secret,
      "anthropic-version": "2026-10-21",
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

  it("names the version that still knows sampling where the request asks for it", async () => {
    const asked = { messages: [hello], max_tokens: 9, temperature: 0.3 };
    await bed.whole({ model: "claude-sonnet-4-5", body: asked });
    await bed.whole({ model: "claude-opus-5", body: asked });
    await bed.whole({ model: "claude-sonnet-4-5", body: { ...asked, temperature: 1 } });
    const sent = stub.requests.map(({ headers, body }) => [headers["anthropic-version"], body.temperature]);
    expect(sent).toEqual([
      ["2023-06-01", 0.3],
      ["2026-10-21", undefined],
      ["2026-10-21", undefined],
    ]);
  });

  it("is nothing at all where a field is refused by name", async () => {
    let sent = 0;
    const asked = bed.call({ body: { messages: [hello], max_tokens: 9, n: 2 }, onSent: () => sent++ });
    await expect(bed.provider.open(asked)).rejects.toMatchObject({ name: "TranslationRefusal", param: "n" });
    expect([sent, stub.calls]).toEqual([0, 0]);
  });
});

describe("an answer in one piece", () => {
  it("becomes a chat completion", async () => {
    expect(await bed.whole()).toEqual({
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
    const body = await bed.whole();
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

  it("tells hidden thoughts by their signature alone, streamed or not", async () => {
    stub.script("*", { reasoning: [], tokens: ["so"] });
    const [{ message }] = (await bed.whole()).choices as [{ message: JsonObject }];
    expect(message.reasoning_content).toBeUndefined();
    expect(message.reasoning_details).toMatchObject([{ text: "", signature: expect.any(String), index: 0 }]);
    const streamed = await read(await bed.stream());
    expect(streamed.message.reasoning_details).toEqual(message.reasoning_details);
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
    const [choice] = (await bed.whole()).choices as JsonObject[];
    expect(choice).toMatchObject({ finish_reason: expected, native_finish_reason: finishReason });
    expect(await read(await bed.stream())).toMatchObject({ finishReasons: [expected], isDone: true });
  });

  it.each<[string, StubBehaviour]>([
    ["HTML with 200", { body: "<html>busy</html>" }],
    ["text that is no JSON", { body: '{"content": [' }],
    ["JSON that is no message", { body: { ok: true } }],
    ["JSON under another name", { contentType: "text/plain" }],
    ["an array", { body: "[]" }],
  ])("%s is malformed, streamed or not", async (_what, behaviour) => {
    stub.script("*", behaviour);
    expect(await failureOf(bed.whole())).toMatchObject({ kind: "malformed" });
    if (behaviour.contentType === undefined)
      expect(await failureOf(bed.stream())).toMatchObject({ kind: "malformed" });
  });

  it("that is an error after all is one", async () => {
    stub.script("*", { body: { type: "error", error: { type: "overloaded_error", message: secret } } });
    for (const failure of [await failureOf(bed.whole()), await failureOf(bed.stream())]) {
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
    expect(await read(await bed.stream())).toMatchObject({
      message: { content: "hi" },
      finishReasons: ["stop"],
      usage: usage(1, 2),
      isDone: true,
    });
  });

  it("is bounded", async () => {
    stub.script("*", { tokens: ["x".repeat(2_000_000)] });
    expect(await failureOf(bed.whole())).toMatchObject({ kind: "too_large" });
  });
});

describe("a probe", () => {
  it("asks for the models, which costs nothing", async () => {
    const asked = { baseUrl: stub.url, apiKey: secret, timeoutMs: 2_000 };
    expect(await bed.provider.probe(asked)).toMatchObject({ ok: true, status: 200, failure: undefined });
    expect(stub.requests[0]).toMatchObject({
      method: "GET",
      path: "/v1/models",
      headers: { "x-api-key": secret },
    });
    expect(stub.billableCalls).toBe(0);
    const gone = await bed.provider.probe({ ...asked, baseUrl: "http://127.0.0.1:9/v1" });
    expect(gone).toMatchObject({ ok: false, failure: "not_allowed" });
  });
});
