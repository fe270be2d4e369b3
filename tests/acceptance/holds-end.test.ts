import { expectBooksClean, openHolds } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  closedRecord,
  fundedSession,
  type Ground,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream } from "@modelfaucet/testkit/sse.ts";
import type { StubBehaviour } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: {
      HOLD_TTL_SECONDS: "5",
      PROVIDER_CONNECT_TIMEOUT_MS: "1000",
      PROVIDER_TIMEOUT_MS: "2000",
      PROVIDER_UNSTREAMED_TIMEOUT_MS: "2000",
      PROVIDER_MAX_RETRIES: "0",
      MODEL_BODY_LIMIT_BYTES: "20000",
    },
  });
  ground = await layGround(product);
  // What a call does is said by its prompt, so that all of them can run side by side.
  product.stub.script(({ body }) => ways[body.messages[0].content]?.behaviour);
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

type Way = { behaviour: StubBehaviour; status: number };

/** How a request can end, with the status that its client reads; 0: it has left. */
const ways: Record<string, Way> = {
  success: { behaviour: {}, status: 200 },
  "upstream 400": { behaviour: { status: 400 }, status: 400 },
  "upstream 413": { behaviour: { status: 413 }, status: 400 },
  "upstream 500": { behaviour: { status: 500 }, status: 502 },
  timeout: { behaviour: { hang: "accept" }, status: 504 },
  abort: { behaviour: { firstByteAfterMs: 4_000 }, status: 0 },
  unreadable: { behaviour: { body: "<html>Bad gateway</html>" }, status: 502 },
  "no JSON": { behaviour: { body: '{"choices": [', contentType: "application/json" }, status: 502 },
  [`too large${" ".repeat(20_000)}`]: { behaviour: {}, status: 413 },
  slow: { behaviour: { outputTokens: 17, tokenMs: 1_000 }, status: 200 },
};

describe("a hold ends, once", () => {
  it("A037: however 100 mixed requests end, nothing is held a second after the last", async () => {
    const session = await fundedSession(product, ground, "10.00");
    const mixed = Object.keys(ways).filter((name) => name !== "slow");
    const statuses = await Promise.all(
      Array.from({ length: 100 }, async (_, call) => {
        const name = mixed[call % mixed.length]!;
        const leaving = new AbortController();
        const body = {
          model: "stub-text",
          stream: call % 2 === 0,
          messages: [{ role: "user", content: name }],
        };
        if (name === "abort") setTimeout(() => leaving.abort(), 500 + call * 5);
        const options = { gateway: call % 2, signal: leaving.signal };
        const answer = await chat(product, session.token, body, options).catch(() => null);
        return [name.trim(), answer?.status ?? 0] as const;
      }),
    );
    const endedAt = performance.now();
    await expect
      .poll(() => openHolds(product), { interval: 10, timeout: 2_000 })
      .toEqual({ count: 0, held: "0.00000000" });
    expect(performance.now() - endedAt).toBeLessThan(1_000);
    for (const [name, status] of statuses) expect([name, status]).toEqual([name, ways[name]?.status ?? 413]);
    const { balance_usd, held_usd } = await wallet(product, session.token);
    // 12 of them succeed, 11 never came in.
    expect([balance_usd, held_usd]).toEqual(["9.99700000", "0.00000000"]);
    expect(await closedCount(product, session.userId)).toBe(89);
    expect(product.stub.billableCalls).toBe(89);
  });

  it("A038: a stream that outlives its lease three times is renewed, and settled once", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const calls = product.stub.billableCalls;
    const startedAt = performance.now();
    const stream = await openStream(product, session.token, {
      model: "stub-text",
      messages: [{ role: "user", content: "slow" }],
    });
    const leases = new Set<string>();
    const watch = (async () => {
      while (!stream.saidDone && performance.now() - startedAt < 30_000) {
        const [hold] = await product.sql<{ lease: string; alive: boolean }[]>`
          select lease_until::text as lease, lease_until > mf_now() as alive from holds where end_user_id = ${session.userId}`;
        if (hold) {
          leases.add(hold.lease);
          expect(hold.alive).toBe(true);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    await stream.end();
    await watch;
    expect(performance.now() - startedAt).toBeGreaterThan(16_000);
    expect(leases.size).toBeGreaterThanOrEqual(6);
    expect(stream.saidDone).toBe(true);
    expect(stream.content.split(" ")).toHaveLength(17);
    const record = await closedRecord(product, stream.price.request_id);
    expect(record).toMatchObject({ status: "succeeded", charge_usd: stream.price.charge_usd });
    expect(record.charge_usd).toBe("0.00016750");
    expect(await closedCount(product, session.userId)).toBe(1);
    expect(product.stub.billableCalls - calls).toBe(1);
    const metrics = await (await fetch(`${product.worker}/metrics`)).text();
    expect(metrics).not.toMatch(/^modelfaucet_requests_recovered_total\S* [1-9]/m);
  });
});
