import type { FaucetReceipt } from "@modelfaucet/sdk";
import { expect, test } from "vitest";
import { recompute } from "./recompute.ts";

const receipt = {
  lines: [
    { unit: "input", quantity: 312, price_per_million_usd: "0.40000000", amount_usd: "0.00012480" },
    { unit: "output", quantity: 124, price_per_million_usd: "1.60000000", amount_usd: "0.00019840" },
  ],
  upstream_cost_usd: "0.00032320",
  developer_share_usd: "0.00003878",
  platform_share_usd: "0.00005818",
  charge_usd: "0.00042016",
} as FaucetReceipt;

test("ticks a receipt whose sums hold", () => {
  const { lines, cost, charge } = recompute(receipt);
  expect([...lines, cost, charge].every((sum) => sum.holds)).toBe(true);
});

test("ticks nothing that is wrong by one unit", () => {
  expect(recompute({ ...receipt, charge_usd: "0.00042017" }).charge.holds).toBe(false);
  expect(recompute({ ...receipt, upstream_cost_usd: "0.00032319" }).cost.holds).toBe(false);
  const [first, second] = receipt.lines;
  const lines = [{ ...first!, amount_usd: "0.00012482" }, second!];
  expect(recompute({ ...receipt, lines }).lines[0]?.holds).toBe(false);
});

test("with an own key the lines are what its provider bills, and the fee is the charge", () => {
  const own = {
    ...receipt,
    provider_estimate_usd: "0.00032320",
    upstream_cost_usd: "0.00000000",
    developer_share_usd: "0.00020000",
    platform_share_usd: "0.00030000",
    charge_usd: "0.00050000",
  } as FaucetReceipt;
  expect(recompute(own)).toMatchObject({
    cost: { amountUsd: "0.00000000", holds: true },
    charge: { holds: true },
    elsewhereUsd: "0.00032320",
  });
  expect(recompute({ ...own, provider_estimate_usd: "0.00032321" }).cost.holds).toBe(false);
  expect(recompute({ ...own, upstream_cost_usd: "0.00000001" }).cost.holds).toBe(false);
});

test("what the platform absorbed is part of the lines, not of the cost", () => {
  const { cost, absorbedUsd } = recompute({
    ...receipt,
    upstream_cost_usd: "0.00030000",
    absorbed_cost_usd: "0.00002320",
  });
  expect(cost.holds).toBe(true);
  expect(absorbedUsd).toBe("0.00002320");
});
