import { toUnits } from "../../format/money.ts";
import type { PriceChange } from "./prices-queries.ts";

export type DiffRow = PriceChange["diff"][number];

/** What deserves a second look: more than half up or down, to 0 or from 0. The server decides what must be accepted. */
export function isLarge({ before_usd: before, after_usd: after, change_percent: percent }: DiffRow): boolean {
  if (before === undefined || after === undefined) return false;
  if (toUnits(before) === 0n || toUnits(after) === 0n) return before !== after;
  return percent !== undefined && Math.abs(percent) > 50;
}

/** Changed prices first, the largest change at the top; then what is no longer named, then what is new. */
export function byWeight(rows: readonly DiffRow[]): DiffRow[] {
  return [...rows].sort((a, b) => rank(a) - rank(b) || weightOf(b) - weightOf(a));
}

function rank({ kind }: DiffRow): number {
  return { changed: 0, removed: 1, added: 2 }[kind];
}

function weightOf(row: DiffRow): number {
  if (row.before_usd === undefined) return -1;
  if (row.change_percent === undefined || toUnits(row.after_usd ?? "0") === 0n) return Number.MAX_VALUE;
  return Math.abs(row.change_percent);
}
