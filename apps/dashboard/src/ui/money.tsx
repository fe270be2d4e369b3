import { missingZeros, showExact, showUsd } from "../format/money.ts";

/**
 * An amount as it is read at a glance; the exact one stands in its title. `column`: keeps the decimal points of a column
 * in line. `left`: what is left in a purse, never shown as more than it is.
 */
export function Money({
  usd,
  column = false,
  left = false,
}: {
  usd: string;
  column?: boolean;
  left?: boolean;
}) {
  const text = showUsd(usd, left ? "down" : "nearest");
  return (
    <span className="num" title={`${showExact(usd)} USD`} data-usd={usd}>
      {text}
      {column && (
        <span aria-hidden="true" className="invisible">
          {"0".repeat(missingZeros(text))}
        </span>
      )}
    </span>
  );
}

/** Eight decimals, where a receipt is read. */
export function ExactMoney({ usd, currency = false }: { usd: string; currency?: boolean }) {
  return (
    <span className="num" data-usd={usd}>
      {currency && (usd.startsWith("-") ? "−$" : "$")}
      {currency ? showExact(usd.replace(/^-/, "")) : showExact(usd)}
    </span>
  );
}
