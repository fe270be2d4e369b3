import { formatUsd } from "../../lib/money.ts";
import {
  countModels,
  diffPrices,
  diffToWire,
  type PriceChange,
  type PriceDiff,
  type WirePriceChange,
} from "./price-diff.ts";
import { type PriceEntry, type PriceList, priceKey } from "./price-entry.ts";
import type { PublishedVersion } from "./store.ts";

/** What a version does to the book that it is laid over. */
export type VersionChange = {
  diff: PriceDiff;
  warnings: string[];
};

/** Prices that need an explicit yes, beyond this many percent. */
export const defaultMaxChangePercent = 50;

/**
 * Compares a version's models with those in force below it. What it does not name stays, so `removed` is only what the
 * version before it of the same source named and it no longer does; those keep their last prices.
 * `below` are the published versions that come into force before it, in that order.
 */
export function changeOf(
  version: { source: string; entries: readonly PriceEntry[] },
  below: readonly PublishedVersion[],
  { maxChangePercent = defaultMaxChangePercent }: { maxChangePercent?: number | undefined } = {},
): VersionChange {
  const inForce = layOver(below);
  const vanished = below.findLast(({ source }) => source === version.source)?.prices ?? [];
  const compared = new Set([...version.entries, ...vanished].map(priceKey));
  const before = [...inForce.values()].filter((entry) => compared.has(priceKey(entry)));
  const diff = diffPrices(before, version.entries, { maxChangePercent });
  return { diff, warnings: warningsOf(diff, maxChangePercent) };
}

/** The list's entries; what it does not say of a model beside its prices stays as it is in force below. */
export function keepUnsaid(list: PriceList, below: readonly PublishedVersion[]): PriceEntry[] {
  const { unsaid } = list;
  if (unsaid === undefined) return list.entries;
  const inForce = layOver(below);
  return list.entries.map((entry) => {
    const known = inForce.get(priceKey(entry));
    const facts = unsaid.get(priceKey(entry));
    if (known === undefined || facts === undefined) return entry;
    const kept = { ...entry, ...Object.fromEntries(facts.map((fact) => [fact, known[fact]])) };
    // A limit that the list does give may be at odds with one that it does not.
    if (facts.includes("maxOutputTokens"))
      kept.maxOutputTokens = Math.min(kept.maxOutputTokens, kept.contextLength);
    else kept.contextLength = Math.max(kept.contextLength, kept.maxOutputTokens);
    return kept;
  });
}

/** Later versions replace whole models. */
export function layOver(versions: readonly PublishedVersion[]): Map<string, PriceEntry> {
  const prices = new Map<string, PriceEntry>();
  for (const version of versions) for (const entry of version.prices) prices.set(priceKey(entry), entry);
  return prices;
}

/** The published versions that would lie below one that comes into force then. */
export function versionsBelow(versions: readonly PublishedVersion[], atMs: number): PublishedVersion[] {
  return versions.filter(({ effectiveMs }) => effectiveMs <= atMs);
}

const mostDiffRows = 5_000;
const mostLargeChanges = 200;

export type WireVersionChange = {
  added: number;
  changed: number;
  removed: number;
  diff: WirePriceChange[];
  warnings: string[];
};

/** As the control API answers it; at most 5000 rows of the difference, the counts are whole. */
export function changeToWire({ diff, warnings }: VersionChange): WireVersionChange {
  const rows = diffToWire(diff);
  const cut = rows.length - mostDiffRows;
  return {
    ...countModels(diff),
    diff: rows.slice(0, mostDiffRows),
    warnings: cut > 0 ? [...warnings, `the difference has ${cut} more rows than are shown`] : warnings,
  };
}

/** The changes that need an explicit yes, at most 200 of them, for the refusal's details. */
export function largeChangesToWire(changes: readonly PriceChange[]) {
  return changes.slice(0, mostLargeChanges).map((change) => ({
    provider: change.provider,
    model: change.model,
    unit: change.unit,
    ...(change.aboveInputTokens === 0 ? {} : { above_input_tokens: change.aboveInputTokens }),
    before_usd: formatUsd(change.from),
    after_usd: formatUsd(change.to),
    ...(change.percent === null ? {} : { change_percent: Number(change.percent) }),
  }));
}

function warningsOf(diff: PriceDiff, maxChangePercent: number): string[] {
  const free = diff.added.filter(
    ({ perMillion: { input, output, request } }) => !(input || output || request),
  );
  const beyond = new Set(diff.beyondBound.map(priceKey));
  return [
    ...warning(diff.removed.map(priceKey), "no longer in this list, so the last price stays in force"),
    ...warning(free.map(priceKey), "new, and costs nothing"),
    ...warning(
      [...beyond],
      `changes by more than ${maxChangePercent} %, to 0 or from 0, which has to be accepted to be published`,
    ),
  ];
}

const mostNames = 20;

function warning(names: readonly string[], what: string): string[] {
  if (names.length === 0) return [];
  const rest = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  return [`${names.length} × ${what}: ${names.slice(0, mostNames).join(", ")}${rest}`];
}
