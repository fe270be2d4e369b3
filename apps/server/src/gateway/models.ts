import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { planPayers } from "../flows/complete/choice.ts";
import type { Route } from "../flows/complete/payers.ts";
import { callableModels, type PlanContext, type PlannableFeature } from "../flows/complete/plan.ts";
import { ApiError } from "../lib/errors.ts";
import { formatUsd } from "../lib/money.ts";
import { type ModelPrice, pricesWithMarkup } from "../modules/pricing/pricing.ts";
import type { ListedModel } from "../modules/routing/routing.ts";
import type { JsonObject } from "../providers/provider.ts";

/**
 * GET /v1/models: exactly what this session may call, with the prices that its user pays. `routeMode` is a payer that the
 * reader asks about, so that each one's price can be shown before it is chosen; `null`: who would pay now.
 */
export function listModels(context: PlanContext, routeMode: RouteMode | null): JsonObject {
  return { object: "list", data: models(context, routeMode) };
}

/** GET /v1/models/{id}. @throws model_not_found */
export function findModel(id: string, context: PlanContext, routeMode: RouteMode | null): JsonObject {
  const found = models(context, routeMode).find((model) => model.id === id);
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

function models(context: PlanContext, routeMode: RouteMode | null): JsonObject[] {
  return callableModels(context).flatMap(({ id, feature, listed }) => {
    const route = firstRoute({ model: id, routeMode }, feature, listed, context);
    if (!route) return [];
    const { price, rule } = route;
    const paid = pricesWithMarkup(price, rule);
    return [
      {
        id,
        object: "model",
        created: 0,
        owned_by: route.provider,
        context_length: price.contextLength,
        max_output_tokens: route.maxOutputTokens,
        pricing: {
          input_usd: formatUsd(paid.input),
          cached_input_usd: formatUsd(paid.cachedInput),
          cache_write_usd: formatUsd(paid.cacheWrite),
          output_usd: formatUsd(paid.output),
          reasoning_usd: formatUsd(paid.reasoning),
          request_usd: formatUsd(paid.request),
        },
        capabilities: price.capabilities satisfies ModelPrice["capabilities"],
      },
    ];
  });
}

/** What would be tried first for a call by that name; `null` where nothing would. */
function firstRoute(
  asked: { model: string; routeMode: RouteMode | null },
  feature: PlannableFeature,
  listed: readonly ListedModel[],
  context: PlanContext,
): Route | null {
  try {
    return planPayers(asked, feature, { listed, named: null }, context)[0] ?? null;
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}
