import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedRecord,
  credit,
  type Ground,
  type GroundSession,
  groundModels,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import {
  type HttpAnswer,
  type Json,
  type Product,
  send,
  startProduct,
} from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { lastOf, readEventLines } from "./event-lines.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "5.00");
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

const models = (token: string, path = ""): Promise<HttpAnswer> =>
  send(`${product.gateways[0]}/models${path}`, "GET", undefined, { authorization: `Bearer ${token}` });
const idsOf = async (token: string): Promise<string[]> =>
  (await models(token)).body.data.map(({ id }: Json) => id).sort();

describe("A166: every answer carries its cost", () => {
  const figures = {
    charge_usd: "0.00125000",
    upstream_cost_usd: "0.00100000",
    developer_share_usd: "0.00010000",
    platform_share_usd: "0.00015000",
    fee_usd: "0.00000000",
    route_mode: "platform",
  };

  it.each([
    ["unstreamed", {}],
    ["streamed", { stream: true }],
    ["streamed with include_usage", { stream: true, stream_options: { include_usage: true } }],
  ])("A166: %s: body or last chunk, headers and request view agree", async (_, more) => {
    const answer = await chat(product, session.token, { model: "stub-flat", ...more });
    const isStream = "stream" in more;
    const events = isStream ? readEventLines(answer.text) : null;
    const told = events ? lastOf(events, "modelfaucet") : answer.body.modelfaucet;
    expect(told).toMatchObject({
      ...figures,
      feature_key: "chat",
      provider: "stub",
      model: "stub-flat",
      usage_source: "provider",
      simulated: false,
      attempts: 1,
      price_version: expect.any(Number),
      wallet_balance_usd: expect.stringMatching(/^\d+\.\d{8}$/),
      receipt_id: `rcpt_${told.request_id}`,
    });
    if (events) expect(events.chunks.filter((chunk) => chunk.modelfaucet)).toEqual([events.chunks.at(-1)]);
    const header = (name: string) => answer.headers.get(`x-modelfaucet-${name}`);
    expect(answer.headers.get("x-request-id")).toBe(told.request_id);
    expect([header("request-id"), header("route-mode"), header("model")]).toEqual([
      told.request_id,
      "platform",
      "stub-flat",
    ]);
    if (isStream) expect(header("hold-usd")).toBe("0.00125000");
    else
      expect([header("charge-usd"), header("balance-usd")]).toEqual([
        figures.charge_usd,
        told.wallet_balance_usd,
      ]);
    const view = await closedRecord(product, told.request_id);
    expect(view).toMatchObject({
      ...figures,
      receipt: { ...figures, receipt_id: told.receipt_id },
      status: "succeeded",
    });
    expect(view.attempts).toHaveLength(1);
    const usage = answer.body.usage ?? (events ? lastOf(events, "usage") : undefined);
    if (usage)
      expect(usage).toMatchObject({
        prompt_tokens: view.input_tokens,
        completion_tokens: view.output_tokens,
        cost: 0.00125,
      });
  });

  it("A166: a client's own request id is kept beside ours", async () => {
    const answer = await chat(
      product,
      session.token,
      { model: "stub-flat" },
      { headers: { "x-request-id": "mine:42" } },
    );
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    expect(await closedRecord(product, answer.body.modelfaucet.request_id)).toMatchObject({
      client_request_id: "mine:42",
    });
  });
});

describe("a name that upstream gives itself", () => {
  it("is shown where it is a name, and never breaks an answer, a header or a row", async () => {
    const names = [
      "a\u0000b",
      "\ud800",
      "x".repeat(100_000),
      "evil\r\nset-cookie: a=b",
      "",
      7,
      null,
      {},
      "模型-é 1.5",
      "stub-text-2026-01-15",
    ];
    for (const name of names) {
      for (const stream of [false, true]) {
        product.stub.script("stub-text", { chunks: undefined, model: name } as never);
        const answer = await chat(product, session.token, { model: "stub-text", stream });
        const told = stream ? lastOf(readEventLines(answer.text), "modelfaucet") : answer.body.modelfaucet;
        const isName = name === names.at(-1) || name === names.at(-2);
        expect({ name, stream, status: answer.status, ...told }).toMatchObject({
          status: 200,
          charge_usd: "0.00025000",
          model: isName ? name : "stub-text",
        });
        expect(told.settlement).toBeUndefined();
        expect(answer.headers.get("set-cookie")).toBeNull();
        expect(answer.headers.get("x-modelfaucet-model")).toMatch(/^[\x20-\x7e]{1,600}$/);
      }
    }
  });
});

describe("A167: exactly what this token may call", () => {
  it("A167: two models and one alias are three, each callable, all others unknown", async () => {
    const narrow = await ground.openSession(session.user, {
      models: ["stub-flat", "stub/stub-text", "auto:chat"],
    });
    expect(await idsOf(narrow.token)).toEqual(["auto:chat", "stub-flat", "stub-text"]);
    for (const id of await idsOf(narrow.token)) {
      expect((await models(narrow.token, `/${id}`)).body).toMatchObject({ id, object: "model" });
      expect({ id, status: (await chat(product, narrow.token, { model: id })).status }).toEqual({
        id,
        status: 200,
      });
    }
    const calls = product.stub.calls;
    for (const id of [
      "stub-dear",
      "stub/stub-dear",
      "auto:other",
      "stub-none",
      "",
      " ",
      "stub-flat ",
      "STUB-FLAT",
      "models",
    ]) {
      if (id.trim() !== "")
        expect((await models(narrow.token, `/${encodeURIComponent(id)}`)).body.error).toMatchObject({
          code: "model_not_found",
          param: "model",
        });
      if (id !== "")
        expect((await chat(product, narrow.token, { model: id })).body.error.code).toBe("model_not_found");
    }
    expect(product.stub.calls).toBe(calls);
  });

  it("A167: none is an empty array, and nothing can be called", async () => {
    const none = await ground.openSession(session.user, { models: [] });
    expect((await models(none.token)).body).toEqual({ object: "list", data: [] });
    expect((await chat(product, none.token, { model: "auto:chat" })).body.error.code).toBe("model_not_found");
    expect((await chat(product, none.token, { model: "stub-flat" })).body.error.code).toBe("model_not_found");
    expect(product.stub.calls).toBe(0);
  });

  it("A167: without narrowing every priced model of every feature is listed, and each listed id works, slashes too", async () => {
    const slashed = ["vendor/deep/model-x", "vendor/model:free", "model@2026-01-15", "vendor/模型 é"];
    await publishPrices(
      product,
      slashed.map((model) => priceEntry([model, "1.00", "0.10", "1.25", "2.00", "0"])),
    );
    await ground.setFeature({ models: slashed.map((model) => `stub/${model}`) }, {}, "second");
    const wide = await ground.openSession(session.user);
    const ids = await idsOf(wide.token);
    expect(ids).toEqual(["auto:chat", "auto:second", ...groundModels, ...slashed].sort());
    for (const id of ids) {
      for (const path of [`/${id}`, `/${encodeURIComponent(id)}`])
        expect((await models(wide.token, path)).body).toMatchObject({ id });
      expect({ id, status: (await chat(product, wide.token, { model: id, max_tokens: 20 })).status }).toEqual(
        { id, status: 200 },
      );
    }
    expect(
      (await chat(product, wide.token, { model: "stub/vendor/deep/model-x", max_tokens: 20 })).status,
    ).toBe(200);
    // A session of one feature sees that feature alone.
    const one = await ground.openSession(session.user, { feature_key: "second" });
    expect(await idsOf(one.token)).toEqual(["auto:second", ...slashed].sort());
    expect((await chat(product, one.token, { model: "stub-flat" })).status).toBe(404);
  });

  it("A167: the list shows the prices that the user pays, markup included, before the first call", async () => {
    const listed = (await models(session.token, "/stub-text")).body;
    expect(listed).toMatchObject({
      owned_by: "stub",
      context_length: 128_000,
      max_output_tokens: 32_768,
      pricing: {
        input_usd: "1.25000000",
        cached_input_usd: "0.12500000",
        output_usd: "2.50000000",
        request_usd: "0.00000000",
      },
    });
    expect((await models(session.token, "/stub-flat")).body.pricing.request_usd).toBe("1250.00000000");
  });
});

describe("a payer that is asked about", () => {
  const priceOf = async (token: string, route?: string) => {
    const url = `${product.gateways[0]}/models`;
    const headers = { authorization: `Bearer ${token}`, ...(route ? { "x-modelfaucet-route": route } : {}) };
    const { status, body } = await send(url, "GET", undefined, headers);
    return { status, price: body.data?.find(({ id }: Json) => id === "stub-text")?.pricing.output_usd };
  };

  it("is priced before it is chosen, whoever pays now", async () => {
    await ground.setFeature({ route_preference: ["platform", "byok"] });
    const asking = await ground.openSession();
    const credits = await priceOf(asking.token, "platform");
    expect(credits).toEqual({ status: 200, price: expect.stringMatching(/[1-9]/) });
    expect(await priceOf(asking.token)).toEqual(credits);
    const chosen = await send(
      `${product.api}/v1/user/modes`,
      "PUT",
      { mode: "byok" },
      {
        authorization: `Bearer ${asking.token}`,
      },
    );
    expect(chosen.status).toBe(200);
    expect(await priceOf(asking.token)).toEqual({ status: 200, price: undefined });
    expect(await priceOf(asking.token, "platform")).toEqual(credits);
    expect(await priceOf(asking.token, "somebody")).toMatchObject({ status: 400 });
    await ground.setFeature({});
  });
});

describe("time that is ours", () => {
  it("A128: the overhead header tells our part alone, and a stream's first chunk is not held back", async () => {
    for (const delay of [0, 400]) {
      product.stub.script("stub-flat", { headersAfterMs: delay, outputTokens: 1 });
      const startedAt = performance.now();
      const answer = await chat(product, session.token, { model: "stub-flat" });
      const total = performance.now() - startedAt;
      const overhead = Number(answer.headers.get("x-modelfaucet-overhead-ms"));
      expect(answer.headers.get("x-modelfaucet-overhead-ms")).toMatch(/^\d+\.\d$/);
      expect(overhead).toBeGreaterThan(0);
      expect(overhead + delay).toBeLessThanOrEqual(total + 5);
      expect(overhead).toBeLessThan(350);
    }
  });

  it("A129: one request on an idle instance is two commits, each of it alone", async () => {
    const before = await commits();
    await chat(product, session.token, { model: "stub-flat" });
    const after = await commits();
    const since = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect({ opened: since('count{kind="hold"}'), closed: since('count{kind="settle"}') }).toEqual({
      opened: 1,
      closed: 1,
    });
    expect({ opened: since('sum{kind="hold"}'), closed: since('sum{kind="settle"}') }).toEqual({
      opened: 1,
      closed: 1,
    });
  });
});

/** How many commits of each kind the gateway made, and of how many requests they were. */
async function commits(): Promise<Map<string, number>> {
  const text = await (await fetch(`${product.gatewayProcesses[0]!.url}/metrics`)).text();
  const lines = text.matchAll(/^modelfaucet_commit_batch_size_((?:count|sum)\{kind="[a-z]+"\}) (\d+)$/gm);
  return new Map([...lines].map(([, name, value]) => [name!, Number(value)]));
}
