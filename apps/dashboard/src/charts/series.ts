import { showAbout, showCount, showDuration } from "../format/count.ts";
import { lengthOf, showUsd } from "../format/money.ts";

/** One line or set of bars: a value per point, `null` where there was nothing to measure. */
export type Series = {
  key: string;
  label: string;
  unit: "usd" | "count" | "ms";
  tone: "accent" | "second" | "quiet" | "bad";
  /** Money as the string it came as, everything else as a number. */
  values: readonly (string | number | null)[];
  total?: string | number | null | undefined;
};

/** What stands on the axis below: one label per point. */
export type Points = { at: readonly string[]; labels: readonly string[] };

export function showValue(unit: Series["unit"], value: string | number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return showUsd(value);
  return unit === "ms" ? showDuration(value) : showCount(value);
}

/** For the axis: short. */
export function showTick(unit: Series["unit"], value: number): string {
  if (unit === "ms")
    return value < 1000 ? `${Math.round(value)} ms` : `${Number((value / 1000).toPrecision(3))} s`;
  if (unit === "count") return showAbout(value);
  if (value === 0) return "$0";
  return value >= 1000 ? `$${showAbout(Math.round(value))}` : `$${Number(value.toPrecision(2))}`;
}

/** For the drawing alone. */
export function heightOf(value: string | number | null): number | null {
  return typeof value === "string" ? lengthOf(value) : value;
}

export const colours: Record<Series["tone"], string> = {
  accent: "var(--accent)",
  second: "var(--second)",
  quiet: "var(--border-field)",
  bad: "var(--bad)",
};
