import { z } from "zod";
import {
  limitLevel,
  limitMeasure,
  operatorLimit,
  spendingWindow,
  userLimitIn,
  userLimits,
} from "../objects/limit.ts";
import { defineRoute } from "../route.ts";
import { moneyIn, oneOf, reason, reserved, text } from "../values.ts";

export const readUserLimits = defineRoute({
  method: "GET",
  path: "/v1/user/limits",
  pkg: 2,
  auth: { class: "session", scopes: ["wallet:read", "settings:write"] },
  answer: userLimits,
  codes: [],
  summary: "Every limit that binds this user, whoever set it.",
});

export const setUserLimit = defineRoute({
  method: "PUT",
  path: "/v1/user/limits",
  pkg: 2,
  auth: { class: "session", scopes: ["settings:write"] },
  body: z.strictObject({
    ...userLimitIn.shape,
    ...reserved(6, "paused", "time_zone", "notify_percent"),
  }),
  answer: userLimits,
  codes: [],
  summary: "Sets or clears the user's own limit of one window; in force on every instance within 2 s.",
});

/** A feature is named `app/feature`, an app by its `public_app_id`, everything else by its id. */
const targetId = text(1, 257);

export const listLimits = defineRoute({
  method: "GET",
  path: "/v1/admin/limits",
  pkg: 2,
  auth: { class: "op", scopes: ["operator:read"] },
  query: z.strictObject({ level: limitLevel.optional(), target_id: targetId.optional() }),
  answer: z.strictObject({ items: z.array(operatorLimit), next_cursor: z.null() }),
  codes: ["not_found"],
  summary: "Limits that operators set; of one target also what its developer and its user set. At most 500.",
});

export const setLimit = defineRoute({
  method: "PUT",
  path: "/v1/admin/limits",
  pkg: 2,
  auth: { class: "op", scopes: ["operator:platform"] },
  wantsReason: true,
  body: z.strictObject({
    level: oneOf(["platform", "developer", "app", "feature", "end_user", "session"], { credential: "later" }),
    target_id: targetId.optional(),
    measure: limitMeasure,
    window: z.union([z.literal("minute"), spendingWindow]).optional(),
    limit: z.int().min(0).max(1_000_000_000_000).nullable().optional(),
    limit_usd: moneyIn.nullable().optional(),
    reason,
  }),
  answer: z.strictObject({ items: z.array(operatorLimit), next_cursor: z.null() }),
  codes: ["not_found"],
  summary: "Sets or clears one limit of the operator; the strictest of all that apply holds.",
});
