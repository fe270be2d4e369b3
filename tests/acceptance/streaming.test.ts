import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import type { StubBehaviour } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

import { lastOf, readEventLines } from "./event-lines.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "50.00");
});
afterEach(() => {
  product.stub.reset();
  return expectBooksClean(product);
});
afterAll(() => product.stop());

const stream = async (body: Record<string, unknown> = {}) => {
  const answer = await chat(product, session.token, { model: "stub-text", stream: true, ...body });
  return { ...answer, events: readEventLines(answer.text) };
};

describe("the shape of a stream", () => {
  it("A106: with include_usage exactly one last chunk has no choices and the whole usage", async () => {
    const { events } = await stream({ stream_options: { include_usage: true } });
    const withUsage = events.chunks.filter((chunk) => chunk.usage);
    expect(withUsage).toHaveLength(1);
    expect(withUsage[0]).toBe(events.chunks.at(-1));
    expect(withUsage[0]).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 },
      modelfaucet: { charge_usd: "0.00025000" },
    });
    for (const chunk of events.chunks.slice(0, -1)) expect(chunk.choices.length).toBeGreaterThan(0);
    expect(events.isDone).toBe(true);
    expect(product.stub.billableCalls).toBe(1);
  });

  it("A106: without it there is none, the price rides on the last finish_reason, and metering goes on", async () => {
    for (const options of [undefined, null, {}, { include_usage: false }]) {
      const { events } = await stream(options === undefined ? {} : { stream_options: options });
      expect(events.chunks.every((chunk) => chunk.choices.length > 0)).toBe(true);
      expect(lastOf(events, "usage")).toBeUndefined();
      expect(events.chunks.at(-1)).toMatchObject({
        choices: [{ finish_reason: "stop" }],
        modelfaucet: { charge_usd: "0.00025000" },
      });
      expect(product.stub.requests.at(-1)!.body.stream_options).toEqual({ include_usage: true });
    }
  });

  it("A106: every choice of n ends once, and usage that comes with the finish reason stays one chunk", async () => {
    product.stub.script("stub-text", { usagePlace: "with_finish", outputTokens: 4 });
    const { events } = await stream({ n: 3, max_tokens: 20, stream_options: { include_usage: true } });
    const ends = events.chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason);
    expect(ends.map((choice) => choice.index).sort()).toEqual([0, 1, 2]);
    expect(events.chunks.filter((chunk) => chunk.usage)).toHaveLength(1);
    expect(events.chunks.at(-1).choices).toEqual([]);
  });

  it("answers with the headers that keep every proxy from buffering, and one id on every chunk", async () => {
    const { headers, events } = await stream();
    expect(headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(headers.get("cache-control")).toContain("no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(headers.get("content-encoding")).toBeNull();
    expect(headers.get("content-length")).toBeNull();
    expect(headers.get("x-modelfaucet-hold-usd")).toMatch(/^\d+\.\d{8}$/);
    const id = `chatcmpl_mf_${headers.get("x-request-id")}`;
    expect(new Set(events.chunks.map((chunk) => chunk.id))).toEqual(new Set([id]));
    expect(events.strange).toEqual([]);
  });
});

const text = "你好，世界！👩🏽‍🚀 naïve — 日本語のテスト 🇩🇪 ok";
const pieces = ["你好，", "世界！", "👩🏽‍🚀", " naïve", " — 日本語", "のテスト", " 🇩🇪", " ok"];

describe("cuts, framing, compression", () => {
  it("A112: comments and CRLF of upstream never reach the client", async () => {
    product.stub.script("stub-text", { tokens: pieces, comments: true, lineEnd: "\r\n" });
    const answer = await stream({ stream_options: { include_usage: true } });
    expect(answer.text).not.toContain("\r");
    expect(answer.text).not.toContain("STILL WORKING");
    expect(answer.events).toMatchObject({ text, comments: [], strange: [], isDone: true });
  });

  it("A113: the same text for every byte offset at which the stream is cut", async () => {
    const chunks = [
      {
        id: "c",
        created: 1,
        model: "stub-free",
        choices: [{ index: 0, delta: { role: "assistant", content: "你👩🏽‍🚀" }, finish_reason: null }],
      },
      {
        id: "c",
        created: 1,
        model: "stub-free",
        choices: [{ index: 0, delta: { content: "é🇩🇪" }, finish_reason: "stop" }],
      },
      {
        id: "c",
        created: 1,
        model: "stub-free",
        choices: [],
        usage: { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 },
      },
    ];
    const bytes = chunks.reduce(
      (sum, chunk) => sum + Buffer.byteLength(`data: ${JSON.stringify(chunk)}\n\n`),
      14,
    );
    const offsets = Array.from({ length: bytes }, (_, offset) => offset + 1);
    product.stub.queue("stub-free", ...offsets.map((offset) => ({ chunks, cutAt: [offset] })));
    const texts = new Set<string>();
    const next = async (): Promise<void> => {
      while (offsets.pop() !== undefined) {
        const { events } = await stream({ model: "stub-free" });
        texts.add(`${events.text} ${events.isDone} ${lastOf(events, "modelfaucet")?.usage_source}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, next));
    expect([...texts]).toEqual(["你👩🏽‍🚀é🇩🇪 true provider"]);
    expect(product.stub.billableCalls).toBe(bytes);
  });

  it("A113: and for every line end, spacing and way to write an event", async () => {
    const forms: StubBehaviour[] = (["\n", "\r\n", "\r"] as const).flatMap((lineEnd) =>
      [
        {},
        { noSpace: true },
        { multiLine: true },
        { comments: true, multiLine: true, noSpace: true },
      ].flatMap((form) => [1, 2, 3, 7].map((cutEvery) => ({ ...form, lineEnd, cutEvery, tokens: pieces }))),
    );
    for (const form of forms) {
      product.stub.queue("stub-free", form);
      const { events } = await stream({ model: "stub-free" });
      expect({ form, ...events }).toMatchObject({ text, isDone: true, strange: [] });
    }
  });

  it.each(["gzip", "br", "deflate"] as const)(
    "A114: an upstream that answers with %s is read",
    async (encoding) => {
      product.stub.queue(
        "stub-text",
        { encoding, tokens: pieces },
        { encoding, tokens: pieces, cutEvery: 3 },
      );
      const whole = await chat(product, session.token, { model: "stub-text" });
      expect(whole.body.choices[0].message.content).toBe(text);
      const streamed = await stream();
      expect(streamed.events).toMatchObject({ text, isDone: true });
      product.stub.queue("stub-text", {
        encoding,
        status: 400,
        body: { error: { message: "no", code: "unsupported_value", param: "temperature" } },
      });
      const refused = await chat(product, session.token, { model: "stub-text", temperature: 9 });
      expect(refused.body.error).toMatchObject({ code: "unsupported_parameter", param: "temperature" });
      for (const { headers } of [whole, streamed, refused])
        expect(headers.get("content-encoding")).toBeNull();
      for (const { headers, text: body } of [whole, refused])
        expect(Number(headers.get("content-length"))).toBe(Buffer.byteLength(body));
    },
  );

  it("A114: a body that does not decode, or that swells beyond the bound, is upstream's failure and free", async () => {
    const before = await wallet(product, session.token);
    product.stub.script("stub-text", { headers: { "content-encoding": "gzip" } });
    for (const body of [{}, { stream: true }]) {
      const answer = await chat(product, session.token, { model: "stub-text", ...body });
      expect(answer.status).toBe(502);
      expect(answer.body.error.code).toBe("provider_error");
    }
    expect((await wallet(product, session.token)).balance_usd).toBe(before.balance_usd);
  });
});
