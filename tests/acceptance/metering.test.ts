import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  transfersOf,
  usageEvent,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { streamChat } from "@modelfaucet/testkit/sse.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

const flat = {
  upstream_cost_usd: "0.00020000",
  charge_usd: "0.00025000",
  developer_share_usd: "0.00002000",
  platform_share_usd: "0.00003000",
};

describe("metering", () => {
  it("A001: the same answer costs the same, streamed or not", async () => {
    const whole = await chat(product, session.token, { model: "stub-text" });
    expect(whole.body.modelfaucet).toMatchObject(flat);
    expect(whole.body.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 });
    const streamed = await streamChat(product, session.token, { model: "stub-text" });
    expect(streamed.price).toMatchObject(flat);
    expect(streamed.text).not.toContain('"usage"');
    expect(streamed.saidDone).toBe(true);
    expect(streamed.content).toBe(whole.body.choices[0].message.content);
    for (const { request_id, receipt_id } of [whole.body.modelfaucet, streamed.price]) {
      expect(receipt_id).toBe(`rcpt_${request_id}`);
      expect(await receiptOf(receipt_id)).toMatchObject({ receipt_id, request_id, ...flat });
    }
    expect(await closedCount(product, session.userId)).toBe(2);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99950000");
    expect(product.stub.billableCalls).toBe(2);
  });

  it("A001: wherever usage stands and whatever form the answer has, its price is the same", async () => {
    const usagePlace = "with_finish";
    const include = { stream_options: { include_usage: true } };
    const json = { contentType: "application/json", body: wholeAnswerOf(50) };
    for (const [behaviour, body] of [
      [{ usagePlace }, {}],
      [{ usagePlace }, include],
      [{ usageAfterMs: 300 }, include],
      [{ cutEvery: 7, lineEnd: "\r\n", comments: true }, {}],
      [json, {}],
      [json, include],
    ] as const) {
      product.stub.script("stub-text", behaviour);
      const streamed = await streamChat(product, session.token, { model: "stub-text", ...body });
      expect(streamed.saidDone, streamed.text).toBe(true);
      expect(streamed.price).toMatchObject({ ...flat, usage_source: "provider" });
      const last = streamed.chunks.at(-1);
      expect(last.modelfaucet).toEqual(streamed.price);
      if (body === include) {
        expect(last.choices).toEqual([]);
        expect(last.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50 });
      } else expect(last.choices[0].finish_reason).toBe("stop");
      expect(streamed.chunks.filter((chunk) => chunk.usage !== undefined).length).toBe(
        body === include ? 1 : 0,
      );
    }
    product.stub.script("stub-text", { outputTokens: 25 });
    const two = await streamChat(product, session.token, { model: "stub-text", n: 2 });
    expect(two.price).toMatchObject(flat);
    expect(two.chunks.filter((chunk) => chunk.choices[0].finish_reason === "stop")).toHaveLength(2);
  });

  it("A002: of growing usage on every chunk the last counts, not the sum", async () => {
    product.stub.script("stub-text", {
      outputTokens: 3,
      cumulativeUsage: [usage(10, 5), usage(60, 25), usage(100, 50)],
    });
    const streamed = await streamChat(product, session.token, { model: "stub-text" });
    expect(streamed.price).toMatchObject({ charge_usd: "0.00025000", usage_source: "provider" });
    expect(product.stub.billableCalls).toBe(1);
  });

  it("A003: charges are keyed by our request id, whatever id upstream gives", async () => {
    const ids: string[] = [];
    for (const id of ["same", "same", "same", "same", ""]) {
      product.stub.script("stub-text", { id });
      const answer = await chat(product, session.token, { model: "stub-text" });
      expect(answer.body.id).toBe(`chatcmpl_mf_${answer.body.modelfaucet.request_id}`);
      ids.push(answer.body.modelfaucet.request_id);
    }
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(await receiptOf(id)).toMatchObject({ charge_usd: "0.00025000" });
    expect(await closedCount(product, session.userId)).toBe(5);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99875000");
    expect(product.stub.billableCalls).toBe(5);
  });

  it("A005: an upstream that never reports usage is counted here, marked and in a metric", async () => {
    product.stub.script("stub-text", { usage: "none" });
    for (const stream of [false, true]) {
      const before = await estimatedOutput();
      const price = await ask({ stream });
      expect(price.usage_source).toBe("estimated");
      const record = await expectCounted(price, 50);
      expect((await estimatedOutput()) - before).toBe(record.output_tokens);
    }
  });

  it("A006: 0/0, or no output token, beside real output is no usage", async () => {
    for (const reported of [usage(0, 0), usage(100, 0)]) {
      product.stub.script("stub-text", { outputTokens: 40, usage: reported });
      for (const stream of [false, true]) {
        const price = await ask({ stream });
        expect(price.usage_source).toBe("estimated");
        await expectCounted(price, 40);
      }
    }
  });

  it("A007: cached tokens inside the total are priced as cached", async () => {
    const cached = { ...usage(100, 50), prompt_tokens_details: { cached_tokens: 80 } };
    for (const stream of [false, true]) {
      product.stub.script("stub-text", { usage: cached });
      const price = await ask({ stream });
      expect(price).toMatchObject({ upstream_cost_usd: "0.00012800", charge_usd: "0.00016000" });
      const { lines } = await receiptOf(price.request_id);
      expect(lines.map(({ unit, quantity }: Json) => [unit, quantity])).toEqual([
        ["input", 20],
        ["cached_input", 80],
        ["output", 50],
      ]);
    }
  });

  it("A008: reasoning tokens inside the total are not priced twice", async () => {
    const thinking = { ...usage(100, 50), completion_tokens_details: { reasoning_tokens: 40 } };
    for (const stream of [false, true]) {
      product.stub.script("stub-text", { usage: thinking });
      expect(await ask({ stream })).toMatchObject({ charge_usd: "0.00025000" });
    }
  });

  it("A009: more cached than input is clamped, with a warning in the record", async () => {
    product.stub.script("stub-text", {
      usage: { ...usage(100, 50), prompt_tokens_details: { cached_tokens: 130 } },
    });
    const price = await ask({});
    expect(price).toMatchObject({ upstream_cost_usd: "0.00011000", charge_usd: "0.00013750" });
    const record = await usageEvent(product, price.request_id);
    expect(record).toMatchObject({ cached_input_tokens: 100, input_tokens: 0 });
    expect(record.warnings).toEqual(["cached tokens exceed the input"]);
  });

  it("A010: impossible usage is refused and counted here", async () => {
    for (const tokens of [-5, "12", null, 1.5, 1e15]) {
      for (const stream of [false, true]) {
        product.stub.script("stub-text", { usage: { ...usage(100, 50), completion_tokens: tokens } });
        const price = await ask({ stream });
        expect(price.usage_source).toBe("estimated");
        await expectCounted(price, 50);
        const record = await usageEvent(product, price.request_id);
        expect(record.warnings).toEqual(["reported usage refused"]);
      }
    }
  });

  it("A011: nobody pays above the hold; what is beyond it is absorbed, without a share of it", async () => {
    product.stub.script("stub-text", { outputTokens: 200 });
    for (const stream of [false, true]) {
      const price = await ask({ stream, max_tokens: 20 });
      const record = await closedRecord(product, price.request_id);
      expect(record.charge_usd).toBe(record.hold_usd);
      expect(money(record.upstream_cost_usd) + money(record.absorbed_cost_usd)).toBe(money("0.00050000"));
      expect(record).toMatchObject({
        developer_share_usd: "0.00000000",
        upstream_cost_usd: record.charge_usd,
      });
      expect(price.absorbed_cost_usd).toBe(record.absorbed_cost_usd);
      const lines = await transfersOf(product, price.request_id);
      expect(lines).toContainEqual({
        from_scope: "absorbed_cost",
        to_scope: "provider_cost",
        amount_usd: record.absorbed_cost_usd,
        reason: "usage_absorbed_cost",
        fund: "none",
      });
      expect(product.stub.requests.at(-1)!.body.max_tokens).toBe(20);
    }
  });

  it("A012: a cost that upstream reports never replaces ours", async () => {
    for (const stream of [false, true]) {
      product.stub.script("stub-text", { usage: { ...usage(100, 50), cost: 0 } });
      expect(await ask({ stream })).toMatchObject(flat);
    }
  });
});

function usage(prompt_tokens: number, completion_tokens: number): Json {
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function wholeAnswerOf(words: number): Json {
  const content = `word${" word".repeat(words - 1)}`;
  return {
    id: "whole",
    object: "chat.completion",
    created: 1_767_225_600,
    model: "stub-text",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: usage(100, words),
  };
}

/** The price object of one call to `stub-text`. */
async function ask(body: Record<string, unknown>): Promise<Json> {
  const asked = { model: "stub-text", ...body };
  if (body.stream === true) {
    const streamed = await streamChat(product, session.token, asked);
    expect(streamed.saidDone, streamed.text).toBe(true);
    return streamed.price;
  }
  const answer = await chat(product, session.token, asked);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.modelfaucet;
}

async function receiptOf(id: string): Promise<Json> {
  return (await product.call("GET", `/v1/user/receipts/${id}`, undefined, { token: session.token })).body;
}

/** Charged for "hello" and so many words by our own count: in tokens, or in bytes where the tokenizer was too slow. */
async function expectCounted(price: Json, words: number): Promise<Json> {
  const record = await closedRecord(product, price.request_id);
  expect(record).toMatchObject({ usage_source: "estimated", status: "succeeded" });
  expect([
    [1, words],
    [2, Math.ceil((words * 5 - 1) / 4)],
  ]).toContainEqual([record.input_tokens, record.output_tokens]);
  const cost = BigInt(record.input_tokens) * 100n + BigInt(record.output_tokens) * 200n;
  expect(money(record.charge_usd)).toBe((cost * 5n) / 4n);
  expect(record.charge_usd).toBe(price.charge_usd);
  expect(money(record.charge_usd)).toBeLessThanOrEqual(money(record.hold_usd));
  return record;
}

const money = (text: string): bigint => BigInt(text.replace(".", ""));

/** Output tokens that the first gateway's metric counts as estimated. */
async function estimatedOutput(): Promise<number> {
  const text = await (await fetch(product.gateways[0]!.replace("/v1", "/metrics"))).text();
  const line = text
    .split("\n")
    .find((candidate) =>
      /^modelfaucet_tokens_total\{.*kind="output".*usage_source="estimated"/.test(candidate),
    );
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}
