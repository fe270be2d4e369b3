import type { EffectivePolicy, EffectivePricing } from "@modelfaucet/contract/manifest.ts";
import { ApiError } from "../../lib/errors.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";
import { mayUseFeature } from "../../modules/identity/identity.ts";
import type { SessionContext } from "../../modules/identity/session-context.ts";
import type { PriceBook } from "../../modules/pricing/pricing.ts";
import { aliasOf, type ListedModel, listedUnder, type Upstreams } from "../../modules/routing/routing.ts";
import { planPayers } from "./choice.ts";
import { inPolicyOrder } from "./model-order.ts";
import type { PayerContext, Route } from "./payers.ts";
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

/** The features of an app, as its memory copy has them. */
export function plannableFeatures(app: {
  features: ReadonlyMap<string, Omit<PlannableFeature, "id"> & { featureId: string }>;
}): PlannableFeature[] {
  return [...app.features.values()].map(({ featureId, ...feature }) => ({ id: featureId, ...feature }));
}

/** Those of them that the session may use. */
export function usableFeatures(
  app: Parameters<typeof plannableFeatures>[0],
  session: Pick<SessionContext, "featureKey" | "features">,
): PlannableFeature[] {
  return plannableFeatures(app).filter(({ featureKey }) => mayUseFeature(session, featureKey));
}

export type Plan = {
  feature: PlannableFeature;
  /** In the order in which they may be tried; never empty. The first one's payer was chosen, others only follow with leave. */
  routes: readonly Route[];
  /** What the caller named: the alias or the model. */
  askedModel: string;
  maxPriceUsd: Usd | null;
};

/** What of a session decides a plan. */
export type PlannedSession = Pick<SessionContext, "endUserOwn" | "modes" | "chosenModes"> &
  Partial<Pick<SessionContext, "featureKey" | "features" | "models">>;

export type PlanContext = {
  session: PlannedSession;
  features: readonly PlannableFeature[];
  prices: PriceBook;
  upstreams: Upstreams;
  keys: PayerContext["keys"];
  isOff: PayerContext["isOff"];
  random: () => number;
};

/**
 * Policy, credentials and prices make the ordered routes of one request.
 * @throws feature_not_found, model_not_found, model_not_priced, no_available_route, suspended, byok_key_invalid,
 * policy_local_only, and invalid_request for a payer that the feature does not have
 */
export function planCompletion(asked: AskedCompletion, context: PlanContext): Plan {
  const { feature, listed, named } = findFeature(asked, context);
  if (feature.status === "suspended") {
    throw new ApiError("suspended", "This feature is switched off for now.", {
      details: { what: "feature" },
    });
  }
  const routes = planPayers(asked, feature, { listed, named }, context);
  return {
    feature,
    routes: inPolicyOrder(feature, asked, routes),
    askedModel: asked.model,
    maxPriceUsd: feature.policy.limits.max_price_usd ? parseUsd(feature.policy.limits.max_price_usd) : null,
  };
}

/** Every name that a session may call, with the models behind it. */
export function callableModels(
  context: PlanContext,
): { id: string; feature: PlannableFeature; listed: ListedModel[] }[] {
  const found = new Map<string, { id: string; feature: PlannableFeature; listed: ListedModel[] }>();
  for (const feature of openFeatures(context)) {
    if (feature.status === "suspended") continue;
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

type FoundFeature = {
  feature: PlannableFeature;
  listed: ListedModel[];
  /** A model that only a key's own list knows. */
  named: string | null;
};

function findFeature(asked: AskedCompletion, context: PlanContext): FoundFeature {
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
    if (listed.length === 0 && alias === null && mayNameBeyond(asked.model, feature, context))
      return { feature, listed, named: asked.model };
    if (
      listed.length === 0 ||
      !listed.some((entry) => allows(context.session, asked.model, alias === null ? entry : null))
    ) {
      throw modelNotFound(asked.model);
    }
    return { feature, listed, named: null };
  }
  // A name alone is served by the first feature that lists it and is on, as GET /v1/models tells.
  for (const feature of open.toSorted((a, b) => isOff(a) - isOff(b))) {
    const listed = listedUnder(asked.model, listedOf(feature)).filter((entry) =>
      allows(context.session, asked.model, entry),
    );
    if (listed.length > 0) return { feature, listed, named: null };
  }
  const beyond = open.find((feature) => mayNameBeyond(asked.model, feature, context));
  if (beyond) return { feature: beyond, listed: [], named: asked.model };
  throw modelNotFound(asked.model);
}

const isOff = ({ status }: PlannableFeature): number => Number(status === "suspended");

/** A key may know models that the feature does not list, where the feature lets its owner pay. */
function mayNameBeyond(name: string, feature: PlannableFeature, context: PlanContext): boolean {
  if (!allows(context.session, name, null)) return false;
  const { route_preference: modes } = feature.policy;
  const keys = [
    ...(modes.includes("byok") ? context.keys.user : []),
    ...(modes.includes("developer_key") ? context.keys.developer : []),
  ];
  return keys.some((key) =>
    (key.modelsAllowed ?? []).some(
      (model) => model === name || `${key.provider}/${model}` === name || model === `${key.provider}/${name}`,
    ),
  );
}

function openFeatures({ session, features }: PlanContext): PlannableFeature[] {
  const allowed = { featureKey: session.featureKey ?? null, features: session.features ?? null };
  return features.filter(({ featureKey }) => mayUseFeature(allowed, featureKey));
}

/** A session may be narrowed to names: an alias, a bare model, or `provider/model`. */
function allows(session: Pick<PlannedSession, "models">, name: string, entry: ListedModel | null): boolean {
  if (!session.models) return true;
  if (session.models.includes(name)) return true;
  return (
    entry !== null &&
    (session.models.includes(entry.model) || session.models.includes(`${entry.provider}/${entry.model}`))
  );
}

/** A feature's models that the session is not narrowed away from. */
export function openModels(
  feature: PlannableFeature,
  session: Pick<PlannedSession, "models">,
): ListedModel[] {
  return listedOf(feature).filter((entry) => allows(session, `auto:${feature.featureKey}`, entry));
}

/** A feature's models as they are planned with. */
function listedOf(feature: PlannableFeature): ListedModel[] {
  return feature.policy.models.map(({ max_output_tokens, ...entry }) => ({
    ...entry,
    maxOutputTokens: max_output_tokens,
  }));
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
