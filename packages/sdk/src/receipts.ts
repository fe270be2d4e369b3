import type { FaucetReceipt } from "./wire.ts";

export type ReceiptVerification = {
  valid: boolean;
  checks: {
    /** Every line, the cost, the split and the charge were computed again. */
    sums: boolean;
    /** `pending`: not signed yet. This version cannot check a signature, so a signed receipt is not called valid. */
    signature: false | "pending";
    chain: false | "pending";
  };
  /** The first thing that does not hold. */
  reason?: string;
};

/** Computes a receipt again from its own quantities and prices, exactly, without the network. */
export function verifyReceipt(receipt: FaucetReceipt): ReceiptVerification {
  const wrong = wrongSum(receipt);
  const said: unknown = receipt.signature;
  const signature = said === "pending" ? "pending" : false;
  const chain = "chain" in receipt ? false : "pending";
  const reason =
    wrong ??
    (signature && chain ? undefined : "this version of the client cannot check a signature or a chain");
  return {
    valid: reason === undefined,
    checks: { sums: wrong === undefined, signature, chain },
    ...(reason === undefined ? {} : { reason }),
  };
}

const perMillion = 1_000_000n;

function wrongSum(receipt: FaucetReceipt): string | undefined {
  try {
    return wrongLine(receipt) ?? wrongCost(receipt) ?? wrongSplit(receipt);
  } catch (error) {
    return error instanceof RangeError || error instanceof TypeError
      ? "an amount is malformed"
      : String(error);
  }
}

// Each line is rounded by itself and the last one takes the rest, so that the lines add up to the cost: a line may be
// off by one unit, the last by one for each line.
function wrongLine({ lines }: FaucetReceipt): string | undefined {
  for (const [index, line] of lines.entries()) {
    const exact = BigInt(line.quantity) * units(line.price_per_million_usd);
    const off = units(line.amount_usd) * perMillion - exact;
    const most = perMillion * (index === lines.length - 1 ? BigInt(lines.length) : 1n);
    if ((off < 0n ? -off : off) > most) return `line ${index + 1} is not its quantity times its price`;
  }
  return undefined;
}

function wrongCost(receipt: FaucetReceipt): string | undefined {
  const exact = receipt.lines.reduce(
    (sum, line) => sum + BigInt(line.quantity) * units(line.price_per_million_usd),
    0n,
  );
  const lines = receipt.lines.reduce((sum, line) => sum + units(line.amount_usd), 0n);
  if (lines !== divideHalfEven(exact, perMillion)) return "the lines do not add up";
  const elsewhere = receipt.provider_estimate_usd;
  const cost =
    elsewhere === undefined
      ? units(receipt.upstream_cost_usd) + units(receipt.absorbed_cost_usd ?? "0")
      : units(elsewhere);
  return lines === cost ? undefined : "the lines are not the upstream cost";
}

function wrongSplit(receipt: FaucetReceipt): string | undefined {
  const charge = units(receipt.charge_usd);
  const cost = units(receipt.upstream_cost_usd);
  const developer = units(receipt.developer_share_usd);
  const platform = units(receipt.platform_share_usd);
  if ([charge, cost, developer, platform].some((part) => part < 0n)) return "a part is negative";
  if (cost + developer + platform !== charge) return "cost and shares are not the charge";
  const most = ((charge - cost) * BigInt(receipt.pricing.developer_share_bps)) / 10_000n;
  if (receipt.route_mode !== "developer_key" && developer > most)
    return "the developer share is above its rate";
  return units(receipt.fee_usd) <= charge ? undefined : "the fee is above the charge";
}

/** An amount in units of 1e-8 USD. @throws RangeError */
function units(amount: string): bigint {
  const match = /^(\d{1,12})(?:\.(\d{1,8}))?$/.exec(amount);
  if (!match) throw new RangeError(`not an amount: ${amount}`);
  return BigInt(match[1]! + (match[2] ?? "").padEnd(8, "0"));
}

function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const whole = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  if (twice === divisor) return whole + (whole % 2n);
  return twice > divisor ? whole + 1n : whole;
}
