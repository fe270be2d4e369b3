import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { credit, type Ground, type GroundSession, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { APICallError, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type RecordingProxy, startRecordingProxy } from "./recording-proxy.ts";

// The AI SDK and its provider for OpenAI-compatible servers, as their users install them.

let product: Product;
let ground: Ground;
let proxy: RecordingProxy;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  proxy = await startRecordingProxy(product.gateways[0]!);
});
afterAll(async () => {
  await proxy.close();
  await product.stop();
});
beforeEach(async () => {
  product.stub.reset();
  proxy.clear();
  session = await ground.openSession();
  await credit(product, session.userId, "1.00");
});

const fiftyWords = Array(50).fill("word").join(" ");

function providerOf(token: string, ending = "") {
  return createOpenAICompatible({
    name: "modelfaucet",
    apiKey: token,
    baseURL: `${proxy.origin}/v1${ending}`,
    includeUsage: true,
  });
}

const weather = tool({
  description: "The weather of a city",
  inputSchema: jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  }),
  execute: async ({ city }) => `sunny in ${city}`,
});

describe("the AI SDK", () => {
  it("generates text, with usage", async () => {
    const model = providerOf(session.token)("stub-text");
    const { text, usage, finishReason } = await generateText({ model, prompt: "hello" });
    expect(text).toBe(fiftyWords);
    expect(finishReason).toBe("stop");
    expect(usage).toMatchObject({ inputTokens: 100, outputTokens: 50, totalTokens: 150 });
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99975000");
  });

  it("streams text, with usage, at a base URL with a slash too", async () => {
    for (const ending of ["", "/"]) {
      const result = streamText({ model: providerOf(session.token, ending)("auto:chat"), prompt: "hello" });
      let text = "";
      for await (const piece of result.textStream) text += piece;
      expect(text).toBe(fiftyWords);
      expect(await result.finishReason).toBe("stop");
      expect(await result.usage).toMatchObject({ inputTokens: 100, outputTokens: 50 });
    }
  });

  it("calls tools and goes on with their results, streamed and not", async () => {
    const calls = [
      { name: "weather", arguments: '{"city":"Bern"}' },
      { name: "weather", arguments: '{"city":"Oslo"}' },
    ];
    const settings = {
      model: providerOf(session.token)("stub-text"),
      prompt: "hello",
      tools: { weather },
      stopWhen: isStepCount(3),
    };
    product.stub.queue("stub-text", { toolCalls: calls });
    const generated = await generateText(settings);
    expect(generated.text).toBe(fiftyWords);
    expect(resultsOf(generated.steps[0]!)).toEqual(["sunny in Bern", "sunny in Oslo"]);
    product.stub.queue("stub-text", { toolCalls: calls });
    const streamed = streamText(settings);
    expect(await streamed.text).toBe(fiftyWords);
    expect(resultsOf((await streamed.steps)[0]!)).toEqual(["sunny in Bern", "sunny in Oslo"]);
    expect(product.stub.billableCalls).toBe(4);
  });

  it("P4: tries once where the money does not reach, and reads why", async () => {
    const model = providerOf((await ground.openSession()).token)("stub-text");
    const failed = await generateText({ model, prompt: "hello" }).catch((error) => error);
    expect(APICallError.isInstance(failed)).toBe(true);
    expect(failed).toMatchObject({ statusCode: 402, isRetryable: false });
    expect(JSON.parse(failed.responseBody).error).toMatchObject({
      code: "insufficient_balance",
      type: "insufficient_quota",
    });
    expect(failed.message).toContain("not enough credit");
    expect(proxy.exchanges.map(({ status }) => status)).toEqual([402]);
    expect(product.stub.calls).toBe(0);
  });

  it("hears of a failure inside a stream, which is not charged", async () => {
    product.stub.script("stub-text", { dieAfter: 5 });
    const errors: unknown[] = [];
    const result = streamText({
      model: providerOf(session.token)("stub-text"),
      prompt: "hello",
      onError: ({ error }) => void errors.push(error),
    });
    await result.consumeStream();
    expect(JSON.stringify(errors[0])).toContain("you were not charged");
    expect(proxy.exchanges).toHaveLength(1);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });

  it("aborts inside a stream: upstream is closed and the request is settled once", async () => {
    product.stub.script("stub-text", { endless: true, tokenMs: 10 });
    const leaving = new AbortController();
    const result = streamText({
      model: providerOf(session.token)("stub-text"),
      prompt: "hello",
      abortSignal: leaving.signal,
    });
    let pieces = 0;
    for await (const _ of result.textStream) if (++pieces === 10) leaving.abort();
    await expect
      .poll(() => product.sql`select outcome from usage_events where end_user_id = ${session.userId}`)
      .toEqual([{ outcome: "aborted" }]);
    await expect.poll(() => product.stub.stats.open).toBe(0);
    const left = await wallet(product, session.token);
    expect(left.held_usd).toBe("0.00000000");
    expect(Number(left.balance_usd)).toBeLessThan(1);
  });
});

function resultsOf(step: { toolResults: readonly { output?: unknown }[] }): unknown[] {
  return step.toolResults.map(({ output }) => output);
}
