import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { uuidV7 } from "../../lib/ids.ts";
import { deepChecks, minuteChecks, runChecks } from "../../modules/books/checks.ts";
import {
  adminToken,
  developerToken,
  type MadeApp,
  type MoneyTestbed,
  openMoneyTestbed,
  usd,
} from "./money-testbed.ts";

type User = Awaited<ReturnType<MoneyTestbed["user"]>>;

let bed: MoneyTestbed;
let app: MadeApp;
let other: MadeApp;
let ann: User;
let bob: User;

beforeAll(async () => {
  bed = await openMoneyTestbed(inject("postgres"));
  app = await bed.makeApp("app_ours");
  other = await bed.makeApp("app_theirs");
  ann = await bed.user(app, "ann");
  bob = await bed.user(other, "bob");
  for (const user of [ann, bob]) {
    await adjust(user.endUserId, { amount_usd: "1", reason: "money for the test" });
    await (await bed.request(user, usd("0.001"))).close();
  }
});
afterAll(() => bed.close());

describe("adjustments", () => {
  it("move money and write transfer, adjustment and audit row together", async () => {
    const { status, body } = await adjust(ann.endUserId, {
      direction: "debit",
      amount_usd: "0.1",
      reason: "a test",
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      wallet_id: ann.endUserId,
      kind: "adjustment",
      direction: "debit",
      amount_usd: "0.10000000",
      status: "applied",
      reason: "a test",
    });
    const rows = await bed.database.read(
      { purpose: "operator" },
      (
        tx,
      ) => tx`select l.action, l.resource_type, l.resource_id, l.reason, l.actor_scope, l.developer_id, l.app_id, t.amount_usd, t.reason as moved,
          w.amount_usd as adjusted
        from wallet_adjustments w join audit_logs l on l.metadata ->> 'adjustment_id' = w.id::text
        join transfers t on t.source_id = w.id::text where w.id = ${body.id as string}`,
    );
    expect(rows).toEqual([
      {
        action: "wallet.adjustment_applied",
        resource_type: "wallet",
        resource_id: ann.endUserId,
        reason: "a test",
        actor_scope: "bootstrap",
        developer_id: app.developer.id,
        app_id: app.app.id,
        amount_usd: "0.10000000",
        moved: "wallet_adjustment",
        adjusted: "0.10000000",
      },
    ]);
  });

  it("refuse a debit beyond what is available, say whether requests hold it, and leave no trace", async () => {
    const user = await bed.user(app, "debited");
    await adjust(user.endUserId, { amount_usd: "1" });
    const call = await bed.request(user, usd("0.6"));
    const held = await adjust(user.endUserId, { direction: "debit", amount_usd: "0.5" });
    expect(held).toMatchObject({
      status: 402,
      body: {
        error: {
          code: "insufficient_balance",
          details: {
            reason: "held",
            balance_usd: "1.00000000",
            held_usd: "0.60000000",
            available_usd: "0.40000000",
            required_usd: "0.50000000",
          },
        },
      },
    });
    const short = await adjust(user.endUserId, { direction: "debit", amount_usd: "1.00000001" });
    expect(short.body.error).toMatchObject({ details: { reason: "balance" } });
    await call.close({ chargeUsd: usd("0"), costUsd: usd("0"), outcome: "failed", lines: [] });
    expect(
      (await bed.send("GET", `/v1/admin/wallets/${user.endUserId}/transactions`, adminToken)).body.items,
    ).toHaveLength(1);
  });

  it("move once under one key, however often and however many at once they are sent", async () => {
    const user = await bed.user(app, "keyed");
    const send = () => adjust(user.endUserId, { amount_usd: "2" }, "one-key");
    const answers = await Promise.all(Array.from({ length: 12 }, send));
    const told = new Set(
      answers.filter(({ status }) => status === 201).map(({ body }) => JSON.stringify(body)),
    );
    expect(told.size).toBe(1);
    const others = answers.filter(({ status }) => status !== 201);
    expect(
      others.every(({ body }) => (body.error as { code: string }).code === "idempotency_in_progress"),
    ).toBe(true);
    const again = await send();
    expect([again.status, JSON.stringify(again.body)]).toEqual([201, [...told][0]]);
    expect(again.body.wallet_balance_usd).toBe("2.00000000");
    expect(await balanceOf(user)).toBe("2.00000000");
  });

  it("refuse another body, another wallet and another route's claim on the same key", async () => {
    const user = await bed.user(app, "mismatched");
    await adjust(user.endUserId, { amount_usd: "1" }, "reused");
    const otherBody = await adjust(user.endUserId, { amount_usd: "2" }, "reused");
    const otherWallet = await adjust(bob.endUserId, { amount_usd: "1" }, "reused");
    expect([otherBody.status, otherWallet.status]).toEqual([422, 422]);
    expect(otherBody.body.error).toMatchObject({ code: "idempotency_mismatch" });
    expect(await balanceOf(user)).toBe("1.00000000");
    // A key belongs to caller and route: under another route it is another key.
    const elsewhere = await testCredit(user.endUserId, "1", "reused");
    expect(elsewhere.status).toBe(200);
  });

  it("keep a refusal under its key when the wallet has been filled meanwhile", async () => {
    const user = await bed.user(app, "refused");
    const debit = { direction: "debit", amount_usd: "1" };
    const refused = await adjust(user.endUserId, debit, "refusal");
    await adjust(user.endUserId, { amount_usd: "5" });
    const again = await adjust(user.endUserId, debit, "refusal");
    const told = ({ status, body }: typeof refused) => [
      status,
      { ...(body.error as object), request_id: "" },
    ];
    expect(refused.status).toBe(402);
    expect(told(again)).toEqual(told(refused));
    expect((await adjust(user.endUserId, debit, "a-new-key")).status).toBe(201);
  });

  it("move once when the process died between the move and the key's end", async () => {
    const user = await bed.user(app, "crashed");
    await adjust(user.endUserId, { amount_usd: "1" }, "cut-off");
    // What a crash leaves behind: the claim runs, the money has moved.
    await bed.database.write(
      { purpose: "operator" },
      (tx) => tx`update idempotency_keys set state = 'running', answer = null,
      finished_at = null where key = 'cut-off'`,
    );
    expect((await adjust(user.endUserId, { amount_usd: "1" }, "cut-off")).status).toBe(409);
    await bed.cloned.setClockOffset(60_000);
    const taken = await adjust(user.endUserId, { amount_usd: "1" }, "cut-off");
    expect([taken.status, taken.body.wallet_balance_usd]).toEqual([201, "1.00000000"]);
    // The key's row is gone after its time; the books still know what it moved.
    await bed.database.write(
      { purpose: "operator" },
      (tx) => tx`delete from idempotency_keys where key = 'cut-off'`,
    );
    expect((await adjust(user.endUserId, { amount_usd: "1" }, "cut-off")).status).toBe(201);
    await bed.database.write(
      { purpose: "operator" },
      (tx) => tx`delete from idempotency_keys where key = 'cut-off'`,
    );
    expect((await adjust(user.endUserId, { amount_usd: "3" }, "cut-off")).status).toBe(422);
    await bed.cloned.setClockOffset(0);
    expect(await balanceOf(user)).toBe("1.00000000");
  });

  it("refuse in words what is not here yet, amounts that are none, and wallets that are nobody's purse", async () => {
    const faults = [
      [{ kind: "refund" }, "kind"],
      [{ kind: "chargeback" }, "kind"],
      [{ amount_usd: "0" }, "amount_usd"],
      [{ amount_usd: "1e-8" }, "amount_usd"],
      [{ amount_usd: 1 }, "amount_usd"],
      [{ amount_usd: "10000000.00000001" }, "amount_usd"],
      [{ reason: undefined }, "reason"],
      [{ reason: "  " }, "reason"],
      [{ wallet_id: ann.endUserId }, "wallet_id"],
    ] as const;
    for (const [change, param] of faults) {
      const { status, body } = await adjust(ann.endUserId, { amount_usd: "1", ...change });
      expect([status, (body.error as { param: string }).param]).toEqual([400, param]);
    }
    expect((await adjust(app.developer.id, { amount_usd: "1" })).status).toBe(400);
    expect((await adjust(uuidV7(), { amount_usd: "1" })).status).toBe(404);
    expect((await adjust("nonsense", { amount_usd: "1" })).status).toBe(404);
  });

  it("are no business of a session or a developer", async () => {
    for (const token of [ann.token, developerToken]) {
      const path = `/v1/admin/wallets/${ann.endUserId}/adjustments`;
      const { status } = await bed.send("POST", path, token, {
        body: { direction: "credit", amount_usd: "1", reason: "x" },
      });
      expect(status).toBe(403);
    }
  });
});

describe("test credit", () => {
  it("fills the fund `test` up to its maximum, and is audited", async () => {
    const user = await bed.user(app, "tested");
    const { status, body } = await testCredit(user.endUserId, "2.5");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: user.endUserId,
      balance_usd: "2.50000000",
      test_usd: "2.50000000",
      paid_usd: "0.00000000",
    });
    expect(await testCredit(user.endUserId, "100.00000001")).toMatchObject({
      status: 400,
      body: { error: { param: "amount_usd", details: { maximum_usd: "100.00000000" } } },
    });
    const [audit] = await bed.database.read(
      { purpose: "operator" },
      (tx) =>
        tx`select action, metadata ->> 'amount_usd' as amount from audit_logs where resource_id = ${user.endUserId}`,
    );
    expect(audit).toEqual({ action: "wallet.credit_test_balance", amount: "2.50000000" });
  });

  it("goes in production to own users alone, who alone may spend it", async () => {
    const live = await openMoneyTestbed(inject("postgres"), { production: true, restrictsTestMoney: true });
    try {
      const made = await live.makeApp("app_live");
      const [own, guest] = await Promise.all([live.user(made, "own"), live.user(made, "guest")]);
      await live.database.write(
        { purpose: "auth" },
        (tx) => tx`update end_users set own = true where id = ${own.endUserId}`,
      );
      const ask = (user: User) =>
        live.send("POST", `/v1/admin/wallets/${user.endUserId}/credit-test-balance`, adminToken, {
          body: { amount_usd: "1" },
        });
      expect((await ask(guest)).body.error).toMatchObject({
        code: "forbidden",
        details: { reason: "not_own_user" },
      });
      expect((await ask(own)).body).toMatchObject({ spendable_usd: "1.00000000" });
      await live.database.write(
        { purpose: "auth" },
        (tx) => tx`update end_users set own = false where id = ${own.endUserId}`,
      );
      const read = await live.send("GET", "/v1/user/wallet", own.token);
      expect(read.body).toMatchObject({ available_usd: "1.00000000", spendable_usd: "0.00000000" });
    } finally {
      await live.close();
    }
  });
});

describe("wallets as the operator sees them", () => {
  it("list users', developers' and the platform's, by their filters", async () => {
    const all = await bed.send("GET", "/v1/admin/wallets?limit=200", adminToken);
    expect(new Set(all.body.items!.map((item) => item.owner_scope))).toEqual(
      new Set(["end_user", "developer", "platform"]),
    );
    const ours = await bed.send("GET", "/v1/admin/wallets?public_app_id=app_theirs", adminToken);
    expect(ours.body.items!.map((item) => item.id)).toEqual([bob.endUserId]);
    const one = await bed.send("GET", `/v1/admin/wallets?owner_id=${ann.endUserId}`, adminToken);
    const read = await bed.send("GET", `/v1/admin/wallets/${ann.endUserId}`, adminToken);
    expect(one.body.items).toEqual([read.body]);
    expect(read.body.owner_name).toBe(ann.endUserHash);
    const developer = await bed.send("GET", `/v1/admin/wallets/${other.developer.id}`, adminToken);
    expect(developer.body).toMatchObject({
      owner_name: "app_theirs",
      balance_usd: "0.00002000",
      available_usd: "0.00002000",
    });
    const earned = await bed.send("GET", `/v1/admin/wallets/${other.developer.id}/transactions`, adminToken);
    expect(earned.body.items).toMatchObject([
      {
        kind: "charge",
        direction: "credit",
        amount_usd: "0.00002000",
        wallet_balance_after_usd: "0.00002000",
      },
    ]);
    expect((await bed.send("GET", `/v1/admin/wallets/${uuidV7()}`, adminToken)).status).toBe(404);
  });

  it("show a frozen wallet and one in debt as such, with nothing to spend", async () => {
    const [frozen, owing] = await Promise.all([bed.user(app, "frozen"), bed.user(app, "owing")]);
    await adjust(frozen.endUserId, { amount_usd: "1" });
    await bed.database.write(
      { purpose: "operator" },
      (tx) => tx`update wallets set status = 'frozen' where id = ${frozen.endUserId}`,
    );
    const sql = postgres(bed.asOwner, { max: 1 });
    await sql`update accounts set balance_usd = -0.5, debt_usd = 0.5 where owner_id = ${owing.endUserId} and fund = 'paid'`;
    try {
      const cold = await bed.send("GET", "/v1/admin/wallets?status=frozen", adminToken);
      expect(cold.body.items).toMatchObject([
        { id: frozen.endUserId, available_usd: "1.00000000", spendable_usd: "0.00000000", status: "frozen" },
      ]);
      const debt = await bed.send("GET", "/v1/user/wallet", owing.token);
      expect(debt.body).toMatchObject({
        balance_usd: "-0.50000000",
        available_usd: "0.00000000",
        spendable_usd: "0.00000000",
        debt_usd: "0.50000000",
        status: "debt",
      });
      const listed = await bed.send("GET", "/v1/admin/wallets?status=debt", adminToken);
      expect(listed.body.items!.map((item) => item.id)).toEqual([owing.endUserId]);
    } finally {
      await sql`update accounts set balance_usd = 0, debt_usd = 0 where owner_id = ${owing.endUserId} and fund = 'paid'`;
      await sql.end();
    }
  });
});

describe("reconciliation", () => {
  it("finds stored equal to derived after all that happened here, and every invariant of the books holds", async () => {
    const { body } = await bed.send("GET", "/v1/admin/reconciliation/ledger?limit=200", adminToken);
    const summary = body.summary as Record<string, number>;
    expect(summary.mismatch_count).toBe(0);
    expect(summary.wallet_count).toBe(body.items!.length);
    expect(
      body.items!.some((item) => item.owner_scope === "platform" && item.wallet_balance_usd !== "0.00000000"),
    ).toBe(true);
    const results = await bed.database.read({ purpose: "operator" }, (tx) =>
      runChecks(tx, [...minuteChecks, ...deepChecks]),
    );
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });

  it("names a wallet that somebody has changed behind the books, and by how much", async () => {
    const sql = postgres(bed.asOwner, { max: 1 });
    await sql`update accounts set balance_usd = balance_usd - 0.00000001 where owner_id = ${ann.endUserId} and fund = 'paid'`;
    try {
      const { body } = await bed.send("GET", "/v1/admin/reconciliation/ledger?only=mismatch", adminToken);
      expect(body.items).toMatchObject([
        { wallet_id: ann.endUserId, owner_scope: "end_user", delta_usd: "0.00000001", status: "mismatch" },
      ]);
      expect(body.summary).toMatchObject({ mismatch_count: 1 });
      const scoped = await bed.send(
        "GET",
        "/v1/admin/reconciliation/ledger?only=mismatch&owner_scope=developer",
        adminToken,
      );
      expect(scoped.body.items).toEqual([]);
    } finally {
      await sql`update accounts set balance_usd = balance_usd + 0.00000001 where owner_id = ${ann.endUserId} and fund = 'paid'`;
      await sql.end();
    }
  });
});

function adjust(walletId: string, change: Record<string, unknown>, key?: string) {
  const body = { direction: "credit", reason: "for the test", ...change };
  return bed.send("POST", `/v1/admin/wallets/${walletId}/adjustments`, adminToken, {
    body,
    ...(key === undefined ? {} : { key }),
  });
}

function testCredit(walletId: string, amount_usd: string, key?: string) {
  return bed.send("POST", `/v1/admin/wallets/${walletId}/credit-test-balance`, adminToken, {
    body: { amount_usd },
    ...(key === undefined ? {} : { key }),
  });
}

async function balanceOf(user: User): Promise<unknown> {
  return (await bed.send("GET", "/v1/user/wallet", user.token)).body.balance_usd;
}
