import { z } from "zod";
import { timeOut } from "../values.ts";

/** What can be switched off. `topups` and `payouts` come with payments. */
export const switchTargets = [
  "platform",
  "developer",
  "app",
  "feature",
  "end_user",
  "wallet",
  "session",
  "token",
  "credential",
  "provider",
] as const;
export type SwitchTarget = (typeof switchTargets)[number];

export const switchStates = ["on", "off", "throttled"] as const;

/** One switch, and how many of the instances that live have it. */
export const switchItem = z.strictObject({
  target_type: z.enum(switchTargets),
  /** `app` by its public id, `feature` as `app/feature`, `provider` by its name, the rest by id; none for `platform`. */
  target_id: z.string().optional(),
  state: z.enum(switchStates),
  throttle_rpm: z.int().optional(),
  reason: z.string(),
  until: timeOut.optional(),
  changed_by: z.string(),
  changed_at: timeOut,
  instances: z.strictObject({ acknowledged: z.int(), total: z.int() }),
});
