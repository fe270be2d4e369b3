import { z } from "zod";
import { moneyOut, timeOut } from "../values.ts";

/** What can be counted over time. Money is money strings, everything else numbers; failed requests are `errors`. */
export const analyticsMetric = z.enum([
  "requests",
  "errors",
  "error_rate",
  "input_tokens",
  "output_tokens",
  "charge_usd",
  "fee_usd",
  "upstream_cost_usd",
  "developer_share_usd",
  "platform_share_usd",
  "active_users",
  "new_users",
  "first_byte_p50_ms",
  "first_byte_p95_ms",
  "fallbacks",
]);

export const analyticsInterval = z.enum(["hour", "day", "week", "month"]);
export const analyticsGroup = z.enum(["app", "feature", "route_mode", "provider", "model"]);
export const analyticsUnit = z.enum(["requests", "ratio", "tokens", "usd", "users", "ms"]);

/** Left out where there is nothing to measure: a rate or a percentile of no requests. */
const value = z.union([z.number().min(0), moneyOut]).optional();

export const analyticsSeries = z.strictObject({
  /** `all` without a group, `other` for what is beyond the twenty largest; a feature is `<public_app_id>/<feature_key>`. */
  key: z.string(),
  label: z.string(),
  /** `at` is the instant at which the interval begins, by the calendar of the zone. */
  points: z.array(z.strictObject({ at: timeOut, value })),
  /** Over the whole range: of users and percentiles no sum of the points. */
  total: value,
});

export const analyticsSummaryItem = z.strictObject({ metric: analyticsMetric, value, previous: value });
