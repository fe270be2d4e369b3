import { z } from "zod";
import { defineRoute } from "../route.ts";
import {
  identifier,
  listOf,
  listQuery,
  modelName,
  moneyIn,
  moneyOut,
  okAnswer,
  oneOf,
  text,
  timeOut,
  uuid,
} from "../values.ts";

/** Whose key it can be; the last two are wherever their `base_url` says. */
const keyProvider = oneOf([
  "openai",
  "openrouter",
  "anthropic",
  "gemini",
  "mistral",
  "deepseek",
  "azure_openai",
  "openai_compatible",
]);

const checkReason = z.enum(["key_invalid", "quota", "unreachable", "timeout", "base_url"]);

const key = {
  id: uuid,
  provider: z.string(),
  base_url: z.string().optional(),
  /** The vendor's prefix and the last four characters. */
  masked: z.string(),
  status: z.enum(["active", "invalid", "needs_reentry", "disabled", "suspended"]),
  /** Empty: whatever the feature lists. */
  models_allowed: z.array(z.string()),
  priority: z.int(),
  weight: z.int(),
  budget_limit_usd: moneyOut.optional(),
  name: z.string().optional(),
  budget_used_usd: moneyOut,
  last_used_at: timeOut.optional(),
  last_check: z.strictObject({ ok: z.boolean(), reason: checkReason.optional(), at: timeOut }).optional(),
  created_at: timeOut,
};

const userProviderKey = z.strictObject({
  ...key,
  fallback_to_platform: z.boolean(),
  /** The highest that any feature of the app takes for a call with an own key. */
  fee_usd: moneyOut,
  /** What is to be agreed to now, and whether what was agreed to covers it. */
  disclosure_version: z.string(),
  disclosure_current: z.boolean(),
});

const developerProviderKey = z.strictObject({ ...key, public_app_id: identifier });

const keyTest = z.strictObject({
  ok: z.boolean(),
  reason: checkReason.optional(),
  models_count: z.int().optional(),
  models: z.array(z.string()).max(500).optional(),
  latency_ms: z.int(),
  checked_at: timeOut,
});

const order = z.int().min(1).max(1000);
/** The egress guard judges it, and says what is wrong with it. */
const baseUrl = text(1, 4096);

const settings = {
  models_allowed: z.array(modelName).max(100).nullable().optional(),
  budget_limit_usd: moneyIn.nullable().optional(),
  priority: order.optional(),
  weight: order.optional(),
  name: text(1, 128).nullable().optional(),
};
const consent = {
  fallback_to_platform: z.boolean().optional(),
  disclosure_version: text(1, 128).nullable().optional(),
};
const secret = { provider: keyProvider, api_key: z.string().min(1).max(4096), base_url: baseUrl.optional() };
const status = { status: z.enum(["active", "disabled"]).optional() };
const id = z.strictObject({ id: uuid });

const userReads = { class: "session", scopes: ["keys:read"] } as const;
const userWrites = { class: "session", scopes: ["keys:write"] } as const;

export const addUserProviderKey = defineRoute({
  method: "POST",
  path: "/v1/user/provider-keys",
  pkg: 3,
  auth: userWrites,
  body: z.strictObject({ ...secret, ...settings, ...consent }),
  answer: userProviderKey,
  status: 201,
  codes: ["secret_validation_failed", "base_url_not_allowed", "conflict"],
  summary: "Seals an own provider key. It is never shown again; a free call says whether it is good.",
});

export const listUserProviderKeys = defineRoute({
  method: "GET",
  path: "/v1/user/provider-keys",
  pkg: 3,
  auth: userReads,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(userProviderKey),
  codes: [],
  summary: "The user's own keys, masked.",
});

export const readUserProviderKey = defineRoute({
  method: "GET",
  path: "/v1/user/provider-keys/:id",
  pkg: 3,
  auth: userReads,
  params: id,
  answer: userProviderKey,
  codes: [],
  summary: "One own key, masked.",
});

export const updateUserProviderKey = defineRoute({
  method: "PATCH",
  path: "/v1/user/provider-keys/:id",
  pkg: 3,
  auth: userWrites,
  params: id,
  body: z.strictObject({ ...settings, ...consent, ...status }),
  answer: userProviderKey,
  codes: ["conflict"],
  summary: "Changes how an own key is used; in force on every instance within 2 s.",
});

export const removeUserProviderKey = defineRoute({
  method: "DELETE",
  path: "/v1/user/provider-keys/:id",
  pkg: 3,
  auth: userWrites,
  params: id,
  answer: okAnswer,
  codes: [],
  summary: "Destroys an own key; no instance uses it after 2 s.",
});

export const testUserProviderKey = defineRoute({
  method: "POST",
  path: "/v1/user/provider-keys/:id/test",
  pkg: 3,
  auth: userWrites,
  params: id,
  answer: keyTest,
  codes: ["conflict"],
  summary: "Asks the vendor whether the key is good, by a call that costs nothing.",
});

const developerReads = { class: "dev", scopes: ["developer:provider_keys:read"] } as const;
const developerWrites = { class: "dev", scopes: ["developer:provider_keys:write"] } as const;

export const addDeveloperProviderKey = defineRoute({
  method: "POST",
  path: "/v1/developer/provider-keys",
  pkg: 3,
  auth: developerWrites,
  body: z.strictObject({ public_app_id: identifier, ...secret, ...settings }),
  answer: developerProviderKey,
  status: 201,
  codes: ["invalid_app", "secret_validation_failed", "base_url_not_allowed", "conflict"],
  summary: "Seals a provider key that serves one app; its developer pays upstream.",
});

export const listDeveloperProviderKeys = defineRoute({
  method: "GET",
  path: "/v1/developer/provider-keys",
  pkg: 3,
  auth: developerReads,
  query: z.strictObject({
    ...listQuery,
    public_app_id: identifier.optional(),
    /** Narrows what the bootstrap credential sees. */
    developer_id: uuid.optional(),
  }),
  answer: listOf(developerProviderKey),
  codes: ["invalid_app"],
  summary: "The developer's own keys, masked; never those of end users.",
});

export const readDeveloperProviderKey = defineRoute({
  method: "GET",
  path: "/v1/developer/provider-keys/:id",
  pkg: 3,
  auth: developerReads,
  params: id,
  answer: developerProviderKey,
  codes: [],
  summary: "One of the developer's keys, masked.",
});

export const updateDeveloperProviderKey = defineRoute({
  method: "PATCH",
  path: "/v1/developer/provider-keys/:id",
  pkg: 3,
  auth: developerWrites,
  params: id,
  body: z.strictObject({ ...settings, ...status }),
  answer: developerProviderKey,
  codes: ["conflict"],
  summary: "Changes how a key is used; in force on every instance within 2 s.",
});

export const removeDeveloperProviderKey = defineRoute({
  method: "DELETE",
  path: "/v1/developer/provider-keys/:id",
  pkg: 3,
  auth: developerWrites,
  params: id,
  answer: okAnswer,
  codes: [],
  summary: "Destroys a key; no instance uses it after 2 s.",
});

export const testDeveloperProviderKey = defineRoute({
  method: "POST",
  path: "/v1/developer/provider-keys/:id/test",
  pkg: 3,
  auth: developerWrites,
  params: id,
  answer: keyTest,
  codes: ["conflict"],
  summary: "Asks the vendor whether the key is good, by a call that costs nothing.",
});
