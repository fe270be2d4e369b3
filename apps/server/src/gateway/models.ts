import { callableModels, type PlanContext, ruleOf } from "../flows/complete/plan.ts";
import { ApiError } from "../lib/errors.ts";
import { formatUsd } from "../lib/money.ts";
import { type ModelPrice, pricesWithMarkup } from "../modules/pricing/pricing.ts";
import type { JsonObject } from "../providers/provider.ts";

/** GET /v1/models: exactly what this session may call, with the prices that its user pays. */
export function listModels(context: PlanContext): JsonObject {
  return { object: "list", data: models(context) };
}

/** GET /v1/models/{id}. @throws model_not_found */
export function findModel(id: string, context: PlanContext): JsonObject {
  const found = models(context).find((model) => model.id === id);
  if (!found) {
    throw new ApiError(
      "model_not_found",
      `This session may not call "${id.slice(0, 200)}"; GET /v1/models lists what it may.`,
      {
        param: "model",
      },
    );
  }
  return found;
}

function models(context: PlanContext): JsonObject[] {
  return callableModels(context).flatMap(({ id, feature, listed }) => {
    const priced = listed.flatMap((entry) => {
      const upstream = context.upstreams.find(entry.provider);
      const price = upstream?.status === "on" ? context.prices.find(entry.provider, entry.model) : null;
      return price ? [price] : [];
    });
    const first = priced[0];
    if (!first) return [];
    const paid = pricesWithMarkup(first, ruleOf(feature.pricing, context.session.endUserOwn));
    return [
      {
        id,
        object: "model",
        created: 0,
        owned_by: first.provider,
        context_length: first.contextLength,
        max_output_tokens: first.maxOutputTokens,
        pricing: {
          input_usd: formatUsd(paid.input),
          cached_input_usd: formatUsd(paid.cachedInput),
          cache_write_usd: formatUsd(paid.cacheWrite),
          output_usd: formatUsd(paid.output),
          reasoning_usd: formatUsd(paid.reasoning),
          request_usd: formatUsd(paid.request),
        },
        capabilities: first.capabilities satisfies ModelPrice["capabilities"],
      },
    ];
  });
}
