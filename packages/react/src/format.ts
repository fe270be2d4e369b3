type Round = "nearest" | "down";

/**
 * Money and times in the reader's language, from the strings of the wire. `Intl` takes an amount as a decimal string, so it
 * never becomes a float on its way to the screen.
 */
export type Format = {
  /** `$0.0004`, `$9.98`, `<$0.0001`: what is not zero never shows as zero; what is left in a purse rounds `down`. */
  usd(amountUsd: string, round?: Round): string;
  /** A price with all its decimals, for example per million tokens: `$0.40`, `$1.625`. */
  price(amountUsd: string): string;
  count(value: number): string;
  time(value: string | number): string;
};

const amount = /^-?\d{1,15}(\.\d{1,8})?$/;
const leastShown = "0.0001";

export function createFormat(locale: string): Format {
  const language = Intl.NumberFormat.supportedLocalesOf(safe(locale))[0] ?? "en";
  const money = (most: number, round: Round) =>
    new Intl.NumberFormat(language, {
      style: "currency",
      currency: "USD",
      currencyDisplay: "narrowSymbol",
      minimumFractionDigits: 2,
      maximumFractionDigits: most,
      roundingMode: round === "down" ? "floor" : "halfExpand",
    });
  const shown = { nearest: money(4, "nearest"), down: money(4, "down") };
  const exact = money(8, "nearest");
  const count = new Intl.NumberFormat(language);
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  return {
    usd(amountUsd, round = "nearest") {
      if (!amount.test(amountUsd)) return amountUsd;
      if (isTiny(amountUsd)) return `<${shown.nearest.format(leastShown as never)}`;
      return shown[round].format(amountUsd as never);
    },
    price: (amountUsd) => (amount.test(amountUsd) ? exact.format(amountUsd as never) : amountUsd),
    count: (value) => count.format(value),
    time(value) {
      const at = new Date(value);
      return Number.isNaN(at.getTime()) ? String(value) : time.format(at);
    },
  };
}

/** An amount of the wire in units of 1e-8 USD; `null` for what is no amount. */
export function unitsOf(amountUsd: string): bigint | null {
  if (!amount.test(amountUsd)) return null;
  const [whole = "", decimals = ""] = amountUsd.replace("-", "").split(".");
  const units = BigInt(whole + decimals.padEnd(8, "0"));
  return amountUsd.startsWith("-") ? -units : units;
}

/** Units of 1e-8 USD as the wire writes them, with eight decimals. */
export function usdOf(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(9, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

export function isZero(amountUsd: string): boolean {
  return !/[1-9]/.test(amountUsd);
}

function isTiny(amountUsd: string): boolean {
  const units = unitsOf(amountUsd);
  return units !== null && units > 0n && units < 10_000n;
}

/** A tag that is no language must not break a page. */
function safe(locale: string): string {
  try {
    return Intl.getCanonicalLocales(locale)[0] ?? "en";
  } catch {
    return "en";
  }
}
