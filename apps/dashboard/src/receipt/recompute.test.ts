import { expect, test } from "vitest";
import { addsUp, type Receipt, recompute } from "./recompute.ts";

const receipt = {
  lines: [
    { unit: "input", quantity: 312, price_per_million_usd: "0.40000000", amount_usd: "0.00012480" },
    { unit: "output", quantity: 124, price_per_million_usd: "1.60000000", amount_usd: "0.00019840" },
  ],
  upstream_cost_usd: "0.00032320",
  developer_share_usd: "0.00003878",
  platform_share_usd: "0.00005818",
  fee_usd: "0.00000000",
  charge_usd: "0.00042016",
  funded: { paid_usd: "0.00042016", promo_usd: "0.00000000" },
  pricing: { mode: "usage_markup", markup_percent: 30, developer_share_bps: 4000 },
} as unknown as Receipt;

test("ticks a receipt whose sums hold", () => {
  expect(addsUp(recompute(receipt))).toBe(true);
});

test.each([
  ["charge", { charge_usd: "0.00042017" }],
  ["cost", { upstream_cost_usd: "0.00032319" }],
  ["developer", { developer_share_usd: "0.00003879" }],
  ["platform", { platform_share_usd: "0.00005817" }],
  ["funded", { funded: { paid_usd: "0.00042015", promo_usd: "0.00000000" } }],
] as const)("does not tick what is wrong by one unit: %s", (name, wrong) => {
  const sums = recompute({ ...receipt, ...wrong } as Receipt);
  expect(sums[name].holds).toBe(false);
  expect(addsUp(sums)).toBe(false);
});

test("does not tick a line that is not its quantity times its price", () => {
  const [first, second] = receipt.lines;
  const lines = [{ ...first!, amount_usd: "0.00012482" }, second!];
  expect(recompute({ ...receipt, lines }).lines[0]?.holds).toBe(false);
});

test("what was paid by promotion earns the developer nothing", () => {
  const promo = {
    ...receipt,
    developer_share_usd: "0.00000000",
    platform_share_usd: "0.00009696",
    funded: { paid_usd: "0.00000000", promo_usd: "0.00042016" },
  };
  expect(addsUp(recompute(promo))).toBe(true);
  expect(recompute({ ...promo, funded: receipt.funded }).developer.holds).toBe(false);
});

test("what the operator absorbed is part of the lines, not of the cost", () => {
  const sums = recompute({
    ...receipt,
    upstream_cost_usd: "0.00030000",
    developer_share_usd: "0.00004806",
    platform_share_usd: "0.00007210",
    absorbed_cost_usd: "0.00002320",
  });
  expect(sums.absorbedUsd).toBe("0.00002320");
  expect(addsUp(sums)).toBe(true);
});
