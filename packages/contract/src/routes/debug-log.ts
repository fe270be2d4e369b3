import { z } from "zod";
import { defineRoute } from "../route.ts";
import { identifier, reason, requestId, timeOut } from "../values.ts";

/** An app's debug log: the one place beside kept answers where content is stored, because its developer asked for it. */

const auth = { class: "dev", scopes: ["developer:apps:write"] } as const;
const path = "/v1/developer/apps/:publicAppId/debug-log";
const params = z.strictObject({ publicAppId: identifier });

const debugLog = z.strictObject({
  on: z.boolean(),
  /** While it is on: when it ends by itself. */
  until: timeOut.optional(),
  /** Who switched it on or off last. */
  changed_by: z.string().optional(),
  /** The calls that are kept, newest first: 200 at most, older ones make room. */
  items: z.array(z.strictObject({ request_id: requestId, created_at: timeOut })),
});

/** A body as text; where it was longer than 1 MiB, its beginning. */
const recorded = z.strictObject({ text: z.string(), bytes: z.int(), truncated: z.boolean() });

export const startDebugLog = defineRoute({
  method: "POST",
  path,
  pkg: 3,
  auth,
  params,
  wantsReason: true,
  body: z.strictObject({ minutes: z.int().min(1).max(60), reason }),
  answer: debugLog,
  codes: ["invalid_app"],
  summary:
    "Records what is asked and answered, sealed, for so many minutes from now; every answer of that time says so, and each record goes after 24 hours.",
});

export const readDebugLog = defineRoute({
  method: "GET",
  path,
  pkg: 3,
  auth,
  params,
  answer: debugLog,
  codes: ["invalid_app"],
  summary: "Whether the app's debug log is on, and which calls are kept.",
});

export const stopDebugLog = defineRoute({
  method: "DELETE",
  path,
  pkg: 3,
  auth,
  params,
  answer: debugLog,
  codes: ["invalid_app"],
  summary: "Switches the app's debug log off; what was recorded stays for its day.",
});

export const readDebugCall = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId/debug-log/:request_id",
  pkg: 3,
  auth,
  params: z.strictObject({ publicAppId: identifier, request_id: requestId }),
  answer: z.strictObject({
    request_id: requestId,
    created_at: timeOut,
    /** As it was sent. */
    request: recorded,
    /** As it was told; of a stream one JSON text per line. */
    answer: recorded,
  }),
  codes: ["invalid_app", "not_found"],
  summary: "What was asked and answered in one call; reading it is written into the audit log.",
});
