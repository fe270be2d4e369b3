import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  credit,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { PROVIDER_MAX_RETRIES: "0" },
  });
  ground = await layGround(product);
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("one logical request, one charge", () => {
  it("A058: of two in parallel under one key one is called, the other waits", async () => {
    for (const stream of [false, true]) {
      product.stub.script("stub-text", { headersAfterMs: 400 });
      const answers = await Promise.all(
        [0, 1].map((gateway) => ask(`parallel ${stream}`, { stream }, { gateway })),
      );
      const served = answers.filter(({ status }) => status === 200);
      const [waiting] = answers.filter(({ status }) => status !== 200);
      expect(served).toHaveLength(1);
      expect([waiting!.status, waiting!.body.error.code]).toEqual([409, "idempotency_in_progress"]);
      expect(waiting!.headers.get("retry-after")).toBe("1");
      expect(waiting!.headers.get("x-should-retry")).toBe("true");
      expect(waiting!.body.error.message).toBe(
        "A request under this Idempotency-Key is still running; wait for it.",
      );
    }
    await expectCharged(2);
  });

  it("A058: of fifty in parallel under one key over two gateways one is called", async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, call) => ask("fifty", {}, { gateway: call % 2 })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
      expect(status).toBe(409);
      expect(["idempotency_in_progress", "conflict"]).toContain(body.error.code);
    }
    await expectCharged(1);
  });

  it("A059: a repeat after the end is told of the request that was charged", async () => {
    let charged = 0;
    for (const headers of [{}, { "x-modelfaucet-idempotency": "dedupe" }]) {
      for (const stream of [false, true]) {
        const key = `done ${charged++}`;
        const first = await ask(key, { stream }, { headers });
        expect(first.status).toBe(200);
        const request_id = first.headers.get("x-modelfaucet-request-id");
        for (const gateway of [0, 1]) {
          const again = await ask(key, { stream }, { gateway, headers });
          expect([again.status, again.body.error.code]).toEqual([409, "conflict"]);
          expect(again.body.error.details).toEqual({
            reason: "already_done",
            request_id,
            receipt_id: `rcpt_${request_id}`,
          });
          expect(again.headers.get("x-should-retry")).toBe("false");
        }
      }
    }
    await expectCharged(4);
  });

  it("A060: the same key with another body is refused and moves nothing", async () => {
    await ask("mine", {});
    for (const [body, headers] of [
      [{ temperature: 1 }, {}],
      [{ stream: true }, {}],
      [{}, { "x-modelfaucet-feature": "chat" }],
    ] as const) {
      const other = await ask("mine", body, { headers });
      expect([other.status, other.body.error.code, other.body.error.param]).toEqual([
        422,
        "idempotency_mismatch",
        "Idempotency-Key",
      ]);
      expect(other.headers.get("x-should-retry")).toBe("false");
    }
    await expectCharged(1);
  });

  it("A060: a key belongs to its caller; another user may have the same one", async () => {
    await ask("common", {});
    const other = await fundedSession(product, ground, "1.00");
    expect((await ask("common", { temperature: 1 }, { token: other.token })).status).toBe(200);
    await expectCharged(1, 2);
  });

  it("A061: a refusal stays one under its key; a new key is admitted", async () => {
    const poor = await ground.openSession();
    const refused = await ask("poor", {}, { token: poor.token });
    expect([refused.status, refused.body.error.code]).toEqual([402, "insufficient_balance"]);
    await credit(product, poor.userId, "1.00");
    for (const gateway of [0, 1]) {
      const again = await ask("poor", {}, { token: poor.token, gateway });
      expect(again.status).toBe(402);
      expect(withoutId(again)).toEqual(withoutId(refused));
    }
    expect(product.stub.calls).toBe(0);
    expect((await ask("rich", {}, { token: poor.token })).status).toBe(200);
    expect((await wallet(product, poor.token)).balance_usd).toBe("0.99975000");
    expect(product.stub.billableCalls).toBe(1);
  });

  it("A061: a failure that may be tried again frees its key", async () => {
    product.stub.queue("stub-text", { status: 500 });
    const failed = await ask("again", {});
    expect([failed.status, failed.headers.get("x-should-retry")]).toEqual([502, "true"]);
    expect((await ask("again", {})).status).toBe(200);
    expect((await ask("again", {})).status).toBe(409);
    expect(await closedCount(product, session.userId)).toBe(2);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99975000");
    expect(product.stub.billableCalls).toBe(2);
  });

  it("A061: who left before anything came may ask again under the same key", async () => {
    product.stub.queue("stub-text", { hang: "accept" });
    const leaving = new AbortController();
    const left = ask("left", {}, { signal: leaving.signal }).catch(() => "left");
    await expect.poll(() => product.stub.billableCalls).toBe(1);
    leaving.abort();
    expect(await left).toBe("left");
    await expect.poll(() => closedCount(product, session.userId)).toBe(1);
    expect((await ask("left", {})).status).toBe(200);
    expect((await ask("left", {})).body.error.details.reason).toBe("already_done");
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99975000");
  });

  it("a key must have 1 to 255 characters", async () => {
    const tooLong = await ask("k".repeat(256), {});
    expect([tooLong.status, tooLong.body.error.param]).toEqual([400, "Idempotency-Key"]);
    expect((await ask("k".repeat(255), {})).status).toBe(200);
    await expectCharged(1);
  });
});

type Asking = { gateway?: number; token?: string; headers?: Record<string, string>; signal?: AbortSignal };

function ask(key: string, body: Record<string, unknown>, asking: Asking = {}): Promise<HttpAnswer> {
  const headers = { "idempotency-key": key, ...asking.headers };
  const options = { ...asking, headers };
  return chat(product, asking.token ?? session.token, { model: "stub-text", ...body }, options);
}

async function expectCharged(times: number, calls = times): Promise<void> {
  expect(product.stub.billableCalls).toBe(calls);
  expect(await closedCount(product, session.userId)).toBe(times);
  const { balance_usd } = await wallet(product, session.token);
  expect(balance_usd).toBe((1 - times * 0.00025).toFixed(8));
}

function withoutId({ body }: HttpAnswer): unknown {
  const { request_id: _own, ...error } = body.error;
  return error;
}
