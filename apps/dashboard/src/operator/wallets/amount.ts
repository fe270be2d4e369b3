import { toUnits } from "../../format/money.ts";

/** A typed amount above zero as the API takes it; `null` for what is none. */
export function amountIn(text: string): string | null {
  const trimmed = text.trim();
  return /^(0|[1-9]\d{0,11})(\.\d{1,8})?$/.test(trimmed) && toUnits(trimmed) > 0n ? trimmed : null;
}
