import { z } from "zod";
import { session } from "../objects/session.ts";
import { defineRoute } from "../route.ts";
import { sessionScopes } from "../scopes.ts";
import {
  identifier,
  metadataIn,
  modelName,
  moneyAboveZeroIn,
  okAnswer,
  origin,
  routeModeIn,
  text,
} from "../values.ts";

const userToken = z.string().min(1).max(8192);
const ttlSeconds = z.int().min(60).max(86_400);

export const createSession = defineRoute({
  method: "POST",
  path: "/v1/sessions",
  pkg: 1,
  auth: { class: "app_identity" },
  body: z.strictObject({
    public_app_id: identifier,
    external_user_id: text(1, 512).optional(),
    user_token: userToken.optional(),
    feature_key: identifier.optional(),
    metadata: metadataIn.optional(),
    max_spend_usd: moneyAboveZeroIn.optional(),
    ttl_seconds: ttlSeconds.optional(),
    scopes: z.array(z.enum(sessionScopes)).max(sessionScopes.length).optional(),
    modes: z.array(routeModeIn).min(1).max(4).optional(),
    models: z.array(modelName).max(100).optional(),
    origins: z.array(origin).max(5).optional(),
  }),
  answer: session,
  codes: ["invalid_app", "feature_not_found", "invalid_user_token", "suspended", "forbidden"],
  summary: "Opens a session for one end user of an app, proved as the app's identity mode asks.",
});

export const refreshSession = defineRoute({
  method: "POST",
  path: "/v1/sessions/refresh",
  pkg: 1,
  auth: { class: "session", scopes: "any", graceSeconds: 300 },
  body: z.strictObject({ user_token: userToken.optional(), ttl_seconds: ttlSeconds.optional() }),
  answer: session,
  codes: ["expired_session", "invalid_user_token", "suspended"],
  summary: "Gives the same session a new token; caps and spend go on, the old token lives 60 seconds more.",
});

export const endSession = defineRoute({
  method: "DELETE",
  path: "/v1/sessions/current",
  pkg: 1,
  auth: { class: "session", scopes: "any" },
  answer: okAnswer,
  codes: [],
  summary: "Ends the calling session.",
});
