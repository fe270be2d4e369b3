import { expectBooksClean, openHolds } from "@modelfaucet/testkit/books.ts";
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
import { openStream } from "@modelfaucet/testkit/sse.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  await warmTokenizer();
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

const hundredTokens = `word${" word".repeat(99)}`;

describe("a client that leaves", () => {
  it("A054: pays for what it got, once, and upstream is cancelled at once", async () => {
    product.stub.script("stub-text", { outputTokens: 100, tokenMs: 100, usage: "none" });
    const stream = await openStream(product, session.token, {
      model: "stub-text",
      messages: [{ role: "user", content: hundredTokens }],
    });
    await stream.pieces(30);
    stream.leave();
    const leftAt = Date.now();
    await expect.poll(() => product.stub.stats.cancelled, { timeout: 2_000, interval: 10 }).toBe(1);
    expect(product.stub.requests[0]!.closedAt! - leftAt).toBeLessThan(1_000);
    const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
    expect(record).toMatchObject({ status: "aborted", usage_source: "estimated" });
    expect(record.input_tokens).toBe(100);
    expect(record.output_tokens).toBeGreaterThanOrEqual(30);
    expect(record.output_tokens).toBeLessThanOrEqual(35);
    expect(units(record.charge_usd)).toBe(((100n + 2n * BigInt(record.output_tokens)) * 100n * 5n) / 4n);
    await expect.poll(() => openHolds(product), { timeout: 5_000 }).toMatchObject({ count: 0 });
    await expectCharged(record.charge_usd);
    expect(product.stub.billableCalls).toBe(1);
  });

  it("A054: pays by the usage that upstream had reported until then", async () => {
    const reported = { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 };
    product.stub.script("stub-text", { outputTokens: 100, tokenMs: 50, cumulativeUsage: [reported] });
    const stream = await openStream(product, session.token, { model: "stub-text" });
    await stream.pieces(10);
    stream.leave();
    const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
    expect(record).toMatchObject({ status: "aborted", usage_source: "provider", charge_usd: "0.00014250" });
    await expectCharged("0.00014250");
  });

  it("A054: pays for what it got where upstream's usage does not know of it yet", async () => {
    const opening = { prompt_tokens: 100, completion_tokens: 0, total_tokens: 100 };
    product.stub.script("stub-text", { outputTokens: 100, tokenMs: 50, cumulativeUsage: [opening] });
    const stream = await openStream(product, session.token, { model: "stub-text" });
    await stream.pieces(10);
    stream.leave();
    const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
    expect(record).toMatchObject({ status: "aborted", usage_source: "estimated", input_tokens: 1 });
    expect(record.output_tokens).toBeGreaterThanOrEqual(10);
    await expectCharged(record.charge_usd);
  });

  it("A055: after the last content it pays the whole answer, once", async () => {
    product.stub.script("stub-text", { usageAfterMs: 700 });
    for (const includeUsage of [false, true]) {
      const stream = await openStream(product, session.token, {
        model: "stub-text",
        stream_options: { include_usage: includeUsage },
      });
      await stream.pieces(50);
      stream.leave();
      const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
      expect(record).toMatchObject({ charge_usd: "0.00025000", usage_source: "provider" });
    }
    expect(await closedCount(product, session.userId)).toBe(2);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99950000");
    expect(product.stub.billableCalls).toBe(2);
  });

  it("A056: before any byte it pays nothing; nothing is tried again for it", async () => {
    await ground.setFeature({ models: ["stub/stub-text", "stub/stub-claude"] }, {}, "two");
    const waiting = [
      { hang: "accept" },
      { firstByteAfterMs: 5_000 },
      // Here it leaves while the gateway waits for its second try.
      { status: 503, headers: { "retry-after": "1" } },
    ] as const;
    for (const behaviour of waiting) {
      // The alias has another route, the name has none.
      for (const [model, stream] of [
        ["auto:two", false],
        ["stub-text", true],
      ] as const) {
        product.stub.reset();
        product.stub.script("*", behaviour);
        const user = await fundedSession(product, ground, "1.00");
        const leaving = new AbortController();
        const asked = chat(product, user.token, { model, stream }, { signal: leaving.signal }).catch(
          (error: unknown) => error,
        );
        await expect.poll(() => product.stub.billableCalls).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 100));
        leaving.abort();
        expect(await asked).toBeInstanceOf(Error);
        await expect.poll(() => closedCount(product, user.userId)).toBe(1);
        const [event] = await product.sql<
          Json[]
        >`select * from usage_events where end_user_id = ${user.userId}`;
        expect(event).toMatchObject({ outcome: "aborted", charge_usd: "0.00000000", stopped: "client" });
        expect(event!.error_code).toBe("client_closed_request");
        // A second try would be due within this time.
        await new Promise((resolve) => setTimeout(resolve, "status" in behaviour ? 1_500 : 200));
        expect(product.stub.billableCalls).toBe(1);
        if (!("status" in behaviour)) expect(product.stub.stats.cancelled).toBe(1);
        expect((await wallet(product, user.token)).balance_usd).toBe("1.00000000");
      }
    }
  });

  it("A057: an upstream that goes on sending is not listened to any more", async () => {
    product.stub.script("stub-text", { endless: true, tokenMs: 1, ignoreCancelMs: 4_000 });
    const stream = await openStream(product, session.token, { model: "stub-text" });
    await stream.pieces(100);
    stream.leave();
    await expect.poll(() => product.stub.stats.cancelled, { timeout: 1_000, interval: 10 }).toBe(1);
    const id = stream.headers.get("x-modelfaucet-request-id")!;
    const record = await closedRecord(product, id);
    expect(record).toMatchObject({ status: "aborted", usage_source: "estimated" });
    const before = await residentBytes();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await residentBytes()).toBeLessThan(before + 32 * 1024 * 1024);
    expect(await closedRecord(product, id)).toEqual(record);
    expect(await closedCount(product, session.userId)).toBe(1);
    await expectCharged(record.charge_usd);
  });
});

async function expectCharged(chargeUsd: string): Promise<void> {
  expect(await closedCount(product, session.userId)).toBe(1);
  const { balance_usd } = await wallet(product, session.token);
  expect(units(balance_usd)).toBe(units("1.00000000") - units(chargeUsd));
}

/** The tokenizer's thread may still be starting when the gateway is ready; until it has, bytes are counted instead. */
async function warmTokenizer(): Promise<void> {
  product.stub.script("stub-text", { usage: "none" });
  const { token } = await fundedSession(product, ground, "1.00");
  await vi.waitFor(
    async () => {
      const { body } = await chat(product, token, { model: "stub-text" });
      expect(body.usage.completion_tokens).toBe(50);
    },
    { timeout: 20_000 },
  );
}

async function residentBytes(): Promise<number> {
  const text = await (await fetch(product.gateways[0]!.replace("/v1", "/metrics"))).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)![1]);
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
