import { z } from "zod";
import { defineRoute } from "../route.ts";
import { operatorRoles, operatorScopes } from "../scopes.ts";
import {
  email,
  listOf,
  listQuery,
  okAnswer,
  overlapSeconds,
  text,
  timeIn,
  timeOut,
  uuid,
} from "../values.ts";

/** Named tokens of operators: a person each, with a role or scopes, and an end. */

const reads = { class: "op", scopes: ["operator:read"] } as const;
const changes = { class: "op", scopes: ["operator:security"] } as const;
const idParams = z.strictObject({ id: uuid });
const role = z.enum(Object.keys(operatorRoles) as [keyof typeof operatorRoles]);

const operatorToken = z.strictObject({
  id: uuid,
  operator_id: uuid,
  /** The person. Where two persons are asked for, these are compared, not tokens. */
  email: z.string(),
  name: z.string(),
  token_prefix: z.string().length(15),
  role: role.optional(),
  scopes: z.array(z.string()),
  status: z.enum(["active", "expired", "revoked"]),
  created_by: z.string(),
  rotated_from: uuid.optional(),
  last_used_at: timeOut.optional(),
  expires_at: timeOut,
  revoked_at: timeOut.optional(),
  created_at: timeOut,
  updated_at: timeOut,
});
const madeToken = z.strictObject({ token: z.string(), item: operatorToken });

export const listOperatorTokens = defineRoute({
  method: "GET",
  path: "/v1/admin/operator-tokens",
  pkg: 3,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    status: z.enum(["active", "expired", "revoked"]).optional(),
    email: email.optional(),
  }),
  answer: listOf(operatorToken),
  codes: [],
  summary: "Named operator tokens, without their secrets.",
});

export const readOperatorToken = defineRoute({
  method: "GET",
  path: "/v1/admin/operator-tokens/:id",
  pkg: 3,
  auth: reads,
  params: idParams,
  answer: operatorToken,
  codes: ["not_found"],
  summary: "One operator token, without its secret.",
});

export const createOperatorToken = defineRoute({
  method: "POST",
  path: "/v1/admin/operator-tokens",
  pkg: 3,
  auth: changes,
  stepUp: true,
  status: 201,
  body: z
    .strictObject({
      name: text(1, 128),
      email,
      scopes: z.array(z.enum(operatorScopes)).min(1).max(operatorScopes.length).optional(),
      role: role.optional(),
      expires_at: timeIn.optional(),
    })
    .refine((body) => (body.scopes === undefined) !== (body.role === undefined), {
      error: "name either `role` or `scopes`",
      path: ["role"],
    }),
  answer: madeToken,
  codes: ["forbidden", "suspended", "conflict"],
  summary: "Makes a token for a person, shown once, for 30 days unless told otherwise; 90 at most.",
});

export const rotateOperatorToken = defineRoute({
  method: "POST",
  path: "/v1/admin/operator-tokens/:id/rotate",
  pkg: 3,
  auth: changes,
  stepUp: true,
  status: 201,
  params: idParams,
  body: z.strictObject({ overlap_seconds: overlapSeconds }),
  answer: madeToken,
  codes: ["not_found", "forbidden", "conflict"],
  summary: "Gives a token a successor, shown once; the old one holds for the overlap.",
});

export const revokeOperatorToken = defineRoute({
  method: "DELETE",
  path: "/v1/admin/operator-tokens/:id",
  pkg: 3,
  auth: changes,
  stepUp: true,
  params: idParams,
  answer: okAnswer,
  codes: ["not_found", "conflict"],
  summary: "Revokes a token; the last one with operator:security stays.",
});
