import { expectBooksClean, openHolds } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  closedRecord,
  credit,
  fundedSession,
  type Ground,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { PROVIDER_MAX_RETRIES: "0" },
  });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("holds", () => {
  it("A026: when upstream sees the request, its hold is committed on every account", async () => {
    const session = await fundedSession(product, ground, "1.00", { max_spend_usd: "0.5" });
    let seen: Promise<Json[]> | undefined;
    product.stub.script(() => {
      seen ??= product.sql<Json[]>`
        select a.kind, leg.amount::text as amount, h.hold_usd::text as hold, a.held_usd::text as held, h.lease_until > mf_now() as alive
        from holds h cross join lateral unnest(h.leg_accounts, h.leg_amounts_usd) as leg (id, amount)
        join accounts a on a.app_id = h.app_id and a.id = leg.id where h.end_user_id = ${session.userId} order by a.kind`.then(
        (rows) => [...rows],
      );
      return { headersAfterMs: 200 };
    });
    const price = (await chat(product, session.token, { model: "stub-text" })).body.modelfaucet;
    const legs = await seen!;
    expect(legs.map(({ kind }) => kind)).toEqual(["session", "wallet"]);
    for (const leg of legs) {
      expect(leg).toMatchObject({ hold: leg.amount, held: leg.amount, alive: true });
      expect(units(leg.amount)).toBeGreaterThanOrEqual(units(price.charge_usd));
    }
    expect((await closedRecord(product, price.request_id)).hold_usd).toBe(legs[0].hold);
  });

  it("A027: a session's cap refuses before upstream and says what it would need", async () => {
    const session = await fundedSession(product, ground, "1.00", { max_spend_usd: "0.00110000" });
    const refused = await chat(product, session.token, { model: "stub-flat" });
    expectRefusal(refused, "price_above_maximum", {
      limit: "session",
      maximum_usd: "0.00110000",
      required_usd: "0.00125000",
    });
    expect(refused.body.error.message).toBe("This request can cost more than the session may still spend.");
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
    expect(product.stub.calls).toBe(0);
  });

  it("A028: the fee is in the hold: a unit less than charge and fee is refused", async () => {
    await ground.setFeature({ models: ["stub/stub-flat"] }, { request_fee_usd: "0.00010000" }, "fee");
    const session = await fundedSession(product, ground, "0.00134999");
    const refused = await chat(product, session.token, { model: "auto:fee" });
    expectRefusal(refused, "insufficient_balance", {
      reason: "balance",
      balance_usd: "0.00134999",
      held_usd: "0.00000000",
      required_usd: "0.00135000",
    });
    expect(product.stub.calls).toBe(0);
    await credit(product, session.userId, "0.00000001");
    const price = (await chat(product, session.token, { model: "auto:fee" })).body.modelfaucet;
    expect(price).toMatchObject({ charge_usd: "0.00135000", fee_usd: "0.00010000" });
    expect((await wallet(product, session.token)).balance_usd).toBe("0.00000000");
    expect(product.stub.billableCalls).toBe(1);
  });

  it("A030: where the purse pays for the cheap route only, the dear one is never called", async () => {
    await ground.setFeature({ models: ["stub/stub-text", "stub/stub-dear"] }, {}, "two");
    const session = await fundedSession(product, ground, "0.00100000");
    const served = await chat(product, session.token, { model: "auto:two" });
    expect([served.status, served.body.model]).toEqual([200, "stub-text"]);
    product.stub.script("stub-text", { status: 503 });
    const failed = await chat(product, session.token, { model: "auto:two" });
    expect([failed.status, failed.body.error.code]).toEqual([502, "provider_error"]);
    expect(product.stub.requests.map(({ body }) => body.model)).toEqual(["stub-text", "stub-text"]);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.00075000");
  });

  it("A031: every choice is held for", async () => {
    // The prompt, counted with its margin as 38 tokens, at the dearest input price, and 16 tokens of one choice.
    const session = await fundedSession(product, ground, "0.00010000");
    const body = { model: "stub-text", n: 3, max_tokens: 100 };
    const refused = await chat(product, session.token, body);
    expectRefusal(refused, "insufficient_balance", { reason: "balance", balance_usd: "0.00010000" });
    expect(units(refused.body.error.details.required_usd)).toBe(units("0.00017938"));
    product.stub.script("stub-text", {
      outputTokens: 16,
      usage: { prompt_tokens: 20, completion_tokens: 16 },
    });
    const single = await chat(product, session.token, { ...body, n: 1 });
    expect(single.body.modelfaucet).toMatchObject({
      charge_usd: "0.00006500",
      output_limit: { granted: 16 },
    });
    await credit(product, session.userId, "0.00200000");
    product.stub.script("stub-text", { outputTokens: 20 });
    const served = await chat(product, session.token, body);
    expect([served.status, served.body.choices.length]).toEqual([200, 3]);
    expect(served.body.modelfaucet.charge_usd).toBe("0.00027500");
    expect(product.stub.requests.map(({ body: { n, max_tokens } }) => [n, max_tokens])[1]).toEqual([3, 100]);
    expect(product.stub.billableCalls).toBe(2);
  });

  it("A034: without a limit the purse, the default or the feature decides what upstream is sent", async () => {
    await ground.setFeature({ models: ["stub/stub-text"], limits: { max_output_tokens: 300 } }, {}, "short");
    const poor = await fundedSession(product, ground, "0.00100000");
    const cut = await chat(product, poor.token, { model: "stub-text" });
    const granted = product.stub.requests.at(-1)!.body.max_tokens;
    expect(granted).toBeGreaterThanOrEqual(16);
    expect(granted).toBeLessThanOrEqual(400);
    expect(cut.body.modelfaucet.output_limit).toEqual({ requested: 4096, granted, by: "wallet" });
    expect(cut.headers.get("x-modelfaucet-output-limit")).toBe(String(granted));
    const rich = await fundedSession(product, ground, "1.00000000");
    for (const [model, limit] of [
      ["stub-text", 4096],
      ["auto:short", 300],
    ] as const) {
      const answer = await chat(product, rich.token, { model });
      expect(answer.body.modelfaucet).not.toHaveProperty("output_limit");
      expect(product.stub.requests.at(-1)!.body.max_tokens).toBe(limit);
    }
    for (const { token } of [poor, rich])
      expect((await wallet(product, token)).balance_usd).not.toContain("-");
    expect(product.stub.billableCalls).toBe(3);
  });

  it("A035: a large default limit of a client is granted as far as the purse goes", async () => {
    const session = await fundedSession(product, ground, "0.01000000");
    product.stub.script("stub-text", { finishReason: "length" });
    const answer = await chat(product, session.token, {
      model: "stub-text",
      max_tokens: 32_000,
      messages: [{ role: "user", content: "Write a poem about the sea, please." }],
    });
    const granted = product.stub.requests.at(-1)!.body.max_tokens;
    expect(granted).toBeGreaterThanOrEqual(3_900);
    expect(granted).toBeLessThanOrEqual(4_000);
    expect(answer.body.modelfaucet).toMatchObject({
      output_limit: { requested: 32_000, granted, by: "wallet" },
      stopped: "balance",
    });
    expect((await wallet(product, session.token)).balance_usd).toBe("0.00975000");
  });

  it("A036: money for less than 16 tokens is refused, not answered with a word", async () => {
    const session = await fundedSession(product, ground, "0.00000100");
    const refused = await chat(product, session.token, { model: "stub-text" });
    expectRefusal(refused, "insufficient_balance", { reason: "balance", balance_usd: "0.00000100" });
    expect(refused.body.error.message).toBe(
      "There is not enough credit for this request; add credit or shorten it.",
    );
    expect(product.stub.calls).toBe(0);
    expect(await closedCount(product, session.userId)).toBe(0);
    expect(await openHolds(product)).toEqual({ count: 0, held: "0.00000000" });
  });
});

function expectRefusal({ status, body, headers }: HttpAnswer, code: string, details: Json): void {
  expect([status, body.error?.code], JSON.stringify(body)).toEqual([402, code]);
  expect(body.error.type).toBe("insufficient_quota");
  expect(body.error.details).toMatchObject(details);
  expect(headers.get("x-should-retry")).toBe("false");
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
