import { z } from "zod";
import { identifier, moneyOut, routeMode, timeOut, uuid } from "../values.ts";

export const identity = z.strictObject({
  mode: z.enum(["signed", "server", "demo"]),
  verified: z.boolean(),
  proved_at: timeOut.optional(),
});

export const sessionFeature = z.strictObject({
  feature_key: identifier,
  display_name: z.string(),
  route_preference: z.array(routeMode),
  models: z.array(z.string()),
  privacy: z.string(),
  byok_fee_usd: moneyOut,
  local_fee_usd: moneyOut,
});

export const modeItem = z.strictObject({
  mode: routeMode,
  available: z.boolean(),
  reason: z
    .enum([
      "not_in_policy",
      "no_key",
      "key_invalid",
      "disclosure_required",
      "no_priced_model",
      "provider_off",
      "insufficient_balance",
      "wallet_frozen",
      "limit_reached",
      "suspended",
    ])
    .optional(),
  paid_by: z.enum(["credits", "own_key", "own_device"]),
  fee_usd: moneyOut,
  /** What the user agrees to before this payer is used. */
  disclosure_version: z.string().optional(),
  /** Of the own key that would be tried first. */
  credential_id: uuid.optional(),
  masked: z.string().optional(),
});

export const modes = z.strictObject({
  selected: z.enum(["auto", "platform", "developer_key", "byok", "local"]),
  fallback_to_platform: z.boolean(),
  items: z.array(modeItem),
});

export const links = z.strictObject({
  top_up_url: z.string().optional(),
  support_url: z.string().optional(),
});

export const session = z.strictObject({
  session_token: z.string(),
  expires_in: z.int().min(0),
  gateway_base_url: z.string(),
  available_modes: z.array(routeMode),
  wallet_balance_usd: z.string().regex(/^-?(0|[1-9]\d*)\.\d{8}$/),
  session_id: uuid,
  expires_at: timeOut,
  end_user_id: uuid,
  end_user_id_hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  identity,
  scopes: z.array(z.string()),
  max_spend_usd: moneyOut.optional(),
  feature_key: identifier.optional(),
  modes,
  features: z.array(sessionFeature),
  links,
});
