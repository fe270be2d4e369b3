import { z } from "zod";
import { modes } from "../objects/session.ts";
import { defineRoute } from "../route.ts";
import { identifier, oneOf, reserved, text } from "../values.ts";

export const readModes = defineRoute({
  method: "GET",
  path: "/v1/user/modes",
  pkg: 3,
  auth: { class: "session", scopes: ["wallet:read", "settings:write"] },
  query: z.strictObject({ feature_key: identifier.optional() }),
  answer: modes,
  codes: ["feature_not_found"],
  summary: "Who could pay now, at which fee, and what the user chose: the plan that the gateway would make.",
});

export const setModes = defineRoute({
  method: "PUT",
  path: "/v1/user/modes",
  pkg: 3,
  auth: { class: "session", scopes: ["settings:write"] },
  body: z.strictObject({
    mode: oneOf(["auto", "platform", "developer_key", "byok", "local"]),
    feature_key: identifier.optional(),
    fallback_to_platform: z.boolean().optional(),
    /** What the user was shown and agreed to. */
    disclosure_version: text(1, 128).optional(),
    ...reserved("later", "permit"),
  }),
  answer: modes,
  codes: ["feature_not_found", "conflict"],
  summary: "The user's own choice of who pays; nobody else sets it. In force on every instance within 2 s.",
});
