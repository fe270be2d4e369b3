import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { freePorts, type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { startRedis, type TestRedis } from "@modelfaucet/testkit/redis.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let redis: TestRedis;
let product: Product;
let ground: Ground;

beforeAll(async () => {
  const [port] = await freePorts(1);
  redis = await startRedis(port!);
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { PROVIDER_MAX_RETRIES: "0", REDIS_URL: redis.url },
  });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(async () => {
  await product.stop();
  await redis.remove();
});

describe("rates over two gateways", () => {
  it("requests at a time are counted over both, and every exit frees its place", async () => {
    await rates({ user_concurrency: 3 });
    const session = await fundedSession(product, ground, "1.00");
    product.stub.script(() => ({ headersAfterMs: 500 }));
    const first = await flood(session, 12);
    expect(served(first)).toHaveLength(3);
    const refused = first.find(({ status }) => status === 429)!;
    expect(refused.body.error).toMatchObject({
      code: "rate_limited",
      details: { level: "end_user", measure: "concurrency", limit: 3 },
    });
    expect(refused.headers.get("retry-after")).toBe("1");
    product.stub.script(() => ({ status: 500 }));
    await flood(session, 3);
    const leaving = new AbortController();
    product.stub.script(() => ({ headersAfterMs: 5_000 }));
    const left = flat(session, 0, leaving.signal).catch(() => null);
    await expect.poll(() => product.stub.calls).toBeGreaterThan(6);
    leaving.abort();
    await left;
    product.stub.reset();
    await expect.poll(async () => served(await flood(session, 3)).length, { timeout: 5_000 }).toBe(3);
  });

  it("tokens are set aside while a request runs and corrected when it is over", async () => {
    await rates({ user_tpm: 310 });
    const session = await fundedSession(product, ground, "1.00");
    const statuses: number[] = [];
    for (let call = 0; call < 4; call++) statuses.push((await flat(session, call % 2)).status);
    // Each is 100 and 50 tokens: after two of them 10 are left, which is enough to begin a third.
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  it("who proves nothing opens ten sessions for a user at once, and then one each six seconds", async () => {
    await product.developer("PATCH", `/v1/developer/apps/${ground.publicAppId}`, { identity_mode: "demo" });
    const open = (user: string) => {
      const body = { public_app_id: ground.publicAppId, external_user_id: user };
      return product.call("POST", "/v1/sessions", body, { token: null });
    };
    const opened = await Promise.all(Array.from({ length: 12 }, () => open("eager")));
    expect(served(opened)).toHaveLength(10);
    const refused = opened.find(({ status }) => status === 429)!;
    expect(refused.body.error.details).toMatchObject({ level: "end_user", measure: "requests", limit: 10 });
    const waits = Number(refused.headers.get("retry-after"));
    expect(waits).toBeGreaterThan(0);
    expect(waits).toBeLessThanOrEqual(6);
    expect((await open("another")).status).toBe(200);
    await expect.poll(async () => (await open("eager")).status, { timeout: 8_000, interval: 500 }).toBe(200);
    await product.developer("PATCH", `/v1/developer/apps/${ground.publicAppId}`, { identity_mode: "signed" });
  });

  it("A122: 300 at once on both gateways admit 100; without the store each limits alone, and money stays exact", async () => {
    await rates({ user_rpm: 100 });
    const session = await fundedSession(product, ground, "10.00");
    const answers = await flood(session, 300);
    const admitted = served(answers).length;
    expect(admitted).toBeGreaterThanOrEqual(99);
    expect(admitted).toBeLessThanOrEqual(101);
    const refused = answers.find(({ status }) => status === 429)!;
    expect(refused.body.error.details).toMatchObject({ level: "end_user", limit: 100 });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("x-ratelimit-limit")).toBe("100");
    expect(refused.headers.get("x-ratelimit-remaining")).toBe("0");
    expect(refused.headers.get("x-should-retry")).toBe("true");

    await redis.stop();
    await expect.poll(() => storeStates(), { timeout: 10_000 }).toEqual(["away", "away", "away"]);
    const poor = await fundedSession(product, ground, "0.00375000");
    const alone = await Promise.all([flood(session, 150, 0), flood(session, 150, 1), flood(poor, 30)]);
    expect(alone.map((list) => served(list).length)).toEqual([100, 100, 3]);
    expect((await wallet(product, poor.token)).balance_usd).toBe("0.00000000");

    await redis.start();
    await expect.poll(() => storeStates(), { timeout: 10_000 }).toEqual(["shared", "shared", "shared"]);
    expect(served(await flood(session, 150)).length).toBeGreaterThanOrEqual(99);
  });
});

describe("the rate of one credential", () => {
  it("A123: who was refused has used nothing", async () => {
    await rates({ user_concurrency: 1 });
    const gateway = await product.addGateway({
      GATEWAY_RATE_LIMIT_MAX_REQUESTS: "1",
      GATEWAY_RATE_LIMIT_WINDOW_MS: "2000",
    });
    const place = product.gatewayProcesses.indexOf(gateway);
    const session = await fundedSession(product, ground, "1.00");
    product.stub.script(() => ({ headersAfterMs: 1_000 }));
    const a = flat(session, place);
    await expect.poll(() => product.stub.calls).toBe(1);
    const b = await flat(session, place);
    expect([b.status, b.body.error.code]).toEqual([429, "rate_limited"]);
    expect((await a).status).toBe(200);
    // The window of A is over, and B has begun none.
    await expect
      .poll(async () => (await flat(session, place)).status, { timeout: 4_000, interval: 300 })
      .toBe(200);
    expect(product.stub.calls).toBe(2);
  });

  it("an unknown token counts for its address, and no more than the limit is told 401", async () => {
    const gateway = await product.addGateway({ GATEWAY_RATE_LIMIT_MAX_REQUESTS: "5" });
    const answers: number[] = [];
    for (let call = 0; call < 8; call++) {
      const answer = await fetch(`${gateway.url}/v1/models`, {
        headers: { authorization: "Bearer mf_sess_nonsense" },
      });
      answers.push(answer.status);
    }
    expect(answers).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  });
});

async function rates(limits: Record<string, number>): Promise<void> {
  const path = `/v1/developer/apps/${ground.publicAppId}`;
  const answer = await product.developer("PATCH", path, { rate_limits: limits });
  expect([answer.status, answer.body.rate_limits], answer.text).toEqual([200, limits]);
}

const flat = (session: GroundSession, gateway = 0, signal?: AbortSignal): Promise<HttpAnswer> =>
  chat(product, session.token, { model: "stub-flat" }, { gateway, ...(signal ? { signal } : {}) });

const flood = (session: GroundSession, calls: number, gateway?: number): Promise<HttpAnswer[]> =>
  Promise.all(Array.from({ length: calls }, (_, index) => flat(session, gateway ?? index % 2)));

const served = (answers: readonly HttpAnswer[]): HttpAnswer[] =>
  answers.filter(({ status }) => status === 200);

async function storeStates(): Promise<string[]> {
  const rows = await product.sql`select rate_store from instances
    where heartbeat_at > mf_now() - interval '3 seconds' order by rate_store`;
  return rows.map((row) => row.rate_store as string);
}
