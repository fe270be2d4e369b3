import { z } from "zod";
import { moneyOut, routeMode, signedMoneyOut, timeOut, uuid } from "../values.ts";
import { limitItem, wallet } from "./wallet.ts";

/** An end user as a developer sees it: by hash, never by name. Sums are of this month, by the app's time zone. */
export const appUserItem = z.strictObject({
  id: uuid,
  end_user_id_hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  identity: z.strictObject({ mode: z.enum(["signed", "server", "demo"]), verified: z.boolean() }),
  status: z.enum(["active", "suspended"]),
  own: z.boolean(),
  balance_usd: signedMoneyOut,
  spent_month_usd: moneyOut,
  requests_month: z.int().min(0),
  modes_used: z.array(routeMode),
  last_seen_at: timeOut.optional(),
  created_at: timeOut,
});

export const appUserDetails = appUserItem.extend({
  wallet,
  limits: z.array(limitItem),
  usage_by_mode: z.array(
    z.strictObject({
      route_mode: routeMode,
      requests: z.int().min(0),
      input_tokens: z.int().min(0),
      output_tokens: z.int().min(0),
      charge_usd: moneyOut,
      fee_usd: moneyOut,
    }),
  ),
  sessions: z.array(
    z.strictObject({ id: uuid, origin: z.string().optional(), created_at: timeOut, expires_at: timeOut }),
  ),
  /** What the app's proof said of the user. */
  metadata: z.record(z.string(), z.json()),
});
