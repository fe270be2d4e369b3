import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import type { StubToolCall, ToolCallForm } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

import { readEventLines } from "./event-lines.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "50.00");
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

const messages = [{ role: "user" as const, content: "hello" }];
const official = (options: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}) =>
  new OpenAI({ apiKey: session.token, baseURL: product.gateways[0]!, maxRetries: 0, ...options });

const calls: StubToolCall[] = [
  { name: "find_customer", arguments: '{"name":"Zoë \\"Z\\" Ångström","limit":3}' },
  { name: "open_ticket", arguments: '{"title":"naïve — {braces} [brackets]","tags":["a","b"]}' },
];
const weather = (name: string) => ({
  type: "function" as const,
  function: { name, parameters: { type: "object" } },
});
const tools = calls.map(({ name }) => weather(name));

describe("A105: streamed tool calls", () => {
  it.each([
    "openai",
    "bare",
    "bare_parallel",
    "bare_whole",
    "same_index",
    "repeated_name",
  ] satisfies ToolCallForm[])(
    "A105: two parallel calls stay apart and whole when upstream sends them as %s",
    async (toolCallForm) => {
      product.stub.script("stub-text", { toolCalls: calls, toolCallForm });
      const raw = readEventLines(
        (await chat(product, session.token, { model: "stub-text", stream: true, tools })).text,
      );
      const deltas = raw.chunks.flatMap((chunk) => chunk.choices[0]?.delta?.tool_calls ?? []);
      const seen = new Map<number, { id: string; name: string; text: string }>();
      for (const delta of deltas) {
        expect(Number.isInteger(delta.index)).toBe(true);
        const known = seen.get(delta.index);
        if (!known) {
          expect(delta).toMatchObject({
            type: "function",
            id: expect.stringMatching(/^.{4,}$/),
            function: { name: expect.any(String) },
          });
          seen.set(delta.index, {
            id: delta.id,
            name: delta.function.name,
            text: delta.function.arguments ?? "",
          });
          continue;
        }
        expect(delta.id ?? known.id).toBe(known.id);
        known.text += delta.function?.arguments ?? "";
      }
      expect([...seen.keys()]).toEqual([0, 1]);
      expect([...seen.values()].map(({ name, text }) => ({ name, arguments: text }))).toEqual(calls);
      expect(new Set([...seen.values()].map(({ id }) => id)).size).toBe(2);

      const final = await official()
        .chat.completions.stream({ model: "stub-text", messages, tools })
        .finalMessage();
      expect(
        final.tool_calls?.map(
          (call) =>
            call.type === "function" && { name: call.function.name, arguments: call.function.arguments },
        ),
      ).toEqual(calls);

      const provider = createOpenAICompatible({
        name: "modelfaucet",
        apiKey: session.token,
        baseURL: product.gateways[0]!,
      });
      const parsed = await streamText({
        model: provider("stub-text"),
        prompt: "hello",
        maxRetries: 0,
        tools: Object.fromEntries(
          calls.map(({ name }) => [name, tool({ inputSchema: jsonSchema({ type: "object" }) })]),
        ),
      }).toolCalls;
      expect(parsed.map(({ toolName, input }) => ({ name: toolName, input }))).toEqual(
        calls.map(({ name, arguments: text }) => ({ name, input: JSON.parse(text) })),
      );
    },
  );

  it("A105: unstreamed calls without ids get ids, and arguments stay upstream's bytes", async () => {
    product.stub.script("stub-text", { toolCalls: calls, toolCallForm: "bare" });
    const { message } = (await official().chat.completions.create({ model: "stub-text", messages, tools }))
      .choices[0]!;
    expect(message.tool_calls?.map((call) => call.type === "function" && call.function)).toEqual(calls);
    expect(new Set(message.tool_calls?.map(({ id }) => id)).size).toBe(2);
  });
});

describe("A117: provider state", () => {
  const signature = "Ct4BAcu98PBr+/==é\\u0041ßΩ\"'";
  const state = { extra_content: { google: { thought_signature: signature } } };
  const details = [
    { type: "reasoning.encrypted", data: signature, id: "rs_1", format: "google-gemini-v1", index: 0 },
  ];

  it.each([true, false])(
    "A117: a second turn carries it back byte-equal, streamed: %s",
    async (isStreamed) => {
      product.stub.queue("stub-text", {
        toolCalls: [{ ...calls[0]!, id: "call_1", state }],
        reasoning: ["thinking"],
        state: { reasoning_details: details },
      });
      const client = official();
      const asked = { model: "stub-text", messages, tools };
      const first = isStreamed
        ? await client.chat.completions.stream(asked).finalMessage()
        : (await client.chat.completions.create(asked)).choices[0]!.message;
      const call = first.tool_calls![0]! as unknown as { id: string } & typeof state;
      expect(call.extra_content.google.thought_signature).toBe(signature);
      const told = first as unknown as Record<string, unknown>;
      expect(told.reasoning_details).toEqual(details);
      if (!isStreamed) expect(told.reasoning_content).toBe("thinking");

      const second = await client.chat.completions.create({
        ...asked,
        messages: [...messages, first as never, { role: "tool", tool_call_id: call.id, content: "found" }],
      });
      expect(second.choices[0]!.finish_reason).toBe("stop");
      const sent = product.stub.requests.at(-1)!.body.messages[1];
      expect(sent.tool_calls[0].extra_content.google.thought_signature).toBe(signature);
      expect(sent.reasoning_details).toEqual(details);
      expect(product.stub.billableCalls).toBe(2);
    },
  );
});

describe("output limits, unknown fields, base URLs", () => {
  it("A116: each model is sent the output limit under the name that it takes", async () => {
    const models = ["o4-mini", "gpt-5-mini", "openai/gpt-5.2"];
    await publishPrices(
      product,
      models.map((model) => priceEntry([model, "1.00", "0.10", "1.25", "2.00", "0"])),
    );
    await ground.setFeature({ models: [...models, "stub-text"].map((model) => `stub/${model}`) });
    for (const model of [...models, "stub-text"]) {
      const [wanted, other] =
        model === "stub-text"
          ? ["max_tokens", "max_completion_tokens"]
          : ["max_completion_tokens", "max_tokens"];
      for (const given of [{ max_tokens: 7 }, { max_completion_tokens: 7 }]) {
        expect((await chat(product, session.token, { model, ...given })).status).toBe(200);
        const { body } = product.stub.requests.at(-1)!;
        expect(body[wanted!]).toBe(7);
        expect(body).not.toHaveProperty(other!);
      }
    }
    await ground.setFeature({});
  });

  it("passes what it does not know to the upstream unchanged", async () => {
    const unknown = {
      foo: { bar: [1, null, "ü"] },
      top_k: 40,
      seed: 7,
      logit_bias: { "50256": -100 },
      response_format: { type: "json_object" },
    };
    expect((await chat(product, session.token, { model: "stub-text", ...unknown })).status).toBe(200);
    expect(product.stub.requests.at(-1)!.body).toMatchObject(unknown);
  });

  it("A119: base URLs with and without /v1 and slash are served, or told the chat route; a doubled path too", async () => {
    const root = product.gateways[0]!.slice(0, -"/v1".length);
    for (const base of [`${root}/v1`, `${root}/v1/`, root, `${root}/`, `${root}/v1//`]) {
      const answer = await official({ baseURL: base }).chat.completions.create({
        model: "stub-text",
        messages,
      });
      expect(answer.choices[0]!.message.content).toMatch(/^word word/);
      expect((await send(`${base}/models`, "GET", undefined, bearer())).body.data.length).toBeGreaterThan(3);
    }
    expect(product.stub.billableCalls).toBe(5);
    const doubled = await send(
      `${root}/v1/v1/chat/completions`,
      "POST",
      { model: "stub-text", messages },
      bearer(),
    );
    expectError(doubled, 404, "not_found");
    expect(doubled.body.error.message).toContain("/v1");
  });

  it("A119: the ai client's default route and every other model route is a 404 that names chat completions", async () => {
    const root = product.gateways[0]!.slice(0, -"/v1".length);
    for (const path of ["responses", "completions", "embeddings", "messages", "images/generations"]) {
      for (const base of [`${root}/v1`, root]) {
        const answer = await send(
          `${base}/${path}`,
          "POST",
          { model: "stub-text", input: "hello" },
          bearer(),
        );
        expectError(answer, 404, "not_found");
        expect(answer.body.error.message).toContain("/v1/chat/completions");
      }
    }
    await expect(official().responses.create({ model: "stub-text", input: "hello" })).rejects.toMatchObject({
      status: 404,
    });
    expect(product.stub.calls).toBe(0);
  });
});

const bearer = () => ({ authorization: `Bearer ${session.token}` });

function expectError(answer: HttpAnswer, status: number, code: string): void {
  expect({ status: answer.status, ...answer.body.error }).toMatchObject({
    status,
    code,
    message: expect.any(String),
  });
}
