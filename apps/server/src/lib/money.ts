/**
 * Money is a whole number of units of 1e-8 USD. It is never a float: it comes in as a decimal string, is added and
 * compared as `bigint`, and leaves as a decimal string with exactly eight decimals.
 */
declare const unit: unique symbol;
export type Usd = bigint & { readonly [unit]: "1e-8 USD" };

export const zeroUsd = 0n as Usd;

const wireForm = /^(0|[1-9]\d{0,11})(?:\.(\d{1,8}))?$/;
const storedForm = /^(-?)(\d{1,12})(?:\.(\d{1,8}))?$/;

/** Reads an amount as clients may send it: up to eight decimals, no sign, no exponent. `null` when it is none. */
export function parseUsd(text: string): Usd | null {
  const match = wireForm.exec(text);
  if (!match) return null;
  return (BigInt(match[1]!) * 100_000_000n + BigInt((match[2] ?? "").padEnd(8, "0"))) as Usd;
}

/** Reads an amount as the database writes `numeric(20,8)`, sign included. @throws on anything else. */
export function usdFromStore(text: string): Usd {
  const match = storedForm.exec(text);
  if (!match) throw new Error("not an amount of money");
  const units = BigInt(match[2]!) * 100_000_000n + BigInt((match[3] ?? "").padEnd(8, "0"));
  return (match[1] ? -units : units) as Usd;
}

/** `1.25000000`: exactly eight decimals, as on the wire and in the database. */
export function formatUsd(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(9, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

export function addUsd(...amounts: readonly bigint[]): Usd {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum as Usd;
}

export function subtractUsd(from: bigint, amount: bigint): Usd {
  return (from - amount) as Usd;
}

export function minUsd(first: Usd, ...rest: readonly Usd[]): Usd {
  return rest.reduce((least, amount) => (amount < least ? amount : least), first);
}

export function maxUsd(first: Usd, ...rest: readonly Usd[]): Usd {
  return rest.reduce((most, amount) => (amount > most ? amount : most), first);
}

/** Rounds towards plus infinity: what a payer is charged. Divisor above 0, dividend not below 0. */
export function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

/** Rounds to the nearest, a half to the even neighbour: what upstream took. Divisor above 0, dividend not below 0. */
export function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const whole = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  if (twice < divisor) return whole;
  if (twice > divisor) return whole + 1n;
  return whole % 2n === 0n ? whole : whole + 1n;
}

/** Rounds towards zero: shares, and quantities that an amount still pays for. */
export function divideRoundingDown(dividend: bigint, divisor: bigint): bigint {
  return dividend / divisor;
}
