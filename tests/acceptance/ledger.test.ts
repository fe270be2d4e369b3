import { randomBytes } from "node:crypto";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

const funded = async (amount = "1.00"): Promise<GroundSession> => {
  const session = await ground.openSession();
  await credit(product, session.userId, amount);
  return session;
};
const flatCall = (session: GroundSession, more: Record<string, unknown> = {}) =>
  chat(product, session.token, { model: "stub-flat", ...more });

/** What one request moved, by scope of the account: negative left it. */
async function movedBy(requestId: string): Promise<Record<string, string>> {
  const rows = await product.sql<{ scope: string; total: string }[]>`
    select scope, sum(amount_usd)::numeric(20,8)::text as total from entries
    where kind = 'usage' and source_id = ${requestId.slice("req_".length)} group by scope`;
  return Object.fromEntries(rows.map(({ scope, total }) => [scope, total]));
}

/** The same figures of one request in every place that shows them. */
async function everywhere(session: GroundSession, requestId: string): Promise<Json[]> {
  const own = { token: session.token };
  const asDeveloper = { token: product.developerAdminToken };
  const one = (await product.call("GET", `/v1/developer/requests/${requestId}`, undefined, asDeveloper)).body;
  const usage = await product.call("GET", `/v1/user/usage?request_id=${requestId}`, undefined, own);
  const receipt = await product.call("GET", `/v1/user/receipts/rcpt_${requestId}`, undefined, own);
  return [one, one.receipt, usage.body.items[0], receipt.body];
}

describe("splits", () => {
  it("A072: a flat call on platform: cost to the provider, shares to developer and platform", async () => {
    const session = await funded();
    const { body } = await flatCall(session);
    const figures = {
      upstream_cost_usd: "0.00100000",
      developer_share_usd: "0.00010000",
      platform_share_usd: "0.00015000",
      charge_usd: "0.00125000",
      fee_usd: "0.00000000",
    };
    expect(body.modelfaucet).toMatchObject(figures);
    for (const shown of await everywhere(session, body.modelfaucet.request_id))
      expect(shown).toMatchObject(figures);
    expect(await movedBy(body.modelfaucet.request_id)).toEqual({
      end_user: "-0.00125000",
      provider_cost: "0.00100000",
      developer: "0.00010000",
      platform: "0.00015000",
    });
    const usage = await product.developer("GET", `/v1/apps/${ground.publicAppId}/usage`);
    expect(
      usage.body.usage.find((row: Json) => row.request_id === body.modelfaucet.request_id),
    ).toMatchObject({
      charge_usd: "0.00125000",
      developer_share_usd: "0.00010000",
    });
  });

  it("A074: an end user who is the app's own developer earns the developer nothing", async () => {
    const external = `owner-${randomBytes(4).toString("hex")}`;
    const made = await product.developer("POST", `/v1/developer/apps/${ground.publicAppId}/users`, {
      external_user_id: external,
      own: true,
    });
    expect(made.status).toBe(201);
    const session = await ground.openSession(external);
    await credit(product, session.userId, "1.00");
    const { body } = await flatCall(session);
    expect(body.modelfaucet).toMatchObject({
      charge_usd: "0.00125000",
      upstream_cost_usd: "0.00100000",
      developer_share_usd: "0.00000000",
      platform_share_usd: "0.00025000",
    });
    expect(await movedBy(body.modelfaucet.request_id)).toEqual({
      end_user: "-0.00125000",
      provider_cost: "0.00100000",
      platform: "0.00025000",
    });
    // Marked later, an ordinary user's next call counts the same way.
    const other = await funded();
    const path = `/v1/developer/apps/${ground.publicAppId}/users/${other.userId}`;
    expect((await product.developer("PATCH", path, { own: true })).status).toBe(200);
    expect((await flatCall(other)).body.modelfaucet.developer_share_usd).toBe("0.00000000");
  });

  it("A075: a charge that stops at its hold covers cost alone, and the rest is absorbed", async () => {
    const session = await funded();
    product.stub.script("stub-text", {
      usage: { prompt_tokens: 1_000, completion_tokens: 9_000, total_tokens: 10_000 },
      outputTokens: 20,
    });
    const { body } = await chat(product, session.token, { model: "stub-text", max_tokens: 20 });
    const told = body.modelfaucet;
    expect(told).toMatchObject({ developer_share_usd: "0.00000000", platform_share_usd: "0.00000000" });
    expect(told.upstream_cost_usd).toBe(told.charge_usd);
    const [row] =
      await product.sql`select hold_usd::text, charge_usd::text, absorbed_cost_usd::text from usage_events
      where id = ${told.request_id.slice(4)}`;
    expect(row!.charge_usd).toBe(row!.hold_usd);
    // Upstream took 1,000 × 1 + 9,000 × 2 = 19,000 per million.
    expect(units(told.charge_usd) + units(told.absorbed_cost_usd)).toBe(units("0.01900000"));
    const moved = await movedBy(told.request_id);
    expect(moved).toEqual({
      end_user: `-${told.charge_usd}`,
      provider_cost: "0.01900000",
      absorbed_cost: `-${told.absorbed_cost_usd}`,
    });
    for (const shown of await everywhere(session, told.request_id)) {
      expect(shown).toMatchObject({ charge_usd: told.charge_usd, absorbed_cost_usd: told.absorbed_cost_usd });
    }
  });
});

describe("the ledger", () => {
  it("A068: every transaction has two entries or more, none of zero, and all sums are zero", async () => {
    const session = await funded("0.01");
    product.stub.queue("stub-text", {}, { status: 500 }, { dieAfter: 5 }, { usage: "none" });
    for (const body of [{}, { stream: true }, { stream: true }, {}]) {
      await chat(product, session.token, { model: "stub-text", ...body });
    }
    await adjust(session.userId, { direction: "debit", amount_usd: "0.00100000" });
    await adjust(session.userId, { direction: "credit", amount_usd: "0.00000001" });
    const odd = await product.sql`
      select kind, source_id, count(*)::int as entries, sum(amount_usd) as total, min(abs(amount_usd)) as least from entries
      group by app_id, kind, source_id having count(*) < 2 or sum(amount_usd) <> 0 or min(abs(amount_usd)) = 0`;
    expect(odd).toEqual([]);
    const [all] =
      await product.sql`select count(*)::int as entries, sum(amount_usd)::text as total from entries`;
    expect(all!.entries).toBeGreaterThan(10);
    expect(Number(all!.total)).toBe(0);
    const [balances] = await product.sql`
      select (select sum(balance_usd) from accounts where kind = 'wallet')
        = (select sum(amount_usd) from entries where scope = 'end_user') as same`;
    expect(balances!.same).toBe(true);
  });

  it("A079: stored equals derived after everything and during load, usage events and settlements one to one", async () => {
    const sessions = await Promise.all([funded("0.05"), funded("0.0025"), funded("0.02")]);
    product.stub.script((request) => (request.at % 7 === 0 ? { status: 500 } : undefined));
    let running = true;
    const reports: Json[] = [];
    const watch = (async () => {
      while (running) {
        reports.push((await product.admin("GET", "/v1/admin/reconciliation/ledger?only=mismatch")).body);
        const [low] =
          await product.sql`select count(*)::int as rows from accounts where balance_usd - held_usd < 0`;
        expect(low!.rows).toBe(0);
      }
    })();
    await Promise.all(
      sessions.flatMap((session) =>
        Array.from({ length: 40 }, (_, call) =>
          chat(
            product,
            session.token,
            { model: call % 2 ? "stub-flat" : "stub-text", max_tokens: 50, stream: call % 3 === 0 },
            { gateway: call % 2 },
          ),
        ),
      ),
    );
    running = false;
    await watch;
    expect(reports.length).toBeGreaterThan(2);
    expect(reports.every(({ items, summary }) => items.length === 0 && summary.mismatch_count === 0)).toBe(
      true,
    );
    const whole = (await product.admin("GET", "/v1/admin/reconciliation/ledger?limit=200")).body;
    expect(whole.summary.wallet_count).toBe(whole.summary.balanced_count);
    for (const session of sessions) {
      const { id, balance_usd, held_usd } = await wallet(product, session.token);
      expect(held_usd).toBe("0.00000000");
      const line = whole.items.find((item: Json) => item.wallet_id === id);
      expect(line).toMatchObject({
        wallet_balance_usd: balance_usd,
        ledger_balance_usd: balance_usd,
        delta_usd: "0.00000000",
        status: "balanced",
      });
      const moved = (
        await product.call("GET", "/v1/user/wallet/transactions?limit=200", undefined, {
          token: session.token,
        })
      ).body.items;
      const sum = moved.reduce(
        (total: bigint, item: Json) =>
          total + (item.direction === "credit" ? 1n : -1n) * units(item.amount_usd),
        0n,
      );
      expect(sum).toBe(units(balance_usd));
      expect(moved[0].wallet_balance_after_usd).toBe(balance_usd);
    }
    const [pairs] = await product.sql`
      select count(*) filter (where u.charge_usd > 0)::int as charged, count(t.source_id)::int as settled
      from usage_events u left join (select distinct app_id, source_id from transfers where kind = 'usage' and from_scope = 'end_user') t
        on t.app_id = u.app_id and t.source_id = u.id::text`;
    expect(pairs!.charged).toBe(pairs!.settled);
    const metrics = await (await fetch(`${product.worker}/metrics`)).text();
    expect(metrics).toMatch(/^modelfaucet_[a-z_]*drift[a-z_]*(\{[^}]*\})? 0$/m);
  });
});

const units = (amount: string): bigint => BigInt(amount.replace(".", ""));

async function adjust(walletId: string, body: Record<string, unknown>): Promise<void> {
  const answer = await product.call(
    "POST",
    `/v1/admin/wallets/${walletId}/adjustments`,
    { reason: "test", ...body },
    {
      headers: { "idempotency-key": randomBytes(8).toString("hex") },
    },
  );
  expect(answer.status).toBe(201);
}
