import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { credit, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { APICallError, generateText, jsonSchema, streamText, tool } from "ai";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

// The AI SDK, unmodified, against real processes.
let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
});
afterAll(() => product.stop());

const text = ["word", ...Array(49).fill(" word")].join("");

describe("the AI SDK", () => {
  it("generates text and reads usage", async () => {
    const { model, token } = await funded("1.00");
    const answer = await generateText({ model, prompt: "hello" });
    expect(answer.text).toBe(text);
    expect(answer.usage).toMatchObject({ inputTokens: 100, outputTokens: 50 });
    expect((await wallet(product, token)).balance_usd).toBe("0.99975000");
  });

  it("streams text, and is charged once", async () => {
    const { model, token } = await funded("1.00");
    const run = streamText({ model, prompt: "hello" });
    let read = "";
    for await (const piece of run.textStream) read += piece;
    expect(read).toBe(text);
    expect((await wallet(product, token)).balance_usd).toBe("0.99975000");
  });

  it("calls tools that are streamed without index and id", async () => {
    const { model } = await funded("1.00");
    product.stub.queue("stub-text", {
      toolCalls: [{ name: "lookup", arguments: '{"city":"Oslo"}' }],
      toolCallForm: "bare",
    });
    const cities: unknown[] = [];
    const run = streamText({
      model,
      prompt: "where",
      tools: {
        lookup: tool({
          description: "Looks a city up.",
          inputSchema: jsonSchema<{ city: string }>({
            type: "object",
            properties: { city: { type: "string" } },
            required: ["city"],
          }),
          execute: async ({ city }) => {
            cities.push(city);
            return "found";
          },
        }),
      },
    });
    for await (const _ of run.textStream);
    expect(cities).toEqual(["Oslo"]);
  });

  it("tries once when the purse is empty, and reads the refusal", async () => {
    const session = await ground.openSession();
    const before = product.stub.billableCalls;
    const error = await generateText({ model: modelFor(session.token), prompt: "hello" }).catch(
      (caught: unknown) => caught,
    );
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 402, isRetryable: false });
    expect((error as APICallError).responseBody).toContain("insufficient_balance");
    expect(product.stub.billableCalls).toBe(before);
  });

  it("stops a stream, and what it has not read is not charged", async () => {
    const { model, token } = await funded("1.00");
    product.stub.script("stub-text", { tokenMs: 40, outputTokens: 200, usage: "none" });
    const abort = new AbortController();
    const run = streamText({ model, prompt: "hello", abortSignal: abort.signal });
    let pieces = 0;
    for await (const _ of run.textStream) if (++pieces === 5) abort.abort();
    await expect
      .poll(async () => (await wallet(product, token)).held_usd, { timeout: 10_000 })
      .toBe("0.00000000");
    const [item] = (await product.call("GET", "/v1/user/usage", undefined, { token })).body.items;
    expect(item.status).toBe("aborted");
    expect(item.output_tokens).toBeLessThan(100);
    product.stub.reset();
  });
});

function modelFor(token: string) {
  return createOpenAICompatible({
    name: "modelfaucet",
    baseURL: product.gateways[0]!,
    apiKey: token,
    includeUsage: true,
  })("stub-text");
}

async function funded(amount: string) {
  const session = await ground.openSession();
  await credit(product, session.userId, amount);
  return { model: modelFor(session.token), token: session.token };
}
