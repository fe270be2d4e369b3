import type { Database } from "../../lib/db.ts";
import { priceKey } from "./price-entry.ts";
import type { ModelPrice } from "./rules.ts";
import { type PublishedVersion, readPublishedVersions } from "./store.ts";

export { parseEntries, parseSnapshot } from "./import-formats.ts";
export { renderDiff } from "./price-diff.ts";
export { entryToWire, type PriceEntry, type PriceList, priceKey } from "./price-entry.ts";
export { faultLines, formatOfFile, type PriceFileFormat, parsePriceFile } from "./price-file.ts";
export {
  affordableAtCost,
  affordableOutputTokens,
  type ChargeRule,
  capAtHold,
  costOf,
  type ModelPrice,
  type PerMillion,
  type PriceLine,
  pricesWithMarkup,
  type Rated,
  rate,
  type TokenCounts,
  unknownPrice,
  worstCaseCostUsd,
  worstCaseUsd,
} from "./rules.ts";
export { type PriceSource, type PublishedVersion, readPublishedVersions } from "./store.ts";
export {
  changeOf,
  changeToWire,
  defaultMaxChangePercent,
  keepUnsaid,
  largeChangesToWire,
  type VersionChange,
  versionsBelow,
} from "./version-change.ts";
export {
  type DatedPrice,
  findPublishedContent,
  insertDraft,
  insertPublication,
  listPrices,
  listVersions,
  lockPublications,
  type PriceVersion,
  readEntries,
  readNowMs,
  readPricedModels,
  readVersion,
  type VersionStatus,
} from "./version-store.ts";

/** The price book in memory: what is in force now, by the database's clock. */
export type PriceBook = {
  /** The newest version in force; 0 when nothing has been published. Holds and receipts name it. */
  version(): number;
  /** `null`: no price, no call. */
  find(provider: string, model: string): ModelPrice | null;
  /** Providers that have a price for this bare model name. */
  providersOf(model: string): readonly string[];
  /** Reads the published versions again. */
  reload(): Promise<void>;
};

/** `now` is the database's clock in milliseconds. */
export function createPriceBook(options: { database: Database; now: () => number }): PriceBook {
  let versions: readonly PublishedVersion[] = [];
  let inForce = bookAt([], 0);
  let reloading: Promise<void> = Promise.resolve();
  const reload = async (): Promise<void> => {
    versions = await options.database.read({ purpose: "cache" }, readPublishedVersions);
    inForce = bookAt(versions, options.now());
  };
  const current = (): Book => {
    const now = options.now();
    if (now >= inForce.nextAtMs || now < inForce.sinceMs) inForce = bookAt(versions, now);
    return inForce;
  };
  return {
    version: () => current().version,
    find: (provider, model) => current().prices.get(priceKey({ provider, model })) ?? null,
    providersOf: (model) => current().providersByModel.get(model) ?? [],
    // One after the other: an older answer must never replace a newer one.
    reload: () => (reloading = reloading.catch(() => {}).then(reload)),
  };
}

type Book = {
  version: number;
  prices: Map<string, ModelPrice>;
  providersByModel: Map<string, string[]>;
  sinceMs: number;
  nextAtMs: number;
};

/** Lays the effective versions over each other, oldest first: a later one replaces the models that it names. */
function bookAt(versions: readonly PublishedVersion[], nowMs: number): Book {
  const effective = versions.filter((version) => version.effectiveMs <= nowMs);
  const upcoming = versions.filter((version) => version.effectiveMs > nowMs);
  const version = effective.at(-1)?.version ?? 0;
  const prices = new Map<string, ModelPrice>();
  for (const published of effective) {
    for (const price of published.prices) prices.set(priceKey(price), { ...price, version });
  }
  const providersByModel = new Map<string, string[]>();
  for (const { provider, model } of prices.values()) {
    providersByModel.set(model, [...(providersByModel.get(model) ?? []), provider]);
  }
  return {
    version,
    prices,
    providersByModel,
    sinceMs: effective.at(-1)?.effectiveMs ?? Number.NEGATIVE_INFINITY,
    nextAtMs: Math.min(...upcoming.map((later) => later.effectiveMs), Number.POSITIVE_INFINITY),
  };
}
