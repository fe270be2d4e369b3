import { z } from "zod";
import { moneyIn, moneyOut, percent, reserved, shareBps, timeOut, uuid } from "../values.ts";

/** What the operator lets a developer ask for. */
export const developerLimits = z.strictObject({
  max_developer_share_bps: shareBps,
  max_markup_percent: percent,
  max_fee_usd: moneyOut,
});

/** Absent clears nothing; `null` returns a limit to the operator's own setting. */
export const developerLimitsIn = z.strictObject({
  max_developer_share_bps: shareBps.nullable().optional(),
  max_markup_percent: percent.nullable().optional(),
  max_fee_usd: moneyIn.nullable().optional(),
  ...reserved(4, "operator_funded_allowance"),
});

export const developerStatus = z.enum(["active", "suspended", "closed"]);

export const developer = z.strictObject({
  id: uuid,
  name: z.string(),
  email: z.string(),
  status: developerStatus,
  limits: developerLimits,
  apps: z.int().min(0),
  payable_usd: moneyOut,
  debt_usd: moneyOut,
  created_at: timeOut,
  updated_at: timeOut,
});

export const developerToken = z.strictObject({
  id: uuid,
  developer_id: uuid,
  developer_name: z.string(),
  developer_email: z.string(),
  name: z.string(),
  token_prefix: z.string().length(15),
  scopes: z.array(z.string()),
  public_app_ids: z.array(z.string()).optional(),
  models_allowed: z.array(z.string()).optional(),
  status: z.enum(["active", "expired", "revoked"]),
  created_by: z.string(),
  /** The token that it took the place of. */
  rotated_from: uuid.optional(),
  last_used_at: timeOut.optional(),
  expires_at: timeOut.optional(),
  revoked_at: timeOut.optional(),
  created_at: timeOut,
  updated_at: timeOut,
});
