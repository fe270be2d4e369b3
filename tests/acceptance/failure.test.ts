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
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { streamChat } from "@modelfaucet/testkit/sse.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), env: { PROVIDER_MAX_RETRIES: "0" } });
  ground = await layGround(product);
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("failure", () => {
  it("A046: a status of 500 is told as 502, costs nothing, and the record says why", async () => {
    product.stub.script("stub-text", { status: 500 });
    for (const stream of [false, true]) {
      const answer = await chat(product, session.token, { model: "stub-text", stream });
      expect([answer.status, answer.body.error.code, answer.body.error.type]).toEqual([
        502,
        "provider_error",
        "api_error",
      ]);
      expect(answer.body.error.message).toBe("The provider failed; you were not charged.");
      expect(answer.headers.get("x-should-retry")).toBe("true");
      const record = await closedRecord(product, answer.body.error.request_id);
      expect(record).toMatchObject({ ...failed, error: { code: "provider_error" } });
      expect(record.attempts).toMatchObject([{ number: 1, outcome: "status", status_class: "5xx" }]);
      expect(record).not.toHaveProperty("absorbed_cost_usd");
    }
    await expectUntouched(2);
  });

  it("A046: what upstream took for its failure is absorbed", async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 0, total_tokens: 100 };
    product.stub.script("stub-text", { status: 500, body: { error: { message: "no" }, usage } });
    const answer = await chat(product, session.token, { model: "stub-text" });
    const record = await closedRecord(product, answer.body.error.request_id);
    expect(record).toMatchObject({ ...failed, absorbed_cost_usd: "0.00010000" });
    expect(record.attempts).toMatchObject([{ cost_usd: "0.00010000", usage_source: "provider" }]);
    await expectUntouched(1);
  });

  it("A047: a stream that dies is an error, free for the user, and its cost is absorbed by itself", async () => {
    product.stub.script("stub-text", { outputTokens: 100, dieAfter: 50 });
    const streamed = await streamChat(product, session.token, { model: "stub-text" });
    expectBrokenOff(streamed, 50);
    await expectEstimated(streamed.error.request_id, 50);
    await expectUntouched(1);
  });

  it("A047: an answer that dies before it is whole is an error, and free", async () => {
    product.stub.script("stub-text", { dieAfter: 1 });
    const answer = await chat(product, session.token, { model: "stub-text" });
    expect([answer.status, answer.body.error.code]).toEqual([502, "provider_error"]);
    expect(await closedRecord(product, answer.body.error.request_id)).toMatchObject(failed);
    await expectUntouched(1);
  });

  it("A048: an empty answer is none, and its reported usage is absorbed", async () => {
    for (const [usage, absorbed] of [
      [{ prompt_tokens: 100, completion_tokens: 0 }, "0.00010000"],
      ["none", undefined],
    ] as const) {
      product.stub.script("stub-text", { outputTokens: 0, usage });
      const whole = await chat(product, session.token, { model: "stub-text" });
      expect([whole.status, whole.body.error.code]).toEqual([502, "provider_error"]);
      const streamed = await streamChat(product, session.token, { model: "stub-text" });
      expect(streamed.error.code).toBe("provider_error");
      expect(streamed.saidDone).toBe(false);
      for (const { request_id } of [whole.body.error, streamed.error]) {
        const record = await closedRecord(product, request_id);
        expect(record).toMatchObject(failed);
        expect(record.absorbed_cost_usd).toBe(absorbed);
        expect(record.attempts[0].cost_usd ?? "0.00000000").toBe(absorbed ?? "0.00000000");
        expect(record.attempts[0].outcome).not.toBe("ok");
        await expectNoReceipt(request_id);
      }
    }
    await expectUntouched(4);
  });

  it("A049: an error inside a stream reaches the client as one, and costs it nothing", async () => {
    for (const usage of [undefined, { prompt_tokens: 100, completion_tokens: 0 }]) {
      const cumulativeUsage = usage === undefined ? {} : { cumulativeUsage: [usage] };
      product.stub.script("stub-text", { outputTokens: 20, errorAfter: 10, ...cumulativeUsage });
      const silent = await streamChat(product, session.token, { model: "stub-text" });
      expectBrokenOff(silent, 10);
      await expectEstimated(silent.error.request_id, 10);
    }
    const reported = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
    product.stub.script("stub-text", { outputTokens: 20, errorAfter: 10, cumulativeUsage: [reported] });
    const telling = await streamChat(product, session.token, { model: "stub-text" });
    expectBrokenOff(telling, 10);
    const record = await closedRecord(product, telling.error.request_id);
    expect(record).toMatchObject({ ...failed, absorbed_cost_usd: "0.00012000", usage_source: "provider" });
    expect(record.attempts).toMatchObject([{ cost_usd: "0.00012000", usage_source: "provider" }]);
    await expectUntouched(3);
  });

  it("A049: an error inside an answer of status 200 is a failure, streamed or not", async () => {
    product.stub.script("stub-text", { body: { error: { message: "secret words of upstream" } } });
    for (const stream of [false, true]) {
      const answer = await chat(product, session.token, { model: "stub-text", stream });
      expect([answer.status, answer.body.error.code]).toEqual([502, "provider_error"]);
      expect(answer.text).not.toContain("secret words");
      expect(await closedRecord(product, answer.body.error.request_id)).toMatchObject(failed);
    }
    await expectUntouched(2);
  });

  it("A050: an answer that its limit or a content filter ended is charged", async () => {
    for (const finishReason of ["length", "content_filter"]) {
      product.stub.script("stub-text", { finishReason });
      const { whole, streamed } = await askBoth();
      expect(whole.choices[0].finish_reason).toBe(finishReason);
      expect(whole.modelfaucet.charge_usd).toBe("0.00025000");
      expect(streamed.charge_usd).toBe("0.00025000");
    }
    product.stub.script("stub-text", { outputTokens: 0, finishReason: "content_filter" });
    const { whole, streamed } = await askBoth();
    expect([whole.modelfaucet.charge_usd, streamed.charge_usd]).toEqual(["0.00012500", "0.00012500"]);
    expect(product.stub.billableCalls).toBe(6);
  });

  it("A051: a refusal by the model is an answer, and charged", async () => {
    product.stub.script("stub-text", {
      refusal: "I cannot help with that.",
      usage: { prompt_tokens: 300, completion_tokens: 12, total_tokens: 312 },
    });
    const { whole, streamed } = await askBoth();
    expect(whole.choices[0].message.refusal).toBe("I cannot help with that.");
    expect([whole.modelfaucet.charge_usd, streamed.charge_usd]).toEqual(["0.00040500", "0.00040500"]);
    expect(product.stub.billableCalls).toBe(2);
  });

  it("A052: a stream that ends after finish reason and usage without [DONE] is whole", async () => {
    for (const more of [{}, { stream_options: { include_usage: true } }]) {
      product.stub.script("stub-text", { noDone: true });
      const streamed = await streamChat(product, session.token, { model: "stub-text", ...more });
      expect(streamed.saidDone).toBe(true);
      expect(streamed.price).toMatchObject({ charge_usd: "0.00025000", usage_source: "provider" });
    }
    expect(product.stub.billableCalls).toBe(2);
  });
});

const failed = { status: "failed", charge_usd: "0.00000000", upstream_cost_usd: "0.00000000" };

async function askBoth(): Promise<{ whole: Json; streamed: Json }> {
  const whole = await chat(product, session.token, { model: "stub-text" });
  expect(whole.status, whole.text).toBe(200);
  const streamed = await streamChat(product, session.token, { model: "stub-text" });
  expect(streamed.saidDone, streamed.text).toBe(true);
  return { whole: whole.body, streamed: streamed.price };
}

/** One error event, and nothing that could be taken for a whole answer. */
function expectBrokenOff(streamed: Awaited<ReturnType<typeof streamChat>>, pieces: number): void {
  expect(streamed.content.split(" ")).toHaveLength(pieces);
  expect(streamed.error).toMatchObject({ code: "provider_error", type: "api_error" });
  expect(streamed.error.message).toBe("The provider failed; you were not charged.");
  expect(streamed.text.match(/"error"/g)).toHaveLength(1);
  expect(streamed.saidDone).toBe(false);
  expect(streamed.text).not.toMatch(/"finish_reason":"/);
  expect(streamed.price).toBeUndefined();
}

/** Input and relayed output are absorbed as estimated: counted in tokens, or in bytes by a slow tokenizer. */
async function expectEstimated(requestId: string, words: number): Promise<void> {
  const record = await closedRecord(product, requestId);
  expect(record).toMatchObject({ ...failed, usage_source: "estimated" });
  const bytes = Math.ceil((words * 5 - 1) / 4);
  const cost = (input: number, output: number) =>
    `0.000${String(input * 100 + output * 200).padStart(5, "0")}`;
  expect([cost(1, words), cost(2, bytes)]).toContain(record.absorbed_cost_usd);
  const absorbed = record.absorbed_cost_usd;
  expect(record.attempts).toMatchObject([{ cost_usd: absorbed, usage_source: "estimated" }]);
  expect(await transfersOf(product, requestId)).toEqual([
    {
      from_scope: "absorbed_cost",
      to_scope: "provider_cost",
      amount_usd: absorbed,
      reason: "usage_absorbed_cost",
      fund: "none",
    },
  ]);
  await expectNoReceipt(requestId);
}

async function expectNoReceipt(requestId: string): Promise<void> {
  const { status } = await product.call("GET", `/v1/user/receipts/${requestId}`, undefined, {
    token: session.token,
  });
  expect(status).toBe(404);
}

async function expectUntouched(calls: number): Promise<void> {
  expect(await wallet(product, session.token)).toMatchObject({
    balance_usd: "1.00000000",
    held_usd: "0.00000000",
  });
  expect(product.stub.billableCalls).toBe(calls);
  expect(await closedCount(product, session.userId)).toBe(calls);
}
