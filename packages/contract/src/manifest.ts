import { z } from "zod";
import {
  modelName,
  moneyAboveZeroIn,
  moneyIn,
  moneyOut,
  oneOf,
  percent,
  providerName,
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
  ...reserved(3, "routes", "quality"),
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

export const policyIn = z.strictObject({
  route_preference: z
    .array(routeModeIn)
    .min(1)
    .max(4)
    .refine((modes) => new Set(modes).size === modes.length, { error: "must not repeat a route mode" })
    .optional(),
  models: modelList.optional(),
  model_policy: oneOf(["in_order"], {
    cheapest_sufficient: 3,
    quality_first: "later",
    latency_first: "later",
  }).optional(),
  privacy: oneOf(["standard"], { local_only: 3, redact_pii_before_cloud: "later" }).optional(),
  limits: featureLimits.optional(),
  ...reserved(3, "requires", "min_quality", "fallback_to_platform"),
  ...reserved("later", "sensitive_fields"),
});
export type Policy = z.output<typeof policyIn>;

export const pricingIn = z.strictObject({
  mode: oneOf(["usage_markup"], { fixed_fee: 3, fixed_price: 3 }).optional(),
  markup_percent: percent.optional(),
  request_fee_usd: moneyIn.optional(),
  developer_share_bps: shareBps.optional(),
  ...reserved(
    3,
    "developer_key_markup_percent",
    "fixed_fee_usd",
    "fixed_price_usd",
    "byok_fee_usd",
    "local_fee_usd",
  ),
  ...reserved(4, "free_allowance"),
  ...reserved("later", "beneficiaries"),
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
    }),
  ),
  model_policy: z.literal("in_order"),
  privacy: z.literal("standard"),
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
  mode: z.literal("usage_markup"),
  markup_percent: z.number(),
  request_fee_usd: moneyOut,
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
      model_policy: "in_order",
      privacy: "standard",
      limits: effectiveLimits(policy.limits ?? {}),
    },
    pricing: {
      mode: "usage_markup",
      markup_percent: pricing.markup_percent ?? defaultMarkupPercent,
      request_fee_usd: eightDecimals(pricing.request_fee_usd ?? "0"),
      developer_share_bps: pricing.developer_share_bps ?? defaults.developerShareBps,
    },
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
