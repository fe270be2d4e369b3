import { z } from "zod";
import { moneyOut, receiptId, requestId, routeMode, timeOut, uuid } from "../values.ts";

export const usageStatus = z.enum(["succeeded", "failed", "aborted", "flagged", "pending"]);
export const usageSource = z.enum(["provider", "estimated", "reconciled"]);

const tokens = z.int().min(0);

export const usageItem = z.strictObject({
  request_id: requestId,
  client_request_id: z.string().optional(),
  public_app_id: z.string(),
  feature_key: z.string(),
  endpoint: z.string(),
  route_mode: routeMode,
  provider: z.string(),
  model: z.string(),
  status: usageStatus,
  input_tokens: tokens,
  cached_input_tokens: tokens,
  cache_write_tokens: tokens,
  output_tokens: tokens,
  reasoning_tokens: tokens,
  usage_source: usageSource,
  simulated: z.boolean(),
  upstream_cost_usd: moneyOut,
  developer_share_usd: moneyOut,
  platform_share_usd: moneyOut,
  charge_usd: moneyOut,
  fee_usd: moneyOut,
  absorbed_cost_usd: moneyOut.optional(),
  provider_estimate_usd: moneyOut.optional(),
  receipt_id: receiptId.optional(),
  price_version: z.int().min(1),
  first_byte_ms: z.int().min(0).optional(),
  duration_ms: z.int().min(0).optional(),
  created_at: timeOut,
});

export const attempt = z.strictObject({
  number: z.int().min(1),
  provider: z.string(),
  model: z.string(),
  outcome: z.string(),
  status_class: z.string().optional(),
  first_byte_ms: z.int().min(0).optional(),
  duration_ms: z.int().min(0).optional(),
  cost_usd: moneyOut.optional(),
  usage_source: usageSource.optional(),
});

export const receipt = z.strictObject({
  receipt_id: receiptId,
  version: z.literal(1),
  request_id: requestId,
  public_app_id: z.string(),
  end_user_id: uuid,
  feature_key: z.string(),
  endpoint: z.string(),
  route_mode: routeMode,
  paid_by: z.enum(["credits", "own_key", "own_device"]),
  provider: z.string(),
  model: z.string(),
  usage_source: usageSource,
  simulated: z.boolean(),
  lines: z.array(
    z.strictObject({
      unit: z.enum(["input", "cached_input", "cache_write", "output", "reasoning", "request"]),
      quantity: z.int().min(0),
      price_per_million_usd: moneyOut,
      amount_usd: moneyOut,
    }),
  ),
  upstream_cost_usd: moneyOut,
  developer_share_usd: moneyOut,
  platform_share_usd: moneyOut,
  fee_usd: moneyOut,
  charge_usd: moneyOut,
  absorbed_cost_usd: moneyOut.optional(),
  provider_estimate_usd: moneyOut.optional(),
  funded: z.strictObject({ paid_usd: moneyOut, promo_usd: moneyOut, test_usd: moneyOut.optional() }),
  price_version: z.int().min(1),
  pricing_version: z.int().min(1),
  pricing: z.strictObject({
    mode: z.string(),
    markup_percent: z.number().optional(),
    developer_share_bps: z.int(),
  }),
  reverses: receiptId.optional(),
  issued_at: timeOut,
  /** Signing comes with package 4; until then every receipt says so. */
  signature: z.literal("pending"),
});
