import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { uuidV7 } from "../../lib/ids.ts";
import { addUsd, usdFromStore } from "../../lib/money.ts";
import { adminToken, type MoneyTestbed, openMoneyTestbed, served, usd } from "./money-testbed.ts";

let bed: MoneyTestbed;
let first: Awaited<ReturnType<MoneyTestbed["user"]>>;
let second: Awaited<ReturnType<MoneyTestbed["user"]>>;
let elsewhere: Awaited<ReturnType<MoneyTestbed["user"]>>;

beforeAll(async () => {
  bed = await openMoneyTestbed(inject("postgres"));
  const app = await bed.makeApp("app_money");
  const other = await bed.makeApp("app_other");
  first = await bed.user(app, "first");
  second = await bed.user(app, "second");
  elsewhere = await bed.user(other, "first");
  for (const { endUserId } of [first, second, elsewhere]) await credit(endUserId, "1");
});
afterAll(() => bed.close());

describe("receipts and usage", () => {
  it("show a settled request with exactly the figures that were booked", async () => {
    const call = await bed.request(first, usd("0.01"));
    await call.close();
    const { body: receipt } = await bed.send("GET", `/v1/user/receipts/rcpt_req_${call.id}`, first.token);
    expect(receipt).toEqual({
      receipt_id: `rcpt_req_${call.id}`,
      version: 1,
      request_id: `req_${call.id}`,
      public_app_id: "app_money",
      end_user_id: first.endUserId,
      feature_key: "reply",
      endpoint: "chat/completions",
      route_mode: "platform",
      paid_by: "credits",
      provider: "simulated",
      model: "sim-small-2026",
      usage_source: "provider",
      simulated: true,
      lines: served.lines,
      upstream_cost_usd: "0.00020000",
      developer_share_usd: "0.00002000",
      platform_share_usd: "0.00003000",
      fee_usd: "0.00000000",
      charge_usd: "0.00025000",
      funded: { paid_usd: "0.00025000", promo_usd: "0.00000000" },
      price_version: 1,
      pricing_version: 1,
      pricing: { mode: "usage_markup", markup_percent: 25, developer_share_bps: 4000 },
      issued_at: expect.any(String),
      signature: "pending",
    });
    const again = await bed.send("GET", `/v1/user/receipts/req_${call.id}`, first.token);
    expect(again.body).toEqual(receipt);
    const usage = await bed.send("GET", `/v1/user/usage?request_id=req_${call.id}`, first.token);
    expect(usage.body.items).toEqual([
      expect.objectContaining({
        request_id: `req_${call.id}`,
        receipt_id: `rcpt_req_${call.id}`,
        status: "succeeded",
        model: "sim-small-2026",
        input_tokens: 100,
        output_tokens: 50,
        charge_usd: "0.00025000",
      }),
    ]);
  });

  it("add the lines up to the cost of the serving attempt alone, beyond the hold and beside failed attempts", async () => {
    const call = await bed.request(first, usd("0.00015"));
    const failed = { ...served.attempts[0]!, outcome: "upstream_error", cost_usd: "0.00007000" };
    await call.close({
      chargeUsd: usd("0.00015"),
      failedCostsUsd: [usd("0.00007")],
      attempts: [
        { ...failed, usage_source: "estimated" },
        { ...served.attempts[0]!, number: 2 },
      ],
    });
    const { body } = await bed.send("GET", `/v1/user/receipts/req_${call.id}`, first.token);
    expect(body.absorbed_cost_usd).toBe("0.00005000");
    const lines = body.lines as { amount_usd: string }[];
    expect(addUsd(...lines.map((line) => usdFromStore(line.amount_usd)))).toBe(
      addUsd(usdFromStore(body.upstream_cost_usd as string), usdFromStore(body.absorbed_cost_usd as string)),
    );
    const usage = await bed.send("GET", `/v1/user/usage?request_id=req_${call.id}`, first.token);
    expect(usage.body.items?.[0]?.absorbed_cost_usd).toBe("0.00012000");
  });

  it("give an aborted request a receipt, and a failed or flagged one none", async () => {
    const outcomes = ["aborted", "failed", "flagged"] as const;
    const ids = new Map<string, string>();
    for (const outcome of outcomes) {
      const call = await bed.request(first, usd("0.001"));
      const free = outcome === "aborted" ? {} : { chargeUsd: usd("0"), costUsd: usd("0"), lines: [] };
      await call.close({ outcome, errorCode: "provider_error", ...free });
      ids.set(outcome, call.id);
    }
    const statuses = await Promise.all(
      outcomes.map((outcome) => bed.send("GET", `/v1/user/receipts/req_${ids.get(outcome)}`, first.token)),
    );
    expect(statuses.map(({ status }) => status)).toEqual([200, 404, 404]);
    const listed = await bed.send("GET", "/v1/user/receipts?limit=200", first.token);
    const shown = listed.body.items!.map((item) => item.request_id);
    expect(shown).toContain(`req_${ids.get("aborted")}`);
    expect(shown).not.toContain(`req_${ids.get("failed")}`);
    const usage = await bed.send("GET", "/v1/user/usage?status=failed", first.token);
    expect(usage.body.items!.map((item) => [item.request_id, item.receipt_id])).toEqual([
      [`req_${ids.get("failed")}`, undefined],
    ]);
  });

  it("show an open request as pending until it is closed", async () => {
    const call = await bed.request(second, usd("0.01"));
    const open = await bed.send("GET", "/v1/user/usage", second.token);
    expect(open.body.items![0]).toMatchObject({
      request_id: `req_${call.id}`,
      status: "pending",
      charge_usd: "0.00000000",
    });
    expect((await bed.send("GET", "/v1/user/usage?status=pending", second.token)).body.items).toHaveLength(1);
    await call.close();
    const closed = await bed.send("GET", "/v1/user/usage", second.token);
    expect(closed.body.items!.map((item) => [item.request_id, item.status])).toEqual([
      [`req_${call.id}`, "succeeded"],
    ]);
    expect((await bed.send("GET", "/v1/user/usage?status=pending", second.token)).body.items).toEqual([]);
  });

  it("run through pages without losing or repeating a request, open ones among them", async () => {
    const reader = await bed.user(first.app, "reader");
    await credit(reader.endUserId, "1");
    const made: string[] = [];
    for (let index = 0; index < 7; index++) {
      const call = await bed.request(reader, usd("0.001"));
      if (index % 3 !== 0) await call.close();
      made.unshift(`req_${call.id}`);
    }
    const seen: unknown[] = [];
    let cursor = "";
    for (let page = 0; page < 4; page++) {
      const { body } = await bed.send("GET", `/v1/user/usage?limit=2${cursor}`, reader.token);
      seen.push(...body.items!.map((item) => item.request_id));
      cursor = `&cursor=${body.next_cursor}`;
      if (page < 3) expect(body.next_cursor).not.toBeNull();
      else expect(body.next_cursor).toBeNull();
    }
    expect(seen).toEqual(made);
  });

  it("keep a half open interval: `from` belongs to it, `to` does not", async () => {
    const { body } = await bed.send("GET", "/v1/user/receipts?limit=1", first.token);
    const issued = encodeURIComponent(body.items![0]!.issued_at as string);
    const until = await bed.send("GET", `/v1/user/receipts?to=${issued}`, first.token);
    expect(until.body.items!.some((item) => item.receipt_id === body.items![0]!.receipt_id)).toBe(false);
    const since = await bed.send("GET", `/v1/user/receipts?from=${issued}`, first.token);
    expect(since.body.items!.map((item) => item.receipt_id)).toEqual([body.items![0]!.receipt_id]);
  });

  it("tell a foreign, a missing and a malformed receipt in the same words", async () => {
    const call = await bed.request(second, usd("0.001"));
    await call.close();
    const asked = [
      [`req_${call.id}`, first.token],
      [`rcpt_req_${call.id}`, elsewhere.token],
      [`req_${uuidV7()}`, first.token],
      ["rcpt_nonsense", first.token],
      ["..%2f..%2f", first.token],
    ] as const;
    const answers = await Promise.all(
      asked.map(([id, token]) => bed.send("GET", `/v1/user/receipts/${id}`, token)),
    );
    const told = answers.map(({ status, body }) => [status, { ...(body.error as object), request_id: "" }]);
    expect(new Set(told.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(told[0]![0]).toBe(404);
  });

  it("never show another user's or another app's requests", async () => {
    await (await bed.request(second, usd("0.001"))).close();
    await (await bed.request(elsewhere, usd("0.001"))).close();
    for (const [who, path] of [
      [first, "/v1/user/usage?limit=200"],
      [first, "/v1/user/receipts?limit=200"],
      [elsewhere, "/v1/user/usage?limit=200"],
    ] as const) {
      const { body } = await bed.send("GET", path, who.token);
      expect(body.items!.length).toBeGreaterThan(0);
      const text = JSON.stringify(body.items);
      const others = [first, second, elsewhere].filter((user) => user !== who);
      for (const { endUserId } of others) expect(text).not.toContain(endUserId);
      const apps = new Set(body.items!.map((item) => item.public_app_id));
      expect([...apps]).toEqual([who.app.app.publicAppId]);
    }
  });

  it("leave foreign rows closed by row security itself, whatever a statement forgets", async () => {
    const rows = await bed.database.read(
      { appId: first.app.app.id, endUserId: first.endUserId },
      (tx) => tx`select distinct end_user_id from usage_events union select distinct end_user_id from holds
        union select id from wallets union select owner_id from accounts where kind = 'wallet'
        union select wallet_id from entries where scope = 'end_user' union select wallet_id from wallet_adjustments`,
    );
    expect(rows.map((row) => row.end_user_id)).toEqual([first.endUserId]);
    const unset = await bed.database.read(
      {},
      (tx) =>
        tx`select 1 from usage_events union all select 1 from transfers union all select 1 from accounts`,
    );
    expect(unset).toHaveLength(0);
  });
});

describe("the wallet", () => {
  it("says what is there, held, available and spendable, and which limit is nearer than the wallet", async () => {
    const capped = await bed.user(first.app, "capped", usd("0.5"));
    await credit(capped.endUserId, "3");
    const call = await bed.request(capped, usd("0.2"));
    const { body } = await bed.send("GET", "/v1/user/wallet", capped.token);
    expect(body).toMatchObject({
      id: capped.endUserId,
      owner_scope: "end_user",
      owner_id: capped.endUserId,
      balance_usd: "3.00000000",
      held_usd: "0.20000000",
      available_usd: "2.80000000",
      spendable_usd: "0.30000000",
      paid_usd: "3.00000000",
      promo_usd: "0.00000000",
      debt_usd: "0.00000000",
      status: "active",
      limited_by: { level: "session", window: "total" },
      limits: [
        {
          level: "session",
          window: "total",
          limit_usd: "0.50000000",
          used_usd: "0.00000000",
          remaining_usd: "0.30000000",
          set_by: "app",
        },
      ],
    });
    await call.close();
    const after = await bed.send("GET", "/v1/user/wallet", capped.token);
    expect(after.body).toMatchObject({
      balance_usd: "2.99975000",
      held_usd: "0.00000000",
      spendable_usd: "0.49975000",
      limits: [{ used_usd: "0.00025000", remaining_usd: "0.49975000" }],
    });
  });

  it("lists one transaction per movement, whose sum is the wallet's change", async () => {
    const reader = await bed.user(first.app, "ledger-reader");
    await credit(reader.endUserId, "0.00030000");
    await bed.send("POST", `/v1/admin/wallets/${reader.endUserId}/credit-test-balance`, adminToken, {
      body: { amount_usd: "0.0002" },
    });
    const call = await bed.request(reader, usd("0.0005"));
    await call.close();
    const { body } = await bed.send("GET", "/v1/user/wallet/transactions", reader.token);
    expect(body.items).toEqual([
      {
        id: `usage_${call.id}`,
        kind: "charge",
        direction: "debit",
        amount_usd: "0.00025000",
        wallet_balance_after_usd: "0.00025000",
        text: "Use of reply",
        request_id: `req_${call.id}`,
        receipt_id: `rcpt_req_${call.id}`,
        feature_key: "reply",
        disputable: false,
        created_at: expect.any(String),
      },
      expect.objectContaining({ kind: "adjustment", direction: "credit", amount_usd: "0.00020000" }),
      expect.objectContaining({
        kind: "adjustment",
        amount_usd: "0.00030000",
        wallet_balance_after_usd: "0.00030000",
        text: "Adjustment by the operator: a credit for the test",
      }),
    ]);
    const receipt = await bed.send("GET", `/v1/user/receipts/req_${call.id}`, reader.token);
    // Test money is spent before paid money, and both are told.
    expect(receipt.body.funded).toEqual({
      paid_usd: "0.00005000",
      promo_usd: "0.00000000",
      test_usd: "0.00020000",
    });
    const charges = await bed.send("GET", "/v1/user/wallet/transactions?kind=charge", reader.token);
    expect(charges.body.items).toHaveLength(1);
    const page = await bed.send("GET", "/v1/user/wallet/transactions?limit=2", reader.token);
    const rest = await bed.send(
      "GET",
      `/v1/user/wallet/transactions?limit=2&cursor=${page.body.next_cursor}`,
      reader.token,
    );
    expect([...page.body.items!, ...rest.body.items!]).toEqual(body.items);
    expect(rest.body.next_cursor).toBeNull();
  });

  it("answers a waiting reader as soon as the balance differs, and at the end of its time when it does not", async () => {
    const reader = await bed.user(first.app, "waiting");
    await credit(reader.endUserId, "1");
    const known = "/v1/user/wallet?changed_from=1.00000000";
    const atOnce = await bed.send(
      "GET",
      "/v1/user/wallet?changed_from=2.00000000&wait_seconds=60",
      reader.token,
    );
    expect(atOnce.body.balance_usd).toBe("1.00000000");
    const unchanged = await bed.send("GET", `${known}&wait_seconds=1`, reader.token);
    expect(unchanged.body.balance_usd).toBe("1.00000000");
    const waiting = bed.send("GET", `${known}&wait_seconds=60`, reader.token);
    await credit(reader.endUserId, "0.5");
    expect((await waiting).body.balance_usd).toBe("1.50000000");
  });

  it("refuses a cursor that no list has answered with", async () => {
    for (const path of ["wallet/transactions", "usage", "receipts"]) {
      const { status, body } = await bed.send("GET", `/v1/user/${path}?cursor=bm9uc2Vuc2U`, first.token);
      expect([status, (body.error as { param: string }).param]).toEqual([400, "cursor"]);
    }
  });
});

async function credit(walletId: string, amount_usd: string): Promise<void> {
  const answer = await bed.send("POST", `/v1/admin/wallets/${walletId}/adjustments`, adminToken, {
    body: { direction: "credit", amount_usd, reason: "a credit for the test" },
  });
  expect(answer.status).toBe(201);
}
