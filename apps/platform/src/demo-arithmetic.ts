// Recomputing a charge: every figure that the answer, the API and the receipt tell, and every sum between them.
import { formatUsd, parseUsd } from "@modelfaucet/server/lib/money.ts";

/** The money of one request as each of the three places names it: decimal strings of USD. */
export type Figures = {
  readonly upstream_cost_usd: string;
  readonly developer_share_usd: string;
  readonly platform_share_usd: string;
  readonly charge_usd: string;
  readonly fee_usd: string;
  /** Absent: nothing was absorbed. */
  readonly absorbed_cost_usd?: string;
};

export type ReceiptLine = {
  readonly unit: string;
  readonly quantity: number;
  readonly price_per_million_usd: string;
  readonly amount_usd: string;
};

export type Receipt = Figures & {
  readonly receipt_id: string;
  readonly request_id: string;
  readonly feature_key: string;
  readonly route_mode: string;
  readonly provider: string;
  readonly model: string;
  readonly usage_source: string;
  readonly simulated: boolean;
  readonly lines: readonly ReceiptLine[];
  readonly price_version: string | number;
  readonly issued_at: string;
};

const figureNames = [
  "upstream_cost_usd",
  "developer_share_usd",
  "platform_share_usd",
  "charge_usd",
  "fee_usd",
  "absorbed_cost_usd",
] as const;

/** Every difference as one sentence; none: the figures are the same everywhere and add up. */
export function findDifferences(told: {
  readonly answer: Figures;
  readonly usage: Figures;
  readonly receipt: Receipt;
  readonly walletBefore: string;
  readonly walletAfter: string;
}): string[] {
  const { answer, usage, receipt } = told;
  return [
    ...figureNames.flatMap((name) => [
      ...different(name, "the answer", answer[name], "the receipt", receipt[name]),
      ...different(name, "the usage list", usage[name], "the receipt", receipt[name]),
    ]),
    ...receipt.lines.flatMap(wrongLine),
    ...wrongSum(
      "lines",
      receipt.lines.map((line) => line.amount_usd),
      "upstream + absorbed cost",
      [receipt.upstream_cost_usd, receipt.absorbed_cost_usd ?? "0"],
    ),
    ...wrongSum(
      "upstream cost + developer share + platform share",
      [receipt.upstream_cost_usd, receipt.developer_share_usd, receipt.platform_share_usd],
      "charge",
      [receipt.charge_usd],
    ),
    ...wrongSum("wallet before", [told.walletBefore], "wallet after + charge", [
      told.walletAfter,
      receipt.charge_usd,
    ]),
  ];
}

function different(
  name: string,
  here: string,
  first: string | undefined,
  there: string,
  second: string | undefined,
): string[] {
  if (units(first ?? "0") === units(second ?? "0")) return [];
  return [`${name} is ${first ?? "absent"} in ${here} and ${second ?? "absent"} in ${there}`];
}

// Money is kept to eight decimals, so one line may be rounded by less than its last digit.
function wrongLine(line: ReceiptLine): string[] {
  const millionfold = BigInt(line.quantity) * units(line.price_per_million_usd);
  const off = units(line.amount_usd) * 1_000_000n - millionfold;
  if (off > -1_000_000n && off < 1_000_000n) return [];
  return [
    `${line.unit}: ${line.quantity} × ${line.price_per_million_usd} per million is not ${line.amount_usd}`,
  ];
}

function wrongSum(
  name: string,
  parts: readonly string[],
  otherName: string,
  others: readonly string[],
): string[] {
  const sum = (amounts: readonly string[]) => amounts.reduce((total, amount) => total + units(amount), 0n);
  if (sum(parts) === sum(others)) return [];
  return [`${name}: ${formatUsd(sum(parts))}, but ${otherName}: ${formatUsd(sum(others))}`];
}

function units(amount: string): bigint {
  const negative = amount.startsWith("-");
  const parsed = parseUsd(negative ? amount.slice(1) : amount);
  if (parsed === null) throw new Error(`${amount} is not an amount of money`);
  return negative ? -parsed : parsed;
}
