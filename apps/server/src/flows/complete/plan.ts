import type { EffectivePolicy, EffectivePricing } from "@modelfaucet/contract/manifest.ts";
import { ApiError } from "../../lib/errors.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";
import type { SessionContext } from "../../modules/identity/session-context.ts";
import type { ChargeRule, ModelPrice, PriceBook } from "../../modules/pricing/pricing.ts";
import {
  aliasOf,
  type ListedModel,
  listedUnder,
  type PlannedRoute,
  type Upstreams,
} from "../../modules/routing/routing.ts";
import type { AskedCompletion } from "./request-body.ts";

/** A feature as requests are planned by it: what the tenancy's memory copy holds. */
export type PlannableFeature = {
  id: string;
  featureKey: string;
  displayName: string;
  version: number;
  status: "active" | "suspended";
  policy: EffectivePolicy;
  pricing: EffectivePricing;
};

export type Route = PlannedRoute<ModelPrice>;

export type Plan = {
  feature: PlannableFeature;
  rule: ChargeRule;
  /** In the order in which they may be tried; never empty. */
  routes: readonly Route[];
  /** What the caller named: the alias or the model. */
  askedModel: string;
  maxPriceUsd: Usd | null;
};

export type PlanContext = {
  session: SessionContext;
  features: readonly PlannableFeature[];
  prices: PriceBook;
  upstreams: Upstreams;
};

/**
 * Policy, credentials and prices make the ordered routes of one request.
 * @throws feature_not_found, model_not_found, model_not_priced, no_available_route, suspended
 */
export function planCompletion(asked: AskedCompletion, context: PlanContext): Plan {
  const { feature, listed } = findFeature(asked, context);
  if (feature.status === "suspended") {
    throw new ApiError("suspended", "This feature is switched off for now.", {
      details: { what: "feature" },
    });
  }
  const routes: Route[] = [];
  const skipped: { provider: string; model: string; reason: string }[] = [];
  for (const entry of listed) {
    const upstream = context.upstreams.find(entry.provider);
    const price = context.prices.find(entry.provider, entry.model);
    if (upstream?.status !== "on")
      skipped.push({ ...named(entry), reason: upstream ? "provider_off" : "not_configured" });
    else if (!price) skipped.push({ ...named(entry), reason: "model_not_priced" });
    else routes.push(routeOf(entry, price));
  }
  if (routes.length === 0) throw nothingPlanned(asked.model, skipped);
  return {
    feature,
    rule: ruleOf(feature.pricing, context.session.endUserOwn),
    routes,
    askedModel: asked.model,
    maxPriceUsd: feature.policy.limits.max_price_usd ? parseUsd(feature.policy.limits.max_price_usd) : null,
  };
}

/** What a feature's pricing says, as the pricing function takes it. A developer who pays earns nothing. */
export function ruleOf(pricing: EffectivePricing, own: boolean): ChargeRule {
  return {
    markupBps: Math.round(pricing.markup_percent * 100),
    requestFeeUsd: parseUsd(pricing.request_fee_usd)!,
    developerShareBps: own ? 0 : pricing.developer_share_bps,
  };
}

/** Every name that a session may call, with the models behind it. */
export function callableModels(
  context: PlanContext,
): { id: string; feature: PlannableFeature; listed: ListedModel[] }[] {
  const found = new Map<string, { id: string; feature: PlannableFeature; listed: ListedModel[] }>();
  for (const feature of openFeatures(context)) {
    const all = listedOf(feature);
    const alias = `auto:${feature.featureKey}`;
    if (allows(context.session, alias, null)) found.set(alias, { id: alias, feature, listed: all });
    for (const entry of all) {
      if (found.has(entry.model) || !allows(context.session, entry.model, entry)) continue;
      found.set(entry.model, {
        id: entry.model,
        feature,
        listed: all.filter((other) => other.model === entry.model),
      });
    }
  }
  return [...found.values()];
}

function findFeature(
  asked: AskedCompletion,
  context: PlanContext,
): { feature: PlannableFeature; listed: ListedModel[] } {
  const alias = aliasOf(asked.model);
  const wanted = alias ?? asked.featureKey;
  if (alias !== null && asked.featureKey !== null && alias !== asked.featureKey) {
    throw new ApiError("invalid_request", "model names another feature than the request does.", {
      param: "model",
    });
  }
  const open = openFeatures(context);
  if (wanted !== null) {
    const feature = open.find((candidate) => candidate.featureKey === wanted);
    if (!feature) {
      throw new ApiError(
        alias === null ? "feature_not_found" : "model_not_found",
        `This session has no feature "${wanted.slice(0, 128)}"; GET /v1/models lists what it may call.`,
        { param: alias === null ? "feature_key" : "model" },
      );
    }
    const listed = alias === null ? listedUnder(asked.model, listedOf(feature)) : listedOf(feature);
    if (
      listed.length === 0 ||
      !listed.some((entry) => allows(context.session, asked.model, alias === null ? entry : null))
    ) {
      throw modelNotFound(asked.model);
    }
    return { feature, listed };
  }
  for (const feature of open) {
    const listed = listedUnder(asked.model, listedOf(feature)).filter((entry) =>
      allows(context.session, asked.model, entry),
    );
    if (listed.length > 0) return { feature, listed };
  }
  throw modelNotFound(asked.model);
}

function openFeatures({ session, features }: PlanContext): PlannableFeature[] {
  return features.filter(
    ({ featureKey }) =>
      (session.featureKey === null || session.featureKey === featureKey) &&
      (session.features === null || session.features.includes(featureKey)),
  );
}

/** A session may be narrowed to names: an alias, a bare model, or `provider/model`. */
function allows(session: SessionContext, name: string, entry: ListedModel | null): boolean {
  if (session.models === null) return true;
  if (session.models.includes(name)) return true;
  return (
    entry !== null &&
    (session.models.includes(entry.model) || session.models.includes(`${entry.provider}/${entry.model}`))
  );
}

function listedOf(feature: PlannableFeature): ListedModel[] {
  return feature.policy.models.map(({ provider, model, max_output_tokens, options }) => ({
    provider,
    model,
    maxOutputTokens: max_output_tokens,
    options,
  }));
}

function routeOf(entry: ListedModel, price: ModelPrice): Route {
  return {
    provider: entry.provider,
    model: entry.model,
    price,
    options: entry.options ?? {},
    maxOutputTokens: Math.min(price.maxOutputTokens, entry.maxOutputTokens ?? price.maxOutputTokens),
  };
}

const named = ({ provider, model }: ListedModel): { provider: string; model: string } => ({
  provider,
  model,
});

function nothingPlanned(
  model: string,
  skipped: readonly { provider: string; model: string; reason: string }[],
): ApiError {
  if (skipped.every(({ reason }) => reason === "model_not_priced")) {
    return new ApiError(
      "model_not_priced",
      `The model "${model.slice(0, 200)}" has no price here, so it cannot be called.`,
      {
        param: "model",
      },
    );
  }
  return new ApiError("no_available_route", "No provider of this model is configured and switched on.", {
    details: { routes: skipped },
  });
}

function modelNotFound(model: string): ApiError {
  return new ApiError(
    "model_not_found",
    `This session may not call "${model.slice(0, 200)}"; GET /v1/models lists what it may.`,
    {
      param: "model",
    },
  );
}
