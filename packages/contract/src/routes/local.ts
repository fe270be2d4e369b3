import { z } from "zod";
import { defineRoute } from "../route.ts";
import { identifier, receiptId, reserved, text, timeIn } from "../values.ts";

const tokens = z.int().min(0).max(100_000_000);

/** What a user's own machine tells of one answer: counts and names, no content. */
const localUsageReport = z.strictObject({
  request_id: z
    .string()
    .regex(/^req_local_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, {
      error: "must be req_local_ and a UUID of version 7",
    }),
  app_id: identifier,
  end_user_id_hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  feature_key: identifier,
  route_mode: z.literal("local"),
  /** The endpoint of the bridge that answered. */
  provider: z.string().regex(/^[a-z0-9_-]{1,32}$/),
  model: text(1, 256),
  input_tokens: tokens,
  output_tokens: tokens,
  created_at: timeIn,
  usage_source: z.enum(["provider", "estimated"]).optional(),
  duration_ms: z.int().min(0).max(86_400_000).optional(),
  ...reserved("later", "permit"),
});

export const reportLocalUsage = defineRoute({
  method: "POST",
  path: "/v1/local/usage-reports",
  pkg: 3,
  auth: { class: "session", scopes: ["chat"] },
  body: z.union([z.strictObject({ reports: z.array(localUsageReport).min(1).max(100) }), localUsageReport], {
    error: "must be one report, or `reports` with 1 to 100 of them",
  }),
  answer: z.strictObject({
    items: z.array(
      z.strictObject({
        request_id: z.string(),
        status: z.enum(["accepted", "duplicate", "rejected"]),
        reason: z.string().optional(),
        receipt_id: receiptId.optional(),
      }),
    ),
  }),
  codes: [],
  summary:
    "Counts of answers that the user's own machine gave. App and user come from the token; a report is statistics and charges nothing.",
});
