import {
  completeLimits,
  completePrices,
  entryToWire,
  type GivenPrices,
  type PriceEntry,
  PriceIssues,
  type PriceList,
  type PriceTier,
  priceKey,
  readPrice,
  sortedSet,
} from "./price-entry.ts";
import {
  finish,
  isRecord,
  type Located,
  maxFileEntries,
  readJson,
  readNames,
  readTokens,
  unsaidOf,
  WrittenNumber,
} from "./read-entry.ts";
import type { PerMillion } from "./rules.ts";

type LitellmOptions = {
  /** What to do with an entry whose price cannot be held exactly or is not whole: refuse the list, or go without it. */
  faulty?: "refuse" | "leave_out";
  /** `YYYY-MM-DD`: models that their provider has withdrawn by then are left out. */
  retiredBy?: string;
  /** Whether a model without a context length or output limit is taken with assumed ones (it is) or left out. */
  assumeLimits?: boolean;
};

/**
 * Reads LiteLLM's cost map: chat models priced per token. Other modes, and models priced in other units, are left out
 * with a warning: without a price they cannot be called. Discounts (batch, flex, off-peak) and surcharges for service
 * tiers that nobody can ask for here are not read; an unknown field is LiteLLM's business.
 * Source: model_prices_and_context_window_backup.json of the PyPI package litellm 1.110.2, 2026-11-25.
 * @throws PriceListRefused with every fault, model and field named
 */
export function parseLitellm(
  text: string,
  { faulty = "refuse", retiredBy, assumeLimits = true }: LitellmOptions = {},
): PriceList {
  const issues = new PriceIssues();
  const left = new LeftOut();
  const map = readJson(text);
  if (!isRecord(map)) issues.add("file", "must be a JSON object, one member per model");
  issues.refuseIfAny();
  const found: Located[] = [];
  for (const [name, facts] of Object.entries(map as Record<string, unknown>)) {
    if (name === "sample_spec") continue;
    const path = name.slice(0, 256);
    if (retiredBy !== undefined && isRetired(facts, retiredBy)) {
      left.note("retired", path);
      continue;
    }
    const own = new PriceIssues();
    const entry = readLitellmEntry(path, facts, own, left);
    if (faulty === "leave_out")
      for (const issue of own.issues) left.note("faulty", `${issue.path} ${issue.message}`);
    else for (const issue of own.issues) issues.add(issue.path, issue.message);
    const limited = !isRecord(facts) || hasLimits(facts);
    if (entry === null || own.issues.length > 0) continue;
    if (!limited) left.note(assumeLimits ? "assumed" : "unlimited", path);
    if (limited || assumeLimits) found.push({ path, entry, unsaid: unsaidLimits(facts) });
  }
  const single = mergeRepeats(found, faulty, left);
  if (single.length === 0 && issues.issues.length === 0) issues.add("file", "prices no chat model per token");
  if (single.length > maxFileEntries) issues.add("file", `has more than ${maxFileEntries} prices`);
  for (const { entry } of single) {
    const p = entry!.perMillion;
    if (p.input === 0n && p.output === 0n && p.request === 0n) left.note("free", priceKey(entry!));
  }
  return finish(single, issues, left.warnings());
}

const leftOutReasons = {
  other_mode: "left out, no chat model",
  other_unit: "left out, not priced per token",
  retired: "left out, withdrawn by their providers",
  faulty: "left out, the price cannot be used",
  repeated: "the same price under two names, read once",
  conflicting: "left out, two names with different prices",
  unlimited: "left out, context length or output limit not told",
  assumed: "context length or output limit not told, so assumed",
  free: "costs nothing in this list",
} as const;

/** What a list holds and the price book does not, told in one bounded line per reason. */
class LeftOut {
  readonly #names = new Map<keyof typeof leftOutReasons, { count: number; shown: string[] }>();

  note(reason: keyof typeof leftOutReasons, name: string): void {
    const row = this.#names.get(reason) ?? { count: 0, shown: [] };
    row.count += 1;
    if (row.shown.length < 20) row.shown.push(name);
    this.#names.set(reason, row);
  }

  warnings(): string[] {
    return [...this.#names].map(([reason, { count, shown }]) => {
      const rest = count > shown.length ? ` and ${count - shown.length} more` : "";
      return `${count} × ${leftOutReasons[reason]}: ${shown.join(", ")}${rest}`;
    });
  }
}

function isRetired(facts: unknown, by: string): boolean {
  const date = isRecord(facts) ? facts.deprecation_date : undefined;
  return typeof date === "string" && /^\d{4}-\d{2}-\d{2}$/.test(date) && date <= by;
}

/** Names of providers where ModelFaucet's differ from LiteLLM's. */
const providerNames = new Map([
  ["azure", "azure_openai"],
  ["cohere_chat", "cohere"],
  ["fireworks_ai", "fireworks"],
  ["together_ai", "together"],
]);

function readLitellmEntry(
  name: string,
  facts: unknown,
  issues: PriceIssues,
  left: LeftOut,
): PriceEntry | null {
  if (!isRecord(facts)) {
    issues.add(name, "must be an object");
    return null;
  }
  const tiered = Array.isArray(facts.tiered_pricing) ? (facts.tiered_pricing as unknown[]) : null;
  const perToken = "input_cost_per_token" in facts || tiered !== null;
  if ((facts.mode ?? (perToken ? "chat" : null)) !== "chat") {
    left.note("other_mode", name);
    return null;
  }
  if (!perToken) {
    left.note("other_unit", name);
    return null;
  }
  const upstream = facts.litellm_provider ?? name.split("/", 1)[0];
  const names = readNames(
    providerNames.get(String(upstream)) ?? upstream,
    bareName(name, String(upstream)),
    name,
    issues,
  );
  const ranges = tiered === null ? null : readRanges(tiered, name, issues);
  const perMillion =
    ranges === null ? readPerToken(facts, "", name, issues) : (ranges[0]?.perMillion ?? null);
  if (!names || !perMillion) return null;
  const contextLength = tokensOf(facts.max_input_tokens);
  const maxOutputTokens = tokensOf(facts.max_output_tokens);
  return {
    ...names,
    perMillion,
    tiers: ranges === null ? readThresholds(facts, name, issues) : ranges.slice(1),
    ...completeLimits({ contextLength, maxOutputTokens }),
    capabilities: capabilitiesOf(facts, contextLength),
  };
}

/** LiteLLM routes by a prefix of the name; the provider's own API does not know it. */
function bareName(name: string, upstream: string): string {
  for (const prefix of [`${upstream}/`, `${upstream.replaceAll("_", "-")}/`]) {
    if (name.startsWith(prefix)) return name.slice(prefix.length);
  }
  return name;
}

const litellmFields: Record<keyof PerMillion, string> = {
  input: "input_cost_per_token",
  cachedInput: "cache_read_input_token_cost",
  cacheWrite: "cache_creation_input_token_cost",
  output: "output_cost_per_token",
  reasoning: "output_cost_per_reasoning_token",
  request: "input_cost_per_request",
};

function readPerToken(
  facts: Record<string, unknown>,
  suffix: string,
  path: string,
  issues: PriceIssues,
): PerMillion | null {
  const given: GivenPrices = {};
  for (const [kind, field] of Object.entries(litellmFields) as [keyof PerMillion, string][]) {
    const value = facts[kind === "request" ? field : field + suffix] ?? null;
    if (value === null) continue;
    const written = value instanceof WrittenNumber ? value.text : value;
    const price =
      typeof written === "string" ? readPrice(written, kind, 6) : { problem: "is not a decimal number" };
    if (typeof price === "bigint") given[kind] = price;
    else issues.add(`${path}.${field}${suffix}`, price.problem);
  }
  // A cache write for nothing beside paid input means that writing is not billed apart: such tokens are plain input.
  if (given.cacheWrite === 0n) delete given.cacheWrite;
  const prices = completePrices(given);
  if (prices === null && issues.issues.length === 0) {
    issues.add(
      `${path}.${litellmFields[given.input === undefined ? "input" : "output"]}${suffix}`,
      "is missing",
    );
  }
  return prices;
}

/** `…_above_200k_tokens`: prices of the whole request once its input is longer. The k is a thousand. */
function readThresholds(facts: Record<string, unknown>, path: string, issues: PriceIssues): PriceTier[] {
  const thousands = new Set<number>();
  for (const field of Object.keys(facts)) {
    const match = /^(?:input|output)_cost_per_token_above_(\d{1,6})k_tokens$/.exec(field);
    if (match && Number(match[1]) > 0) thousands.add(Number(match[1]));
  }
  const tiers: PriceTier[] = [];
  for (const k of [...thousands].sort((a, b) => a - b)) {
    const perMillion = readPerToken(facts, `_above_${k}k_tokens`, path, issues);
    if (perMillion) tiers.push({ aboveInputTokens: k * 1000, perMillion });
  }
  return tiers;
}

/** `tiered_pricing`: prices by ranges of input tokens, the first from 0. */
function readRanges(ranges: readonly unknown[], path: string, issues: PriceIssues): PriceTier[] {
  const tiers: PriceTier[] = [];
  for (const [index, item] of ranges.slice(0, 16).entries()) {
    const rangePath = `${path}.tiered_pricing[${index}]`;
    const range = isRecord(item) && Array.isArray(item.range) ? (item.range as unknown[]) : [];
    const from = index === 0 ? 0 : readTokens(range[0]);
    if (!isRecord(item) || from === null || (index > 0 && from <= tiers.at(-1)!.aboveInputTokens)) {
      issues.add(rangePath, "must be prices with a range above the one before");
      return [];
    }
    const perMillion = readPerToken(item, "", rangePath, issues);
    if (!perMillion) return [];
    tiers.push({ aboveInputTokens: from, perMillion });
  }
  return tiers;
}

function hasLimits(facts: Record<string, unknown>): boolean {
  return tokensOf(facts.max_input_tokens) !== null && tokensOf(facts.max_output_tokens) !== null;
}

function unsaidLimits(facts: unknown) {
  if (!isRecord(facts)) return [];
  return unsaidOf({
    contextLength: tokensOf(facts.max_input_tokens),
    maxOutputTokens: tokensOf(facts.max_output_tokens),
  });
}

function tokensOf(value: unknown): number | null {
  return readTokens(typeof value === "string" ? new WrittenNumber(value) : value);
}

const longContextTokens = 200_000;

function capabilitiesOf(facts: Record<string, unknown>, contextLength: number | null): string[] {
  return sortedSet([
    ...(facts.supports_function_calling === true ? ["tools"] : []),
    ...(facts.supports_vision === true ? ["vision"] : []),
    ...(facts.supports_response_schema === true ? ["json"] : []),
    ...(contextLength !== null && contextLength >= longContextTokens ? ["long_context"] : []),
  ]);
}

/** One model may stand there with and without its prefix: once is enough where the facts agree. */
function mergeRepeats(found: readonly Located[], faulty: "refuse" | "leave_out", left: LeftOut): Located[] {
  const groups = Map.groupBy(found, ({ entry }) => priceKey(entry!));
  return [...groups].flatMap(([key, group]) => {
    if (group.length === 1) return group;
    const distinct = new Set(group.map(({ entry }) => JSON.stringify(pricesOf(entry!))));
    if (distinct.size === 1) {
      left.note("repeated", key);
      return group.slice(0, 1);
    }
    if (faulty === "refuse") return group;
    left.note("conflicting", key);
    return [];
  });
}

function pricesOf(entry: PriceEntry): unknown {
  const { per_million, tiers } = entryToWire(entry);
  return [per_million, tiers ?? []];
}
