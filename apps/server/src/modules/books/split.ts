import { minUsd, subtractUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import { type Fund, fundsInOrder } from "./items.ts";

/** How much of a charge each fund paid. */
export type Funded = Record<Fund, Usd>;
export type ChargePart = "cost" | "developer" | "platform";
export type SplitLine = { part: ChargePart; fund: Fund; amountUsd: Usd };

export type Split = {
  upstreamCostUsd: Usd;
  developerShareUsd: Usd;
  platformShareUsd: Usd;
  /** At most five; they add up to the charge. */
  lines: SplitLine[];
};

/** Drains funds in their order, each up to what its leg holds. `wanted` is at most their sum. */
export function drain(wanted: Usd, legs: readonly { fund: Fund; amountUsd: Usd }[]): Funded {
  const funded: Funded = { promo: zeroUsd, test: zeroUsd, paid: zeroUsd };
  let rest = wanted;
  for (const fund of fundsInOrder) {
    for (const leg of legs) {
      if (leg.fund !== fund) continue;
      const taken = minUsd(rest, leg.amountUsd);
      funded[fund] = (funded[fund] + taken) as Usd;
      rest = subtractUsd(rest, taken);
    }
  }
  return funded;
}

/**
 * Splits a charge: the cost it covers, the developer's share of the margin (floored, and only of the part that was paid
 * with money collected), and the platform's, which is the rest. The parts add up to the charge by construction.
 */
export function splitCharge(chargeUsd: Usd, costUsd: Usd, developerShareBps: number, funded: Funded): Split {
  const upstreamCostUsd = minUsd(costUsd, chargeUsd);
  const margin = chargeUsd - upstreamCostUsd;
  const collected = funded.paid + funded.test;
  const developerShareUsd = (
    chargeUsd === 0n ? 0n : (margin * collected * BigInt(developerShareBps)) / (chargeUsd * 10_000n)
  ) as Usd;
  const platformShareUsd = (margin - developerShareUsd) as Usd;
  const left: Funded = { ...funded };
  const lines: SplitLine[] = [];
  const take = (part: ChargePart, amount: Usd, order: readonly Fund[]): void => {
    let rest = amount;
    for (const fund of order) {
      const amountUsd = minUsd(rest, left[fund]);
      if (amountUsd === 0n) continue;
      lines.push({ part, fund, amountUsd });
      left[fund] = subtractUsd(left[fund], amountUsd);
      rest = subtractUsd(rest, amountUsd);
    }
  };
  take("developer", developerShareUsd, ["paid", "test"]);
  take("cost", upstreamCostUsd, fundsInOrder);
  take("platform", platformShareUsd, fundsInOrder);
  return { upstreamCostUsd, developerShareUsd, platformShareUsd, lines };
}
