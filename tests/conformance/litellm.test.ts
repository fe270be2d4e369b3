import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedRecord,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import { type Litellm, startLitellm } from "@modelfaucet/testkit/litellm.ts";
import { freePorts, type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

// The real LiteLLM proxy with the configuration that we ship, between the gateway and the stub.

const masterKey = `sk-${"Wq8ZrT5vKxN2mYc7LpJh4sDf9bGtRk3V"}`;
const canary = "a-prompt-that-nobody-may-log-7Q2xV9tKc4";

let litellm: Litellm;
let vendor: StubUpstream;
let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  vendor = await startStubUpstream();
  const [port] = await freePorts(1);
  [litellm, product] = await Promise.all([
    startLitellm({ upstreamUrl: vendor.url, masterKey, port: port! }),
    startProduct({
      postgres: inject("postgres"),
      env: {
        LITELLM_BASE_URL: `http://127.0.0.1:${port}`,
        // The first key is of the time before a rotation: the second is tried when it is refused.
        LITELLM_MASTER_KEY: `ring:sk-an-older-master-key-of-this-test,${masterKey}`,
        PROVIDER_MAX_RETRIES: "0",
        PROVIDER_TIMEOUT_MS: "3000",
        PROVIDER_UNSTREAMED_TIMEOUT_MS: "3000",
      },
    }),
  ]);
  ground = await layGround(product);
  await publishPrices(product, [priceEntry(["auto-text", "1.00", "0.10", "1.25", "2.00", "0"], "litellm")]);
  await ground.setFeature({ models: ["litellm/auto-text"] });
}, 180_000);
beforeEach(async () => {
  vendor.reset();
  session = await ground.openSession();
  await credit(product, session.userId, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(async () => {
  await product?.stop();
  await litellm?.stop();
  await vendor?.close();
});

describe("through the real LiteLLM", () => {
  it("a whole answer is charged by the usage that the vendor reported", async () => {
    const answer = await ask({});
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50 });
    expect(answer.body.modelfaucet).toMatchObject({
      provider: "litellm",
      usage_source: "provider",
      charge_usd: "0.00025000",
      upstream_cost_usd: "0.00020000",
    });
    expect(vendor.calls).toBe(1);
  });

  it("a stream passes as it comes and is charged by its usage, whether the client asked for that or not", async () => {
    for (const more of [{}, { stream_options: { include_usage: true } }]) {
      const answer = await ask({ stream: true, ...more });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.text.trim().endsWith("data: [DONE]")).toBe(true);
      const id = answer.headers.get("x-modelfaucet-request-id")!;
      expect(await closedRecord(product, id)).toMatchObject({
        usage_source: "provider",
        charge_usd: "0.00025000",
        status: "succeeded",
      });
    }
  });

  it("cached and reasoning tokens arrive as the vendor told them", async () => {
    vendor.script(() => ({
      usage: {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 80 },
        completion_tokens_details: { reasoning_tokens: 40 },
      },
    }));
    const { body } = await ask({});
    expect(body.modelfaucet.upstream_cost_usd).toBe("0.00012800");
    expect(body.usage.completion_tokens_details).toEqual({ reasoning_tokens: 40 });
  });

  it("what the vendor refuses is an error at no charge, told without the vendor's text or key", async () => {
    for (const [status, code] of [
      [429, "provider_error"],
      [500, "provider_error"],
      [503, "provider_error"],
    ] as const) {
      vendor.script(() => ({
        status,
        body: { error: { message: "the vendor says no: sk-of-the-stub-only" } },
      }));
      const answer = await ask({});
      expect([answer.status, answer.body.error.code], answer.text).toEqual([502, code]);
      expect(answer.text).not.toContain("sk-of-the-stub-only");
      expect(answer.text).not.toContain(masterKey);
    }
  });

  it("a vendor that hangs is a timeout, and one that breaks off is a failed stream", async () => {
    vendor.script(() => ({ hang: "accept" }));
    const hung = await ask({});
    expect([hung.status, hung.body.error.code]).toEqual([504, "provider_timeout"]);
    vendor.script(() => ({ errorAfter: 5 }));
    const broken = await ask({ stream: true });
    expect(broken.text).not.toContain("[DONE]");
    const record = await closedRecord(product, broken.headers.get("x-modelfaucet-request-id")!);
    expect(record).toMatchObject({ status: "failed", charge_usd: "0.00000000" });
  });

  it("its models are listed and its health is told without one paid call", async () => {
    const models = await product.call("GET", "/health/providers", undefined, { token: null });
    expect(models.status).toBe(404);
    const gateway = product.gatewayProcesses[0]!.url;
    const health = await fetch(`${gateway}/health/providers`, {
      headers: { authorization: `Bearer ${product.adminToken}` },
    });
    const told = (await health.json()) as { providers: { provider: string; ok: boolean }[] };
    expect(told.providers.find(({ provider }) => provider === "litellm")).toMatchObject({ ok: true });
    const listed = await fetch(`${litellm.url}/v1/models`, {
      headers: { authorization: `Bearer ${masterKey}` },
    });
    expect(((await listed.json()) as { data: { id: string }[] }).data.map(({ id }) => id).sort()).toEqual([
      "auto-text",
      "openrouter-auto",
    ]);
    expect(vendor.calls).toBe(0);
  });

  it("fields that would redirect or re-key the call never reach it", async () => {
    for (const field of ["api_base", "base_url", "api_key", "extra_headers", "extra_body", "user_config"]) {
      const refused = await ask({ [field]: "http://127.0.0.1:1" });
      expect([refused.status, refused.body.error.param], field).toEqual([400, field]);
    }
    expect(vendor.calls).toBe(0);
  });

  it("neither prompt nor answer is in what it writes", async () => {
    vendor.script(() => ({ tokens: ["the answer of ", canary] }));
    expect((await ask({ messages: [{ role: "user", content: canary }] })).text).toContain(canary);
    vendor.script(() => ({ status: 500 }));
    await ask({ messages: [{ role: "user", content: canary }] });
    expect(litellm.output()).not.toContain(canary);
    expect(litellm.output()).not.toContain(Buffer.from(canary).toString("base64"));
    expect(litellm.output()).not.toContain(masterKey);
  });

  it("when it is gone the call is an error, and nobody is charged", async () => {
    await litellm.stop();
    const answer = await ask({});
    expect([502, 503]).toContain(answer.status);
    expect(answer.headers.get("x-should-retry")).toBe("true");
  });
});

const ask = (body: Record<string, unknown>): Promise<HttpAnswer> =>
  chat(product, session.token, { model: "auto-text", ...body });
