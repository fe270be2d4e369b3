import { z } from "zod";
import { moneyOut, signedMoneyOut, timeOut, uuid } from "../values.ts";

export const ledgerScope = z.enum([
  "end_user",
  "developer",
  "platform",
  "provider_cost",
  "absorbed_cost",
  "promo",
  "bad_debt",
  "clearing",
  "external",
]);

/** The kinds of ledger transaction that can have happened so far. */
export const ledgerKind = z.enum([
  "usage",
  "usage_reversal",
  "cost_correction",
  "probe",
  "adjustment",
  "test_credit",
  "seed",
]);

export const ledgerTransaction = z.strictObject({
  /** `<kind>_<source_id>`, as in a wallet's own list. */
  id: z.string(),
  kind: ledgerKind,
  source_id: z.string(),
  entries: z.array(
    z.strictObject({
      wallet_id: uuid,
      scope: ledgerScope,
      direction: z.enum(["credit", "debit"]),
      amount_usd: moneyOut,
      reason: z.string(),
    }),
  ),
  /** The id of the transaction that this one takes back. */
  reverses: z.string().optional(),
  created_at: timeOut,
});

export const trialBalance = z.strictObject({
  from: timeOut.optional(),
  to: timeOut,
  scopes: z.array(
    z.strictObject({
      scope: ledgerScope,
      /** Balances count on this side; below zero is the other one. */
      side: z.enum(["credit", "debit"]),
      opening_usd: signedMoneyOut,
      debits_usd: moneyOut,
      credits_usd: moneyOut,
      closing_usd: signedMoneyOut,
    }),
  ),
  sums_to_zero: z.boolean(),
  /** What the period brought: cost and shares add up to the charge; what was absorbed comes off the platform's share. */
  income: z.strictObject({
    charge_usd: moneyOut,
    provider_cost_usd: moneyOut,
    developer_share_usd: moneyOut,
    platform_share_usd: moneyOut,
    absorbed_cost_usd: moneyOut,
  }),
});

export const invariant = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  /** Rows that were looked at. */
  checked: z.int().min(0),
  violations: z.int().min(0),
  sample_ids: z.array(z.string()).max(20),
});
