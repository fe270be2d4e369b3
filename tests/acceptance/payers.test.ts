import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
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
  transfersOf,
  usageEvent,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { streamChat } from "@modelfaucet/testkit/sse.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

// Who pays: credits, the developer's key, the user's own key. Never somebody else than was chosen.

let product: Product;
let ground: Ground;
/** Where the vendor of own keys is, as the operator says outside production. */
let vendor: StubUpstream;

const ownKey = "sk-proj-0123456789abcdefghijklmnopqrstuv";
const feeUsd = "0.00050000";

beforeAll(async () => {
  vendor = await startStubUpstream();
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
  await product.admin("PUT", "/v1/admin/providers/openai", { base_url: vendor.url, reason: "stand-in" });
  await publishPrices(product, [
    priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "openai"),
    priceEntry(["stub-flat", "0", "0", "0", "0", "1000.00"], "openai"),
  ]);
  const models = ["openai/stub-text", "openai/stub-flat", "stub/stub-text"];
  await ground.setFeature({ models, route_preference: ["byok", "platform"] }, {}, "free_key");
  await ground.setFeature(
    { models, route_preference: ["byok", "platform"] },
    { byok_fee_usd: feeUsd },
    "paid_key",
  );
  await ground.setFeature(
    { models: ["openai/stub-flat"], route_preference: ["developer_key", "platform"] },
    {},
    "their_key",
  );
});
beforeEach(() => {
  product.stub.reset();
  vendor.reset();
});
afterEach(() => expectBooksClean(product));
afterAll(async () => {
  await product.stop();
  await vendor.close();
});

const asUser = (session: GroundSession, method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  product.call(method, path, body, { token: session.token });
const featured = (feature: string, model = "openai/stub-text") => ({
  model,
  metadata: { feature_key: feature },
});

async function addKey(session: GroundSession, more: Record<string, unknown> = {}): Promise<Json> {
  const body = { provider: "openai", api_key: ownKey, ...more };
  const answer = await asUser(session, "POST", "/v1/user/provider-keys", body);
  expect(answer.status, answer.text).toBe(201);
  vendor.reset();
  return answer.body;
}

async function agreed(session: GroundSession, feature: string): Promise<string> {
  const { body } = await asUser(session, "GET", `/v1/user/modes?feature_key=${feature}`);
  return body.items.find(({ mode }: Json) => mode === "byok").disclosure_version;
}

describe("an own key", () => {
  it("A158: costs the printed fee or nothing, and shows what its owner pays elsewhere", async () => {
    const session = await fundedSession(product, ground, "1.00");
    await addKey(session, { disclosure_version: await agreed(session, "paid_key") });
    const free = await chat(product, session.token, featured("free_key"));
    expect(free.status, free.text).toBe(200);
    expect(free.body.modelfaucet).toMatchObject({
      route_mode: "byok",
      provider: "openai",
      charge_usd: "0.00000000",
      fee_usd: "0.00000000",
      upstream_cost_usd: "0.00000000",
      provider_estimate_usd: "0.00020000",
    });
    const paid = await streamChat(product, session.token, featured("paid_key"));
    expect(paid.price).toMatchObject({
      route_mode: "byok",
      charge_usd: feeUsd,
      fee_usd: feeUsd,
      upstream_cost_usd: "0.00000000",
      developer_share_usd: "0.00020000",
      platform_share_usd: "0.00030000",
      provider_estimate_usd: "0.00020000",
    });
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99950000");
    const receipt = (await asUser(session, "GET", `/v1/user/receipts/${paid.price.receipt_id}`)).body;
    expect(receipt).toMatchObject({
      route_mode: "byok",
      paid_by: "own_key",
      upstream_cost_usd: "0.00000000",
      fee_usd: feeUsd,
      charge_usd: feeUsd,
      provider_estimate_usd: "0.00020000",
    });
    expect(vendor.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(2).fill(`Bearer ${ownKey}`),
    );
    expect(product.stub.billableCalls).toBe(0);
  });

  it("A156: refused by its vendor it is an error, and nobody else pays", async () => {
    const session = await fundedSession(product, ground, "1.00");
    await addKey(session);
    vendor.script("stub-text", { status: 401 });
    for (const headers of [{}, { "x-modelfaucet-route": "byok" }] as Record<string, string>[]) {
      const answer = await chat(product, session.token, { ...featured("free_key") }, { headers });
      expect([answer.status, answer.body.error.code]).toEqual([401, "byok_key_invalid"]);
    }
    expect(product.stub.billableCalls).toBe(0);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
    const keys = (await asUser(session, "GET", "/v1/user/provider-keys")).body.items;
    expect(keys[0].status).toBe("invalid");
  });

  it("A157: chosen and not there it is an error, until its user lets credits pay", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const chosen = await asUser(session, "PUT", "/v1/user/modes", { mode: "byok", feature_key: "free_key" });
    expect(chosen.body).toMatchObject({ selected: "byok", fallback_to_platform: false });
    const refused = await chat(product, session.token, featured("free_key", "stub-text"));
    expect([refused.status, refused.body.error.code, refused.body.error.details.reason]).toEqual([
      401,
      "byok_key_invalid",
      "no_key",
    ]);
    expect(product.stub.billableCalls + vendor.billableCalls).toBe(0);
    await asUser(session, "PUT", "/v1/user/modes", {
      mode: "byok",
      feature_key: "free_key",
      fallback_to_platform: true,
    });
    const served = await chat(product, session.token, featured("free_key", "stub/stub-text"), { gateway: 1 });
    expect(served.body.modelfaucet.route_mode, served.text).toBe("platform");
    expect(served.headers.get("x-modelfaucet-route-mode")).toBe("platform");
    expect((await closedRecord(product, served.body.modelfaucet.request_id)).route_mode).toBe("platform");
    const receipt = await asUser(session, "GET", `/v1/user/receipts/${served.body.modelfaucet.receipt_id}`);
    expect(receipt.body).toMatchObject({ paid_by: "credits", route_mode: "platform" });
  });

  it("its owner's leave to use credits holds when it fails, and for as long as it does not work", async () => {
    const session = await fundedSession(product, ground, "1.00");
    await addKey(session, {
      fallback_to_platform: true,
      disclosure_version: await agreed(session, "free_key"),
    });
    vendor.script("*", { status: 401 });
    const both = { model: "auto:free_key" };
    const calls = () =>
      vendor.requests.filter(({ headers }) => headers.authorization === `Bearer ${ownKey}`).length;
    const isPaidByCredits = async (headers: Record<string, string> = {}) => {
      const answer = await chat(product, session.token, both, { headers });
      expect(answer.body.modelfaucet?.route_mode, answer.text).toBe("platform");
    };
    await isPaidByCredits();
    // Its other model was not tried with it.
    expect(calls()).toBe(1);
    const status = async () =>
      (await asUser(session, "GET", "/v1/user/provider-keys")).body.items[0].status as string;
    await expect.poll(status).toBe("invalid");
    await isPaidByCredits();
    await isPaidByCredits({ "x-modelfaucet-route": "byok" });
    expect(calls()).toBe(1);
  });

  it("leave to use credits is no way around a text that was not agreed to", async () => {
    const session = await fundedSession(product, ground, "1.00");
    await addKey(session);
    const leave = { mode: "byok", feature_key: "free_key", fallback_to_platform: true };
    expect((await asUser(session, "PUT", "/v1/user/modes", leave)).status).toBe(200);
    const refused = await chat(product, session.token, { model: "auto:free_key" });
    expect([refused.status, refused.body.error?.details.reason], refused.text).toEqual([
      403,
      "disclosure_required",
    ]);
    expect(product.stub.billableCalls + vendor.billableCalls).toBe(0);
    const disclosure_version = await agreed(session, "free_key");
    expect((await asUser(session, "PUT", "/v1/user/modes", { ...leave, disclosure_version })).status).toBe(
      200,
    );
    const served = await chat(product, session.token, { model: "auto:free_key" });
    expect(served.body.modelfaucet?.route_mode, served.text).toBe("byok");
  });

  it("a fee is agreed to first, and a raised one again", async () => {
    const session = await fundedSession(product, ground, "1.00");
    await addKey(session);
    const before = await chat(product, session.token, featured("paid_key"));
    expect([before.status, before.body.error.details.reason]).toEqual([403, "disclosure_required"]);
    const { items } = (await asUser(session, "GET", "/v1/user/modes?feature_key=paid_key")).body;
    const byok = items.find(({ mode }: Json) => mode === "byok");
    expect(byok).toMatchObject({
      available: false,
      reason: "disclosure_required",
      fee_usd: feeUsd,
      paid_by: "own_key",
    });
    const outdated = await asUser(session, "PUT", "/v1/user/modes", {
      mode: "auto",
      disclosure_version: "byok-1:9.00000000",
    });
    expect([outdated.status, outdated.body.error.param]).toEqual([409, "disclosure_version"]);
    const consent = { mode: "auto", feature_key: "paid_key", disclosure_version: byok.disclosure_version };
    expect((await asUser(session, "PUT", "/v1/user/modes", consent)).status).toBe(200);
    expect((await chat(product, session.token, featured("paid_key"), { gateway: 1 })).status).toBe(200);
    const models = ["openai/stub-text"];
    const raise = (fee: string) =>
      ground.setFeature(
        { models, route_preference: ["byok", "platform"] },
        { byok_fee_usd: fee },
        "paid_key",
      );
    await raise("0.00060000");
    const after = await chat(product, session.token, featured("paid_key"));
    expect(after.body.error?.details.reason).toBe("disclosure_required");
    await raise("0.00040000");
    expect((await chat(product, session.token, featured("paid_key"))).body.modelfaucet.charge_usd).toBe(
      "0.00040000",
    );
    await raise(feeUsd);
    expect(product.stub.billableCalls).toBe(0);
  });

  it("its own budget is exact, and does not move the payer when it is spent", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const key = await addKey(session, { budget_limit_usd: "0.00250000" });
    const flat = featured("free_key", "openai/stub-flat");
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => chat(product, session.token, flat, { gateway: index % 2 })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    const refused = answers.find(({ status }) => status !== 200)!;
    expect([refused.status, refused.body.error.code, refused.body.error.details.limit.level]).toEqual([
      402,
      "budget_exceeded",
      "credential",
    ]);
    const listed = (await asUser(session, "GET", `/v1/user/provider-keys/${key.id}`)).body;
    expect(listed.budget_used_usd).toBe("0.00200000");
    expect([vendor.billableCalls, product.stub.billableCalls]).toEqual([2, 0]);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });

  it("A159: one that comes with its request pays for that request and is kept nowhere", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const headers = { "x-modelfaucet-provider": "openai", "x-modelfaucet-provider-key": ownKey };
    const answer = await chat(product, session.token, featured("free_key"), { headers });
    expect(answer.body.modelfaucet.route_mode, answer.text).toBe("byok");
    expect(vendor.requests[0]!.headers.authorization).toBe(`Bearer ${ownKey}`);
    expect((await asUser(session, "GET", "/v1/user/provider-keys")).body.items).toEqual([]);
    const [event] = [await usageEvent(product, answer.body.modelfaucet.request_id)];
    expect(event.credential_id).toBeNull();
    const half = await chat(product, session.token, featured("free_key"), {
      headers: { "x-modelfaucet-provider": "openai" },
    });
    expect([half.status, half.body.error.param]).toEqual([400, "x-modelfaucet-provider-key"]);
    const foreign = await chat(product, session.token, featured("free_key"), {
      headers: { ...headers, "x-modelfaucet-provider-key": "sk-ant-api03-0123456789abcdef" },
    });
    expect([foreign.status, foreign.body.error.code]).toEqual([400, "secret_validation_failed"]);
    expect(vendor.billableCalls).toBe(1);
  });
});

describe("the developer's key", () => {
  it("A073, A029: gives the cost back to the developer, and its budget is exact", async () => {
    const created = await product.developer("POST", "/v1/developer/provider-keys", {
      public_app_id: ground.publicAppId,
      provider: "openai",
      api_key: "sk-proj-developers-own-key-0123456789",
      budget_limit_usd: "0.00099999",
    });
    expect(created.status, created.text).toBe(201);
    vendor.reset();
    const session = await fundedSession(product, ground, "1.00");
    const flat = featured("their_key", "openai/stub-flat");
    const refused = await chat(product, session.token, flat);
    expect([refused.status, refused.body.error.details.limit.set_by]).toEqual([402, "developer"]);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
    expect(vendor.billableCalls).toBe(0);
    const raised = await product.developer("PATCH", `/v1/developer/provider-keys/${created.body.id}`, {
      budget_limit_usd: "0.00100000",
    });
    expect(raised.status, raised.text).toBe(200);
    const answer = await chat(product, session.token, flat, { gateway: 1 });
    expect(answer.body.modelfaucet, answer.text).toMatchObject({
      route_mode: "developer_key",
      charge_usd: "0.00125000",
      upstream_cost_usd: "0.00100000",
      developer_share_usd: "0.00010000",
      platform_share_usd: "0.00015000",
    });
    const moved = await transfersOf(product, answer.body.modelfaucet.request_id);
    const to = (scope: string) =>
      moved.filter((line) => line.to_scope === scope).map((line) => line.amount_usd);
    expect(to("developer").sort()).toEqual(["0.00010000", "0.00100000"]);
    expect(to("platform")).toEqual(["0.00015000"]);
    expect(to("provider_cost")).toEqual([]);
    expect((await chat(product, session.token, flat)).status).toBe(402);
    expect(vendor.requests[0]!.headers.authorization).toBe("Bearer sk-proj-developers-own-key-0123456789");
    await product.developer("DELETE", `/v1/developer/provider-keys/${created.body.id}`);
    const credits = await chat(product, session.token, flat);
    expect(credits.body.modelfaucet.route_mode, credits.text).toBe("platform");
  });
});

describe("the choice", () => {
  it("A189: every payer and its price is there before the first call, and a switch takes effect on the next one", async () => {
    const session = await ground.openSession(undefined, { feature_key: "free_key" });
    const { modes, available_modes } = session.answer;
    expect(modes.items.map(({ mode, reason }: Json) => [mode, reason])).toEqual([
      ["platform", "insufficient_balance"],
      ["developer_key", "not_in_policy"],
      ["byok", "no_key"],
      ["local", "not_in_policy"],
    ]);
    expect(available_modes).toEqual([]);
    await credit(product, session.userId, "1.00");
    await addKey(session);
    const first = await chat(product, session.token, { model: "auto:free_key" });
    expect(first.body.modelfaucet.route_mode, first.text).toBe("byok");
    const switched = await asUser(session, "PUT", "/v1/user/modes", { mode: "platform" });
    expect(switched.body.selected).toBe("platform");
    const second = await chat(product, session.token, { model: "auto:free_key" }, { gateway: 1 });
    expect(second.body.modelfaucet.route_mode).toBe("platform");
    const third = await chat(product, session.token, {
      model: "auto:free_key",
      metadata: { route_mode: "byok" },
    });
    expect(third.body.modelfaucet.route_mode).toBe("byok");
    for (const mode of ["local", "developer_key"]) {
      const refused = await chat(product, session.token, {
        model: "auto:free_key",
        metadata: { route_mode: mode },
      });
      expect([refused.status, refused.body.error.param]).toEqual([400, "route_mode"]);
    }
    const lacking = await asUser(session, "PUT", "/v1/user/modes", { mode: "local" });
    expect([lacking.status, lacking.body.error.param]).toEqual([400, "mode"]);
  });

  it("what must not leave the device is refused by the gateway", async () => {
    await ground.setFeature({ route_preference: ["local"], privacy: "local_only" }, {}, "at_home");
    const session = await fundedSession(product, ground, "1.00");
    const refused = await chat(product, session.token, { model: "auto:at_home" });
    expect([refused.status, refused.body.error.code]).toEqual([403, "policy_local_only"]);
    expect(product.stub.billableCalls + vendor.billableCalls).toBe(0);
  });
});

describe("the user's own machine", () => {
  const report = (session: GroundSession, more: Record<string, unknown> = {}) => ({
    request_id: `req_local_${uuidV7()}`,
    app_id: ground.publicAppId,
    end_user_id_hash: session.answer.end_user_id_hash,
    feature_key: "at_home",
    route_mode: "local",
    provider: "ollama",
    model: "qwen3:8b",
    input_tokens: 12,
    output_tokens: 34,
    usage_source: "estimated",
    created_at: new Date().toISOString(),
    ...more,
  });

  it("A163: its reports are counted once, charge nothing, and come from their user alone", async () => {
    await ground.setFeature({ route_preference: ["local"], privacy: "local_only" }, {}, "at_home");
    const session = await fundedSession(product, ground, "1.00");
    const other = await ground.openSession();
    const first = report(session);
    const send = (by: GroundSession, body: unknown) => asUser(by, "POST", "/v1/local/usage-reports", body);
    const answers = await Promise.all(Array.from({ length: 4 }, () => send(session, first)));
    const statuses = answers.map(({ body }) => body.items?.[0].status).sort();
    expect(statuses, answers[0]!.text).toEqual(["accepted", "duplicate", "duplicate", "duplicate"]);
    const second = report(session);
    const many = await send(session, {
      reports: [
        second,
        second,
        first,
        report(session, { app_id: "another" }),
        report(other),
        report(session, { feature_key: "free_key" }),
        report(session, { feature_key: "no_such" }),
        report(session, { request_id: `req_local_${uuidV7(Date.now() + 3_600_000)}` }),
        report(session, { request_id: `req_local_${uuidV7(Date.now() - 40 * 86_400_000)}` }),
      ],
    });
    expect(many.body.items.map(({ status, reason }: Json) => reason ?? status)).toEqual([
      "accepted",
      "duplicate",
      "duplicate",
      "app",
      "user",
      "policy",
      "feature",
      "time",
      "time",
    ]);
    expect(
      (await send(other, { ...first, end_user_id_hash: other.answer.end_user_id_hash })).body.items[0],
    ).toEqual({
      request_id: first.request_id,
      status: "rejected",
      reason: "id",
    });
    const { items } = (await asUser(session, "GET", "/v1/user/usage")).body;
    expect(items).toHaveLength(2);
    expect(items.find(({ request_id }: Json) => request_id === first.request_id)).toMatchObject({
      route_mode: "local",
      provider: "ollama",
      charge_usd: "0.00000000",
      input_tokens: 12,
      output_tokens: 34,
      usage_source: "estimated",
    });
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
    const crowd = await send(session, { reports: Array.from({ length: 101 }, () => first) });
    expect(crowd.status).toBe(400);
  });
});

describe("prices of other modes", () => {
  it("a fixed fee is added to the cost, a fixed price is charged whatever it costs", async () => {
    const only = { models: ["stub/stub-flat"], route_preference: ["platform"] };
    const replaced = { markup_percent: undefined };
    await ground.setFeature(only, { ...replaced, mode: "fixed_fee", fixed_fee_usd: "0.00020000" }, "fee");
    await ground.setFeature(only, { ...replaced, mode: "fixed_price", fixed_price_usd: "0.01" }, "price");
    await ground.setFeature(
      only,
      { ...replaced, mode: "fixed_price", fixed_price_usd: "0.00099999" },
      "short",
    );
    const session = await fundedSession(product, ground, "1.00");
    const fee = await chat(product, session.token, { model: "auto:fee" });
    expect(fee.body.modelfaucet, fee.text).toMatchObject({ charge_usd: "0.00120000", fee_usd: "0.00020000" });
    const price = await chat(product, session.token, { model: "auto:price" });
    expect(price.body.modelfaucet, price.text).toMatchObject({
      charge_usd: "0.01000000",
      fee_usd: "0.00000000",
      upstream_cost_usd: "0.00100000",
      developer_share_usd: "0.00360000",
    });
    const short = await chat(product, session.token, { model: "auto:short" });
    expect([short.status, short.body.error.code]).toEqual([503, "no_available_route"]);
    expect(product.stub.billableCalls).toBe(2);
  });

  it("cheapest_sufficient takes the cheapest model that can do what is asked", async () => {
    await ground.setFeature(
      {
        models: ["stub/stub-dear", "stub/stub-text", "stub/stub-cheap"],
        model_policy: "cheapest_sufficient",
      },
      {},
      "cheap",
    );
    const session = await fundedSession(product, ground, "1.00");
    const answer = await chat(product, session.token, { model: "auto:cheap" });
    expect(answer.body.modelfaucet.model, answer.text).toBe("stub-cheap");
  });
});
