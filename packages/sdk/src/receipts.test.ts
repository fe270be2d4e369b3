import { expect, test } from "vitest";
import { verifyReceipt } from "./receipts.ts";
import type { FaucetReceipt } from "./wire.ts";

const receipt = {
  route_mode: "platform",
  lines: [
    { unit: "input", quantity: 312, price_per_million_usd: "0.40000000", amount_usd: "0.00012480" },
    { unit: "output", quantity: 124, price_per_million_usd: "1.60000000", amount_usd: "0.00019840" },
  ],
  upstream_cost_usd: "0.00032320",
  developer_share_usd: "0.00003878",
  platform_share_usd: "0.00005818",
  fee_usd: "0.00000000",
  charge_usd: "0.00042016",
  pricing: { mode: "usage_markup", markup_percent: 30, developer_share_bps: 4000 },
  signature: "pending",
} as FaucetReceipt;

test("a receipt that adds up is valid, its signature still pending", () => {
  expect(verifyReceipt(receipt)).toEqual({
    valid: true,
    checks: { sums: true, signature: "pending", chain: "pending" },
  });
});

test("the rounding of all lines may stand in the last one", () => {
  const third = {
    unit: "input",
    quantity: 1,
    price_per_million_usd: "0.00400000",
    amount_usd: "0.00000000",
  } as const;
  const lines = [third, third, third, { ...third, amount_usd: "0.00000002" }];
  const split = { developer_share_usd: "0.00000000", platform_share_usd: "0.00000001" };
  const small = { ...receipt, ...split, lines, upstream_cost_usd: "0.00000002", charge_usd: "0.00000003" };
  expect(verifyReceipt(small).valid).toBe(true);
});

test.each([
  [1, "0.00000000"],
  [3, "0.00000002"],
  [5, "0.00000002"],
])("half a unit is rounded to the even neighbour: %i tokens at $0.005 cost %s", (quantity, cost) => {
  const line = { unit: "input", quantity, price_per_million_usd: "0.00500000", amount_usd: cost } as const;
  const nothing = { developer_share_usd: "0.00000000", platform_share_usd: "0.00000000" };
  const small = { ...receipt, ...nothing, lines: [line], upstream_cost_usd: cost, charge_usd: cost };
  expect(verifyReceipt(small).valid).toBe(true);
});

test.each([
  ["a line that is not quantity × price", { lines: [{ ...receipt.lines[0]!, amount_usd: "0.00012490" }] }],
  ["a missing line", { lines: receipt.lines.slice(1) }],
  ["a charge one unit too high", { charge_usd: "0.00042017" }],
  ["a cost one unit too low", { upstream_cost_usd: "0.00032319", platform_share_usd: "0.00005819" }],
  [
    "a developer share above its rate",
    { developer_share_usd: "0.00003879", platform_share_usd: "0.00005817" },
  ],
  ["a negative part", { platform_share_usd: "-0.00000001" }],
  ["a fraction of a token", { lines: [{ ...receipt.lines[0]!, quantity: 1.5 }] }],
  ["a fee above the charge", { fee_usd: "0.00042017" }],
])("finds %s", (_name, over) => {
  const result = verifyReceipt({ ...receipt, ...over });
  expect(result.valid).toBe(false);
  expect(result.checks.sums).toBe(false);
  expect(result.reason).toEqual(expect.any(String));
});

test("does not call a signed receipt valid, because it cannot check the signature", () => {
  const signed = {
    ...receipt,
    signature: { alg: "EdDSA", kid: "k", value: "v" },
  } as unknown as FaucetReceipt;
  expect(verifyReceipt(signed)).toMatchObject({ valid: false, checks: { sums: true, signature: false } });
});
