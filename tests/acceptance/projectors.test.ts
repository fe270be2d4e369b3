import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { serverCommand, threeLogins } from "./server-command.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;
let records: Json[];

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  session = await fundedSession(product, ground, "1.00");
  const answers: Json[] = [];
  for (const model of ["stub-text", "stub-claude", "stub-text"]) {
    answers.push((await chat(product, session.token, { model })).body.modelfaucet);
  }
  records = await Promise.all(answers.map(({ request_id }) => closedRecord(product, request_id)));
  await untilRead();
});
afterAll(() => product.stop());

const day = 86_400_000;
const range = (): string =>
  `from=${new Date(Date.now() - day).toISOString()}&to=${new Date(Date.now() + day).toISOString()}`;
const analytics = (path: string) =>
  product.developer("GET", `/v1/developer/analytics/${path}&developer_id=${ground.developerId}`);

/** Money in units of 1e-8 USD. */
const unitsOf = (amount: string): bigint => BigInt(amount.replace(".", ""));

describe("the worker", () => {
  it("rolls requests up, and tells how far it is behind", async () => {
    const answer = await fetch(`${product.worker}/metrics`);
    const text = await answer.text();
    for (const projector of ["usage_rollups", "ledger_rollups"]) {
      expect(text).toMatch(
        new RegExp(`^modelfaucet_projector_lag_seconds\\{projector="${projector}"\\} [\\d.]+$`, "m"),
      );
    }
  });
});

describe("analytics", () => {
  it("add up to the requests that they are made of", async () => {
    const answer = await analytics(`series?metric=charge_usd&interval=day&group_by=model&${range()}`);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toMatchObject({
      metric: "charge_usd",
      unit: "usd",
      interval: "day",
      time_zone: "UTC",
    });
    const totals = Object.fromEntries(answer.body.series.map(({ key, total }: Json) => [key, total]));
    for (const model of ["stub-text", "stub-claude"]) {
      const charges = records
        .filter((record) => record.model === model)
        .map(({ charge_usd }) => unitsOf(charge_usd));
      expect(unitsOf(totals[model])).toBe(charges.reduce((sum, charge) => sum + charge, 0n));
    }
  });

  it("refuse what is not asked for in the right words", async () => {
    for (const [query, param] of [
      [`series?metric=charge&interval=day&${range()}`, "metric"],
      [`series?metric=charge_usd&interval=day&time_zone=Mars/Base&${range()}`, "time_zone"],
      [
        "series?metric=charge_usd&interval=hour&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "interval",
      ],
      [`series?metric=charge_usd&interval=day&user_id=${session.userId}&${range()}`, "user_id"],
      [`summary?compare=later&${range()}`, "compare"],
    ] as const) {
      const answer = await analytics(query);
      expect([answer.status, answer.body.error?.param], answer.text).toEqual([400, param]);
    }
  });
});

describe("the operator's books", () => {
  it("show a request's money from both sides, by any of its names", async () => {
    const [record] = records;
    const found = await product.admin("GET", `/v1/admin/books/transactions?request_id=${record.request_id}`);
    expect(found.status, found.text).toBe(200);
    const [transaction] = found.body.items;
    expect(transaction).toMatchObject({ kind: "usage", source_id: record.request_id.slice("req_".length) });
    const debited = transaction.entries
      .filter(({ direction, scope }: Json) => direction === "debit" && scope === "end_user")
      .reduce((sum: bigint, { amount_usd }: Json) => sum + unitsOf(amount_usd), 0n);
    expect(debited).toBe(unitsOf(record.charge_usd));
    const one = await product.admin("GET", `/v1/admin/books/transactions/${transaction.id}`);
    expect(one.body).toEqual(transaction);
    const ofWallet = await product.admin("GET", `/v1/admin/books/transactions?wallet_id=${session.userId}`);
    expect(ofWallet.body.items.map(({ kind }: Json) => kind)).toEqual([
      "usage",
      "usage",
      "usage",
      "test_credit",
    ]);
    expect((await product.admin("GET", "/v1/admin/books/transactions/usage_nothing")).status).toBe(404);
  });

  it("are paged without a gap, newest first", async () => {
    const whole = (await product.admin("GET", "/v1/admin/books/transactions?limit=200")).body.items;
    const paged: Json[] = [];
    for (let cursor = ""; ; ) {
      const { body } = await product.admin("GET", `/v1/admin/books/transactions?limit=1${cursor}`);
      paged.push(...body.items);
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(paged).toEqual(whole);
    expect((await product.admin("GET", "/v1/admin/books/transactions?cursor=nonsense")).status).toBe(400);
  });

  it("balance, and every invariant holds", async () => {
    const balance = await product.admin("GET", "/v1/admin/books");
    expect(balance.status, balance.text).toBe(200);
    expect(balance.body.sums_to_zero).toBe(true);
    expect(balance.body.scopes.map(({ scope }: Json) => scope)).toContain("end_user");
    const { body } = await product.admin("GET", "/v1/admin/reconciliation/invariants");
    expect(body.items.filter(({ ok }: Json) => !ok)).toEqual([]);
    expect(body.items.map(({ name }: Json) => name)).toContain("rolled_up_wallets_equal_their_entries");
    expect(
      body.items.find(({ name }: Json) => name === "charge_equals_its_transfers")?.checked,
    ).toBeGreaterThanOrEqual(3);
  });

  it("name what is wrong", async () => {
    await product.sql`update accounts set held_usd = held_usd + 0.00000001 where owner_id = ${session.userId} and kind = 'wallet' and balance_usd > 0`;
    const { body } = await product.admin("GET", "/v1/admin/reconciliation/invariants");
    const [broken] = body.items.filter(({ ok }: Json) => !ok);
    const [account] =
      await product.sql`select id from accounts where owner_id = ${session.userId} and kind = 'wallet' and balance_usd > 0`;
    expect(broken).toMatchObject({
      name: "held_equals_open_holds",
      violations: 1,
      sample_ids: [account!.id],
    });
    await product.sql`update accounts set held_usd = held_usd - 0.00000001 where owner_id = ${session.userId} and kind = 'wallet' and balance_usd > 0`;
  });
});

describe("features/validate", () => {
  const validate = (body: Json, app = ground.publicAppId) =>
    product.developer("POST", `/v1/developer/apps/${app}/features/validate`, body);

  it("prices a sample request as a real one is priced", async () => {
    const answer = await validate({
      policy: { models: ["stub/stub-text", "stub/stub-none"] },
      pricing: { markup_percent: 25, developer_share_bps: 4000 },
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toMatchObject({
      valid: true,
      issues: [],
      example: {
        input_tokens: 1000,
        output_tokens: 500,
        items: [
          {
            route_mode: "platform",
            provider: "stub",
            model: "stub-text",
            upstream_cost_usd: "0.00200000",
            charge_usd: "0.00250000",
            developer_share_usd: "0.00020000",
            platform_share_usd: "0.00030000",
          },
        ],
      },
    });
    expect(answer.body.warnings).toEqual([expect.stringContaining("stub/stub-none has no price")]);
    expect(answer.body.effective.pricing).toMatchObject({ markup_percent: 25, developer_share_bps: 4000 });
  });

  it("names every fault by its path, the operator's maxima too, and keeps nothing", async () => {
    const before = await product.sql`select count(*)::int as versions from feature_versions`;
    const shape = await validate({
      policy: { models: [], unknown: 1 },
      pricing: { markup_percent: -1, byok_fee_usd: 1 },
    });
    expect(shape.body.valid).toBe(false);
    expect(shape.body.issues.map(({ path }: Json) => path).sort()).toEqual([
      "policy.models",
      "policy.unknown",
      "pricing.byok_fee_usd",
      "pricing.markup_percent",
    ]);
    const above = await validate({ pricing: { markup_percent: 301 } });
    expect(above.body).toEqual({
      valid: false,
      issues: [{ path: "pricing.markup_percent", message: "must be at most 300" }],
      warnings: [],
    });
    expect(await product.sql`select count(*)::int as versions from feature_versions`).toEqual(before);
    expect((await validate({}, "nobodys")).status).toBe(404);
  });
});

describe("mf projectors", () => {
  it("makes roll-ups again from the log, and says how far each projector is", async () => {
    await product.sql`update usage_rollups set charge_usd = charge_usd + 1`;
    const ended = await serverCommand(
      ["projectors", "rebuild", "usage_rollups", "--json"],
      threeLogins(product.database),
    );
    expect(ended.code, ended.stderr).toBe(0);
    const { projectors } = JSON.parse(ended.stdout);
    expect(projectors).toContainEqual(
      expect.objectContaining({ name: "usage_rollups", generation: 2, state: "live" }),
    );
    const [row] = await product.sql`select sum(charge_usd) as charge from usage_rollups where grain = 1440`;
    const [log] = await product.sql`select sum(charge_usd) as charge from usage_events`;
    expect(row).toEqual(log);
    await expectBooksClean(product);
  });
});

async function untilRead(): Promise<void> {
  await vi.waitFor(
    async () => {
      const [row] = await product.sql`
        select (select count(*)::int from usage_events) - (select coalesce(sum(requests), 0)::int from usage_rollups where grain = 1440) as missing`;
      expect(row!.missing).toBe(0);
    },
    { timeout: 20_000, interval: 100 },
  );
}
