import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readRequest } from "@modelfaucet/contract/routes/developer.ts";
import { toExact, toUnits } from "../format/money.ts";

export type Receipt = NonNullable<AnswerOf<typeof readRequest>["receipt"]>;

/** One figure and whether it is what the figures that it is made of say. */
export type Sum = { usd: string; holds: boolean };

export type Recomputed = {
  lines: (Sum & { unit: string; quantity: number; priceUsd: string })[];
  /** What the operator carries of the attempt that served; absent when nothing. */
  absorbedUsd?: string;
  /** The lines add up to the cost (and what was absorbed of it). */
  cost: Sum;
  /** What is above the cost: markup and fee. It is the charge less the cost. */
  margin: Sum;
  feeUsd?: string;
  /** The developer's part of the margin that was paid with collected money, rounded down. */
  developer: Sum;
  platform: Sum;
  /** Cost and both shares. */
  charge: Sum;
  /** What the funds of the wallet gave. */
  funded: Sum;
};

const perMillion = 1_000_000n;
const wholeBps = 10_000n;

/** Every figure of a receipt computed again from its own quantities, prices and shares, exactly. */
export function recompute(receipt: Receipt): Recomputed {
  const cost = toUnits(receipt.upstream_cost_usd);
  const developer = toUnits(receipt.developer_share_usd);
  const platform = toUnits(receipt.platform_share_usd);
  const charge = toUnits(receipt.charge_usd);
  const absorbed = toUnits(receipt.absorbed_cost_usd ?? "0");
  const fee = toUnits(receipt.fee_usd);
  const lines = receipt.lines.map((line, index) =>
    lineOf(line, index === receipt.lines.length - 1 ? index + 1 : 1),
  );
  const { paid_usd: paid, promo_usd: promo, test_usd: test = "0" } = receipt.funded;
  const collected = toUnits(paid) + toUnits(test);
  const margin = charge - cost;
  const shareDue =
    charge === 0n
      ? 0n
      : (margin * collected * BigInt(receipt.pricing.developer_share_bps)) / (charge * wholeBps);
  return {
    lines,
    ...(absorbed === 0n ? {} : { absorbedUsd: toExact(absorbed) }),
    cost: { usd: toExact(cost), holds: total(lines) === cost + absorbed },
    margin: { usd: toExact(margin), holds: margin === developer + platform && margin >= fee },
    ...(fee === 0n ? {} : { feeUsd: toExact(fee) }),
    developer: { usd: toExact(developer), holds: developer === shareDue },
    platform: { usd: toExact(platform), holds: platform === margin - shareDue },
    charge: { usd: toExact(charge), holds: cost + developer + platform === charge },
    funded: { usd: toExact(collected + toUnits(promo)), holds: collected + toUnits(promo) === charge },
  };
}

/** Whether every sum of it holds. */
export function addsUp({ lines, cost, margin, developer, platform, charge, funded }: Recomputed): boolean {
  return [...lines, cost, margin, developer, platform, charge, funded].every(({ holds }) => holds);
}

// Each line is rounded by itself; the last one takes what that leaves, so that the lines add up to the cost.
function lineOf(line: Receipt["lines"][number], units: number): Recomputed["lines"][number] {
  const exact = BigInt(line.quantity) * toUnits(line.price_per_million_usd);
  const off = toUnits(line.amount_usd) * perMillion - exact;
  return {
    unit: line.unit,
    quantity: line.quantity,
    priceUsd: line.price_per_million_usd,
    usd: line.amount_usd,
    holds: (off < 0n ? -off : off) <= perMillion * BigInt(units),
  };
}

function total(lines: readonly Sum[]): bigint {
  return lines.reduce((sum, { usd }) => sum + toUnits(usd), 0n);
}
