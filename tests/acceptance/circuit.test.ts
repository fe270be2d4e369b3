import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it, vi } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;
let other: StubUpstream;
const openMs = 1_000;

beforeAll(async () => {
  other = await startStubUpstream();
  product = await startProduct({
    postgres: inject("postgres"),
    env: { CIRCUIT_FAILURES: "3", CIRCUIT_OPEN_MS: String(openMs), PROVIDER_MAX_RETRIES: "0" },
  });
  ground = await layGround(product);
  await product.admin("PUT", "/v1/admin/providers/other", { base_url: other.url, reason: "test upstream" });
  await publishPrices(product, [priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "other")]);
  await ground.setFeature({ models: ["stub/stub-text", "other/stub-text"] }, {}, "pair");
  await ground.setFeature({ models: ["stub/stub-text"] }, {}, "alone");
});
beforeEach(async () => {
  product.stub.reset();
  other.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(async () => {
  await product.stop();
  await other.close();
});

const call = (feature: string) => chat(product, session.token, { model: `auto:${feature}` });
const circuitOf = async (): Promise<unknown> =>
  (await product.admin("GET", "/v1/admin/providers/stub")).body.circuit;

it("an upstream that fails three times in a row is gone around, until one request has found it well", async () => {
  product.stub.script("*", { status: 503 });
  for (let count = 0; count < 6; count++) {
    const answer = await call("pair");
    expect([answer.status, answer.body.modelfaucet.provider]).toEqual([200, "other"]);
  }
  expect([product.stub.calls, other.calls]).toEqual([3, 6]);
  await vi.waitFor(async () => expect(await circuitOf()).toBe("open"), { timeout: 5_000 });
  // Where there is nowhere else to go it is asked all the same.
  const alone = await call("alone");
  expect([alone.status, alone.body.error.code]).toEqual([502, "provider_error"]);
  expect(product.stub.calls).toBe(4);

  product.stub.script("*", {});
  await new Promise((resolve) => setTimeout(resolve, openMs));
  const answers = await Promise.all([call("pair"), call("pair"), call("pair")]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await call("pair")).body.modelfaucet.provider).toBe("stub");
  await vi.waitFor(async () => expect(await circuitOf()).toBe("closed"), { timeout: 5_000 });
});

it("what is the caller's own fault opens nothing", async () => {
  product.stub.script("*", { status: 400 });
  for (let count = 0; count < 5; count++) expect((await call("pair")).status).toBe(400);
  product.stub.script("*", {});
  expect((await call("pair")).body.modelfaucet.provider).toBe("stub");
});
