/**
 * Money on this page: decimal strings from the wire, added and compared as whole numbers of 1e-8 USD, never as floats.
 */

export function toUnits(amountUsd: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,8}))?$/.exec(amountUsd);
  if (!match) throw new RangeError(`not an amount: ${amountUsd}`);
  const units = BigInt(match[2]! + (match[3] ?? "").padEnd(8, "0"));
  return match[1] ? -units : units;
}

/** `0.00042016`: eight decimals, as on a receipt. */
export function toExact(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(9, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

/**
 * `$9.98`, `$0.0004`, `<$0.0001`: two decimals and up to `decimals` where they are not zero. What is not zero never
 * shows as zero. A charge is rounded to the nearest; what is left in a purse is rounded `down`, never shown as more.
 */
export function showUsd(
  amount: string | bigint,
  { decimals = 4, round = "nearest" }: { decimals?: number; round?: "nearest" | "down" } = {},
): string {
  const exact = typeof amount === "bigint" ? amount : toUnits(amount);
  const sign = exact < 0n ? "−" : "";
  const units = exact < 0n ? -exact : exact;
  if (units > 0n && units < 10_000n) return `${sign}<$0.0001`;
  const step = 10n ** BigInt(8 - decimals);
  const steps = round === "down" ? units / step : (units + step / 2n) / step;
  const digits = steps.toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, -decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  const fraction = digits.slice(-decimals).replace(/0+$/, "").padEnd(2, "0");
  return `${sign}$${whole}.${fraction}`;
}

/** `$1.60`: a price per million, all its decimals but no zeros beyond two. */
export function showPrice(priceUsd: string): string {
  return showUsd(priceUsd, { decimals: 8 });
}
