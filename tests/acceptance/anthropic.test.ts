import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { streamChat } from "@modelfaucet/testkit/sse.ts";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { model, speakAnthropic } from "./anthropic-ground.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  await speakAnthropic(product, ground);
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

const price = { upstream_cost_usd: "0.00105000", charge_usd: "0.00131250", usage_source: "provider" };
const forms = [false, true] as const;

describe("metering in Anthropic's dialect", () => {
  it("A004: usage that comes in two halves is priced as a whole, streamed or not", async () => {
    const whole = await chat(product, session.token, { model });
    expect(whole.status, whole.text).toBe(200);
    expect(whole.body.modelfaucet).toMatchObject(price);
    expect(whole.body.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 });
    for (const include_usage of forms) {
      product.stub.script("stub-claude", {
        startUsage: { input_tokens: 100, output_tokens: 0 },
        usage: { output_tokens: 50 },
        usageAfterMs: include_usage ? 300 : 0,
      });
      const streamed = await streamChat(product, session.token, { model, stream_options: { include_usage } });
      expect(streamed.saidDone, streamed.text).toBe(true);
      expect(streamed.price).toMatchObject(price);
      expect(streamed.content).toBe(whole.body.choices[0].message.content);
      const last = streamed.chunks.at(-1);
      expect(last.modelfaucet).toEqual(streamed.price);
      if (include_usage) expect(last).toMatchObject({ choices: [], usage: { prompt_tokens: 100 } });
      else expect(last.choices[0].finish_reason).toBe("stop");
    }
    expect(await closedCount(product, session.userId)).toBe(3);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99606250");
    expect(product.stub.billableCalls).toBe(3);
    expect(product.stub.requests.every(({ path }) => path === "/v1/messages")).toBe(true);
  });

  it("prices every token once: read from the cache, written to it, thought and said", async () => {
    product.stub.script("stub-claude", {
      reasoning: ["hm"],
      usage: {
        input_tokens: 100,
        cache_read_input_tokens: 30,
        cache_creation_input_tokens: 20,
        output_tokens: 50,
        output_tokens_details: { thinking_tokens: 12 },
      },
    });
    for (const stream of forms) {
      const { request_id, ...figures } = await ask({ stream });
      expect(figures).toMatchObject({ upstream_cost_usd: "0.00113400", charge_usd: "0.00141750" });
      const { lines } = await receiptOf(request_id);
      expect(lines.map(({ unit, quantity }: Json) => [unit, quantity])).toEqual([
        ["input", 100],
        ["cached_input", 30],
        ["cache_write", 20],
        ["output", 38],
        ["reasoning", 12],
      ]);
    }
  });

  it("T-10: of odd usage nothing impossible is believed, and output is never free", async () => {
    const impossible = [-5, "12", 1.5, 1e15, true].map((output_tokens) => ({
      input_tokens: 100,
      output_tokens,
    }));
    const sums = { input_tokens: -50, cache_read_input_tokens: 150, output_tokens: 50 };
    const silent = [{ input_tokens: 0, output_tokens: 0 }, { input_tokens: 100, output_tokens: 0 }, "none"];
    for (const usage of [...impossible, sums, ...silent, { output_tokens: 50 }, [], 7]) {
      product.stub.script("stub-claude", { usage });
      for (const stream of forms) {
        const figures = await ask({ stream });
        expect(figures.usage_source, JSON.stringify(usage)).toBe("estimated");
        const record = await closedRecord(product, figures.request_id);
        expect([
          [1, 50],
          [2, 63],
        ]).toContainEqual([record.input_tokens, record.output_tokens]);
        expect(units(figures.charge_usd)).toBeLessThanOrEqual(units(record.hold_usd));
      }
    }
  });

  it("T-10: growing usage is not added up, and what is above the hold is absorbed", async () => {
    product.stub.script("stub-claude", {
      outputTokens: 3,
      cumulativeUsage: [10, 25, 50].map((output_tokens) => ({ input_tokens: 100, output_tokens })),
    });
    expect(await ask({ stream: true })).toMatchObject(price);
    product.stub.script("stub-claude", { usage: { input_tokens: 100, output_tokens: 90_000 } });
    for (const stream of forms) {
      const { request_id, absorbed_cost_usd } = await ask({ stream, max_tokens: 20 });
      const record = await closedRecord(product, request_id);
      expect(record.charge_usd).toBe(record.hold_usd);
      expect(units(absorbed_cost_usd)).toBe(units("1.35030000") - units(record.upstream_cost_usd));
    }
  });

  it("answers that are stopped are answers, and say why", async () => {
    for (const [finishReason, expected] of [
      ["max_tokens", "length"],
      ["refusal", "content_filter"],
    ] as const) {
      product.stub.script("stub-claude", { finishReason });
      const whole = await chat(product, session.token, { model });
      expect(whole.body.choices[0].finish_reason).toBe(expected);
      const streamed = await streamChat(product, session.token, { model });
      expect(streamed.chunks.at(-1).choices[0].finish_reason).toBe(expected);
      expect([whole.body.modelfaucet.charge_usd, streamed.price.charge_usd]).toEqual([
        "0.00131250",
        "0.00131250",
      ]);
    }
    product.stub.script("stub-claude", {
      tokens: [],
      finishReason: "refusal",
      usage: { input_tokens: 100, output_tokens: 1 },
    });
    expect(await ask({})).toMatchObject({ upstream_cost_usd: "0.00031500" });
  });
});

describe("what cannot be said in Anthropic's dialect", () => {
  it("A115: unknown fields reach a same-dialect upstream unchanged; translated, they are listed or refused", async () => {
    const extra = { foo: { bar: [1, "ü"] }, transforms: ["middle-out"] };
    for (const stream of forms) {
      const same = await chat(product, session.token, { model: "stub/stub-text", stream, ...extra });
      expect(same.status, same.text).toBe(200);
      expect(product.stub.requests.at(-1)!.body).toMatchObject(extra);
      expect(same.headers.get("x-modelfaucet-dropped")).toBeNull();
      const other = await chat(product, session.token, { model, stream, ...extra, seed: 7 });
      expect(other.status, other.text).toBe(200);
      expect(other.headers.get("x-modelfaucet-dropped")).toBe("foo, transforms, seed");
      expect(Object.keys(product.stub.requests.at(-1)!.body)).toEqual([
        "model",
        "max_tokens",
        "messages",
        "stream",
      ]);
    }
  });

  it("A115: a field that changes the answer or its price is refused by name, and nothing is sent or charged", async () => {
    for (const [param, body] of [
      ["n", { n: 2 }],
      ["logprobs", { logprobs: true }],
      ["temperature", { temperature: 2 }],
      ["response_format", { response_format: { type: "json_object" } }],
      ["cache_control.ttl", { cache_control: { type: "ephemeral", ttl: "1h" } }],
      ["tools[0].type", { tools: [{ type: "custom", custom: { name: "c" } }] }],
    ] as const) {
      for (const stream of forms) {
        const refused = await chat(product, session.token, { model, stream, ...body });
        expect(refused.status, refused.text).toBe(400);
        expect(refused.body.error).toMatchObject({ code: "unsupported_parameter", param });
        expect(refused.headers.get("x-should-retry")).toBe("false");
      }
    }
    expect(product.stub.calls).toBe(0);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });
});

describe("the official client", () => {
  const weather = {
    type: "function" as const,
    function: {
      name: "weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  };
  const calls = [
    { id: "toolu_1", name: "weather", arguments: '{"city": "Zürich 🏔", "id": 12345678901234567890}' },
    { id: "toolu_2", name: "weather", arguments: '{"city":"Bern"}' },
  ];
  const asked = [{ role: "user" as const, content: "weather?" }];
  const openClient = () => new OpenAI({ apiKey: session.token, baseURL: product.gateways[0]! });

  it("P1: reads parallel calls of tools apart, their arguments as upstream wrote them", async () => {
    product.stub.script("stub-claude", { toolCalls: calls });
    const stream = await openClient().chat.completions.create({
      model,
      messages: asked,
      tools: [weather],
      stream: true,
    });
    const seen: { id?: string; name?: string; pieces: string[] }[] = [];
    for await (const chunk of stream) {
      for (const piece of chunk.choices[0]?.delta.tool_calls ?? []) {
        expect(Number.isInteger(piece.index)).toBe(true);
        seen[piece.index] ??= { pieces: [] };
        const known = seen[piece.index]!;
        if (piece.id !== undefined) {
          expect(piece.type).toBe("function");
          Object.assign(known, { id: piece.id, name: piece.function?.name });
        }
        if (piece.function?.arguments) known.pieces.push(piece.function.arguments);
      }
    }
    expect(seen).toEqual(
      calls.map(({ id, name, arguments: text }) => ({ id, name, pieces: text.match(/.{1,5}/gsu) })),
    );
  });

  it("P10: carries thoughts and calls into a second turn that upstream takes", async () => {
    const client = openClient();
    const budgeted = { model, tools: [weather], max_tokens: 4_096, reasoning_effort: "low" as const };
    for (const form of ["whole", "streamed"]) {
      product.stub.script("stub-claude", {
        reasoning: ["let me ", "“see” ", "🧠"],
        redactedThinking: "opaque==",
        tokens: ["I ask."],
        toolCalls: calls.slice(1),
      });
      const params = { ...budgeted, messages: asked };
      const first =
        form === "whole"
          ? await client.chat.completions.create(params)
          : await client.chat.completions.stream(params).finalChatCompletion();
      const { message, finish_reason } = first.choices[0]!;
      expect(finish_reason).toBe("tool_calls");
      expect(message).toMatchObject({ content: "I ask.", reasoning_details: [{}, {}] });
      product.stub.script("stub-claude", { tokens: ["12 degrees"] });
      const second = await client.chat.completions.create({
        ...budgeted,
        messages: [...asked, message, { role: "tool", tool_call_id: "toolu_2", content: "12" }],
      });
      expect(second.choices[0]!.message.content).toBe("12 degrees");
      const { body } = product.stub.requests.at(-1)!;
      expect(body.thinking).toEqual({ type: "adaptive" });
      expect(body.messages[1].content.map(({ type }: Json) => type)).toEqual([
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
      ]);
      expect(body.messages[1].content[0].thinking).toBe("let me “see” 🧠");
    }
    expect(product.stub.billableCalls).toBe(4);
  });

  it("gets what a schema describes, images taken along", async () => {
    product.stub.script("stub-claude", { tokens: ['{"n":1}'] });
    const schema = { type: "object", properties: { n: { type: "integer" } }, additionalProperties: false };
    const { choices } = await openClient().chat.completions.create({
      model,
      messages: [
        { role: "developer", content: "be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "what is it?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
          ],
        },
      ],
      response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
      stop: ["END"],
      user: "somebody",
    });
    expect(choices[0]!.message.content).toBe('{"n":1}');
    const { body } = product.stub.requests.at(-1)!;
    expect(body).toMatchObject({
      system: [{ type: "text", text: "be brief" }],
      output_config: { format: { type: "json_schema", schema } },
      stop_sequences: ["END"],
      metadata: { user_id: session.userId },
    });
    expect(body.messages[0].content[1].source).toEqual({
      type: "base64",
      media_type: "image/png",
      data: "iVBORw0KGgo=",
    });
  });
});

/** The price object of one call. */
async function ask(body: Record<string, unknown>): Promise<Json> {
  if (body.stream === true) {
    const streamed = await streamChat(product, session.token, { model, ...body });
    expect(streamed.saidDone, streamed.text).toBe(true);
    return streamed.price;
  }
  const answer = await chat(product, session.token, { model, ...body });
  expect(answer.status, answer.text).toBe(200);
  return answer.body.modelfaucet;
}

async function receiptOf(id: string): Promise<Json> {
  return (await product.call("GET", `/v1/user/receipts/${id}`, undefined, { token: session.token })).body;
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
