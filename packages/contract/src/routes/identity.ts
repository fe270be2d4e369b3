import { z } from "zod";
import { appUserDetails, appUserItem } from "../objects/app-user.ts";
import { developerToken } from "../objects/developer.ts";
import { defineRoute } from "../route.ts";
import {
  identifier,
  listOf,
  listQuery,
  okAnswer,
  oneOf,
  overlapSeconds,
  text,
  timeOut,
  uuid,
} from "../values.ts";

/** Secrets that turn, tokens that leaked, and who an app's users are. */

const writesApps = { class: "dev", scopes: ["developer:apps:write"] } as const;
const readsUsers = { class: "dev", scopes: ["developer:users:read"] } as const;
const appParams = z.strictObject({ publicAppId: identifier });

export const revokeLeakedToken = defineRoute({
  method: "POST",
  path: "/v1/tokens/revoke",
  pkg: 3,
  auth: { class: "none" },
  body: z.strictObject({ token: z.string().min(1).max(512), found_at: text(1, 2048).optional() }),
  answer: okAnswer,
  codes: [],
  summary:
    "Takes any token or secret of ours that was found where it should not be: ends it and tells its owner, and answers the same whether it is known or not.",
});

export const rotateIdentitySecret = defineRoute({
  method: "POST",
  path: "/v1/developer/apps/:publicAppId/identity-secret/rotate",
  pkg: 3,
  auth: writesApps,
  status: 201,
  params: appParams,
  body: z.strictObject({ overlap_seconds: overlapSeconds }),
  answer: z.strictObject({ identity_secret: z.string(), previous_valid_until: timeOut.optional() }),
  codes: ["invalid_app", "conflict"],
  summary: "Gives an app a new identity secret, shown once; the one until now holds for the overlap.",
});

export const testIdentity = defineRoute({
  method: "POST",
  path: "/v1/developer/apps/:publicAppId/identity/test",
  pkg: 3,
  auth: writesApps,
  params: appParams,
  body: z.strictObject({ user_token: z.string().min(1).max(8192) }),
  answer: z.strictObject({
    valid: z.boolean(),
    reason: z.string().optional(),
    claims: z.record(z.string(), z.json()).optional(),
    signed_with: z.enum(["secret", "previous_secret", "jwks"]).optional(),
  }),
  codes: ["invalid_app"],
  summary: "Says what a user token proves, and opens nothing.",
});

export const rotateToken = defineRoute({
  method: "POST",
  path: "/v1/developer/tokens/:id/rotate",
  pkg: 3,
  auth: { class: "dev", scopes: ["developer:tokens:write"] },
  status: 201,
  params: z.strictObject({ id: uuid }),
  body: z.strictObject({ overlap_seconds: overlapSeconds }),
  answer: z.strictObject({ token: z.string(), item: developerToken }),
  codes: ["not_found", "forbidden", "conflict"],
  summary: "Gives a token a successor, shown once, with the same rights; the old one holds for the overlap.",
});

export const listAppUsers = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId/users",
  pkg: 3,
  auth: readsUsers,
  params: appParams,
  query: z.strictObject({
    ...listQuery,
    /** The app's own name for the user; looked up by its keyed hash. */
    external_user_id: text(1, 512).optional(),
    status: z.enum(["active", "suspended"]).optional(),
    sort: oneOf(["last_seen", "spent"]).optional(),
  }),
  answer: listOf(appUserItem),
  codes: ["invalid_app"],
  summary: "The app's end users, newest first unless sorted otherwise.",
});

export const readAppUser = defineRoute({
  method: "GET",
  path: "/v1/developer/apps/:publicAppId/users/:id",
  pkg: 3,
  auth: readsUsers,
  params: z.strictObject({ publicAppId: identifier, id: uuid }),
  answer: appUserDetails,
  codes: ["invalid_app", "not_found"],
  summary: "One end user with wallet, limits, usage by mode and sessions; no keys, no card, no prompt.",
});
