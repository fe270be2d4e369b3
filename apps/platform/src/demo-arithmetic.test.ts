import { expect, test } from "vitest";
import { findDifferences, type Receipt } from "./demo-arithmetic.ts";
import { slip } from "./demo-slip.ts";

const receipt: Receipt = {
  receipt_id: "rcpt_req_1",
  request_id: "req_1",
  feature_key: "customer_reply",
  route_mode: "platform",
  provider: "simulated",
  model: "sim-large",
  usage_source: "provider",
  simulated: true,
  lines: [
    { unit: "input", quantity: 101, price_per_million_usd: "2.50000000", amount_usd: "0.00025250" },
    { unit: "output", quantity: 50, price_per_million_usd: "10.00000000", amount_usd: "0.00050000" },
  ],
  upstream_cost_usd: "0.00075250",
  developer_share_usd: "0.00009030",
  platform_share_usd: "0.00013545",
  charge_usd: "0.00097825",
  fee_usd: "0.00000000",
  price_version: 1,
  issued_at: "2026-03-01T00:00:00.000Z",
};
const told = {
  answer: receipt,
  usage: receipt,
  receipt,
  walletBefore: "10.00000000",
  walletAfter: "9.99902175",
};

test("finds no difference where there is none", () => {
  expect(findDifferences(told)).toEqual([]);
});

test("an absorbed cost belongs to the lines, not to the charge", () => {
  const absorbed = {
    ...receipt,
    upstream_cost_usd: "0.00075000",
    absorbed_cost_usd: "0.00000250",
    charge_usd: "0.00097575",
  };
  expect(
    findDifferences({
      ...told,
      answer: absorbed,
      usage: absorbed,
      receipt: absorbed,
      walletAfter: "9.99902425",
    }),
  ).toEqual([]);
});

test.each([
  ["answer", /charge_usd is 0.00097826 in the answer/],
  ["usage", /charge_usd is 0.00097826 in the usage list/],
] as const)("finds one unit of difference in the %s", (place, sentence) => {
  const differences = findDifferences({ ...told, [place]: { ...receipt, charge_usd: "0.00097826" } });
  expect(differences).toEqual([expect.stringMatching(sentence)]);
});

test("finds a line that is not quantity × price, and lines that do not add up", () => {
  const [input, output] = receipt.lines;
  const wrong = { ...receipt, lines: [input!, { ...output!, amount_usd: "0.00050001" }] };
  expect(findDifferences({ ...told, answer: wrong, usage: wrong, receipt: wrong })).toEqual([
    "output: 50 × 10.00000000 per million is not 0.00050001",
    "lines: 0.00075251, but upstream + absorbed cost: 0.00075250",
  ]);
});

test("finds a wallet that fell by something else than the charge, also below zero", () => {
  expect(findDifferences({ ...told, walletAfter: "-0.00000001" })).toEqual([
    "wallet before: 10.00000000, but wallet after + charge: 0.00097824",
  ]);
});

test("the slip shows every line with its price and stays within 62 columns", () => {
  const text = slip(receipt, "10.00000000", "9.99902175");
  expect(text).toContain("input  101 × 2.50 per million");
  expect(text).toMatch(/= charge \(USD\) +0\.00097825/);
  expect(text).toContain("simulated");
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(62);
});
