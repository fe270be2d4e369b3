import { z } from "zod";
import {
  modelName,
  moneyAboveZeroIn,
  moneyIn,
  moneyOut,
  oneOf,
  percent,
  providerName,
  type RouteMode,
  rateIn,
  reserved,
  routeMode,
  routeModeIn,
  shareBps,
} from "./values.ts";

/**
 * A feature's manifest: its policy (which models, which payers, which bounds) and its pricing. Both may be empty; what
 * is left out takes its default when the feature is read (`effective`), so a later default reaches it too.
 */

export const defaultMaxOutputTokens = 4096;
export const defaultMarkupPercent = 30;

/** Fields that would redirect, re-key or re-price the upstream call; an entry's `options` may not carry them. */
const forbiddenOptions = [
  "model",
  "messages",
  "stream",
  "stream_options",
  "n",
  "service_tier",
  "max_tokens",
  "max_completion_tokens",
  "tools",
  "metadata",
  "user",
  "api_base",
  "base_url",
  "api_key",
  "headers",
  "extra_headers",
  "extra_body",
];

const modelOptions = z
  .record(z.string().min(1).max(64), z.json())
  .refine((value) => JSON.stringify(value).length <= 1024, { error: "must be at most 1 KiB" })
  .refine((value) => Object.keys(value).every((key) => !forbiddenOptions.includes(key)), {
    error: `must not contain ${forbiddenOptions.join(", ")}`,
  });

const modelEntryObject = z.strictObject({
  provider: providerName,
  model: modelName,
  max_output_tokens: z.int().min(1).max(10_000_000).optional(),
  options: modelOptions.optional(),
  /** The cloud routes that may use it; absent: all of the policy's. */
  routes: z.array(routeModeIn).min(1).max(4).optional(),
  /** What its developer thinks of it, 0..100; `min_quality` compares. */
  quality: z.int().min(0).max(100).optional(),
});

/** `provider/model`, split at the first slash. */
const modelEntryText = z
  .string()
  .max(321)
  .regex(/^[a-zA-Z0-9_.-]{1,64}\/.{1,256}$/, {
    error: 'must be "provider/model" or an object with provider and model',
  });

const modelEntry = z.union([modelEntryText, modelEntryObject], {
  error: 'must be "provider/model" or an object with provider and model',
});

export const modelList = z.array(modelEntry).min(1).max(50);

export type ModelEntry = {
  provider: string;
  model: string;
  max_output_tokens?: number;
  options?: Record<string, unknown>;
  routes?: RouteMode[];
  quality?: number;
};

/** The object form of an entry of `models`. */
export function modelEntryOf(entry: z.output<typeof modelEntry>): ModelEntry {
  if (typeof entry === "string") {
    const slash = entry.indexOf("/");
    return { provider: entry.slice(0, slash), model: entry.slice(slash + 1) };
  }
  return {
    provider: entry.provider,
    model: entry.model,
    ...(entry.max_output_tokens === undefined ? {} : { max_output_tokens: entry.max_output_tokens }),
    ...(entry.options === undefined ? {} : { options: entry.options }),
    ...(entry.routes === undefined ? {} : { routes: entry.routes }),
    ...(entry.quality === undefined ? {} : { quality: entry.quality }),
  };
}

export const featureLimits = z.strictObject({
  max_input_tokens: z.int().min(1).max(10_000_000).optional(),
  max_output_tokens: z.int().min(1).max(10_000_000).optional(),
  max_price_usd: moneyAboveZeroIn.optional(),
  user_day_usd: moneyIn.optional(),
  user_week_usd: moneyIn.optional(),
  user_month_usd: moneyIn.optional(),
  feature_day_usd: moneyIn.optional(),
  feature_month_usd: moneyIn.optional(),
  user_rpm: rateIn.optional(),
  feature_rpm: rateIn.optional(),
  user_concurrency: rateIn.optional(),
});

/** What a model must be able to do for a feature; `long_context` is 100,000 tokens and more. */
export const requirement = oneOf(["tools", "vision", "json", "embeddings", "long_context"], {
  audio: "later",
  images: "later",
});

const policyFields = z.strictObject({
  route_preference: z
    .array(routeModeIn)
    .min(1)
    .max(4)
    .refine((modes) => new Set(modes).size === modes.length, { error: "must not repeat a route mode" })
    .optional(),
  models: modelList.optional(),
  model_policy: oneOf(["in_order", "cheapest_sufficient"], {
    quality_first: "later",
    latency_first: "later",
  }).optional(),
  privacy: oneOf(["standard", "local_only"], { redact_pii_before_cloud: "later" }).optional(),
  limits: featureLimits.optional(),
  requires: z.array(requirement).max(5).optional(),
  min_quality: z.int().min(0).max(100).optional(),
  /** From the developer's key to credits alone; an own key or machine falls back only where its user said so. */
  fallback_to_platform: z.boolean().optional(),
  ...reserved("later", "sensitive_fields"),
});

export const policyIn = policyFields.superRefine((policy, context) => {
  if (policy.privacy !== "local_only") return;
  if ((policy.route_preference ?? ["platform"]).some((mode) => mode !== "local")) {
    context.addIssue({
      code: "custom",
      path: ["route_preference"],
      message: 'must be ["local"] where privacy is local_only',
    });
  }
});
export type Policy = z.output<typeof policyIn>;

const pricingFields = z.strictObject({
  mode: oneOf(["usage_markup", "fixed_fee", "fixed_price"]).optional(),
  markup_percent: percent.optional(),
  developer_key_markup_percent: percent.optional(),
  request_fee_usd: moneyIn.optional(),
  fixed_fee_usd: moneyIn.optional(),
  fixed_price_usd: moneyIn.optional(),
  byok_fee_usd: moneyIn.optional(),
  local_fee_usd: moneyIn
    .refine((amount) => !/[1-9]/.test(amount), { error: "above 0 is not available yet: the local fee is 0" })
    .optional(),
  developer_share_bps: shareBps.optional(),
  ...reserved(4, "free_allowance"),
  ...reserved("later", "beneficiaries"),
});

/** Which fields say the price in which mode; the first of each has to be there where the mode has no default for it. */
const fieldsOfMode = {
  usage_markup: ["markup_percent", "developer_key_markup_percent", "request_fee_usd"],
  fixed_fee: ["fixed_fee_usd"],
  fixed_price: ["fixed_price_usd"],
} as const;

export const pricingIn = pricingFields.superRefine((pricing, context) => {
  const mode = pricing.mode ?? "usage_markup";
  for (const [other, names] of Object.entries(fieldsOfMode)) {
    for (const name of names) {
      if (other !== mode && pricing[name] !== undefined)
        context.addIssue({
          code: "custom",
          path: [name],
          message: `belongs to mode ${other}, not to ${mode}`,
        });
    }
  }
  if (mode !== "usage_markup" && pricing[fieldsOfMode[mode][0]] === undefined)
    context.addIssue({
      code: "custom",
      path: [fieldsOfMode[mode][0]],
      message: `is what mode ${mode} needs`,
    });
});
export type Pricing = z.output<typeof pricingIn>;

export const effectivePolicy = z.strictObject({
  route_preference: z.array(routeMode),
  models: z.array(
    z.strictObject({
      provider: providerName,
      model: modelName,
      max_output_tokens: z.int().optional(),
      options: z.record(z.string(), z.json()).optional(),
      routes: z.array(routeMode).optional(),
      quality: z.int().optional(),
    }),
  ),
  model_policy: z.enum(["in_order", "cheapest_sufficient"]),
  privacy: z.enum(["standard", "local_only"]),
  requires: z.array(requirement),
  min_quality: z.int(),
  fallback_to_platform: z.boolean(),
  limits: z.strictObject({
    max_input_tokens: z.int().optional(),
    max_output_tokens: z.int(),
    max_price_usd: moneyOut.optional(),
    user_day_usd: moneyOut.optional(),
    user_week_usd: moneyOut.optional(),
    user_month_usd: moneyOut.optional(),
    feature_day_usd: moneyOut.optional(),
    feature_month_usd: moneyOut.optional(),
    user_rpm: z.int().optional(),
    feature_rpm: z.int().optional(),
    user_concurrency: z.int().optional(),
  }),
});
export type EffectivePolicy = z.output<typeof effectivePolicy>;

export const effectivePricing = z.strictObject({
  mode: z.enum(["usage_markup", "fixed_fee", "fixed_price"]),
  /** 0 in the other modes. */
  markup_percent: z.number(),
  developer_key_markup_percent: z.number(),
  /** Added to each request: `request_fee_usd`, or `fixed_fee_usd` in that mode. */
  request_fee_usd: moneyOut,
  fixed_price_usd: moneyOut.optional(),
  byok_fee_usd: moneyOut,
  local_fee_usd: moneyOut,
  developer_share_bps: shareBps,
});
export type EffectivePricing = z.output<typeof effectivePricing>;

export type ManifestDefaults = {
  /** The operator's setting `auto-text`: what a feature without `models` may use. */
  autoText: readonly ModelEntry[];
  /** The app's `default_developer_share_bps`. */
  developerShareBps: number;
};

/** The manifest with every default filled in: what a request is planned and priced by. */
export function effectiveManifest(
  policy: Policy,
  pricing: Pricing,
  defaults: ManifestDefaults,
): { policy: EffectivePolicy; pricing: EffectivePricing } {
  return {
    policy: {
      route_preference: policy.route_preference ?? ["platform"],
      models: (policy.models?.map(modelEntryOf) ?? [...defaults.autoText]) as EffectivePolicy["models"],
      model_policy: policy.model_policy ?? "in_order",
      privacy: policy.privacy ?? "standard",
      requires: policy.requires ?? [],
      min_quality: policy.min_quality ?? 0,
      fallback_to_platform: policy.fallback_to_platform ?? false,
      limits: effectiveLimits(policy.limits ?? {}),
    },
    pricing: effectivePricingOf(pricing, defaults.developerShareBps),
  };
}

function effectivePricingOf(pricing: Pricing, defaultShareBps: number): EffectivePricing {
  const mode = pricing.mode ?? "usage_markup";
  const markup = mode === "usage_markup" ? (pricing.markup_percent ?? defaultMarkupPercent) : 0;
  return {
    mode,
    markup_percent: markup,
    developer_key_markup_percent: pricing.developer_key_markup_percent ?? markup,
    request_fee_usd: eightDecimals(pricing.request_fee_usd ?? pricing.fixed_fee_usd ?? "0"),
    ...(pricing.fixed_price_usd === undefined
      ? {}
      : { fixed_price_usd: eightDecimals(pricing.fixed_price_usd) }),
    byok_fee_usd: eightDecimals(pricing.byok_fee_usd ?? "0"),
    local_fee_usd: eightDecimals(pricing.local_fee_usd ?? "0"),
    developer_share_bps: pricing.developer_share_bps ?? defaultShareBps,
  };
}

function effectiveLimits(limits: z.output<typeof featureLimits>): EffectivePolicy["limits"] {
  const spelled = Object.entries(limits).map(([name, value]) => [
    name,
    typeof value === "string" ? eightDecimals(value) : value,
  ]);
  return { max_output_tokens: defaultMaxOutputTokens, ...Object.fromEntries(spelled) };
}

function eightDecimals(amount: string): string {
  const [whole, decimals = ""] = amount.split(".");
  return `${whole}.${decimals.padEnd(8, "0")}`;
}
