import { ApiError } from "../../lib/errors.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";
import type { ModelPrice, PerMillion } from "./rules.ts";

export type PriceTier = ModelPrice["tiers"][number];

/**
 * What one model costs, not yet in any version: the same facts as in force, every price filled in, tiers ascending,
 * capabilities sorted.
 */
export type PriceEntry = Omit<ModelPrice, "version">;

/** What a list may leave unsaid about a model beside its prices. */
export type ModelFact = "contextLength" | "maxOutputTokens" | "capabilities";

/** `unsaid`: by model, the facts that the list does not give, so that the entry holds assumed ones. */
export type PriceList = {
  entries: PriceEntry[];
  warnings: string[];
  unsaid?: ReadonlyMap<string, readonly ModelFact[]>;
};

export type PriceIssue = { path: string; message: string };

/** A price list with faults, all of them (at most 100) in `issues`. Over HTTP it is 400 `invalid_request`. */
export class PriceListRefused extends ApiError {
  readonly issues: readonly PriceIssue[];

  constructor(issues: readonly PriceIssue[], more: boolean) {
    const first = issues[0]!;
    const count = issues.length === 1 ? "1 fault" : `${more ? "more than " : ""}${issues.length} faults`;
    super("invalid_request", `The price list has ${count}; the first: ${first.path} ${first.message}`, {
      param: first.path,
      details: {
        issues: issues.map(({ path, message }) => ({ param: path, message })),
        ...(more ? { more: true } : {}),
      },
    });
    this.name = "PriceListRefused";
    this.issues = issues;
  }
}

const maxIssues = 100;

/** Collects faults up to the bound; what comes after is only known to exist. */
export class PriceIssues {
  readonly issues: PriceIssue[] = [];
  more = false;

  add(path: string, message: string): void {
    if (this.issues.length < maxIssues) this.issues.push({ path, message });
    else this.more = true;
  }

  /** @throws PriceListRefused when there is any fault. */
  refuseIfAny(): void {
    if (this.issues.length > 0) throw new PriceListRefused(this.issues, this.more);
  }
}

export const priceFields = {
  input_usd: "input",
  cached_input_usd: "cachedInput",
  cache_write_usd: "cacheWrite",
  output_usd: "output",
  reasoning_usd: "reasoning",
  request_usd: "request",
} as const satisfies Record<string, keyof PerMillion>;

export type PriceField = keyof typeof priceFields;
export type GivenPrices = Partial<Record<keyof PerMillion, Usd>>;

const maxTokenPrice = 1_000_000n * 100_000_000n;
const maxRequestPrice = 1_000_000_000n * 100_000_000n;

/**
 * Reads a decimal exactly: the digits are shifted as text, no float ever exists. `shift` 6 turns a price per unit into
 * one per million units. An exponent is allowed because price lists print small numbers that way.
 */
export function readPrice(text: string, kind: keyof PerMillion, shift: 0 | 6): Usd | { problem: string } {
  const match = /^(-?)(\d{1,40})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
  if (!match) return { problem: "is not a decimal number" };
  if (match[1]) return { problem: "is negative" };
  const digits = match[2]! + (match[3] ?? "");
  const places = 8 + shift + Number(match[4] ?? "0") - (match[3] ?? "").length;
  const kept = places >= 0 ? digits + "0".repeat(places) : digits.slice(0, places) || "0";
  if (places < 0 && /[1-9]/.test(digits.slice(places))) {
    return { problem: "has more than 8 decimal places per million" };
  }
  const amount = BigInt(kept);
  if (amount > (kind === "request" ? maxRequestPrice : maxTokenPrice)) {
    return {
      problem: kind === "request" ? "is above 1000000000 USD" : "is above 1000000 USD per million tokens",
    };
  }
  return amount as Usd;
}

/**
 * Fills in what a list may leave out: cached input and cache writes cost the input price, reasoning the output price, a
 * request nothing. `null` when input or output is missing: no price, no call.
 */
export function completePrices(given: GivenPrices): PerMillion | null {
  if (given.input === undefined || given.output === undefined) return null;
  return {
    input: given.input,
    cachedInput: given.cachedInput ?? given.input,
    cacheWrite: given.cacheWrite ?? given.input,
    output: given.output,
    reasoning: given.reasoning ?? given.output,
    request: given.request ?? (0n as Usd),
  };
}

export function isProviderName(text: string): boolean {
  return /^[a-zA-Z0-9_.-]{1,64}$/.test(text);
}

export function isModelName(text: string): boolean {
  return /^[^\p{Cc}\p{Zl}\p{Zp}]{1,256}$/u.test(text) && text.trim() === text;
}

/** What a feature can require of a model. */
export const capabilityNames: readonly string[] = ["embeddings", "json", "long_context", "tools", "vision"];

/**
 * Tokens assumed where a list does not say. Output is what a request without a limit gets anyway; too long an input is
 * refused upstream before it costs anything.
 */
const assumedContextLength = 128_000;
const assumedMaxOutputTokens = 4_096;

export function completeLimits(given: { contextLength: number | null; maxOutputTokens: number | null }) {
  const contextLength = given.contextLength ?? Math.max(assumedContextLength, given.maxOutputTokens ?? 0);
  return {
    contextLength,
    maxOutputTokens: given.maxOutputTokens ?? Math.min(assumedMaxOutputTokens, contextLength),
  };
}

/** Sorted and without repeats, so that equal entries are written alike. */
export function sortedSet(words: readonly string[]): string[] {
  return [...new Set(words)].sort();
}

/** By provider, then model, in code unit order: the same list always comes out in the same order. */
export function sortEntries(entries: readonly PriceEntry[]): PriceEntry[] {
  return [...entries].sort((a, b) => order(a.provider, b.provider) || order(a.model, b.model));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Identifies an entry within one price list. */
export function priceKey(entry: { provider: string; model: string }): string {
  return `${entry.provider}/${entry.model}`;
}

export type WirePrices = Record<PriceField, string>;
export type WireTier = { above_input_tokens: number; per_million: WirePrices };
export type WireEntry = {
  provider: string;
  model: string;
  per_million: WirePrices;
  tiers?: WireTier[];
  context_length: number;
  max_output_tokens: number;
  capabilities: string[];
};

/** As `GET /v1/admin/price-book` answers it, without the version's own fields; `parseEntries` reads it back. */
export function entryToWire(entry: PriceEntry): WireEntry {
  return {
    provider: entry.provider,
    model: entry.model,
    per_million: pricesToWire(entry.perMillion),
    ...(entry.tiers.length === 0 ? {} : { tiers: entry.tiers.map(tierToWire) }),
    context_length: entry.contextLength,
    max_output_tokens: entry.maxOutputTokens,
    capabilities: [...entry.capabilities],
  };
}

function pricesToWire(prices: PerMillion): WirePrices {
  return {
    input_usd: formatUsd(prices.input),
    cached_input_usd: formatUsd(prices.cachedInput),
    cache_write_usd: formatUsd(prices.cacheWrite),
    output_usd: formatUsd(prices.output),
    reasoning_usd: formatUsd(prices.reasoning),
    request_usd: formatUsd(prices.request),
  };
}

function tierToWire(tier: PriceTier): WireTier {
  return { above_input_tokens: tier.aboveInputTokens, per_million: pricesToWire(tier.perMillion) };
}
