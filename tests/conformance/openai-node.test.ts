import { credit, type Ground, type GroundSession, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type RecordingProxy, startRecordingProxy } from "./recording-proxy.ts";

// The official client as its users install it: nothing is set but the base URL and the key.

let product: Product;
let ground: Ground;
let proxy: RecordingProxy;
let session: GroundSession;
let client: OpenAI;

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
  client = new OpenAI({ apiKey: session.token, baseURL: `${proxy.origin}/v1` });
});

const messages = [{ role: "user" as const, content: "hello" }];
const fiftyWords = Array(50).fill("word").join(" ");
const weather = {
  type: "function" as const,
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

describe("chat.completions.create", () => {
  it("gives a whole answer with usage and its price", async () => {
    const { data, response, request_id } = await client.chat.completions
      .create({ model: "stub-text", messages })
      .withResponse();
    expect(data.choices[0]!.message.content).toBe(fiftyWords);
    expect(data.choices[0]!.finish_reason).toBe("stop");
    expect(data.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 });
    expect(data.id).toMatch(/^chatcmpl_mf_req_/);
    expect(priceOf(data)).toMatchObject({ charge_usd: "0.00025000" });
    expect(request_id).toBe(response.headers.get("x-request-id"));
    expect(response.headers.get("x-modelfaucet-charge-usd")).toBe("0.00025000");
  });

  it("streams, without a usage chunk that was not asked for", async () => {
    const stream = await client.chat.completions.create({ model: "stub-text", messages, stream: true });
    let text = "";
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
      text += chunk.choices[0]!.delta.content ?? "";
    }
    expect(text).toBe(fiftyWords);
    expect(chunks.every(({ choices, usage }) => choices.length === 1 && !usage)).toBe(true);
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("stop");
    expect(priceOf(chunks.at(-1)!)).toMatchObject({ charge_usd: "0.00025000" });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it("streams one usage chunk, the last, where usage is asked for", async () => {
    const stream = await client.chat.completions.create({
      model: "stub-text",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.filter(({ usage }) => usage)).toEqual([chunks.at(-1)]);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, cost: 0.00025 },
    });
    expect(priceOf(chunks.at(-1)!)).toMatchObject({ charge_usd: "0.00025000" });
  });

  it("carries parallel tool calls, whole and streamed, in each form that upstreams send them", async () => {
    const toolCalls = [
      { id: "call_a", name: "weather", arguments: '{"city":"Zürich"}' },
      { id: "call_b", name: "weather", arguments: '{"city":"東京"}' },
    ];
    const wanted = toolCalls.map((call) => ({ name: "weather", arguments: call.arguments }));
    product.stub.script("stub-text", { toolCalls });
    const whole = await client.chat.completions.create({ model: "stub-text", messages, tools: [weather] });
    expect(whole.choices[0]!.finish_reason).toBe("tool_calls");
    expect(functionsOf(whole.choices[0]!.message)).toEqual(wanted);
    for (const toolCallForm of ["openai", "bare", "same_index"] as const) {
      product.stub.script("stub-text", { toolCalls, toolCallForm });
      const streamed = await client.chat.completions
        .stream({ model: "stub-text", messages, tools: [weather] })
        .finalChatCompletion();
      expect([toolCallForm, functionsOf(streamed.choices[0]!.message)]).toEqual([toolCallForm, wanted]);
    }
  });

  it("runs tools to the final answer with its own runner", async () => {
    product.stub.queue("stub-text", { toolCalls: [{ name: "weather", arguments: '{"city":"Bern"}' }] });
    const asked: string[] = [];
    const runner = client.chat.completions.runTools({
      model: "stub-text",
      messages,
      tools: [
        {
          type: "function",
          function: {
            name: "weather",
            parameters: weather.function.parameters,
            description: "The weather of a city",
            function: (city: string) => {
              asked.push(city);
              return "sunny";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe(fiftyWords);
    expect(asked).toEqual(['{"city":"Bern"}']);
    const [, second] = product.stub.requests;
    expect(second!.body.messages.at(-1)).toMatchObject({ role: "tool", content: "sunny" });
  });

  it("aborts inside a stream: upstream is closed, what was relayed is charged once", async () => {
    product.stub.script("stub-text", { tokenMs: 20, outputTokens: 200, usage: "none" });
    const stream = await client.chat.completions.create({ model: "stub-text", messages, stream: true });
    let pieces = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]!.delta.content) pieces++;
      if (pieces === 20) break;
    }
    const row = await settledRow();
    expect(row).toMatchObject({ outcome: "aborted", usage_source: "estimated" });
    // 8 or so tokens of prompt and 20 to 40 of output, at 1.25 and 2.50 per million.
    expect(Number(row.charge_usd)).toBeGreaterThanOrEqual(20 * 0.0000025);
    expect(Number(row.charge_usd)).toBeLessThan(45 * 0.0000025 + 20 * 0.00000125);
    expect(product.stub.requests[0]!.wasCancelled).toBe(true);
    expect(Number((await wallet(product, session.token)).balance_usd)).toBeCloseTo(
      1 - Number(row.charge_usd),
      8,
    );
  });
});

describe("errors", () => {
  it("P4: tries once where the money does not reach, and reads why", async () => {
    const poor = new OpenAI({ apiKey: (await ground.openSession()).token, baseURL: `${proxy.origin}/v1` });
    const failed = await poor.chat.completions
      .create({ model: "stub-text", messages })
      .catch((error) => error);
    expect(failed).toBeInstanceOf(APIError);
    expect(failed).toMatchObject({ status: 402, code: "insufficient_balance", type: "insufficient_quota" });
    expect(failed.error.details).toMatchObject({ reason: "balance", balance_usd: "0.00000000" });
    expect(failed.requestID).toMatch(/^req_/);
    expect(proxy.exchanges.map(({ status }) => status)).toEqual([402]);
    expect(product.stub.calls).toBe(0);
  });

  it.each([
    ["model_not_found", 404, { model: "no-such-model" }],
    ["model_not_priced", 400, { model: "stub-none" }],
    ["invalid_request", 400, { model: "stub-text", max_tokens: -1 }],
  ])("tries once on %s", async (code, status, wrong) => {
    const failed = await client.chat.completions
      .create({ messages, ...wrong } as OpenAI.ChatCompletionCreateParamsNonStreaming)
      .catch((error) => error);
    expect(failed).toMatchObject({ status, code });
    expect(proxy.exchanges).toHaveLength(1);
  });

  it("knows a wrong session as AuthenticationError, after one try", async () => {
    const stranger = new OpenAI({ apiKey: "mf_sess_nobody", baseURL: `${proxy.origin}/v1` });
    const failed = await stranger.chat.completions.create({ model: "stub-text", messages }).catch((e) => e);
    expect(failed).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(failed).toMatchObject({ code: "invalid_session", type: "authentication_error" });
    expect(proxy.exchanges).toHaveLength(1);
  });

  it("tries again where that helps: an upstream failure, each try a request of its own, none charged", async () => {
    product.stub.script("stub-text", { status: 500 });
    const failed = await client.chat.completions.create({ model: "stub-text", messages }).catch((e) => e);
    expect(failed).toMatchObject({ status: 502, code: "provider_error" });
    expect(proxy.exchanges.map(({ status }) => status)).toEqual([502, 502, 502]);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });

  it("throws inside a stream when upstream dies there, and tries no second time", async () => {
    product.stub.script("stub-text", { dieAfter: 5 });
    const stream = await client.chat.completions.create({ model: "stub-text", messages, stream: true });
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: "provider_error", type: "api_error" });
    expect(proxy.exchanges).toHaveLength(1);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });
});

describe("around it", () => {
  it("lists and retrieves the models that this session may call", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain("auto:chat");
    expect(ids).toContain("stub-text");
    expect(await client.models.retrieve("stub-text")).toMatchObject({ id: "stub-text", object: "model" });
    await expect(client.models.retrieve("no-such")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });

  it("P12: works with a base URL that ends with a slash", async () => {
    const slashed = new OpenAI({ apiKey: session.token, baseURL: `${proxy.origin}/v1/` });
    const answer = await slashed.chat.completions.create({ model: "auto:chat", messages });
    expect(answer.choices[0]!.message.content).toBe(fiftyWords);
    expect((await slashed.models.list()).data.length).toBeGreaterThan(0);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: the client's types do not know our extension
const priceOf = (answer: object): any => (answer as any).modelfaucet;

function functionsOf(message: OpenAI.ChatCompletionMessage): { name: string; arguments: string }[] {
  return message.tool_calls!.map((call) => {
    expect(call.id).toBeTruthy();
    if (call.type !== "function") throw new Error(`no function: ${call.type}`);
    return { name: call.function.name, arguments: call.function.arguments };
  });
}

async function settledRow(): Promise<{ outcome: string; charge_usd: string; usage_source: string }> {
  for (let tries = 0; tries < 100; tries++) {
    const [row] = await product.sql`
      select outcome, charge_usd::text, usage_source from usage_events where end_user_id = ${session.userId}`;
    if (row) return row as { outcome: string; charge_usd: string; usage_source: string };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("nothing was settled within two seconds");
}
