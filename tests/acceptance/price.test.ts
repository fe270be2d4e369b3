import { apiRoutes, gatewayRoutes } from "@modelfaucet/contract/routes/table.ts";
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
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream, streamChat } from "@modelfaucet/testkit/sse.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("prices", () => {
  it("A013: without a price nothing is called, by name or through an alias", async () => {
    await ground.setFeature({ models: ["stub/stub-none"] }, {}, "unpriced");
    for (const stream of [false, true]) {
      for (const model of ["stub-none", "stub/stub-none", "auto:unpriced"]) {
        const answer = await chat(product, session.token, { model, stream });
        expect([answer.status, answer.body.error.code], model).toEqual([400, "model_not_priced"]);
        expect(answer.body.error).toMatchObject({
          param: "model",
          message: `The model "${model}" has no price here, so it cannot be called.`,
        });
        expect(answer.headers.get("x-should-retry")).toBe("false");
      }
    }
    expect(product.stub.calls).toBe(0);
    expect(await closedCount(product, session.userId)).toBe(0);
  });

  it("A014: a new price binds new calls; an old record keeps its own", async () => {
    await publishPrices(product, [textPrice("1.00", "2.00")]);
    const first = (await chat(product, session.token, { model: "stub-text" })).body.modelfaucet;
    const recordBefore = await closedRecord(product, first.request_id);
    const receiptBefore = await receiptOf(first.receipt_id);
    await publishPrices(product, [textPrice("2.00", "4.00")]);
    for (const gateway of [0, 1]) {
      const next = (await chat(product, session.token, { model: "stub-text" }, { gateway })).body.modelfaucet;
      expect(next.charge_usd).toBe("0.00050000");
      expect(next.price_version).toBeGreaterThan(first.price_version);
    }
    expect(first.charge_usd).toBe("0.00025000");
    expect(await closedRecord(product, first.request_id)).toEqual(recordBefore);
    const receipt = await receiptOf(first.receipt_id);
    expect(receipt).toEqual(receiptBefore);
    expect(receipt.price_version).toBe(first.price_version);
    expect(receipt.lines).toEqual([
      { unit: "input", quantity: 100, price_per_million_usd: "1.00000000", amount_usd: "0.00010000" },
      { unit: "output", quantity: 50, price_per_million_usd: "2.00000000", amount_usd: "0.00010000" },
    ]);
    expect(product.stub.billableCalls).toBe(3);
  });

  it("A015: a stream is settled at the version frozen in its hold", async () => {
    let prices: [string, string] = ["1.00", "2.00"];
    for (const next of [["2.00", "4.00"] as [string, string], ["1.00", "2.00"] as [string, string]]) {
      const version = await publishPrices(product, [textPrice(...prices)]);
      product.stub.script("stub-text", { gaps: [{ before: 10, ms: 1_500 }] });
      const stream = await openStream(product, session.token, { model: "stub-text" });
      await stream.pieces(5);
      await publishPrices(product, [textPrice(...next)]);
      await stream.end();
      expect(stream.price.charge_usd).toBe(prices[0] === "1.00" ? "0.00025000" : "0.00050000");
      expect(stream.price.price_version).toBe(version);
      prices = next;
    }
    await publishPrices(product, [textPrice("1.00", "2.00")]);
    expect(product.stub.billableCalls).toBe(2);
  });

  it("A017: every POST route and modality is metered, or refused before upstream", async () => {
    const metered = gatewayRoutes.filter(({ method }) => method === "POST").map(({ path }) => path);
    expect(metered).toEqual(["/v1/chat/completions"]);
    const later = [
      "responses embeddings messages messages/count_tokens completions moderations rerank batches files",
      "images/generations images/edits audio/transcriptions audio/translations audio/speech video/generations",
    ].flatMap((line) => line.split(" ").map((path) => `/v1/${path}`));
    const base = product.gateways[0]!.slice(0, -"/v1".length);
    for (const path of [...later, ...apiRoutes.filter(isPost).map(({ path }) => path)]) {
      const answer = await send(`${base}${path}`, "POST", hello, bearer());
      expect([answer.status, answer.body.error.code], path).toEqual([404, "not_found"]);
      expect(answer.body.error.message, path).toMatch(/^[A-Z].*\.$/);
    }
    for (const [param, more] of Object.entries(unmetered)) {
      for (const stream of [false, true]) {
        const answer = await chat(product, session.token, { ...hello, ...more, stream });
        expect([answer.status, answer.body.error.code], param).toEqual([400, "unsupported_parameter"]);
        expect(answer.body.error.param).toBe(param);
      }
    }
    expect(product.stub.calls).toBe(0);
    expect(await closedCount(product, session.userId)).toBe(0);
    const [whole, streamed] = [
      await chat(product, session.token, hello),
      await streamChat(product, session.token, hello),
    ];
    for (const { request_id } of [whole.body.modelfaucet, streamed.price])
      expect((await closedRecord(product, request_id)).charge_usd).toBe("0.00025000");
  });

  it("A020: a markup above the operator's maximum is refused, the maximum itself is shown and taken", async () => {
    const { max_markup_percent: maximum } = (await product.admin("GET", "/v1/admin/settings")).body;
    const put = (markup_percent: number) =>
      product.developer("PUT", `/v1/developer/apps/${ground.publicAppId}/features/dear`, {
        feature_key: "dear",
        display_name: "Dear",
        policy: { models: ["stub/stub-text"] },
        pricing: { markup_percent, developer_share_bps: 4000 },
      });
    const refused = await put(maximum + 0.01);
    expect([refused.status, refused.body.error.code]).toEqual([400, "invalid_request"]);
    expect(refused.body.error).toMatchObject({ param: "pricing.markup_percent", details: { maximum } });
    expect(refused.body.error.message).toContain(String(maximum));
    expect((await put(maximum)).status).toBeLessThan(300);
    const shown = await send(`${product.gateways[0]}/models/auto:dear`, "GET", undefined, bearer());
    expect(shown.body.pricing).toMatchObject({ input_usd: "4.00000000", output_usd: "8.00000000" });
    const price = (await chat(product, session.token, { model: "auto:dear" })).body.modelfaucet;
    expect(price).toMatchObject({ upstream_cost_usd: "0.00020000", charge_usd: "0.00080000" });
  });

  // The last one: a clock that has gone on does not go back.
  it("A014: a price for later binds calls from its time on, by the database's clock", async () => {
    const drafted = await product.admin("POST", "/v1/admin/price-book/import", {
      source: "entries",
      entries: [textPrice("4.00", "8.00")],
      effective_at: new Date(Date.now() + 3_600_000).toISOString(),
      reason: "test",
    });
    const path = `/v1/admin/price-book/versions/${drafted.body.version}/publish`;
    const published = await product.admin("POST", path, { accept_large_changes: true, reason: "test" });
    expect(published.body.status).toBe("scheduled");
    const before = (await chat(product, session.token, { model: "stub-text" })).body.modelfaucet;
    await product.database.setClockOffset(3_700_000);
    // Memory copies follow the database within two seconds.
    const after = await vi.waitFor(
      async () => {
        const { token } = await ground.openSession(session.user);
        const answer = await chat(product, token, { model: "stub-text" });
        expect(answer.body.modelfaucet?.price_version, answer.text).toBe(drafted.body.version);
        return answer.body.modelfaucet;
      },
      { timeout: 5_000, interval: 100 },
    );
    expect(units(after.charge_usd)).toBe(units("0.00100000"));
    expect(before.price_version).toBeLessThan(after.price_version);
  });
});

const hello = { model: "stub-text", messages: [{ role: "user", content: "hello" }] };
const part = (type: string) => ({ messages: [{ role: "user", content: [{ type, [type]: {} }] }] });

/** What asks for something without a meter, by the field that is refused. */
const unmetered: Record<string, Json> = {
  "messages[0].content[0].type": part("input_audio"),
  modalities: { modalities: ["text", "audio"] },
  audio: { audio: { voice: "alloy", format: "wav" } },
  web_search_options: { web_search_options: {} },
  plugins: { plugins: [{ id: "web" }] },
  service_tier: { service_tier: "priority" },
  "tools[0].type": { tools: [{ type: "web_search" }] },
};

const isPost = ({ method }: { method: string }): boolean => method === "POST";
const bearer = () => ({ authorization: `Bearer ${session.token}` });

function textPrice(input: string, output: string): Record<string, unknown> {
  return priceEntry(["stub-text", input, "0.10", "1.25", output, "0"]);
}

async function receiptOf(id: string): Promise<Json> {
  return (await product.call("GET", `/v1/user/receipts/${id}`, undefined, { token: session.token })).body;
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
