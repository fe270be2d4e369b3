// The receipt as a slip of paper, for the terminal.
import type { Receipt } from "./demo-arithmetic.ts";

const width = 62;

/** Lines of at most 62 characters: what was used at which price, who got what, and the wallet. */
export function slip(receipt: Receipt, walletBefore: string, walletAfter: string): string {
  const rule = "─".repeat(width);
  const lines = receipt.lines.map((line) =>
    row(`${line.unit}  ${line.quantity} × ${short(line.price_per_million_usd)} per million`, line.amount_usd),
  );
  return [
    rule,
    "RECEIPT",
    receipt.receipt_id,
    `${receipt.feature_key} · ${receipt.provider}/${receipt.model} · ${receipt.route_mode}`,
    `${receipt.issued_at} · prices of version ${receipt.price_version}`,
    rule,
    ...lines,
    rule,
    row("upstream cost", receipt.upstream_cost_usd),
    row("+ developer share", receipt.developer_share_usd),
    row(
      `+ platform share${isZero(receipt.fee_usd) ? "" : ` (fee ${receipt.fee_usd} in the shares)`}`,
      receipt.platform_share_usd,
    ),
    row("= charge (USD)", receipt.charge_usd),
    ...(receipt.absorbed_cost_usd && !isZero(receipt.absorbed_cost_usd)
      ? [row("carried by the operator", receipt.absorbed_cost_usd)]
      : []),
    rule,
    row("wallet before", walletBefore),
    row("wallet after", walletAfter),
    rule,
    ...(receipt.simulated ? ["This answer was simulated; no provider was called."] : []),
    ...(receipt.usage_source === "estimated" ? ["The provider told no usage; it was counted here."] : []),
  ].join("\n");
}

function row(name: string, amount: string): string {
  return `${name.padEnd(width - amount.length)}${amount}`;
}

// 2.50000000 reads better as 2.50; nothing but zeros is cut.
function short(price: string): string {
  return price.replace(/(\.\d\d\d*?)0+$/, "$1");
}

function isZero(amount: string): boolean {
  return /^[-0.]*$/.test(amount);
}
