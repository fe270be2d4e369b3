import type { EffectivePricing, Policy, Pricing } from "@modelfaucet/contract/manifest.ts";
import type { RouteMode } from "@modelfaucet/contract/values.ts";
import type { Tx } from "../lib/db.ts";
import { formatUsd } from "../lib/money.ts";
import { credits, previewFigures } from "../modules/books/books.ts";
import type { Settlement } from "../modules/books/items.ts";
import type { DeveloperCaller } from "../modules/identity/identity.ts";
import { type ModelPrice, type PriceBook, type Rated, rate } from "../modules/pricing/pricing.ts";
import type { EffectiveManifest } from "../modules/tenancy/tenancy.ts";
import { ruleOf } from "./complete/payers.ts";
import { requireApp } from "./developers-calling.ts";
import { judgeManifest, warningsOf } from "./features.ts";

export type ValidateDeps = { effectiveManifest: EffectiveManifest; prices: Pick<PriceBook, "find"> };

/** A manifest as its schema reads it, or the faults that the schema found. */
export type ParsedManifest = { policy: Policy; pricing: Pricing } | { issues: ManifestIssue[] };
export type ManifestIssue = { path: string; message: string };

export type ExampleItem = {
  route_mode: RouteMode;
  provider: string;
  model: string;
  upstream_cost_usd: string;
  charge_usd: string;
  developer_share_usd: string;
  platform_share_usd: string;
};

export type JudgedFeature = {
  valid: boolean;
  issues: ManifestIssue[];
  warnings: string[];
  effective?: ReturnType<EffectiveManifest>;
  example?: { input_tokens: 1000; output_tokens: 500; items: ExampleItem[] };
};

/**
 * Judges a manifest as a write of it would, and prices a sample request by it; keeps nothing.
 * @throws ApiError invalid_app
 */
export async function validateFeature(
  tx: Tx,
  deps: ValidateDeps,
  caller: DeveloperCaller,
  publicAppId: string,
  manifest: ParsedManifest,
): Promise<JudgedFeature> {
  const app = await requireApp(tx, caller, publicAppId);
  if ("issues" in manifest) return { valid: false, issues: manifest.issues, warnings: [] };
  const judged = await judgeManifest(tx, deps, app, manifest);
  if (judged.issues.length > 0) {
    const issues = judged.issues.map(({ param, message }) => ({ path: param, message }));
    return { valid: false, issues, warnings: [] };
  }
  const { effective } = judged;
  const { models } = effective.policy;
  const isPriced = (provider: string, model: string): boolean => deps.prices.find(provider, model) !== null;
  const modes = effective.policy.route_preference.filter((mode) => mode !== "local");
  const items = models.flatMap(({ provider, model, routes }) => {
    const price = deps.prices.find(provider, model);
    const paying = modes.filter((mode) => routes?.includes(mode) ?? true);
    return price === null ? [] : paying.map((mode) => exampleOf(price, mode, effective.pricing));
  });
  return {
    valid: true,
    issues: [],
    warnings: warningsOf(models, isPriced),
    effective,
    example: { input_tokens: 1000, output_tokens: 500, items },
  };
}

/** The one pricing function and the one split, as for a request that was served and paid by its user's own money. */
function exampleOf(price: ModelPrice, mode: RouteMode, pricing: EffectivePricing): ExampleItem {
  const rule = ruleOf(pricing, mode, false);
  const rated = rate(exampleTokens, price, rule);
  const figures = previewFigures(
    settlementOf(price, rated, rule.developerShareBps, pricing),
    rated.chargeUsd,
  );
  return {
    route_mode: mode,
    provider: price.provider,
    model: price.model,
    upstream_cost_usd: formatUsd(figures.upstreamCostUsd),
    charge_usd: formatUsd(figures.chargeUsd),
    developer_share_usd: formatUsd(figures.developerShareUsd),
    platform_share_usd: formatUsd(figures.platformShareUsd),
  };
}

const exampleTokens = { input: 1000, cachedInput: 0, cacheWrite: 0, output: 500, reasoning: 0 };

function settlementOf(
  price: ModelPrice,
  rated: Rated,
  developerShareBps: number,
  pricing: EffectivePricing,
): Settlement {
  return {
    outcome: "succeeded",
    errorCode: null,
    provider: price.provider,
    model: price.model,
    servedModel: price.model,
    payer: credits,
    tokens: exampleTokens,
    requests: 1,
    usageSource: "estimated",
    simulated: true,
    lines: [],
    pricing: {
      mode: pricing.mode,
      markup_percent: String(pricing.markup_percent),
      developer_share_bps: developerShareBps,
    },
    costUsd: rated.costUsd,
    chargeUsd: rated.chargeUsd,
    feeUsd: rated.feeUsd,
    developerShareBps,
    failedCostsUsd: [],
    attempts: [],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: null,
    durationMs: 0,
  };
}
