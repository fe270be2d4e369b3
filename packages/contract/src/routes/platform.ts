import { z } from "zod";
import { modelList } from "../manifest.ts";
import { price, priceChange, priceEntryIn, priceVersion } from "../objects/price.ts";
import { defineRoute } from "../route.ts";
import {
  listOf,
  listQuery,
  modelName,
  moneyIn,
  moneyOut,
  okAnswer,
  oneOf,
  percent,
  providerName,
  reason,
  reserved,
  shareBps,
  text,
  timeIn,
  timeOut,
  uuid,
  webUrl,
} from "../values.ts";

const reads = { class: "op", scopes: ["operator:read"] } as const;
const writes = { class: "op", scopes: ["operator:platform"] } as const;
const providerParams = z.strictObject({ provider: providerName });

const provider = z.strictObject({
  provider: providerName,
  base_url: z.string(),
  dialect: z.enum(["openai", "anthropic"]),
  priority: z.int(),
  weight: z.int(),
  state: z.enum(["on", "off"]),
  circuit: z.enum(["closed", "open"]),
  keys: z.array(
    z.strictObject({
      id: uuid.optional(),
      masked: z.string(),
      source: z.enum(["environment", "stored"]),
      created_at: timeOut.optional(),
    }),
  ),
  models: z.array(z.string()),
  error_rate: z.number().optional(),
  last_success_at: timeOut.optional(),
});

const settings = z.strictObject({
  "auto-text": z.array(
    z.strictObject({
      provider: z.string(),
      model: z.string(),
      max_output_tokens: z.int().optional(),
      options: z.record(z.string(), z.json()).optional(),
    }),
  ),
  max_markup_percent: z.number(),
  max_developer_share_bps: shareBps,
  max_fee_usd: moneyOut,
});

export const listPrices = defineRoute({
  method: "GET",
  path: "/v1/admin/price-book",
  pkg: 1,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    at: timeIn.optional(),
    provider: providerName.optional(),
    model: modelName.optional(),
    q: text(1, 256).optional(),
  }),
  answer: listOf(price),
  codes: [],
  summary: "The prices in force, now or at a given time.",
});

export const listPriceVersions = defineRoute({
  method: "GET",
  path: "/v1/admin/price-book/versions",
  pkg: 1,
  auth: reads,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(priceVersion),
  codes: [],
  summary: "The versions of the price book.",
});

export const importPrices = defineRoute({
  method: "POST",
  path: "/v1/admin/price-book/import",
  pkg: 1,
  auth: writes,
  status: 201,
  wantsReason: true,
  body: z.strictObject({
    source: oneOf(["litellm", "csv", "entries"], { openrouter: 4 }),
    entries: z
      .array(priceEntryIn, {
        error: (issue) =>
          issue.input === undefined
            ? "is required: refreshing prices from their source comes with package 4 and is not available yet"
            : undefined,
      })
      .min(1)
      .max(5000),
    effective_at: timeIn.optional(),
    dry_run: z.boolean().optional(),
    reason,
  }),
  answer: priceChange,
  codes: ["conflict"],
  summary: "Makes a draft of a new price version; nothing is in force before it is published.",
});

export const publishPrices = defineRoute({
  method: "POST",
  path: "/v1/admin/price-book/versions/:version/publish",
  pkg: 1,
  auth: writes,
  wantsReason: true,
  params: z.strictObject({
    version: z
      .string()
      .regex(/^[1-9]\d{0,8}$/)
      .transform(Number),
  }),
  body: z.strictObject({ accept_large_changes: z.boolean().optional(), reason }),
  answer: priceChange,
  codes: ["conflict", "not_found"],
  summary: "Puts a price version in force; answers when all live instances have it.",
});

export const listProviders = defineRoute({
  method: "GET",
  path: "/v1/admin/providers",
  pkg: 1,
  auth: reads,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(provider),
  codes: [],
  summary: "The operator's upstreams.",
});

export const readProvider = defineRoute({
  method: "GET",
  path: "/v1/admin/providers/:provider",
  pkg: 1,
  auth: reads,
  params: providerParams,
  answer: provider,
  codes: ["not_found"],
  summary: "One upstream.",
});

export const replaceProvider = defineRoute({
  method: "PUT",
  path: "/v1/admin/providers/:provider",
  pkg: 1,
  auth: writes,
  wantsReason: true,
  params: providerParams,
  body: z.strictObject({
    base_url: webUrl,
    dialect: z.enum(["openai", "anthropic"]).default("openai"),
    priority: z.int().min(1).max(1000).default(100),
    weight: z.int().min(1).max(1000).default(1),
    reason,
  }),
  answer: provider,
  codes: ["base_url_not_allowed"],
  summary: "Makes or replaces an upstream.",
});

export const probeProvider = defineRoute({
  method: "POST",
  path: "/v1/admin/providers/:provider/probe",
  pkg: 3,
  auth: writes,
  wantsReason: true,
  params: providerParams,
  body: z.strictObject({
    /** Absent: the cheapest that is priced. */
    model: modelName.optional(),
    reason,
  }),
  answer: z.strictObject({
    ok: z.boolean(),
    provider: providerName,
    model: z.string(),
    /** The class of the failure; upstream's words are never repeated. */
    error: z.string().optional(),
    status_code: z.int().optional(),
    latency_ms: z.int().min(0),
    /** Booked as absorbed cost under `transaction_id`. */
    cost_usd: moneyOut,
    transaction_id: z.string().optional(),
  }),
  codes: ["not_found", "model_not_priced", "conflict"],
  summary: "One real call of at most 16 tokens and 0.01 USD, booked as the operator's own cost.",
});

export const addProviderKey = defineRoute({
  method: "POST",
  path: "/v1/admin/providers/:provider/keys",
  pkg: 1,
  auth: writes,
  status: 201,
  wantsReason: true,
  params: providerParams,
  body: z.strictObject({
    api_key: z
      .string()
      .min(1)
      .max(4096)
      .regex(/^[\x21-\x7e]+$/),
    reason,
  }),
  answer: provider,
  codes: ["not_found"],
  summary: "Adds a sealed key to an upstream.",
});

export const removeProviderKey = defineRoute({
  method: "DELETE",
  path: "/v1/admin/providers/:provider/keys/:id",
  pkg: 1,
  auth: writes,
  wantsReason: true,
  params: z.strictObject({ provider: providerName, id: uuid }),
  query: z.strictObject({ reason }),
  answer: okAnswer,
  codes: ["not_found"],
  summary: "Destroys a key of an upstream.",
});

export const readSettings = defineRoute({
  method: "GET",
  path: "/v1/admin/settings",
  pkg: 1,
  auth: reads,
  answer: settings,
  codes: [],
  summary: "The operator's settings.",
});

export const updateSettings = defineRoute({
  method: "PUT",
  path: "/v1/admin/settings",
  pkg: 1,
  auth: writes,
  wantsReason: true,
  body: z.strictObject({
    "auto-text": modelList.optional(),
    max_markup_percent: percent.optional(),
    max_developer_share_bps: shareBps.optional(),
    max_fee_usd: moneyIn.optional(),
    reason,
    ...reserved(4, "support_limit_usd", "refund_days"),
    ...reserved(5, "pending_cap_usd"),
  }),
  answer: settings,
  codes: [],
  summary: "Changes the settings that are named.",
});
