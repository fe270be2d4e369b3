import type { Node } from "jsonc-parser";
import type { LineFault } from "../../ui/lined-text.tsx";
import { type JsonLines, lineOfPath, writtenValue } from "./json-lines.ts";
import type { PriceListText, SentEntry } from "./price-list.ts";

type Facts = Readonly<Record<string, unknown>>;
type SentPrices = SentEntry["per_million"];
/** As much as a model has; where input or output is missing, that is told as a fault. */
type Prices = Partial<SentPrices>;

/**
 * LiteLLM's cost map: one member per model, prices per token. Read as the server's own importer reads it: chat models
 * priced per token, everything else left out and said.
 * Source: model_prices_and_context_window_backup.json of the PyPI package litellm 1.110.2, 2026-11-25.
 */
export function readLitellmList(
  json: JsonLines,
  { leaveOutFaulty }: { leaveOutFaulty: boolean },
): PriceListText {
  const { found, faulty, left } = readModels(json);
  const leave: Leave = (why) => left.set(why, (left.get(why) ?? 0) + 1);
  const single = withoutRepeats(found, leaveOutFaulty, leave);
  const refused = leaveOutFaulty ? [] : faulty;
  const none = { path: "", message: "prices no chat model per token", line: 1 };
  return {
    format: "litellm",
    entries: single.map(({ entry }) => entry),
    lineOf: (index) => {
      const node = single[index]?.node;
      return node === undefined ? 1 : lineOfPath(json, node, []);
    },
    faults: refused.length === 0 && single.length === 0 ? [none] : refused,
    skippable: faulty,
    notes: [...left].map(([why, count]) => `${count} × ${why}`),
  };
}

function readModels(json: JsonLines) {
  const found: { entry: SentEntry; node: Node }[] = [];
  const faulty: LineFault[] = [];
  const left = new Map<string, number>();
  for (const { name, node } of members(json.root)) {
    if (name === "sample_spec") continue;
    const own: LineFault[] = [];
    const tell: Tell = (field, message) => {
      const path = field === "" ? name : `${name}.${field}`;
      own.push({ path, message, line: lineOfPath(json, node, field === "" ? [] : [field]) });
    };
    const leave: Leave = (why) => left.set(why, (left.get(why) ?? 0) + 1);
    const entry = readModel(name, writtenValue(json, node), tell, leave);
    faulty.push(...own);
    if (entry !== null && own.length === 0) found.push({ entry, node });
  }
  return { found, faulty, left };
}

/** LiteLLM's list has models as members; ours has one list. */
export function looksLikeLitellm(root: Node): boolean {
  return (
    root.type === "object" &&
    members(root).some(
      ({ name, node }) =>
        name === "sample_spec" ||
        members(node).some(({ name: field }) => /_cost_per_|^litellm_provider$/.test(field)),
    )
  );
}

function members(node: Node): { name: string; node: Node }[] {
  if (node.type !== "object") return [];
  return (node.children ?? []).flatMap(({ children: pair }) =>
    pair?.length === 2 ? [{ name: String(pair[0]!.value), node: pair[1]! }] : [],
  );
}

/** Names of providers where ours differ from LiteLLM's. */
const providerNames: Readonly<Record<string, string>> = {
  azure: "azure_openai",
  cohere_chat: "cohere",
  fireworks_ai: "fireworks",
  together_ai: "together",
};

type Tell = (field: string, message: string) => void;
type Leave = (why: string) => void;

function readModel(name: string, value: unknown, tell: Tell, leave: Leave): SentEntry | null {
  if (!isFacts(value)) {
    tell("", "must be an object");
    return null;
  }
  const ranges = Array.isArray(value.tiered_pricing) ? (value.tiered_pricing as unknown[]) : null;
  const perToken = "input_cost_per_token" in value || ranges !== null;
  if ((value.mode ?? (perToken ? "chat" : null)) !== "chat") {
    leave("left out, no chat model");
    return null;
  }
  if (!perToken) {
    leave("left out, not priced per token");
    return null;
  }
  const upstream = String(value.litellm_provider ?? name.split("/", 1)[0]);
  const contextLength = countOf(value.max_input_tokens);
  const maxOutputTokens = countOf(value.max_output_tokens);
  const tiers = ranges === null ? thresholdTiers(value, tell) : rangeTiers(ranges, tell);
  const perMillion = ranges === null ? perMillionOf(value, "", tell) : tiers.shift()?.per_million;
  return {
    provider: providerNames[upstream] ?? upstream,
    model: bareName(name, upstream),
    per_million: (perMillion ?? {}) as SentPrices,
    ...(tiers.length === 0 ? {} : { tiers }),
    ...(contextLength === null ? {} : { context_length: contextLength }),
    ...(maxOutputTokens === null ? {} : { max_output_tokens: maxOutputTokens }),
    capabilities: capabilitiesOf(value, contextLength),
  };
}

/** LiteLLM routes by a prefix of the name; the provider's own API does not know it. */
function bareName(name: string, upstream: string): string {
  const prefix = [`${upstream}/`, `${upstream.replaceAll("_", "-")}/`].find((each) => name.startsWith(each));
  return prefix === undefined ? name : name.slice(prefix.length);
}

const priceFields = [
  ["input_usd", "input_cost_per_token"],
  ["cached_input_usd", "cache_read_input_token_cost"],
  ["cache_write_usd", "cache_creation_input_token_cost"],
  ["output_usd", "output_cost_per_token"],
  ["reasoning_usd", "output_cost_per_reasoning_token"],
  ["request_usd", "input_cost_per_request"],
] as const;

function perMillionOf(facts: Facts, suffix: string, tell: Tell): SentPrices {
  const prices: Prices = {};
  for (const [unit, field] of priceFields) {
    const source = unit === "request_usd" ? field : field + suffix;
    const value = facts[source] ?? null;
    if (value === null) {
      if (unit === "input_usd" || unit === "output_usd") tell(source, "is missing");
      continue;
    }
    const price = typeof value === "string" ? timesMillion(value) : null;
    if (price === null) tell(source, "is no price with at most 8 decimal places per million");
    else prices[unit] = price;
  }
  // A cache write for nothing beside paid input means that writing is not billed apart: such tokens are plain input.
  if (prices.cache_write_usd === "0") delete prices.cache_write_usd;
  return prices as SentPrices;
}

type Tier = { above_input_tokens: number; per_million: SentPrices };

/** `…_above_200k_tokens`: prices of the whole request once its input is longer. The k is a thousand. */
function thresholdTiers(facts: Facts, tell: Tell): Tier[] {
  const thousands = Object.keys(facts).flatMap((field) => {
    const match = /^(?:input|output)_cost_per_token_above_(\d{1,6})k_tokens$/.exec(field);
    return match && Number(match[1]) > 0 ? [Number(match[1])] : [];
  });
  return [...new Set(thousands)]
    .sort((a, b) => a - b)
    .map((k) => ({
      above_input_tokens: k * 1000,
      per_million: perMillionOf(facts, `_above_${k}k_tokens`, tell),
    }));
}

/** `tiered_pricing`: prices by ranges of input tokens, the first from 0. */
function rangeTiers(ranges: readonly unknown[], tell: Tell): Tier[] {
  return ranges.slice(0, 16).flatMap((item, index) => {
    const range = isFacts(item) && Array.isArray(item.range) ? (item.range as unknown[]) : [];
    const from = index === 0 ? 0 : countOf(range[0]);
    if (!isFacts(item) || from === null) {
      tell("tiered_pricing", `has a range without a beginning at place ${index + 1}`);
      return [];
    }
    const tellOfRange: Tell = (field, message) => tell("tiered_pricing", `${field} ${message}`);
    return [{ above_input_tokens: from, per_million: perMillionOf(item, "", tellOfRange) }];
  });
}

/**
 * `1.5e-07` → `0.15`: a price per token as one per million tokens, by moving the point of the text; no float exists.
 * `null` for what is no price, or has more than eight decimal places.
 */
export function timesMillion(text: string): string | null {
  const match = /^(\d{1,40})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
  if (!match) return null;
  const [, whole, fraction = "", exponent = "0"] = match;
  const places = 8 + 6 + Number(exponent) - fraction.length;
  const digits = whole! + fraction;
  const units = places >= 0 ? digits + "0".repeat(places) : digits.slice(0, places) || "0";
  if (places < 0 && /[1-9]/.test(digits.slice(places))) return null;
  const padded = units.replace(/^0+/, "").padStart(9, "0");
  return `${padded.slice(0, -8)}.${padded.slice(-8)}`.replace(/\.?0+$/, "");
}

function countOf(value: unknown): number | null {
  const match = typeof value === "string" ? /^(\d{1,10})(?:\.0{1,8})?$/.exec(value) : null;
  const count = match ? Number(match[1]) : 0;
  return count > 0 && count <= 100_000_000 ? count : null;
}

const longContextTokens = 200_000;

function capabilitiesOf(facts: Facts, contextLength: number | null): NonNullable<SentEntry["capabilities"]> {
  return [
    ...(facts.supports_response_schema === true ? (["json"] as const) : []),
    ...(contextLength !== null && contextLength >= longContextTokens ? (["long_context"] as const) : []),
    ...(facts.supports_function_calling === true ? (["tools"] as const) : []),
    ...(facts.supports_vision === true ? (["vision"] as const) : []),
  ];
}

/**
 * One model may stand there with and without its prefix: once is enough where the prices agree. Where they do not, the
 * server refuses the second, or neither is read.
 */
function withoutRepeats<Found extends { entry: SentEntry }>(
  found: readonly Found[],
  leaveOutFaulty: boolean,
  leave: Leave,
): Found[] {
  const groups = Map.groupBy(found, ({ entry: { provider, model } }) => `${provider}/${model}`);
  return [...groups.values()].flatMap((group) => {
    const prices = group.map(({ entry: { per_million: base, tiers = [] } }) => JSON.stringify([base, tiers]));
    if (group.length === 1) return group;
    if (new Set(prices).size === 1) {
      leave("the same price under two names, read once");
      return group.slice(0, 1);
    }
    if (!leaveOutFaulty) return group;
    leave("left out, two names with different prices");
    return [];
  });
}

function isFacts(value: unknown): value is Facts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
