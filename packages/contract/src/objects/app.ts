import { z } from "zod";
import { effectivePolicy, effectivePricing, policyIn, pricingIn } from "../manifest.ts";
import {
  email,
  identifier,
  moneyAboveZeroIn,
  moneyIn,
  moneyOut,
  oneOf,
  origin,
  rateIn,
  reserved,
  shareBps,
  text,
  timeOut,
  timeZone,
  uuid,
  webUrl,
} from "../values.ts";

const appStatus = z.enum(["pending", "active", "disabled", "suspended"]);
const identityMode = z.enum(["signed", "server", "demo"]);
const seconds = (least: number, most: number) => z.int().min(least).max(most);

/** What a developer may set on an app at any time; all of it is optional. */
export const appSettingsIn = {
  vertical: text(1, 128).nullable().optional(),
  default_developer_share_bps: shareBps.optional(),
  status: oneOf(["active", "disabled"]).optional(),
  identity_mode: identityMode.optional(),
  identity: z
    .strictObject({
      issuer: text(1, 512).nullable().optional(),
      /** Fetched by https; with either of the two the app has no identity secret. */
      jwks_url: z.string().min(1).max(2048).nullable().optional(),
      jwks: z.record(z.string(), z.json()).nullable().optional(),
    })
    .optional(),
  allowed_origins: z.array(origin).max(50).optional(),
  session_ttl_seconds: seconds(60, 86_400).optional(),
  session_max_age_seconds: seconds(60, 604_800).optional(),
  session_max_spend_usd: moneyAboveZeroIn.nullable().optional(),
  time_zone: timeZone.optional(),
  support_url: webUrl.nullable().optional(),
  support_email: email.nullable().optional(),
  abuse_email: email.nullable().optional(),
  rate_limits: z
    .strictObject({
      app_rpm: rateIn.optional(),
      user_rpm: rateIn.optional(),
      session_rpm: rateIn.optional(),
      user_tpm: rateIn.optional(),
      user_concurrency: rateIn.optional(),
    })
    .nullable()
    .optional(),
  wallet_limits: z
    .strictObject({
      user_day_usd: moneyIn.optional(),
      user_week_usd: moneyIn.optional(),
      user_month_usd: moneyIn.optional(),
      user_max_balance_usd: moneyIn.optional(),
      app_day_usd: moneyIn.optional(),
      app_month_usd: moneyIn.optional(),
    })
    .nullable()
    .optional(),
  ...reserved(4, "demo", "topups_enabled"),
  ...reserved("later", "auto_topup_enabled"),
};

export const app = z.strictObject({
  public_app_id: identifier,
  name: z.string(),
  vertical: z.string().optional(),
  default_developer_share_bps: shareBps,
  sandbox: z.boolean(),
  status: appStatus,
  developer_id: uuid,
  developer_name: z.string(),
  developer_email: z.string(),
  identity_mode: identityMode,
  identity: z.strictObject({
    kind: z.enum(["secret", "jwks"]),
    issuer: z.string().optional(),
    jwks_url: z.string().optional(),
    jwks: z.record(z.string(), z.json()).optional(),
    secret_prefix: z.string().optional(),
    previous_valid_until: timeOut.optional(),
  }),
  allowed_origins: z.array(z.string()),
  session_ttl_seconds: z.int(),
  session_max_age_seconds: z.int(),
  session_max_spend_usd: moneyOut.optional(),
  time_zone: z.string(),
  support_url: z.string().optional(),
  support_email: z.string().optional(),
  abuse_email: z.string().optional(),
  rate_limits: z.record(z.string(), z.int()),
  wallet_limits: z.record(z.string(), moneyOut),
  limits: z.record(z.string(), z.json()),
  failing_gates: z.array(z.string()),
  suspended: z.strictObject({ what: z.string(), reason: z.string(), since: timeOut }).optional(),
  version: z.int().min(1),
  created_at: timeOut,
  updated_at: timeOut,
});

/** The answer of creation alone: the identity secret is never shown again. Absent where a key set stands in its place. */
export const createdApp = app.extend({ identity_secret: z.string().optional() });

export const feature = z.strictObject({
  id: uuid,
  public_app_id: identifier,
  feature_key: identifier,
  display_name: z.string(),
  policy: policyIn,
  pricing: pricingIn,
  version: z.int().min(1),
  status: z.enum(["active", "suspended"]),
  effective: z.strictObject({ policy: effectivePolicy, pricing: effectivePricing }),
  /** The versions of what a user agrees to before each of them. */
  disclosures: z.strictObject({ byok: z.string(), local: z.string() }),
  warnings: z.array(z.string()),
  created_at: timeOut,
  updated_at: timeOut,
});

export const featureVersion = z.strictObject({
  version: z.int().min(1),
  policy: policyIn,
  pricing: pricingIn,
  changed_by: z.string(),
  changed_at: timeOut,
});

export const appUser = z.strictObject({
  id: uuid,
  end_user_id_hash: z.string(),
  status: z.enum(["active", "suspended"]),
  own: z.boolean(),
  created_at: timeOut,
});
