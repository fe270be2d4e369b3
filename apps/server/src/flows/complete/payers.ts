import type { EffectivePricing } from "@modelfaucet/contract/manifest.ts";
import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { parseUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import { coversDisclosure } from "../../modules/credential/credential.ts";
import {
  type ChargeRule,
  type ModelPrice,
  type PriceBook,
  unknownPrice,
} from "../../modules/pricing/pricing.ts";
import {
  type ListedModel,
  type PlannedRoute,
  suffices,
  type Upstreams,
} from "../../modules/routing/routing.ts";
import type { PlannableFeature } from "./plan.ts";

/** A key as requests are planned with it: the developer's, the user's, or one that came with the request. */
export type PlannableKey = {
  /** `null` for a key that came with the request and is kept nowhere. */
  id: string | null;
  provider: string;
  baseUrl: string;
  dialect: "openai" | "anthropic";
  /** Which door of the egress guard its address goes through: operators may say where a vendor is. */
  door: "operator" | "tenant";
  /** `null` where it does not open. */
  secret: string | null;
  modelsAllowed: readonly string[] | null;
  priority: number;
  weight: number;
  budgetLimitUsd: Usd | null;
  fallbackToPlatform: boolean;
  disclosureVersion: string | null;
  status: "active" | "invalid" | "needs_reentry" | "disabled";
  extraHeaders?: Readonly<Record<string, string>> | undefined;
  /** What a person may see of it. */
  masked?: string | undefined;
};

/** One way to serve a request: a model, who pays for it, and with whose key. */
export type Route = PlannedRoute<ModelPrice> & {
  mode: RouteMode;
  rule: ChargeRule;
  /** False where our price book does not know the model, which only an own key may call. */
  isPriced: boolean;
  /** `null` on `platform`. */
  key: PlannableKey | null;
};

export type PayerContext = {
  prices: Pick<PriceBook, "find">;
  upstreams: Pick<Upstreams, "find">;
  /** Keys of the user and of the developer for this app. */
  keys: { user: readonly PlannableKey[]; developer: readonly PlannableKey[] };
  /** Whether an operator has switched it off. */
  isOff: (kind: "provider" | "credential", name: string) => boolean;
  random: () => number;
  endUserOwn: boolean;
  /** What the user has agreed to for own keys, beside what stands with a key. */
  agreedTo: string | null;
  /** Whether the user lets a failed own key use credits. */
  fallsBack: boolean;
};

export type ModeRefusal =
  | "no_key"
  | "key_invalid"
  | "disclosure_required"
  | "no_priced_model"
  | "provider_off"
  | "suspended"
  | "on_the_device";

export type Skipped = { provider: string; model: string; reason: string };
export type ModeRoutes = {
  routes: Route[];
  refusal: ModeRefusal | null;
  skipped: Skipped[];
  /** Whether whoever may say so lets credits pay where this payer cannot: the key's owner, the user, the feature. */
  mayUseCredits: boolean;
};

/** The routes that one payer has for these models, in the order in which they may be tried; or why there is none. */
export function routesOfMode(
  mode: RouteMode,
  feature: PlannableFeature,
  listed: readonly ListedModel[],
  context: PayerContext,
  /** A name beyond the list, which a key's own list may know. */
  named: string | null,
): ModeRoutes {
  if (mode === "local") return refusing("on_the_device", context.fallsBack);
  const usable = listed.filter((entry) => entry.routes === undefined || entry.routes.includes(mode));
  if (mode === "platform") return platformRoutes(feature, usable, context);
  return keyRoutes(mode, feature, usable, context, named);
}

/** What a feature's pricing says of one payer, as the pricing function takes it. A developer who pays earns nothing. */
export function ruleOf(pricing: EffectivePricing, mode: RouteMode, own: boolean): ChargeRule {
  const developerShareBps = own ? 0 : pricing.developer_share_bps;
  const fixedPriceUsd = pricing.fixed_price_usd === undefined ? zeroUsd : parseUsd(pricing.fixed_price_usd)!;
  if (mode === "byok" || mode === "local") {
    const fee = mode === "byok" ? pricing.byok_fee_usd : pricing.local_fee_usd;
    return {
      basis: "fee",
      markupBps: 0,
      requestFeeUsd: parseUsd(fee)!,
      fixedPriceUsd: zeroUsd,
      developerShareBps,
    };
  }
  if (pricing.mode === "fixed_price")
    return { basis: "fixed", markupBps: 0, requestFeeUsd: zeroUsd, fixedPriceUsd, developerShareBps };
  const percent = mode === "platform" ? pricing.markup_percent : pricing.developer_key_markup_percent;
  return {
    basis: "cost",
    markupBps: Math.round(percent * 100),
    requestFeeUsd: parseUsd(pricing.request_fee_usd)!,
    fixedPriceUsd,
    developerShareBps,
  };
}

function platformRoutes(
  feature: PlannableFeature,
  listed: readonly ListedModel[],
  context: PayerContext,
): ModeRoutes {
  const rule = ruleOf(feature.pricing, "platform", context.endUserOwn);
  const routes: Route[] = [];
  const skipped: Skipped[] = [];
  for (const entry of listed) {
    const skip = (reason: string) => skipped.push({ provider: entry.provider, model: entry.model, reason });
    const upstream = context.upstreams.find(entry.provider);
    const price = context.prices.find(entry.provider, entry.model);
    if (!upstream) skip("not_configured");
    else if (upstream.status !== "on") skip("provider_off");
    else if (!price) skip("model_not_priced");
    else if (!suffices(price, entry, feature.policy)) skip("insufficient_model");
    else routes.push(routeOf("platform", entry, price, true, rule, null));
  }
  return { routes, refusal: routes.length > 0 ? null : refusalOf(skipped), skipped, mayUseCredits: false };
}

function keyRoutes(
  mode: "developer_key" | "byok",
  feature: PlannableFeature,
  listed: readonly ListedModel[],
  context: PayerContext,
  named: string | null,
): ModeRoutes {
  const stored = (mode === "byok" ? context.keys.user : context.keys.developer).filter(
    ({ status }) => status !== "disabled",
  );
  const isOwn = mode === "byok";
  const agreed = isOwn ? stored.filter((key) => isAgreed(key, feature.pricing, context)) : stored;
  const mayUseCredits = isOwn
    ? context.fallsBack || agreed.some(({ fallbackToPlatform }) => fallbackToPlatform)
    : feature.policy.fallback_to_platform;
  if (stored.length === 0) return refusing("no_key", mayUseCredits);
  if (!stored.some(isUsable)) return refusing("key_invalid", mayUseCredits);
  const usable = agreed.filter(isUsable);
  // Credits are no way around a text that nobody has agreed to.
  if (usable.length === 0) return refusing("disclosure_required", false);
  const rule = ruleOf(feature.pricing, mode, context.endUserOwn);
  const routes: Route[] = [];
  const skipped: Skipped[] = [];
  for (const key of inOrder(usable, context.random)) {
    for (const entry of modelsOf(key, listed, named)) {
      const known = context.prices.find(entry.provider, entry.model);
      const price = known ?? (isOwn ? unknownPrice(entry.provider, entry.model) : null);
      const isOff =
        context.isOff("provider", key.provider) || (key.id !== null && context.isOff("credential", key.id));
      const skip = (reason: string) => skipped.push({ provider: entry.provider, model: entry.model, reason });
      if (!price) skip("model_not_priced");
      else if (known && !suffices(known, entry, feature.policy)) skip("insufficient_model");
      else if (isOff) skip("suspended");
      else routes.push(routeOf(mode, entry, price, known !== null, rule, key));
    }
  }
  return { routes, refusal: routes.length > 0 ? null : refusalOf(skipped), skipped, mayUseCredits };
}

const refusing = (refusal: ModeRefusal, mayUseCredits: boolean): ModeRoutes => ({
  routes: [],
  refusal,
  skipped: [],
  mayUseCredits,
});

const isUsable = (key: PlannableKey): boolean => key.status === "active" && key.secret !== null;

/** A free own key needs no consent; a fee, or the right to fall back on credits, does. */
function isAgreed(key: PlannableKey, pricing: EffectivePricing, context: PayerContext): boolean {
  const asks = parseUsd(pricing.byok_fee_usd)! > 0n || key.fallbackToPlatform || context.fallsBack;
  return (
    !asks ||
    coversDisclosure(key.disclosureVersion, pricing.byok_fee_usd) ||
    coversDisclosure(context.agreedTo, pricing.byok_fee_usd)
  );
}

/** The listed models of the key's vendor that the key may call, and, where there is none, those that its own list names. */
function modelsOf(key: PlannableKey, listed: readonly ListedModel[], named: string | null): ListedModel[] {
  const allowed = (model: string): boolean =>
    key.modelsAllowed === null ||
    key.modelsAllowed.includes(model) ||
    key.modelsAllowed.includes(`${key.provider}/${model}`);
  const found = listed.filter((entry) => entry.provider === key.provider && allowed(entry.model));
  if (found.length > 0) return found;
  const own = (key.modelsAllowed ?? []).map((model) =>
    model.startsWith(`${key.provider}/`) ? model.slice(key.provider.length + 1) : model,
  );
  const wanted =
    named === null ? own : own.filter((model) => model === named || `${key.provider}/${model}` === named);
  return wanted.map((model) => ({ provider: key.provider, model }));
}

/** By priority; keys of the same priority in turn, each as often as its weight says. */
function inOrder(keys: readonly PlannableKey[], random: () => number): PlannableKey[] {
  if (keys.length === 1) return [...keys];
  const drawn = new Map(keys.map((key) => [key, -Math.log(1 - random()) / key.weight]));
  return [...keys].sort((a, b) => a.priority - b.priority || drawn.get(a)! - drawn.get(b)!);
}

function routeOf(
  mode: RouteMode,
  entry: ListedModel,
  price: ModelPrice,
  isPriced: boolean,
  rule: ChargeRule,
  key: PlannableKey | null,
): Route {
  return {
    mode,
    rule,
    isPriced,
    key,
    provider: entry.provider,
    model: entry.model,
    price,
    options: entry.options ?? {},
    maxOutputTokens: Math.min(price.maxOutputTokens, entry.maxOutputTokens ?? price.maxOutputTokens),
  };
}

function refusalOf(skipped: readonly Skipped[]): ModeRefusal {
  const reasons = new Set(skipped.map(({ reason }) => reason));
  if (reasons.has("suspended")) return "suspended";
  if (reasons.has("provider_off") || reasons.has("not_configured")) return "provider_off";
  return "no_priced_model";
}
