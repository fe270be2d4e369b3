import { z } from "zod";
import { defineRoute } from "../route.ts";
import { okAnswer, text, timeOut, uuid } from "../values.ts";

/** The session of the browser console: opened by a one-time link or by a token, carried by a cookie. */

const session = z.strictObject({
  /** Without `email` for the bootstrap credentials, which are nobody's. */
  person: z.strictObject({ name: z.string(), email: z.string().optional() }),
  kind: z.enum(["developer", "operator"]),
  /** Absent for operators, and for the bootstrap credential of developers, which acts for all of them. */
  developer_id: uuid.optional(),
  scopes: z.array(z.string()),
  /** To be sent as `x-csrf-token` with everything that is no GET. */
  csrf_token: z.string(),
  /** When its person was last proved: what asks for a step-up wants this to be less than 15 minutes ago. */
  authenticated_at: timeOut,
  /** When it ends without another call, or at the latest. */
  expires_at: timeOut,
});

export const signIn = defineRoute({
  method: "POST",
  path: "/v1/console/sign-in",
  pkg: 2,
  auth: { class: "none" },
  body: z.strictObject({ code: text(1, 512) }),
  answer: session,
  codes: ["suspended"],
  summary:
    "Opens a console session by the code of a one-time link, and sets its cookie; from the console's origin.",
});

export const exchangeToken = defineRoute({
  method: "POST",
  path: "/v1/console/token-exchange",
  pkg: 2,
  auth: { class: "none" },
  body: z.strictObject({ token: text(1, 512) }),
  answer: session,
  codes: ["suspended"],
  summary: "Opens a console session with the scopes of a token; it ends with the token.",
});

export const readConsoleSession = defineRoute({
  method: "GET",
  path: "/v1/console/session",
  pkg: 2,
  auth: { class: "console" },
  answer: session,
  codes: ["suspended", "expired_session"],
  summary: "The calling console session.",
});

export const endConsoleSession = defineRoute({
  method: "DELETE",
  path: "/v1/console/session",
  pkg: 2,
  auth: { class: "console" },
  answer: okAnswer,
  codes: ["expired_session"],
  summary: "Signs out: ends the calling console session and removes its cookie.",
});

export const switchConsoleSession = defineRoute({
  method: "POST",
  path: "/v1/console/session/switch",
  pkg: 2,
  auth: { class: "console" },
  body: z
    .strictObject({
      developer_id: uuid.optional(),
      operator: z.literal(true).optional(),
    })
    .refine((body) => (body.developer_id === undefined) !== (body.operator === undefined), {
      error: "name either `developer_id` or `operator: true`",
      path: ["developer_id"],
    }),
  answer: session,
  codes: ["not_found", "suspended", "expired_session"],
  summary: "Goes on as the developer with the operator's own e-mail address, or as the operator again.",
});

export const stepUpConsoleSession = defineRoute({
  method: "POST",
  path: "/v1/console/session/step-up",
  pkg: 3,
  auth: { class: "console" },
  body: z
    .strictObject({ code: text(1, 512).optional(), token: text(1, 512).optional() })
    .refine((body) => (body.code === undefined) !== (body.token === undefined), {
      error: "name either `code` or `token`",
      path: ["code"],
    }),
  answer: session,
  codes: ["expired_session"],
  summary: "Proves the session's person anew, by a new link or by the token that opened it.",
});
