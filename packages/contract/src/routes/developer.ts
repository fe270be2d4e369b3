import { z } from "zod";
import { ledgerTransaction } from "../objects/books.ts";
import { developerLimits, developerStatus, developerToken } from "../objects/developer.ts";
import { attempt, receipt, usageItem, usageStatus } from "../objects/usage.ts";
import { defineRoute } from "../route.ts";
import { developerScopes, reservedDeveloperScopes } from "../scopes.ts";
import {
  email,
  identifier,
  listOf,
  listQuery,
  modelName,
  moneyIn,
  moneyOut,
  okAnswer,
  oneOf,
  providerName,
  requestId,
  routeMode,
  text,
  timeIn,
  timeOut,
  uuid,
} from "../values.ts";

const readsTokens = { class: "dev", scopes: ["developer:tokens:read"] } as const;
const writesTokens = { class: "dev", scopes: ["developer:tokens:write"] } as const;
const readsUsage = { class: "dev", scopes: ["developer:usage:read"] } as const;
const idParams = z.strictObject({ id: uuid });

export const readDeveloper = defineRoute({
  method: "GET",
  path: "/v1/developer/me",
  pkg: 1,
  auth: { class: "dev", scopes: "any" },
  query: z.strictObject({ developer_id: uuid.optional() }),
  answer: z.strictObject({
    developer: z.strictObject({
      id: uuid,
      name: z.string(),
      email: z.string(),
      status: developerStatus,
      limits: developerLimits,
    }),
    token: z.strictObject({
      id: z.string(),
      scopes: z.array(z.string()),
      public_app_ids: z.array(z.string()).optional(),
      expires_at: timeOut.optional(),
    }),
    acceptable_use: z.strictObject({
      version: z.string(),
      accepted_version: z.string().optional(),
      accepted_at: timeOut.optional(),
    }),
    todo: z.array(z.string()),
  }),
  codes: [],
  summary: "The developer and the calling token.",
});

export const createToken = defineRoute({
  method: "POST",
  path: "/v1/developer/tokens",
  pkg: 1,
  auth: writesTokens,
  status: 201,
  body: z.strictObject({
    name: text(1, 128),
    scopes: z.array(oneOf(developerScopes, reservedDeveloperScopes)).min(1).max(32).optional(),
    public_app_ids: z.array(identifier).max(50).optional(),
    models_allowed: z.array(modelName).max(100).optional(),
    expires_at: timeIn.optional(),
    developer_id: uuid.optional(),
    developer_email: email.optional(),
  }),
  answer: z.strictObject({ token: z.string(), item: developerToken }),
  codes: ["forbidden", "not_found"],
  summary: "Makes a developer token, shown once; it never holds what its creator lacks.",
});

export const listTokens = defineRoute({
  method: "GET",
  path: "/v1/developer/tokens",
  pkg: 1,
  auth: readsTokens,
  query: z.strictObject({
    ...listQuery,
    status: z.enum(["active", "expired", "revoked"]).optional(),
    developer_id: uuid.optional(),
  }),
  answer: listOf(developerToken),
  codes: [],
  summary: "The developer's tokens, without their secrets.",
});

export const readToken = defineRoute({
  method: "GET",
  path: "/v1/developer/tokens/:id",
  pkg: 1,
  auth: readsTokens,
  params: idParams,
  answer: developerToken,
  codes: ["not_found"],
  summary: "One token, without its secret.",
});

export const revokeToken = defineRoute({
  method: "DELETE",
  path: "/v1/developer/tokens/:id",
  pkg: 1,
  auth: writesTokens,
  params: idParams,
  answer: okAnswer,
  codes: ["not_found"],
  summary: "Revokes a token; dead within two seconds.",
});

export const revokeSession = defineRoute({
  method: "DELETE",
  path: "/v1/developer/sessions/:id",
  pkg: 1,
  auth: { class: "dev", scopes: ["developer:sessions:write"] },
  params: idParams,
  answer: okAnswer,
  codes: ["not_found"],
  summary: "Revokes one session of an end user.",
});

export const listRequests = defineRoute({
  method: "GET",
  path: "/v1/developer/requests",
  pkg: 1,
  auth: readsUsage,
  query: z.strictObject({
    ...listQuery,
    public_app_id: identifier.optional(),
    feature_key: identifier.optional(),
    route_mode: routeMode.optional(),
    provider: providerName.optional(),
    model: modelName.optional(),
    status: usageStatus.optional(),
    user_id: uuid.optional(),
    min_charge_usd: moneyIn.optional(),
    developer_id: uuid.optional(),
  }),
  answer: listOf(usageItem),
  codes: [],
  summary: "Requests of the developer's apps.",
});

export const readRequest = defineRoute({
  method: "GET",
  path: "/v1/developer/requests/:request_id",
  pkg: 1,
  auth: readsUsage,
  params: z.strictObject({ request_id: requestId }),
  answer: usageItem.extend({
    attempts: z.array(attempt),
    hold_usd: moneyOut,
    receipt: receipt.optional(),
    error: z.strictObject({ code: z.string() }).optional(),
    /** What it moved in the books: both sides of every transfer, the charge first, then what was corrected later. */
    transactions: z.array(ledgerTransaction),
    webhook_deliveries: z.array(z.never()),
  }),
  codes: ["not_found"],
  summary: "One request: attempts, hold, receipt, ledger entries.",
});
