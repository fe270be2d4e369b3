import { parseUsd, type Usd } from "../../lib/money.ts";
import {
  capabilityNames,
  completeLimits,
  completePrices,
  type GivenPrices,
  isModelName,
  isProviderName,
  type ModelFact,
  type PriceEntry,
  type PriceField,
  PriceIssues,
  type PriceList,
  type PriceTier,
  priceFields,
  priceKey,
  readPrice,
  sortEntries,
  sortedSet,
} from "./price-entry.ts";

export const maxFileCharacters = 16 * 1024 * 1024;
export const maxFileEntries = 20_000;
const maxTiers = 8;
const maxTokens = 100_000_000;

export type Located = { path: string; entry: PriceEntry | null; unsaid: readonly ModelFact[] };

/** Refuses what was collected and names sold twice; the entries come back sorted. @throws PriceListRefused */
export function finish(found: readonly Located[], issues: PriceIssues, warnings: string[]): PriceList {
  const firstPath = new Map<string, string>();
  for (const { path, entry } of found) {
    if (entry === null) continue;
    const key = priceKey(entry);
    const first = firstPath.get(key);
    if (first === undefined) firstPath.set(key, path);
    else issues.add(path, `is a second price for ${key}, after ${first}`);
  }
  issues.refuseIfAny();
  const unsaid = new Map(
    found.flatMap(({ entry, unsaid }) =>
      entry && unsaid.length > 0 ? [[priceKey(entry), unsaid] as const] : [],
    ),
  );
  const entries = sortEntries(found.flatMap(({ entry }) => entry ?? []));
  return { entries, warnings, ...(unsaid.size > 0 ? { unsaid } : {}) };
}

/** Parses JSON with every number left as the text it was written in, so that none passes through a float. */
export function readJson(text: string): unknown {
  const issues = new PriceIssues();
  if (text.length > maxFileCharacters) issues.add("file", `is longer than ${maxFileCharacters} characters`);
  issues.refuseIfAny();
  try {
    return JSON.parse(text, ((_key: string, value: unknown, context: { source: string }) =>
      typeof value === "number" ? new WrittenNumber(context.source) : value) as (
      key: string,
      value: unknown,
    ) => unknown);
  } catch {
    issues.add("file", "is not valid JSON");
    issues.refuseIfAny();
  }
}

/** A number of a JSON text as it stands there. */
export class WrittenNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof WrittenNumber)
  );
}

/** A count of tokens; `null` when it is none. */
export function readTokens(value: unknown): number | null {
  if (value instanceof WrittenNumber && !/^\d{1,10}(?:\.0{1,8})?$/.test(value.text)) return null;
  const count = value instanceof WrittenNumber ? Number(value.text) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 && count <= maxTokens
    ? count
    : null;
}

const entryFields = [
  "provider",
  "model",
  "per_million",
  "tiers",
  "context_length",
  "max_output_tokens",
  "capabilities",
];
const versionFields = ["effective_at", "effective_until", "version"];
export const priceFieldNames = Object.keys(priceFields) as PriceField[];
const tierFields = ["above_input_tokens", "per_million"];

/** One price in the shape of the wire. `pricesPath` is where faults of its prices are told. */
export function readEntry(item: unknown, path: string, pricesPath: string, issues: PriceIssues): Located {
  if (!isRecord(item)) {
    issues.add(path, "must be an object");
    return { path, entry: null, unsaid: [] };
  }
  refuseUnknown(item, [...entryFields, ...versionFields], path, issues);
  const names = readNames(item.provider, item.model, path, issues);
  const prices = readPrices(item.per_million, pricesPath, issues);
  const perMillion = prices && completePrices(prices);
  const tiers = readTiers(item.tiers, prices ?? {}, `${path}.tiers`, issues);
  const contextLength = readLimit(item.context_length, `${path}.context_length`, issues);
  const maxOutputTokens = readLimit(item.max_output_tokens, `${path}.max_output_tokens`, issues);
  const capabilities = readCapabilities(item.capabilities, `${path}.capabilities`, issues);
  if (!names || !perMillion) return { path, entry: null, unsaid: [] };
  const limits = completeLimits({ contextLength, maxOutputTokens });
  const unsaid = unsaidOf({ contextLength, maxOutputTokens, capabilities: item.capabilities ?? null });
  return { path, entry: { ...names, perMillion, tiers, ...limits, capabilities }, unsaid };
}

/** The facts that were not given. */
export function unsaidOf(given: { [Fact in ModelFact]?: unknown }): ModelFact[] {
  return (Object.keys(given) as ModelFact[]).filter((fact) => given[fact] === null);
}

function refuseUnknown(record: object, known: readonly string[], path: string, issues: PriceIssues): void {
  for (const field of Object.keys(record)) {
    if (!known.includes(field)) issues.add(`${path}.${field.slice(0, 64)}`, "is not a field of a price");
  }
}

export function readNames(provider: unknown, model: unknown, path: string, issues: PriceIssues) {
  const providerOk = typeof provider === "string" && isProviderName(provider);
  const modelOk = typeof model === "string" && isModelName(model);
  if (!providerOk)
    issues.add(`${path}.provider`, "must be 1 to 64 letters, digits, underscores, dots or hyphens");
  if (!modelOk) issues.add(`${path}.model`, "must be 1 to 256 printable characters, no space at either end");
  return providerOk && modelOk ? { provider, model } : null;
}

/** `null` when there is no usable pair of prices; then a fault has been told. */
function readPrices(record: unknown, path: string, issues: PriceIssues): GivenPrices | null {
  if (!isRecord(record)) {
    issues.add(path, "must be an object of prices, output_usd among them");
    return null;
  }
  refuseUnknown(record, priceFieldNames, path, issues);
  const given: GivenPrices = {};
  let sound = true;
  for (const field of priceFieldNames) {
    const value = record[field] ?? null;
    if (value === null) {
      if (field !== "input_usd" && field !== "output_usd") continue;
      issues.add(`${path}.${field}`, "is missing");
      sound = false;
      continue;
    }
    const price = readStrictPrice(value, field);
    if (typeof price === "bigint") given[priceFields[field]] = price;
    else {
      issues.add(`${path}.${field}`, price.problem);
      sound = false;
    }
  }
  return sound ? given : null;
}

/** People's own lists are held to the wire's form of money: plain decimals of at most eight places. */
function readStrictPrice(value: unknown, field: PriceField): Usd | { problem: string } {
  if (typeof value !== "string") return { problem: 'must be a decimal string, such as "0.15"' };
  if (/^\d+\.\d{9,}$/.test(value)) return { problem: "has more than 8 decimal places" };
  const price = readPrice(value, priceFields[field], 0);
  if (typeof price === "bigint" && parseUsd(value) === null) return { problem: "is not a decimal number" };
  return price;
}

function readTiers(value: unknown, base: GivenPrices, path: string, issues: PriceIssues): PriceTier[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > maxTiers) {
    issues.add(path, `must be a list of at most ${maxTiers} tiers`);
    return [];
  }
  const tiers: PriceTier[] = [];
  for (const [index, item] of value.entries()) {
    const tierPath = `${path}[${index}]`;
    if (!isRecord(item)) {
      issues.add(tierPath, "must be an object");
      continue;
    }
    refuseUnknown(item, tierFields, tierPath, issues);
    const given = readPrices(item.per_million, `${tierPath}.per_million`, issues);
    const aboveInputTokens = readTokens(item.above_input_tokens);
    if (aboveInputTokens === null || aboveInputTokens <= (tiers.at(-1)?.aboveInputTokens ?? 0)) {
      issues.add(`${tierPath}.above_input_tokens`, "must be a whole number above the tier before");
    }
    const perMillion =
      given && completePrices(base.request === undefined ? given : { request: base.request, ...given });
    if (perMillion && aboveInputTokens !== null) tiers.push({ aboveInputTokens, perMillion });
  }
  return tiers;
}

function readLimit(value: unknown, path: string, issues: PriceIssues): number | null {
  if (value === undefined || value === null) return null;
  const tokens = readTokens(value);
  if (tokens === null) issues.add(path, `must be a whole number from 1 to ${maxTokens}`);
  return tokens;
}

function readCapabilities(value: unknown, path: string, issues: PriceIssues): string[] {
  if (value === undefined || value === null) return [];
  const words = Array.isArray(value) ? (value as unknown[]) : [null];
  const known = words.filter(
    (word): word is string => typeof word === "string" && capabilityNames.includes(word),
  );
  if (known.length < words.length || known.length > capabilityNames.length) {
    issues.add(path, `must be among ${capabilityNames.join(", ")}`);
  }
  return sortedSet(known);
}
