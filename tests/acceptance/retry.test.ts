import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { streamChat } from "@modelfaucet/testkit/sse.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;
/** The second provider, of which only `stub-text` is priced, at three times the first one's price. */
let other: StubUpstream;

beforeAll(async () => {
  other = await startStubUpstream();
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      PROVIDER_CONNECT_TIMEOUT_MS: "1000",
      PROVIDER_TIMEOUT_MS: "1500",
      PROVIDER_UNSTREAMED_TIMEOUT_MS: "1500",
    },
  });
  ground = await layGround(product);
  await product.admin("PUT", "/v1/admin/providers/other", { base_url: other.url, reason: "test upstream" });
  await publishPrices(product, [
    priceEntry(["stub-text", "3.00", "0.30", "3.75", "6.00", "0"], "other"),
    priceEntry(["stub-text:free", "0", "0", "0", "0", "0"]),
  ]);
  await ground.setFeature({ models: ["stub/stub-text", "other/stub-text"] }, {}, "pair");
});
beforeEach(async () => {
  product.stub.reset();
  other.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(async () => {
  await product.stop();
  await other.close();
});

const pair = { model: "stub-text", metadata: { feature_key: "pair" } };

describe("retry and fallback", () => {
  it("A063: the second provider serves what the first refused before byte one", async () => {
    product.stub.script("stub-text", { status: 503 });
    for (const stream of [false, true]) {
      const answer = await chat(product, session.token, { ...pair, stream });
      const record = await closedRecord(product, answer.headers.get("x-modelfaucet-request-id")!);
      expect(record).toMatchObject({ status: "succeeded", provider: "other", charge_usd: "0.00075000" });
      const attempts = record.attempts.map(({ provider, outcome, status_class }: Json) => [
        provider,
        outcome,
        status_class,
      ]);
      // The first is tried once more, as it may have been a moment's failure.
      expect(attempts).toEqual([
        ["stub", "status", "5xx"],
        ["stub", "status", "5xx"],
        ["other", "ok", "2xx"],
      ]);
      for (const attempt of record.attempts) {
        expect(attempt.duration_ms).toBeGreaterThanOrEqual(0);
        expect(attempt.cost_usd).toBe(attempt.outcome === "ok" ? undefined : "0.00000000");
      }
      expect(record).not.toHaveProperty("absorbed_cost_usd");
      expect(record.receipt.provider).toBe("other");
      expect(record.receipt.lines.map(({ amount_usd }: Json) => amount_usd)).toEqual([
        "0.00030000",
        "0.00030000",
      ]);
    }
    expect([product.stub.billableCalls, other.billableCalls]).toEqual([4, 2]);
    await expectClosed(2, "0.99850000");
  });

  it("M18: after a timeout at most one more try, and every try within the bound", async () => {
    product.stub.script("stub-text", { hang: "accept" });
    other.script("stub-text", { hang: "accept" });
    const answer = await chat(product, session.token, pair);
    expect([answer.status, answer.body.error.code]).toEqual([504, "provider_timeout"]);
    expect(answer.body.error.message).toBe("The provider did not answer in time; you were not charged.");
    expect(product.stub.billableCalls + other.billableCalls).toBe(2);
    await expectClosed(1, "1.00000000");
  });

  it("M18: what the caller got wrong is not tried again anywhere", async () => {
    product.stub.script("stub-text", { status: 400 });
    const answer = await chat(product, session.token, pair);
    expect([answer.status, answer.body.error.code]).toEqual([400, "invalid_request"]);
    expect(answer.body.error.message).toBe("The provider refused this request as malformed.");
    expect([product.stub.billableCalls, other.billableCalls]).toEqual([1, 0]);
    await expectClosed(1, "1.00000000");
  });

  it("A064: after byte one there is no second try", async () => {
    product.stub.script("stub-text", { outputTokens: 20, dieAfter: 10 });
    const streamed = await streamChat(product, session.token, pair);
    expect(streamed.error.code).toBe("provider_error");
    expect(streamed.saidDone).toBe(false);
    const record = await closedRecord(product, streamed.error.request_id);
    expect(record).toMatchObject({
      status: "failed",
      charge_usd: "0.00000000",
      usage_source: "estimated",
    });
    // "hello" and ten words, in tokens or, by a slow tokenizer, in bytes.
    expect(["0.00002100", "0.00002800"]).toContain(record.absorbed_cost_usd);
    expect(record.attempts).toMatchObject([{ provider: "stub", cost_usd: record.absorbed_cost_usd }]);
    expect([product.stub.billableCalls, other.billableCalls]).toEqual([1, 0]);
    await expectClosed(1, "1.00000000");
  });

  it("A065: a route that the hold does not pay 16 tokens of is not called, and the error says so", async () => {
    product.stub.script("stub-text", { status: 503 });
    const poor = await fundedSession(product, ground, "0.00020000");
    const answer = await chat(product, poor.token, pair);
    expect([answer.status, answer.body.error.code]).toEqual([502, "provider_error"]);
    expect(answer.body.error.message).toBe(
      "The provider failed, and the hold does not pay for the other route; you were not charged.",
    );
    expect(answer.body.error.details).toEqual({ attempts: 2, unaffordable_routes: 1 });
    expect(other.calls).toBe(0);
    expect((await wallet(product, poor.token)).balance_usd).toBe("0.00020000");
  });

  it("A066: another model's answer is rated at the asked one's price and shown by its own name", async () => {
    for (const model of ["stub-dear", "stub-text-2026-01-15"]) {
      product.stub.script("stub-text", { model });
      const whole = await chat(product, session.token, { model: "stub-text" });
      const streamed = await streamChat(product, session.token, { model: "stub-text" });
      expect([whole.body.model, whole.headers.get("x-modelfaucet-model")]).toEqual([model, model]);
      for (const chunk of streamed.chunks.slice(1)) expect(chunk.model).toBe(model);
      for (const price of [whole.body.modelfaucet, streamed.price]) {
        expect(price).toMatchObject({ model, charge_usd: "0.00025000" });
        const record = await closedRecord(product, price.request_id);
        expect(record).toMatchObject({ model, charge_usd: "0.00025000" });
        expect(record.receipt).toMatchObject({ model, charge_usd: "0.00025000" });
        expect(Number(record.charge_usd)).toBeLessThanOrEqual(Number(record.hold_usd));
      }
    }
    await expectClosed(4, "0.99900000");
  });

  it("A067: a free variant is never served by the paid one unless that is named or listed", async () => {
    const free = { status: 503 };
    product.stub.script("stub-text:free", free);
    await ground.setFeature({ models: ["stub/stub-text:free"] }, {}, "free");
    await ground.setFeature({ models: ["stub/stub-text:free", "stub/stub-text"] }, {}, "mixed");
    for (const [model, feature_key] of [
      ["stub-text:free", "free"],
      ["auto:free", "free"],
      ["stub-text:free", "mixed"],
      ["stub/stub-text:free", "mixed"],
    ]) {
      const answer = await chat(product, session.token, { model, metadata: { feature_key } });
      expect([answer.status, answer.body.error.code], model).toEqual([502, "provider_error"]);
    }
    expect(new Set(product.stub.requests.map(({ body }) => body.model))).toEqual(new Set(["stub-text:free"]));
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
    const listed = await chat(product, session.token, { model: "auto:mixed" });
    expect(listed.body).toMatchObject({ model: "stub-text", modelfaucet: { charge_usd: "0.00025000" } });
  });

  it("A067: a variant without a price of its own is not called at the price of another", async () => {
    await ground.setFeature({ models: ["stub/stub-dear:free", "stub/stub-dear"] }, {}, "unpriced");
    const answer = await chat(product, session.token, {
      model: "stub-dear:free",
      metadata: { feature_key: "unpriced" },
    });
    expect([answer.status, answer.body.error.code]).toEqual([400, "model_not_priced"]);
    expect(product.stub.calls).toBe(0);
  });
});

async function expectClosed(requests: number, balanceUsd: string): Promise<void> {
  expect(await closedCount(product, session.userId)).toBe(requests);
  expect((await wallet(product, session.token)).balance_usd).toBe(balanceUsd);
}
