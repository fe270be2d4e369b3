import type { FaucetReceipt } from "@modelfaucet/sdk";
import { toExact, toUnits } from "../money/amount.ts";

export type RecomputedReceipt = {
  lines: { unit: string; quantity: number; priceUsd: string; amountUsd: string; holds: boolean }[];
  /** The lines add up to the cost; with an own key they add up to what its provider bills, and the cost is nothing. */
  cost: { amountUsd: string; holds: boolean };
  /** What an own key's provider bills, about. */
  elsewhereUsd: string | null;
  absorbedUsd: string | null;
  /** Cost and both shares add up to the charge. */
  charge: { amountUsd: string; holds: boolean };
};

const perMillion = 1_000_000n;

/** Every figure of the slip computed again from the receipt's own quantities and prices, exactly. */
export function recompute(receipt: FaucetReceipt): RecomputedReceipt {
  const lines = receipt.lines.map((line, index) => {
    const exact = BigInt(line.quantity) * toUnits(line.price_per_million_usd);
    const off = toUnits(line.amount_usd) * perMillion - exact;
    // Each line is rounded by itself; the last one takes what that leaves, so that the lines add up to the cost.
    const most = perMillion * BigInt(index === receipt.lines.length - 1 ? receipt.lines.length : 1);
    return {
      unit: line.unit,
      quantity: line.quantity,
      priceUsd: line.price_per_million_usd,
      amountUsd: line.amount_usd,
      holds: (off < 0n ? -off : off) <= most,
    };
  });
  const absorbed = toUnits(receipt.absorbed_cost_usd ?? "0");
  const cost = toUnits(receipt.upstream_cost_usd);
  const elsewhere = receipt.provider_estimate_usd;
  const linesTotal = lines.reduce((sum, line) => sum + toUnits(line.amountUsd), 0n);
  const parts = cost + toUnits(receipt.developer_share_usd) + toUnits(receipt.platform_share_usd);
  return {
    lines,
    cost: {
      amountUsd: toExact(cost),
      holds:
        elsewhere === undefined
          ? linesTotal === cost + absorbed
          : linesTotal === toUnits(elsewhere) && cost === 0n,
    },
    elsewhereUsd: elsewhere ?? null,
    absorbedUsd: absorbed === 0n ? null : toExact(absorbed),
    charge: { amountUsd: receipt.charge_usd, holds: parts === toUnits(receipt.charge_usd) },
  };
}
