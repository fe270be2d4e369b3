import { z } from "zod";
import { effectivePolicy, effectivePricing } from "../manifest.ts";
import {
  analyticsGroup,
  analyticsInterval,
  analyticsMetric,
  analyticsSeries,
  analyticsSummaryItem,
  analyticsUnit,
} from "../objects/analytics.ts";
import { defineRoute } from "../route.ts";
import {
  identifier,
  modelName,
  moneyOut,
  providerName,
  routeMode,
  timeIn,
  timeOut,
  timeZone,
  uuid,
} from "../values.ts";

const readsUsage = { class: "dev", scopes: ["developer:usage:read"] } as const;

const filters = {
  public_app_id: identifier.optional(),
  feature_key: identifier.optional(),
  route_mode: routeMode.optional(),
  provider: providerName.optional(),
  model: modelName.optional(),
  developer_id: uuid.optional(),
};

export const readAnalyticsSeries = defineRoute({
  method: "GET",
  path: "/v1/developer/analytics/series",
  pkg: 2,
  auth: readsUsage,
  query: z.strictObject({
    metric: analyticsMetric,
    interval: analyticsInterval,
    from: timeIn,
    to: timeIn,
    time_zone: timeZone.default("UTC"),
    group_by: analyticsGroup.optional(),
    status: z.enum(["succeeded", "failed", "aborted", "flagged"]).optional(),
    ...filters,
  }),
  answer: z.strictObject({
    metric: analyticsMetric,
    unit: analyticsUnit,
    interval: analyticsInterval,
    time_zone: z.string(),
    series: z.array(analyticsSeries).max(21),
    /** Requests that began before this instant are counted, all of them. */
    complete_until: timeOut,
  }),
  codes: [],
  summary: "One metric over time; `from` and `to` are widened to whole intervals of the zone.",
});

export const readAnalyticsSummary = defineRoute({
  method: "GET",
  path: "/v1/developer/analytics/summary",
  pkg: 2,
  auth: readsUsage,
  query: z.strictObject({ from: timeIn, to: timeIn, compare: z.literal("previous").optional(), ...filters }),
  answer: z.strictObject({ items: z.array(analyticsSummaryItem), complete_until: timeOut }),
  codes: [],
  summary:
    "Every metric over one range, widened to whole quarters of an hour, and over the range of the same length before it.",
});

export const validateFeature = defineRoute({
  method: "POST",
  path: "/v1/developer/apps/:publicAppId/features/validate",
  pkg: 2,
  auth: { class: "dev", scopes: ["developer:features:read"] },
  params: z.strictObject({ publicAppId: identifier }),
  // The manifest itself is what is judged: its faults are the answer, not an error.
  body: z.strictObject({
    policy: z.record(z.string(), z.json()).default({}),
    pricing: z.record(z.string(), z.json()).default({}),
  }),
  answer: z.strictObject({
    valid: z.boolean(),
    issues: z.array(z.strictObject({ path: z.string(), message: z.string() })),
    warnings: z.array(z.string()),
    /** Left out while there are issues. */
    effective: z.strictObject({ policy: effectivePolicy, pricing: effectivePricing }).optional(),
    example: z
      .strictObject({
        input_tokens: z.literal(1000),
        output_tokens: z.literal(500),
        items: z.array(
          z.strictObject({
            route_mode: routeMode,
            provider: providerName,
            model: modelName,
            upstream_cost_usd: moneyOut,
            charge_usd: moneyOut,
            developer_share_usd: moneyOut,
            platform_share_usd: moneyOut,
          }),
        ),
      })
      .optional(),
  }),
  codes: ["invalid_app"],
  summary: "Judges a manifest without keeping it, and prices a sample request by it.",
});
