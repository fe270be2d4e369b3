import { divideHalfEven, formatUsd, type Usd } from "../../lib/money.ts";
import { type PriceEntry, priceKey, sortEntries } from "./price-entry.ts";
import type { PerMillion, PriceUnit } from "./rules.ts";

/** One price that differs. `aboveInputTokens` is 0 for the base price, else the tier it is the price of. */
export type PriceChange = {
  provider: string;
  model: string;
  unit: PriceUnit;
  aboveInputTokens: number;
  from: Usd;
  to: Usd;
  /** Signed, two decimals, such as `+25.00`; `null` where there was no price above 0 to compare with. */
  percent: string | null;
};

/** A changed fact that is no price but bounds a hold or a choice of model. */
export type FactChange = {
  provider: string;
  model: string;
  fact: "context_length" | "max_output_tokens" | "capabilities";
  from: string;
  to: string;
};

export type PriceDiff = {
  added: PriceEntry[];
  changed: PriceChange[];
  removed: PriceEntry[];
  facts: FactChange[];
  /** Those of `changed` that need an explicit yes: beyond the bound, to 0, or away from 0. */
  beyondBound: PriceChange[];
};

/**
 * What `after` does to `before`, by provider, model and unit. `maxChangePercent` has at most two decimals; a change by
 * exactly that much is within the bound. A tier is compared with what the same input length cost before.
 * @throws RangeError when the bound is none
 */
export function diffPrices(
  before: readonly PriceEntry[],
  after: readonly PriceEntry[],
  { maxChangePercent }: { maxChangePercent: number },
): PriceDiff {
  const boundBps = Math.round(maxChangePercent * 100);
  if (!Number.isSafeInteger(boundBps) || boundBps < 0)
    throw new RangeError("maxChangePercent must be 0 or above");
  const earlier = new Map(before.map((entry) => [priceKey(entry), entry]));
  const diff: PriceDiff = { added: [], changed: [], removed: [], facts: [], beyondBound: [] };
  for (const entry of sortEntries(after)) {
    const old = earlier.get(priceKey(entry));
    if (old === undefined) diff.added.push(entry);
    else {
      diff.changed.push(...changesBetween(old, entry));
      diff.facts.push(...factsBetween(old, entry));
    }
    earlier.delete(priceKey(entry));
  }
  diff.removed = sortEntries([...earlier.values()]);
  diff.beyondBound = diff.changed.filter((change) => isBeyond(change, BigInt(boundBps)));
  return diff;
}

const unitKeys = {
  input: "input",
  cached_input: "cachedInput",
  cache_write: "cacheWrite",
  output: "output",
  reasoning: "reasoning",
  request: "request",
} as const satisfies Record<PriceUnit, keyof PerMillion>;

function changesBetween(old: PriceEntry, entry: PriceEntry): PriceChange[] {
  const thresholds = new Set([0, ...[...old.tiers, ...entry.tiers].map((tier) => tier.aboveInputTokens)]);
  const changes: PriceChange[] = [];
  for (const aboveInputTokens of [...thresholds].sort((a, b) => a - b)) {
    const earlier = pricesAbove(old, aboveInputTokens);
    const later = pricesAbove(entry, aboveInputTokens);
    for (const [unit, key] of Object.entries(unitKeys) as [PriceUnit, keyof PerMillion][]) {
      const from = earlier[key];
      const to = later[key];
      // A tier rarely has a request price of its own: one change for all lengths is told once.
      const told =
        unit === "request" &&
        aboveInputTokens > 0 &&
        from === old.perMillion[key] &&
        to === entry.perMillion[key];
      if (from === to || told) continue;
      const { provider, model } = entry;
      changes.push({ provider, model, unit, aboveInputTokens, from, to, percent: percentChange(from, to) });
    }
  }
  return changes;
}

/** Prices in force for an input just longer than `inputTokens`. */
function pricesAbove(entry: PriceEntry, inputTokens: number): PerMillion {
  return entry.tiers.findLast((tier) => tier.aboveInputTokens <= inputTokens)?.perMillion ?? entry.perMillion;
}

function percentChange(from: Usd, to: Usd): string | null {
  if (from === 0n) return null;
  const grown = to > from;
  const hundredths = divideHalfEven((grown ? to - from : from - to) * 10_000n, from);
  const digits = hundredths.toString().padStart(3, "0");
  return `${grown ? "+" : "-"}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Compared without division, so that rounding never decides. */
function isBeyond({ from, to }: PriceChange, boundBps: bigint): boolean {
  if (from === 0n || to === 0n) return true;
  const difference = to > from ? to - from : from - to;
  return difference * 10_000n > from * boundBps;
}

function factsBetween(old: PriceEntry, entry: PriceEntry): FactChange[] {
  const { provider, model } = entry;
  return (["context_length", "max_output_tokens", "capabilities"] as const).flatMap((fact) => {
    const from = factText(old, fact);
    const to = factText(entry, fact);
    return from === to ? [] : [{ provider, model, fact, from, to }];
  });
}

function factText(entry: PriceEntry, fact: FactChange["fact"]): string {
  if (fact === "context_length") return String(entry.contextLength);
  if (fact === "max_output_tokens") return String(entry.maxOutputTokens);
  return entry.capabilities.join(" ") || "none";
}

export type WirePriceChange = {
  kind: "added" | "changed" | "removed";
  provider: string;
  model: string;
  /** `input`, `output above 200000`, or a fact such as `max_output_tokens`, which has no amounts. */
  unit?: string;
  before_usd?: string;
  after_usd?: string;
  /** For display; absent where there was no price above 0 before. */
  change_percent?: number;
};

/** The `diff[]` of an import: one row per model that comes or goes, one per price or fact that changes. */
export function diffToWire(diff: PriceDiff): WirePriceChange[] {
  return [
    ...diff.added.map(({ provider, model }) => ({ kind: "added" as const, provider, model })),
    ...diff.changed.map((row) => ({
      kind: "changed" as const,
      provider: row.provider,
      model: row.model,
      unit: unitText(row),
      before_usd: formatUsd(row.from),
      after_usd: formatUsd(row.to),
      ...(row.percent === null ? {} : { change_percent: Number(row.percent) }),
    })),
    ...diff.facts.map(({ provider, model, fact }) => ({
      kind: "changed" as const,
      provider,
      model,
      unit: fact,
    })),
    ...diff.removed.map(({ provider, model }) => ({ kind: "removed" as const, provider, model })),
  ];
}

/** Models that come, change (in price or fact) and go. */
export function countModels(diff: PriceDiff): { added: number; changed: number; removed: number } {
  const changed = new Set([...diff.changed, ...diff.facts].map(priceKey)).size;
  return { added: diff.added.length, changed, removed: diff.removed.length };
}

/** The difference as an aligned text table for a terminal, at most `maxRows` rows, then what was cut off and a sum. */
export function renderDiff(diff: PriceDiff, { maxRows = 200 }: { maxRows?: number } = {}): string {
  const beyond = new Set(diff.beyondBound);
  const rows = [
    ...diff.added.map((entry) => ["added", entry.provider, entry.model, ...wholePrice(entry), "", ""]),
    ...diff.changed.map((row) => [
      "changed",
      row.provider,
      row.model,
      unitText(row),
      formatUsd(row.from),
      formatUsd(row.to),
      row.percent === null ? "new" : `${row.percent} %`,
      beyond.has(row) ? "beyond the bound" : "",
    ]),
    ...diff.facts.map((row) => ["changed", row.provider, row.model, row.fact, row.from, row.to, "", ""]),
    ...diff.removed.map((entry) => ["vanished", entry.provider, entry.model, "", "", "", "", ""]),
  ];
  const title = ["", "provider", "model", "unit", "from USD/M", "to USD/M", "change", ""];
  const lines = rows.length === 0 ? [] : alignColumns([title, ...rows.slice(0, maxRows)]);
  if (rows.length > maxRows) lines.push(`… and ${rows.length - maxRows} more rows`);
  const { added, changed, removed } = countModels(diff);
  lines.push(
    `${added} added, ${changed} changed (${diff.changed.length} prices, ${diff.beyondBound.length} beyond the ` +
      `bound), ${removed} vanished`,
  );
  return `${lines.join("\n")}\n`;
}

function unitText(row: PriceChange): string {
  return row.aboveInputTokens === 0 ? row.unit : `${row.unit} above ${row.aboveInputTokens}`;
}

function wholePrice({ perMillion }: PriceEntry): [string, string, string] {
  return ["input / output", "", `${formatUsd(perMillion.input)} / ${formatUsd(perMillion.output)}`];
}

function alignColumns(table: readonly string[][]): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
