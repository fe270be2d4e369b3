import { apiRoutes } from "@modelfaucet/contract/routes/table.ts";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedRecord,
  credit,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import {
  type HttpAnswer,
  type Json,
  type Product,
  send,
  startProduct,
} from "@modelfaucet/testkit/product.ts";
import { type OwnedIds, pathOf } from "@modelfaucet/testkit/route-walk.ts";
import { streamChat } from "@modelfaucet/testkit/sse.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { randomIds } from "./isolation-tenants.ts";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("exact money", () => {
  it("A021 with 1,000 of the 10,000 calls: a third of a unit is a unit, every time", async () => {
    await ground.setFeature({ models: ["stub/stub-cheap"] }, { markup_percent: 0 }, "cheap");
    const session = await fundedSession(product, ground, "1.00");
    const calls = 1_000;
    let left = calls;
    const caller = async (_: unknown, gateway: number): Promise<void> => {
      while (left-- > 0) {
        const { status, body } = await chat(
          product,
          session.token,
          { model: "auto:cheap" },
          { gateway: gateway % 2 },
        );
        expect(status).toBe(200);
        expect(body.modelfaucet).toMatchObject({
          charge_usd: "0.00000001",
          upstream_cost_usd: "0.00000000",
          developer_share_usd: "0.00000000",
          platform_share_usd: "0.00000001",
        });
      }
    };
    await Promise.all(Array.from({ length: 64 }, caller));
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99999000");
    expect(product.stub.billableCalls).toBe(calls);
  });

  it("A022: the developer's share is floored, the rest is the platform's", async () => {
    // A request price of 1, 7 and 9,999 hundred units at 1 % markup leaves a margin of so many units.
    for (const [margin, developer, platform] of [
      [1, 0, 1],
      [7, 2, 5],
      [9_999, 3_332, 6_667],
    ] as const) {
      const model = `stub-margin-${margin}`;
      await publishPrices(product, [priceEntry([model, "0", "0", "0", "0", String(margin)])]);
      await ground.setFeature(
        { models: [`stub/${model}`] },
        { markup_percent: 1, developer_share_bps: 3333 },
        "margin",
      );
      const session = await fundedSession(product, ground, "1.00");
      const price = (await chat(product, session.token, { model: "auto:margin" })).body.modelfaucet;
      expect(units(price.charge_usd) - units(price.upstream_cost_usd)).toBe(BigInt(margin));
      expect(units(price.developer_share_usd)).toBe(BigInt(developer));
      expect(units(price.platform_share_usd)).toBe(BigInt(platform));
    }
  });

  it("A023: the ends of the scales add up; what is no share is refused by name", async () => {
    for (const pricing of [
      { markup_percent: 0, developer_share_bps: 10_000 },
      { markup_percent: 300, developer_share_bps: 0 },
    ]) {
      await ground.setFeature({ models: ["stub/stub-text"] }, pricing, "ends");
      const session = await fundedSession(product, ground, "1.00");
      const price = (await chat(product, session.token, { model: "auto:ends" })).body.modelfaucet;
      const charge = pricing.markup_percent === 0 ? "0.00020000" : "0.00080000";
      expect(price).toMatchObject({ charge_usd: charge, developer_share_usd: "0.00000000" });
      expectParts(price);
      expectParts(await closedRecord(product, price.request_id));
    }
    for (const bps of [10_001, -1, 33.3, "40"]) {
      const refused = await putFeature({ developer_share_bps: bps });
      expectRefused(refused, "pricing.developer_share_bps");
    }
  });

  it("A024: every amount on the wire is a string with eight decimals", async () => {
    const session = await fundedSession(product, ground, "1.00", { max_spend_usd: "0.1" });
    const whole = await chat(product, session.token, { model: "stub-text", max_tokens: 10 });
    const streamed = await streamChat(product, session.token, { model: "stub-text" });
    const refused = await chat(product, session.token, { model: "stub-dear", n: 128 });
    expect(refused.status).toBe(402);
    const answers = await readEverything(session, whole.body.modelfaucet);
    expect(answers.length).toBeGreaterThan(25);
    for (const { path, answer } of answers) expect(answer.status, path).toBe(200);
    const seen = new Set<string>();
    for (const { path, answer } of answers) expectMoneyIn(answer.body, path, seen);
    for (const body of [session.answer, whole.body, refused.body, ...streamed.chunks])
      expectMoneyIn(body, "", seen);
    // Proof that the walk met the amounts of every layer.
    for (const name of ["charge_usd", "balance_usd", "hold_usd", "required_usd", "input_usd", "max_fee_usd"])
      expect(seen).toContain(name);
  });

  it("A025: an amount that is not exact is refused by name, never rounded", async () => {
    const session = await ground.openSession();
    const bad = [
      "1e-8",
      ".5",
      "00.10",
      "+1",
      "1.000000001",
      "1".repeat(25),
      0.1,
      1,
      "",
      " 1",
      "0x1",
      "-1",
      "1.",
    ];
    for (const amount of bad) {
      const credited = await product.call(
        "POST",
        `/v1/admin/wallets/${session.userId}/credit-test-balance`,
        { amount_usd: amount },
        { headers: { "idempotency-key": `bad ${amount}` } },
      );
      expectRefused(credited, "amount_usd");
      const opened = await product.developer("POST", "/v1/sessions", {
        public_app_id: ground.publicAppId,
        external_user_id: session.user,
        max_spend_usd: amount,
      });
      expectRefused(opened, "max_spend_usd");
      expectRefused(await putFeature({ request_fee_usd: amount }), "pricing.request_fee_usd");
    }
    expect((await wallet(product, session.token)).balance_usd).toBe("0.00000000");
    await credit(product, session.userId, "0.1");
    expect((await wallet(product, session.token)).balance_usd).toBe("0.10000000");
  });
});

/** Every GET of the control API's table and of the gateway's models, each as a caller who may read it. */
function readEverything(
  session: GroundSession,
  { request_id, receipt_id }: Json,
): Promise<{ path: string; answer: HttpAnswer }[]> {
  const ids: OwnedIds = {
    ...randomIds(),
    publicAppId: ground.publicAppId,
    featureKey: ground.featureKey,
    provider: "stub",
    requestId: request_id,
    receiptId: receipt_id,
    walletId: session.userId,
    endUserId: session.userId,
    sessionId: session.answer.session_id,
    developerId: ground.developerId,
  };
  const tokens: Record<string, string> = {
    session: session.token,
    dev: product.developerAdminToken,
    op: product.adminToken,
  };
  const reads = apiRoutes.filter(
    ({ method, path, auth }) =>
      method === "GET" &&
      auth.class in tokens &&
      !/(tokens|provider-keys|key-rotations)\/:id|\/debug-log\/:request_id/.test(path),
  );
  const control = reads.map(async (route) => {
    const token = tokens[route.auth.class]!;
    return { path: route.path, answer: await product.call("GET", pathOf(route, ids), undefined, { token }) };
  });
  const models = ["/models", "/models/auto:chat"].map(async (path) => {
    const headers = { authorization: `Bearer ${session.token}` };
    return { path, answer: await send(`${product.gateways[0]}${path}`, "GET", undefined, headers) };
  });
  return Promise.all([...control, ...models]);
}

function putFeature(pricing: Record<string, unknown>): Promise<HttpAnswer> {
  return product.developer("PUT", `/v1/developer/apps/${ground.publicAppId}/features/refused`, {
    feature_key: "refused",
    display_name: "Refused",
    policy: { models: ["stub/stub-text"] },
    pricing,
  });
}

function expectRefused({ status, body }: HttpAnswer, param: string): void {
  expect([status, body.error?.code, body.error?.param], JSON.stringify(body)).toEqual([
    400,
    "invalid_request",
    param,
  ]);
  expect(body.error.message).toContain(param);
  expect(body.error.message).toMatch(/\.$/);
}

function expectParts(price: Json): void {
  const { upstream_cost_usd, developer_share_usd, platform_share_usd, charge_usd } = price;
  expect(units(upstream_cost_usd) + units(developer_share_usd) + units(platform_share_usd)).toBe(
    units(charge_usd),
  );
}

/** Walks an answer; an amount may only carry a sign on the balance of a wallet in debt, and none is in debt here. */
function expectMoneyIn(value: Json, path: string, seen: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, field] of Object.entries(value)) {
    const here = `${path}.${name}`;
    if (!name.endsWith("_usd")) expectMoneyIn(field, here, seen);
    else {
      expect(field, here).toMatch(/^(0|[1-9]\d*)\.\d{8}$/);
      seen.add(name);
    }
  }
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
