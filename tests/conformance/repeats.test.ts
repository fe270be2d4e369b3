import { createFaucet, FaucetConflictError } from "@modelfaucet/sdk";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  closedCount,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";

// A062, A169: clients whose first try loses its answer after it was made, and who send the call again.

let product: Product;
let ground: Ground;
let proxy: CuttingProxy;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  await ground.setFeature({ models: ["stub/stub-text"] });
  proxy = await startCuttingProxy(product.gateways[0]!);
});
beforeEach(async () => {
  product.stub.reset();
  session = await ground.openSession();
  await credit(product, session.userId, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(async () => {
  await proxy.close();
  await product.stop();
});

describe("a repeat after the answer was made", () => {
  it("our SDK, own key: one charge, and the error names request and receipt", async () => {
    for (const stream of [false, true]) {
      proxy.cutAnswers(1);
      const failed = await ask({ stream }).catch((error: unknown) => error);
      const details = {
        reason: "already_done",
        request_id: expect.stringMatching(/^req_/),
        receipt_id: expect.stringMatching(/^rcpt_req_/),
      };
      expect(failed).toBeInstanceOf(FaucetConflictError);
      expect(failed).toMatchObject({ status: 409, code: "conflict", details });
    }
    await expectCharged(2);
  });

  it("our SDK, the developer's key: one charge, and the answer", async () => {
    for (const stream of [false, true]) {
      proxy.cutAnswers(1);
      expect(await ask({ stream, idempotencyKey: `mine ${stream}` })).toBe(Array(50).fill("word").join(" "));
    }
    await expectCharged(2);
  });

  it("a stock client without keys: each admitted call is its own request with its own receipt", async () => {
    proxy.cutAnswers(1);
    const client = new OpenAI({ apiKey: session.token, baseURL: `${proxy.origin}/v1` });
    const answer = await client.chat.completions.create({
      model: "stub-text",
      messages: [{ role: "user", content: "hello" }],
    });
    expect(answer.choices[0]!.message.content).toContain("word");
    await expectCharged(2);
    const receipts = await product.call("GET", "/v1/user/receipts", undefined, { token: session.token });
    expect(new Set(receipts.body.items.map((item: { receipt_id: string }) => item.receipt_id)).size).toBe(2);
  });
});

async function ask({
  stream,
  idempotencyKey,
}: {
  stream: boolean;
  idempotencyKey?: string;
}): Promise<string> {
  const faucet = createFaucet({
    publicAppId: ground.publicAppId,
    baseUrl: product.api,
    gatewayBaseUrl: `${proxy.origin}/v1`,
    session: session.answer,
  });
  const call = {
    feature: ground.featureKey,
    messages: [{ role: "user" as const, content: "hello" }],
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  if (!stream) return (await faucet.chat(call)).choices[0]?.message.content ?? "";
  return faucet.stream(call).text();
}

async function expectCharged(times: number): Promise<void> {
  await expect.poll(() => closedCount(product, session.userId)).toBe(times);
  expect(product.stub.billableCalls).toBe(times);
  expect((await wallet(product, session.token)).balance_usd).toBe((1 - times * 0.00025).toFixed(8));
}
