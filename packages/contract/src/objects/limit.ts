import { z } from "zod";
import { moneyIn, moneyOut, timeOut, uuid } from "../values.ts";
import { limitItem } from "./wallet.ts";

/** The windows of spending; they begin by the calendar of a stored zone, `total` never ends. */
export const spendingWindow = z.enum(["day", "week", "month", "total"]);

/** What a developer sets on one user; `null` clears. */
export const userLimitIn = z.strictObject({
  window: z.enum(["day", "week", "month"]),
  limit_usd: moneyIn.nullable(),
});

/** Every limit that binds a user; `paused` and what is told of crossings come with a later package. */
export const userLimits = z.strictObject({ items: z.array(limitItem), time_zone: z.string() });

export const limitLevel = z.enum(["platform", "developer", "app", "feature", "end_user", "session"]);
export const limitMeasure = z.enum(["usd", "requests", "tokens", "concurrency"]);

/** A limit as the operator sees it. Rates count where requests are served, so `used` is told of money alone. */
export const operatorLimit = z.strictObject({
  level: limitLevel,
  target_id: uuid.optional(),
  /** A developer's name, an app's public id, `app/feature`; absent for what has only an id. */
  target_name: z.string().optional(),
  measure: limitMeasure,
  window: z.enum(["minute", "day", "week", "month", "total"]),
  limit: z.int().optional(),
  limit_usd: moneyOut.optional(),
  used_usd: moneyOut.optional(),
  reset_at: timeOut.optional(),
  set_by: z.enum(["user", "developer", "operator"]),
  updated_at: timeOut,
});
