import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { chat, fundedSession, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

// A flat call costs its payer 0.00125000.
let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { PROVIDER_MAX_RETRIES: "0", MODELFAUCET_MINUTE_MS: "300" },
  });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterEach(async () => {
  await setApp({ wallet_limits: null, rate_limits: null, time_zone: "UTC" });
  await ground.setFeature({});
  await expectBooksClean(product);
});
afterAll(() => product.stop());

describe("spending limits", () => {
  it("A185: a user's own daily cap refuses the third call, names itself, and gives way within two seconds", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const set = await ownLimit(session.token, "day", "0.00250000");
    expect(set.body.items).toContainEqual(
      expect.objectContaining({
        level: "end_user",
        window: "day",
        limit_usd: "0.00250000",
        used_usd: "0.00000000",
        remaining_usd: "0.00250000",
        set_by: "user",
        reset_at: nextMidnight("UTC", new Date()),
      }),
    );
    expect((await flat(session.token)).status).toBe(200);
    expect((await flat(session.token, 1)).status).toBe(200);
    const third = await flat(session.token);
    expectLimit(third, {
      level: "end_user",
      window: "day",
      limit_usd: "0.00250000",
      used_usd: "0.00250000",
      set_by: "user",
    });
    expect(third.headers.get("x-should-retry")).toBe("false");
    expect(product.stub.calls).toBe(2);
    expect((await wallet(product, session.token)).spendable_usd).toBe("0.00000000");
    await ownLimit(session.token, "day", "0.00400000");
    expect((await flat(session.token, 1)).status).toBe(200);
    expectLimit(await flat(session.token), { used_usd: "0.00375000", limit_usd: "0.00400000" });
    const cleared = await ownLimit(session.token, "day", null);
    expect(cleared.body.items).toEqual([]);
    expect((await flat(session.token)).status).toBe(200);
  });

  it("A184: spendable is what wallet and app budget both leave, and the wallet is told where it is the least", async () => {
    await setApp({ wallet_limits: { app_day_usd: "5.00" } });
    const session = await fundedSession(product, ground, "0.00300000");
    product.stub.script(() => ({ headersAfterMs: 600 }));
    const running = [flat(session.token), flat(session.token, 1)];
    await expect.poll(async () => (await wallet(product, session.token)).held_usd).toBe("0.00250000");
    const seen = await wallet(product, session.token);
    expect(seen).toMatchObject({ balance_usd: "0.00300000", spendable_usd: "0.00050000" });
    expect(seen.limited_by).toBeUndefined();
    expect(seen.limits).toMatchObject([
      { level: "app", window: "day", limit_usd: "5.00000000", set_by: "app" },
    ]);
    const refused = await flat(session.token);
    expect(refused.body.error).toMatchObject({ code: "insufficient_balance", details: { reason: "held" } });
    await Promise.all(running);
  });

  it("spendable is the least of wallet and every limit, and says which", async () => {
    await setApp({ wallet_limits: { user_week_usd: "0.50", app_month_usd: "0.40" } });
    const session = await fundedSession(product, ground, "3.00");
    const { spendable_usd, limited_by } = await wallet(product, session.token);
    expect([spendable_usd, limited_by]).toEqual(["0.40000000", { level: "app", window: "month" }]);
  });

  it("every level refuses by its own account, exactly, on two gateways at once", async () => {
    await ground.setFeature({ limits: { user_day_usd: "0.00375000", feature_month_usd: "0.00750000" } });
    const one = await fundedSession(product, ground, "1.00");
    const two = await fundedSession(product, ground, "1.00");
    const ofOne = await flood(one.token, 20);
    expect(ofOne.filter(({ status }) => status === 200)).toHaveLength(3);
    expectLimit(ofOne.find(({ status }) => status === 402)!, {
      level: "end_user",
      window: "day",
      set_by: "feature",
    });
    await ground.setFeature({ limits: { feature_month_usd: "0.00750000" } });
    const ofTwo = await flood(two.token, 20);
    expect(ofTwo.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(ofTwo.find(({ status }) => status === 402)?.body.error.code).toBe("budget_exceeded");
    expectLimit(await flat(two.token), { level: "feature", window: "month", used_usd: "0.00750000" });
    expect(product.stub.calls).toBe(6);
  });

  it("a developer limits one user, an operator an app; neither loosens the other", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const path = `/v1/developer/apps/${ground.publicAppId}/users/${session.userId}`;
    const set = await product.developer("PATCH", path, {
      limits: [{ window: "month", limit_usd: "0.00250000" }],
    });
    expect(set.status, set.text).toBe(200);
    await ownLimit(session.token, "month", "0.00500000");
    expect((await flood(session.token, 6)).filter(({ status }) => status === 200)).toHaveLength(2);
    expectLimit(await flat(session.token), { level: "end_user", window: "month", set_by: "developer" });
    await product.developer("PATCH", path, { limits: [{ window: "month", limit_usd: null }] });
    await operatorLimit({
      level: "app",
      target_id: ground.publicAppId,
      measure: "usd",
      window: "day",
      limit_usd: "0",
    });
    expectLimit(await flat(session.token), {
      level: "app",
      window: "day",
      set_by: "operator",
      limit_usd: "0.00000000",
    });
    await operatorLimit({
      level: "app",
      target_id: ground.publicAppId,
      measure: "usd",
      window: "day",
      limit_usd: null,
    });
    expect((await flood(session.token, 6)).filter(({ status }) => status === 200)).toHaveLength(2);
    expectLimit(await flat(session.token), { level: "end_user", window: "month", set_by: "user" });
  });

  it("a budget over all apps of a developer is never passed, and at most one slice is refused early", async () => {
    const apps = [ground, await layGround(product)];
    const target = { level: "developer", target_id: ground.developerId, measure: "usd", window: "total" };
    await operatorLimit({ ...target, limit_usd: "0.02000000" });
    const sessions = await Promise.all(apps.map((app) => fundedSession(product, app, "1.00")));
    const answers = (await Promise.all(sessions.map(({ token }) => flood(token, 20)))).flat();
    const served = answers.filter(({ status }) => status === 200).length;
    expect(served).toBe(16);
    const refused = answers.find(({ status }) => status === 402)!;
    expect(refused.body.error).toMatchObject({
      code: "budget_exceeded",
      details: { limit: { level: "developer" } },
    });
    // One app is not told what the others spend.
    expect(refused.body.error.details.limit.used_usd).toBeUndefined();
    const [shown] = (await product.admin("GET", `/v1/admin/limits?level=developer`)).body.items;
    expect(shown).toMatchObject({ limit_usd: "0.02000000", used_usd: "0.02000000", set_by: "operator" });
    await operatorLimit({ ...target, limit_usd: "0.02125000" });
    expect((await flood(sessions[1]!.token, 5)).filter(({ status }) => status === 200)).toHaveLength(1);
    await operatorLimit({ ...target, limit_usd: null });
    expect((await flat(sessions[0]!.token)).status).toBe(200);
  });

  it("A187: free models change no wallet, and rates count them", async () => {
    await setApp({ rate_limits: { user_rpm: 30 } });
    await ground.setFeature({}, { markup_percent: 0 });
    const session = await fundedSession(product, ground, "0.01");
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => chat(product, session.token, { model: "stub-free" })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(30);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.01000000");
  });

  it("a wallet is not credited above what its app lets it hold", async () => {
    await setApp({ wallet_limits: { user_max_balance_usd: "2.00" } });
    const session = await fundedSession(product, ground, "1.50");
    const refused = await product.admin("POST", `/v1/admin/wallets/${session.userId}/credit-test-balance`, {
      amount_usd: "0.50000001",
    });
    expect([refused.status, refused.body.error.param]).toEqual([400, "amount_usd"]);
    expect(refused.body.error.details).toEqual({
      maximum_balance_usd: "2.00000000",
      balance_usd: "1.50000000",
    });
    const most = await product.admin("POST", `/v1/admin/wallets/${session.userId}/credit-test-balance`, {
      amount_usd: "0.50",
    });
    expect([most.status, most.body.balance_usd]).toEqual([200, "2.00000000"]);
  });

  it("A080: a wallet that was changed by hand is found within a minute and takes no new hold until it is right", async () => {
    const [one, two, other] = await Promise.all([0, 1, 2].map(() => fundedSession(product, ground, "1.00")));
    const change = (column: string, id: string, units: string) =>
      product.sql`update accounts set ${product.sql(column)} = ${product.sql(column)} + ${units}::numeric
        where kind = 'wallet' and owner_id = ${id} and fund = 'test'`;
    await change("balance_usd", one!.userId, "0.00000001");
    await change("held_usd", two!.userId, "0.00000001");
    for (const { token } of [one!, two!]) {
      await expect.poll(async () => (await flat(token)).status, { timeout: 10_000 }).toBe(402);
      expect((await flat(token, 1)).body.error).toMatchObject({
        code: "wallet_frozen",
        details: { reason: "books_check", level: "wallet" },
      });
    }
    expect((await flat(other!.token)).status).toBe(200);
    const reported = await product.admin("GET", "/v1/admin/reconciliation/ledger?only=mismatch");
    expect(reported.body.items).toMatchObject([{ wallet_id: one!.userId, delta_usd: "0.00000001" }]);
    const metrics = await (await fetch(`${product.worker}/metrics`)).text();
    expect(metrics).toMatch(/modelfaucet_books_failed_checks\{check="held_equals_open_holds"\} 1/);
    await change("balance_usd", one!.userId, "-0.00000001");
    await change("held_usd", two!.userId, "-0.00000001");
    for (const { token } of [one!, two!])
      await expect.poll(async () => (await flat(token)).status, { timeout: 10_000 }).toBe(200);
  });

  it("what makes no sense is refused by its field", async () => {
    const session = await ground.openSession();
    for (const [body, param] of [
      [{ window: "total", limit_usd: "1" }, "window"],
      [{ window: "day", limit_usd: -1 }, "limit_usd"],
      [{ window: "day", limit_usd: "1", paused: true }, "paused"],
    ] as const) {
      const refused = await product.call("PUT", "/v1/user/limits", body, { token: session.token });
      expect([refused.status, refused.body.error.param]).toEqual([400, param]);
    }
    const app = { level: "app", target_id: ground.publicAppId, reason: "test" };
    for (const [body, param] of [
      [{ ...app, measure: "usd", window: "minute", limit_usd: "1" }, "window"],
      [{ ...app, measure: "requests", window: "day", limit: 1 }, "window"],
      [{ ...app, measure: "requests", limit_usd: "1" }, "limit"],
      [{ ...app, measure: "usd", window: "day", limit: 3, limit_usd: "1" }, "limit"],
      [{ ...app, level: "platform", measure: "requests", limit: 3 }, "target_id"],
      [{ ...app, level: "credential", measure: "requests", limit: 3 }, "level"],
    ] as const) {
      const refused = await product.admin("PUT", "/v1/admin/limits", body);
      expect([refused.status, refused.body.error.param], refused.text).toEqual([400, param]);
    }
    const missing = await product.admin("PUT", "/v1/admin/limits", {
      ...app,
      target_id: "nothing",
      measure: "requests",
      limit: 3,
    });
    expect([missing.status, missing.body.error.code]).toEqual([404, "not_found"]);
  });

  // The last one: the clock stays where it was moved to.
  it("A124: a daily cap runs by the calendar of the app's zone, and says when it ends", async () => {
    await setApp({ time_zone: "Asia/Tokyo", wallet_limits: { user_day_usd: "0.00125000" } });
    const session = await fundedSession(product, ground, "1.00", { ttl_seconds: 86_400 });
    const midnight = Date.parse(nextMidnight("Asia/Tokyo", new Date()));
    await product.database.setClockOffset(midnight - 10_000 - Date.now());
    await expect.poll(() => flat(session.token).then(({ status }) => status), { timeout: 5_000 }).toBe(200);
    const refused = await flat(session.token, 1);
    expectLimit(refused, { time_zone: "Asia/Tokyo", reset_at: new Date(midnight).toISOString() });
    await product.database.setClockOffset(midnight + 1_000 - Date.now());
    expect((await flat(session.token)).status).toBe(200);
    expectLimit(await flat(session.token), { reset_at: new Date(midnight + 86_400_000).toISOString() });
  });
});

const flat = (token: string, gateway = 0): Promise<HttpAnswer> =>
  chat(product, token, { model: "stub-flat" }, { gateway });

const flood = (token: string, calls: number): Promise<HttpAnswer[]> =>
  Promise.all(Array.from({ length: calls }, (_, index) => flat(token, index % 2)));

async function ownLimit(token: string, window: string, limitUsd: string | null): Promise<HttpAnswer> {
  const answer = await product.call("PUT", "/v1/user/limits", { window, limit_usd: limitUsd }, { token });
  expect(answer.status, answer.text).toBe(200);
  return answer;
}

async function operatorLimit(limit: Record<string, unknown>): Promise<void> {
  const answer = await product.admin("PUT", "/v1/admin/limits", { ...limit, reason: "test" });
  expect(answer.status, answer.text).toBe(200);
}

async function setApp(change: Record<string, unknown>): Promise<void> {
  const answer = await product.developer("PATCH", `/v1/developer/apps/${ground.publicAppId}`, change);
  expect(answer.status, answer.text).toBe(200);
}

function expectLimit(answer: HttpAnswer, limit: Json): void {
  expect([answer.status, answer.body.error?.code], answer.text).toEqual([402, "budget_exceeded"]);
  expect(answer.body.error.details.limit).toMatchObject(limit);
}

/** The next midnight of a zone without daylight saving, as an instant. */
function nextMidnight(zone: "UTC" | "Asia/Tokyo", from: Date): string {
  const shift = zone === "UTC" ? 0 : 9 * 3_600_000;
  const day = 86_400_000;
  return new Date(Math.floor((from.getTime() + shift) / day) * day + day - shift).toISOString();
}
