import { z } from "zod";
import { requestId, timeOut, uuid } from "../values.ts";

export const auditActorScope = z.enum(["developer", "end_user", "admin", "stripe", "system", "bootstrap"]);

/** Who did what, and why. It never changes and is never removed. */
export const auditRow = z.strictObject({
  id: uuid,
  actor_scope: auditActorScope,
  /** A token's or a person's id. */
  actor_id: z.string().optional(),
  actor_name: z.string().optional(),
  action: z.string(),
  resource_type: z.string(),
  resource_id: z.string().optional(),
  reason: z.string().optional(),
  metadata: z.record(z.string(), z.json()),
  request_id: requestId.optional(),
  created_at: timeOut,
});
