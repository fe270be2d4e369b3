import { z } from "zod";
import { moneyOut, receiptId, requestId, signedMoneyOut, timeOut, uuid } from "../values.ts";

export const ownerScope = z.enum(["end_user", "developer", "platform"]);

export const limitItem = z.strictObject({
  level: z.string(),
  window: z.string(),
  limit_usd: moneyOut,
  used_usd: moneyOut,
  remaining_usd: moneyOut,
  reset_at: timeOut.optional(),
  set_by: z.enum(["user", "developer", "app", "feature", "operator"]),
});

export const wallet = z.strictObject({
  id: uuid,
  owner_scope: ownerScope,
  owner_id: uuid,
  balance_usd: signedMoneyOut,
  held_usd: moneyOut,
  available_usd: moneyOut,
  spendable_usd: moneyOut,
  paid_usd: signedMoneyOut,
  promo_usd: moneyOut,
  test_usd: moneyOut.optional(),
  debt_usd: moneyOut,
  status: z.enum(["active", "frozen", "debt"]),
  limited_by: z.strictObject({ level: z.string(), window: z.string() }).optional(),
  next_expiry: z.strictObject({ amount_usd: moneyOut, expires_at: timeOut }).optional(),
  limits: z.array(limitItem),
  updated_at: timeOut,
});

/** As the operator sees it. */
export const ownedWallet = wallet.extend({ owner_name: z.string() });

export const transactionKind = z.enum([
  "charge",
  "charge_reversal",
  "topup",
  "refund",
  "adjustment",
  "chargeback",
  "promo",
  "promo_expiry",
]);

export const walletTransaction = z.strictObject({
  id: z.string(),
  kind: transactionKind,
  direction: z.enum(["credit", "debit"]),
  amount_usd: moneyOut,
  wallet_balance_after_usd: signedMoneyOut,
  text: z.string(),
  request_id: requestId.optional(),
  receipt_id: receiptId.optional(),
  topup_id: z.string().optional(),
  feature_key: z.string().optional(),
  disputable: z.boolean(),
  created_at: timeOut,
});
