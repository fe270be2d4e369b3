import { connect } from "node:net";
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
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
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
    const served = answers.filter(({ status }) => status === 200);
    expect(served.filter(({ headers }) => !headers.has("idempotent-replay"))).toHaveLength(1);
    expect(new Set(served.map(({ text }) => text)).size).toBe(1);
    for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
      expect(status).toBe(409);
      expect(["idempotency_in_progress", "conflict"]).toContain(body.error.code);
    }
    await expectCharged(1);
  });

  it("A059: a repeat under the caller's own key gets the answer, word for word, streamed or not, from any gateway", async () => {
    for (const stream of [false, true]) {
      for (const more of [{}, { stream_options: { include_usage: true } }]) {
        if (!stream && "stream_options" in more) continue;
        const key = `kept ${stream} ${JSON.stringify(more)}`;
        const first = await ask(key, { stream, ...more });
        expect([first.status, first.headers.get("idempotent-replay")]).toEqual([200, null]);
        for (const gateway of [0, 1]) {
          const again = await ask(key, { stream, ...more }, { gateway });
          expect([again.status, again.headers.get("idempotent-replay")]).toEqual([200, "true"]);
          expect(again.text).toBe(first.text);
          expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
          const served = first.headers.get("x-modelfaucet-request-id");
          expect(again.headers.get("x-modelfaucet-request-id")).toBe(served);
        }
      }
    }
    await expectCharged(3);
    const kept = await product.sql`select sealed_answer from idempotency_answers`;
    expect(kept.length).toBeGreaterThanOrEqual(3);
    for (const { sealed_answer } of kept) expect(sealed_answer).toMatch(/^mfenc:v2:/);
  });

  it("A059: a key that only deduplicates keeps no answer; its repeat is told of the request that was charged", async () => {
    const headers = { "x-modelfaucet-idempotency": "dedupe" };
    for (const stream of [false, true]) {
      const key = `deduped ${stream}`;
      const first = await ask(key, { stream }, { headers });
      const request_id = first.headers.get("x-modelfaucet-request-id");
      for (const gateway of [0, 1]) {
        expectDone(await ask(key, { stream }, { gateway, headers }), request_id!);
      }
      // Nor is one given out to who did not say so.
      expectDone(await ask(key, { stream }), request_id!);
    }
    await expectCharged(2);
    expect((await ask("other", {}, { headers: { "x-modelfaucet-idempotency": "keep" } })).status).toBe(400);
  });

  it("A169: an answer whose reader left after it was whole is kept, and one that is too long is not", async () => {
    for (const stream of [false, true]) {
      const { text } = await cutAfterAnswer(`cut ${stream}`, { stream });
      expect(text).toContain(stream ? "[DONE]" : '"charge_usd":"0.00025000"');
    }
    await expectCharged(2);
    product.stub.queue("stub-text", { tokens: ["long ".repeat(300_000)] });
    const long = await ask("long", { max_tokens: 50 });
    expect(long.status).toBe(200);
    expectDone(await ask("long", { max_tokens: 50 }), long.headers.get("x-modelfaucet-request-id")!);
  });

  it("a kept answer is over after a day, and what its caller may see stays its own", async () => {
    const first = await ask("day", {});
    const other = await fundedSession(product, ground, "1.00");
    const theirs = await ask("day", {}, { token: other.token });
    expect(theirs.headers.get("idempotent-replay")).toBeNull();
    await product.sql`update idempotency_answers set created_at = created_at - interval '25 hours' where key = 'day'`;
    expectDone(await ask("day", {}), first.headers.get("x-modelfaucet-request-id")!);
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
    expect((await ask("again", {})).headers.get("idempotent-replay")).toBe("true");
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
    expect((await ask("left", {})).headers.get("idempotent-replay")).toBe("true");
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

function expectDone(answer: HttpAnswer, request_id: string): void {
  expect([answer.status, answer.body.error?.code], answer.text).toEqual([409, "conflict"]);
  expect(answer.body.error.details).toEqual({
    reason: "already_done",
    request_id,
    receipt_id: `rcpt_${request_id}`,
  });
  expect(answer.headers.get("x-should-retry")).toBe("false");
}

/** Sends a request whose connection is cut once upstream has answered, and then the same one again. */
async function cutAfterAnswer(key: string, body: Record<string, unknown>): Promise<HttpAnswer> {
  const url = new URL(product.gateways[0]!);
  const socket = connect(Number(url.port), url.hostname);
  const sent = JSON.stringify({
    model: "stub-text",
    messages: [{ role: "user", content: "hello" }],
    ...body,
  });
  const before = await closedCount(product, session.userId);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${session.token}\r\n` +
      `content-type: application/json\r\nidempotency-key: ${key}\r\ncontent-length: ${sent.length}\r\n\r\n${sent}`,
  );
  // Nothing of the answer is read: it is whole, settled, and on its way into a socket that nobody reads.
  await expect.poll(() => closedCount(product, session.userId)).toBe(before + 1);
  socket.destroy();
  const again = await send(`${product.gateways[1]}/chat/completions`, "POST", JSON.parse(sent), {
    authorization: `Bearer ${session.token}`,
    "idempotency-key": key,
  });
  expect(again.headers.get("idempotent-replay"), again.text).toBe("true");
  return again;
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
