import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { hashToken, newToken, uuidV7 } from "../../lib/ids.ts";
import type { LedgerTransaction } from "../../modules/analytics/analytics.ts";
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
    await credit(user);
    await (await bed.request(user, usd("0.001"))).close();
  }
});
afterAll(() => bed.close());

describe("what a developer sees of requests", () => {
  it("is their own apps' requests alone, and of a token kept to one app that app's", async () => {
    const token = await tokenOf(app, null);
    const { body } = await bed.send("GET", "/v1/developer/requests?limit=200", token);
    expect(new Set(body.items!.map((item) => item.public_app_id))).toEqual(new Set(["app_ours"]));
    const kept = await tokenOf(app, ["another_app"]);
    expect((await bed.send("GET", "/v1/developer/requests", kept)).body.items).toEqual([]);
    const foreign = await bed.send("GET", `/v1/developer/requests?developer_id=${other.developer.id}`, token);
    expect(foreign.body.items).toEqual([]);
    const everybody = await bed.send("GET", "/v1/developer/requests?limit=200", developerToken);
    expect(new Set(everybody.body.items!.map((item) => item.public_app_id))).toEqual(
      new Set(["app_ours", "app_theirs"]),
    );
    const narrowed = await bed.send(
      "GET",
      `/v1/developer/requests?developer_id=${other.developer.id}`,
      developerToken,
    );
    expect(new Set(narrowed.body.items!.map((item) => item.public_app_id))).toEqual(new Set(["app_theirs"]));
  });

  it("tells one request with attempts, hold and receipt, an open one without, a failed one with its error", async () => {
    const token = await tokenOf(app, null);
    const call = await bed.request(ann, usd("0.002"));
    const open = await bed.send("GET", `/v1/developer/requests/req_${call.id}`, token);
    expect(open.body).toMatchObject({
      status: "pending",
      hold_usd: "0.00200000",
      attempts: [],
      transactions: [],
      webhook_deliveries: [],
    });
    expect(open.body.receipt).toBeUndefined();
    await call.close();
    const closed = await bed.send("GET", `/v1/developer/requests/req_${call.id}`, token);
    const receipt = await bed.send("GET", `/v1/user/receipts/req_${call.id}`, ann.token);
    expect(closed.body).toMatchObject({
      status: "succeeded",
      hold_usd: "0.00200000",
      attempts: [
        {
          number: 1,
          provider: "simulated",
          outcome: "ok",
          status_class: "2xx",
          first_byte_ms: 12,
          duration_ms: 30,
        },
      ],
      receipt: receipt.body,
    });
    const [moved] = (closed.body as unknown as { transactions: LedgerTransaction[] }).transactions;
    expect(moved).toMatchObject({ kind: "usage", source_id: call.id });
    const debits = moved!.entries.filter(({ direction }) => direction === "debit");
    const sum = debits.reduce((units, { amount_usd: text }) => units + usd(text), 0n);
    expect(debits.every(({ scope }) => scope === "end_user")).toBe(true);
    expect(sum).toBe(usd((closed.body as unknown as { charge_usd: string }).charge_usd));
    const failing = await bed.request(ann, usd("0.001"));
    await failing.close({
      outcome: "failed",
      errorCode: "provider_error",
      chargeUsd: usd("0"),
      costUsd: usd("0"),
      lines: [],
    });
    const failed = await bed.send("GET", `/v1/developer/requests/req_${failing.id}`, token);
    expect(failed.body).toMatchObject({
      status: "failed",
      error: { code: "provider_error" },
      charge_usd: "0.00000000",
    });
    expect(failed.body.receipt).toBeUndefined();
    const theirs = await tokenOf(other, null);
    const foreign = await bed.send("GET", `/v1/developer/requests/req_${call.id}`, theirs);
    const missing = await bed.send("GET", `/v1/developer/requests/req_${uuidV7()}`, theirs);
    const told = ({ status, body }: typeof foreign) => [
      status,
      { ...(body.error as object), request_id: "" },
    ];
    expect(told(foreign)).toEqual(told(missing));
    expect(foreign.status).toBe(404);
  });

  it("filters by user, model, charge and status", async () => {
    const token = await tokenOf(app, null);
    const list = async (query: string) =>
      (await bed.send("GET", `/v1/developer/requests?${query}`, token)).body.items!;
    expect(await list(`user_id=${bob.endUserId}`)).toEqual([]);
    expect((await list("model=sim-small")).length).toBeGreaterThan(0);
    expect((await list("model=sim-small-2026")).length).toBeGreaterThan(0);
    expect(await list("model=sim-large")).toEqual([]);
    expect((await list("min_charge_usd=0.00025")).every((item) => item.charge_usd === "0.00025000")).toBe(
      true,
    );
    expect(await list("min_charge_usd=0.00025001")).toEqual([]);
    expect((await list("status=failed")).every((item) => item.status === "failed")).toBe(true);
  });

  it("adds an app's totals up over the whole filter, whatever the page", async () => {
    const made = await bed.makeApp("app_totals");
    const user = await bed.user(made, "counted");
    await credit(user);
    for (let index = 0; index < 5; index++) await (await bed.request(user, usd("0.001"))).close();
    const token = await tokenOf(made, null, ["developer:operations:read"]);
    const { body } = await bed.send("GET", "/v1/apps/app_totals/usage?limit=2", token);
    expect(body).toMatchObject({
      public_app_id: "app_totals",
      total_calls: 5,
      total_input_tokens: 500,
      total_output_tokens: 250,
      total_charge_usd: "0.00125000",
      total_developer_share_usd: "0.00010000",
    });
    expect(body.usage).toHaveLength(2);
    const next = await bed.send(
      "GET",
      `/v1/apps/app_totals/usage?limit=3&cursor=${body.next_cursor}`,
      adminToken,
    );
    expect(next.body).toMatchObject({ total_calls: 5, next_cursor: null });
    expect(next.body.usage).toHaveLength(3);
    expect((await bed.send("GET", "/v1/apps/app_theirs/usage", token)).body.error).toMatchObject({
      code: "invalid_app",
    });
    const without = await tokenOf(made, null, ["developer:apps:read"]);
    expect((await bed.send("GET", "/v1/apps/app_totals/usage", without)).status).toBe(403);
  });
});

async function credit({ endUserId }: User): Promise<void> {
  const body = { direction: "credit", amount_usd: "1", reason: "money for the test" };
  const path = `/v1/admin/wallets/${endUserId}/adjustments`;
  expect((await bed.send("POST", path, adminToken, { body })).status).toBe(201);
}

/** A developer token of that app's developer. */
async function tokenOf(
  of: MadeApp,
  publicAppIds: string[] | null,
  scopes: string[] = ["developer:usage:read"],
): Promise<string> {
  const token = newToken("mf_dev_");
  await bed.database.write(
    { purpose: "auth" },
    (tx) =>
      tx`insert into developer_api_tokens ${tx({
        id: uuidV7(),
        developer_id: of.developer.id,
        name: "test",
        token_hash: hashToken(token),
        token_prefix: token.slice(0, 15),
        scopes,
        public_app_ids: publicAppIds,
        created_by: "test",
        expires_at: new Date(Date.now() + 3_600_000),
      })}`,
  );
  return token;
}
