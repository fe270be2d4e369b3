import { z } from "zod";
import { capability } from "../objects/price.ts";
import { defineRoute } from "../route.ts";
import { moneyOut } from "../values.ts";

const perMillion = z.strictObject({
  input_usd: moneyOut,
  cached_input_usd: moneyOut.optional(),
  cache_write_usd: moneyOut.optional(),
  output_usd: moneyOut,
  reasoning_usd: moneyOut.optional(),
  request_usd: moneyOut.optional(),
});

const model = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
  context_length: z.int().optional(),
  /** Tokens that one answer may have at most. */
  max_output_tokens: z.int().optional(),
  pricing: perMillion.optional(),
  capabilities: z.array(capability).optional(),
});

/** Model bodies pass through: what upstream understands is not ours to list. */
export const createChatCompletion = defineRoute({
  method: "POST",
  path: "/v1/chat/completions",
  pkg: 1,
  auth: { class: "session", scopes: ["chat"] },
  idempotent: true,
  body: z.looseObject({ model: z.string(), messages: z.array(z.json()) }),
  answer: z.looseObject({ id: z.string(), object: z.string() }),
  codes: [
    "model_not_priced",
    "unsupported_parameter",
    "context_length_exceeded",
    "insufficient_balance",
    "budget_exceeded",
    "price_above_maximum",
    "wallet_frozen",
    "suspended",
    "feature_not_found",
    "model_not_found",
    "conflict",
    "idempotency_in_progress",
    "payload_too_large",
    "idempotency_mismatch",
    "provider_error",
    "no_available_route",
    "service_unavailable",
    "provider_timeout",
  ],
  summary: "A chat completion, held before it is sent and settled before its last chunk leaves.",
});

export const listModels = defineRoute({
  method: "GET",
  path: "/v1/models",
  pkg: 1,
  auth: { class: "session", scopes: ["chat"] },
  answer: z.strictObject({ object: z.literal("list"), data: z.array(model) }),
  codes: [],
  summary:
    "Exactly the models that this token may call, with the prices that its user pays; with `x-modelfaucet-route` as that payer would.",
});

export const readModel = defineRoute({
  method: "GET",
  path: "/v1/models/:id",
  pkg: 1,
  auth: { class: "session", scopes: ["chat"] },
  params: z.strictObject({ id: z.string().min(1).max(512) }),
  answer: model,
  codes: ["model_not_found"],
  summary: "One model that this token may call.",
});

export const readProviderHealth = defineRoute({
  method: "GET",
  path: "/health/providers",
  pkg: 1,
  auth: { class: "none" },
  answer: z.strictObject({
    ok: z.boolean(),
    providers: z
      .array(
        z.strictObject({
          ok: z.boolean(),
          provider: z.string(),
          statusCode: z.int().optional(),
          latencyMs: z.number(),
          circuit: z.string(),
          last_success_at: z.string().optional(),
          error: z.string().optional(),
        }),
      )
      .optional(),
  }),
  codes: [],
  summary: "Health of the upstreams from traffic and free calls; details for operators only.",
});
