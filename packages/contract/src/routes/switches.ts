import { z } from "zod";
import { switchItem, switchStates, switchTargets } from "../objects/switch.ts";
import { defineRoute } from "../route.ts";
import { identifier, listOf, listQuery, oneOf, reason, text, timeIn, timeOut, uuid } from "../values.ts";

const reads = { class: "op", scopes: ["operator:read"] } as const;
const switches = { class: "op", scopes: ["operator:switches"] } as const;

const targetType = oneOf(switchTargets, { topups: 4, payouts: 4 });
/** A feature is named `app/feature`, an app by its `public_app_id`, a provider by its name, the rest by id. */
const targetId = text(1, 257);

export const listSwitches = defineRoute({
  method: "GET",
  path: "/v1/admin/switches",
  pkg: 3,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    target_type: targetType.optional(),
    target_id: targetId.optional(),
    state: z.enum(switchStates).optional(),
  }),
  answer: listOf(switchItem),
  codes: ["not_found"],
  summary: "What is switched off or throttled, and what was; the newest change first.",
});

export const setSwitch = defineRoute({
  method: "POST",
  path: "/v1/admin/switches",
  pkg: 3,
  auth: switches,
  wantsReason: true,
  body: z.strictObject({
    target_type: targetType,
    target_id: targetId.optional(),
    state: z.enum(switchStates),
    /** Calls in a minute; with `throttled` alone. */
    throttle_rpm: z.int().min(1).max(1_000_000).optional(),
    /** Then it is lifted by itself. */
    until: timeIn.optional(),
    reason,
  }),
  answer: switchItem,
  codes: ["not_found", "conflict"],
  summary:
    "Switches something off, throttles it, or lifts that; answers when every live instance has it, after 2 s at the latest. Open streams of what is off are cut and settled.",
});

const session = z.strictObject({
  id: uuid,
  public_app_id: identifier,
  developer_id: uuid,
  end_user_id: uuid,
  status: z.enum(["live", "expired", "revoked"]),
  /** The one origin that it works from. */
  origin: z.string().optional(),
  feature_key: z.string().optional(),
  max_spend_usd: z.string().optional(),
  created_at: timeOut,
  expires_at: timeOut,
  revoked_at: timeOut.optional(),
});

/** Whose sessions are meant; one of them. */
const whose = {
  session_id: uuid.optional(),
  end_user_id: uuid.optional(),
  public_app_id: identifier.optional(),
  developer_id: uuid.optional(),
  origin: text(1, 256).optional(),
};

export const listSessions = defineRoute({
  method: "GET",
  path: "/v1/admin/sessions",
  pkg: 3,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    ...whose,
    status: z.enum(["live", "expired", "revoked"]).optional(),
  }),
  answer: listOf(session),
  codes: [],
  summary: "Sessions of everybody, newest first; never a token.",
});

const revoked = z.strictObject({ revoked: z.int() });

export const revokeSessions = defineRoute({
  method: "POST",
  path: "/v1/admin/sessions/revoke",
  pkg: 3,
  auth: switches,
  wantsReason: true,
  body: z.strictObject({ ...whose, reason }),
  answer: revoked,
  codes: ["not_found"],
  summary:
    "Ends every session of one session id, user, app, developer or origin; their open streams are cut and settled.",
});

export const revokeUserSessions = defineRoute({
  method: "POST",
  path: "/v1/developer/apps/:publicAppId/users/:id/revoke-sessions",
  pkg: 3,
  auth: { class: "dev", scopes: ["developer:sessions:write"] },
  params: z.strictObject({ publicAppId: identifier, id: uuid }),
  body: z.strictObject({ reason: reason.optional() }),
  answer: revoked,
  codes: ["invalid_app", "not_found"],
  summary: "Ends every session of one end user; open streams are cut and settled.",
});
