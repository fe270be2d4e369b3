import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  adminToken,
  developerToken,
  type MadeApp,
  type MoneyTestbed,
  openMoneyTestbed,
  usd,
} from "./money-testbed.ts";

let bed: MoneyTestbed;
let app: MadeApp;

const read = (path: string) => bed.send("GET", path, developerToken);
const range = "from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z";

beforeAll(async () => {
  bed = await openMoneyTestbed(inject("postgres"));
  app = await bed.makeApp("app_ours");
  const ann = await bed.user(app, "ann");
  await bed.send("POST", `/v1/admin/wallets/${ann.endUserId}/credit-test-balance`, adminToken, {
    body: { amount_usd: "1" },
    key: "first",
  });
  await (await bed.request(ann, usd("0.001"))).close();
});
afterAll(() => bed.close());

describe("analytics", () => {
  it("shows every interval of a range in which nothing happened", async () => {
    const { status, body } = await read(
      `/v1/developer/analytics/series?metric=charge_usd&interval=hour&${range}`,
    );
    expect({ status, body }).toMatchObject({ status: 200 });
    const [series] = body.series as { points: unknown[] }[];
    expect(series!.points).toHaveLength(24);
    expect(series!.points[0]).toEqual({ at: "2020-01-01T00:00:00.000Z", value: "0.00000000" });
    const summary = await read(`/v1/developer/analytics/summary?compare=previous&${range}`);
    expect(summary).toMatchObject({ status: 200 });
  });
});

describe("books", () => {
  it("reads", async () => {
    for (const path of [
      "/v1/admin/books",
      "/v1/admin/books/transactions",
      "/v1/admin/reconciliation/invariants",
    ]) {
      expect(await bed.send("GET", path, adminToken)).toMatchObject({ status: 200 });
    }
  });
});

describe("features/validate", () => {
  it("prices a sample request", async () => {
    const answer = await bed.send("POST", "/v1/developer/apps/app_ours/features/validate", developerToken, {
      body: {
        policy: { models: ["simulated/sim-small"] },
        pricing: { markup_percent: 25, developer_share_bps: 4000 },
      },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { valid: true, example: { items: [{ charge_usd: "0.00250000" }] } },
    });
  });
});
