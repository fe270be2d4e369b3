/**
 * Money on the screen: decimal strings from the wire, added and compared as whole numbers of 1e-8 USD, never as floats.
 */

/** Units of 1e-8 USD. @throws RangeError for what is no amount. */
export function toUnits(amountUsd: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,8}))?$/.exec(amountUsd);
  if (!match) throw new RangeError(`not an amount: ${amountUsd}`);
  const units = BigInt(match[2]! + (match[3] ?? "").padEnd(8, "0"));
  return match[1] ? -units : units;
}

/** `0.00042016`: eight decimals and no currency, as the wire has it. */
export function toExact(units: bigint): string {
  const digits = magnitude(units).toString().padStart(9, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

/** `1,000.00042016`: eight decimals, where a receipt is read. */
export function showExact(amountUsd: string): string {
  const units = toUnits(amountUsd);
  const [whole, decimals] = toExact(magnitude(units)).split(".");
  return `${units < 0n ? "−" : ""}${grouped(whole!)}.${decimals}`;
}

/**
 * `$9.98`, `$0.0004`, `<$0.0001`, `−$1.50`: two decimals and up to four where they are not zero. What is not zero never
 * shows as zero. A charge is rounded to the nearest; what is left in a purse is rounded `down`, never shown as more.
 */
export function showUsd(amountUsd: string, round: "nearest" | "down" = "nearest"): string {
  const exact = toUnits(amountUsd);
  const units = magnitude(exact);
  const sign = exact < 0n ? "−" : "";
  if (units > 0n && units < step) return `${sign}<$0.0001`;
  const steps = round === "down" ? units / step : (units + step / 2n) / step;
  const digits = steps.toString().padStart(5, "0");
  const fraction = digits.slice(-4).replace(/0+$/, "").padEnd(2, "0");
  return `${sign}$${grouped(digits.slice(0, -4))}.${fraction}`;
}

/** `$1.60`: a price, all its decimals but no zeros beyond two. */
export function showPrice(amountUsd: string): string {
  const [whole, decimals = ""] = toExact(toUnits(amountUsd)).split(".");
  return `$${grouped(whole!)}.${decimals.replace(/0+$/, "").padEnd(2, "0")}`;
}

/** How many zeros `text` lacks to stand under an amount of four decimals: columns keep their decimal points in line. */
export function missingZeros(text: string): number {
  const point = text.lastIndexOf(".");
  return point < 0 ? 0 : Math.max(0, 4 - (text.length - point - 1));
}

export function isZero(amountUsd: string): boolean {
  return toUnits(amountUsd) === 0n;
}

export function sumUsd(amounts: Iterable<string>): string {
  let units = 0n;
  for (const amount of amounts) units += toUnits(amount);
  return toExact(units);
}

/**
 * For lengths and axes of charts alone: a figure that is read always comes from the string.
 * Exact up to about 90 million dollars, which is more than a pixel can tell.
 */
export function lengthOf(amountUsd: string): number {
  return Number(toUnits(amountUsd)) / 1e8;
}

const step = 10_000n;

function magnitude(units: bigint): bigint {
  return units < 0n ? -units : units;
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}
