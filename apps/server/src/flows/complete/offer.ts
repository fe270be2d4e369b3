import { ApiError } from "../../lib/errors.ts";
import { formatUsd, maxUsd, minUsd, type Usd } from "../../lib/money.ts";
import { keyBudgetSpec } from "../../modules/books/books.ts";
import type { AccountSpec } from "../../modules/books/items.ts";
import { boundInputTokens, type InputBound } from "../../modules/metering/metering.ts";
import { worstCaseCostUsd, worstCaseUsd } from "../../modules/pricing/pricing.ts";
import type { Route } from "./payers.ts";
import type { Plan } from "./plan.ts";
import type { AskedCompletion } from "./request-body.ts";

/** A request is refused rather than answered with a word: below this many output tokens there is no hold. */
export const leastOutputTokens = 16;

/** The bound of the prompt on whichever route counts most for it. */
export function boundInput(plan: Plan, asked: AskedCompletion): InputBound {
  const [first, ...others] = plan.routes;
  const bound = boundInputTokens(asked.body, first!.model);
  if (!bound.dependsOnModel) return bound;
  return others
    .map((route) => boundInputTokens(asked.body, route.model))
    .reduce((most, other) => (other.maxTokens > most.maxTokens ? other : most), bound);
}

export type Offer = {
  inputTokens: number;
  minUsd: Usd;
  maxUsd: Usd;
  routes: readonly { route: Route; wanted: number; minUsd: Usd; costs: { minUsd: Usd; maxUsd: Usd } }[];
};

/** From the cheapest that can be admitted to the worst case of the dearest route. */
export function offer(plan: Plan, asked: AskedCompletion, inputTokens: number): Offer {
  const bound = { inputTokens, choices: asked.choices };
  const admitted = plan.routes
    .map((route) => ({ route, wanted: wantedTokens(plan, asked, route) }))
    .filter(({ route, wanted }) => isCovered(route, { ...bound, outputTokens: wanted }));
  if (admitted.length === 0) throw priceBelowCost(plan);
  const routes = admitted.map(({ route, wanted }) => {
    return {
      route,
      wanted,
      minUsd: worstCaseUsd(route.price, route.rule, least(bound, wanted)),
      maxUsd: worstCaseUsd(route.price, route.rule, { ...bound, outputTokens: wanted }),
      costs: {
        minUsd: worstCaseCostUsd(route.price, least(bound, wanted)),
        maxUsd: worstCaseCostUsd(route.price, { ...bound, outputTokens: wanted }),
      },
    };
  });
  const fewest = routes.reduce((min, { minUsd: usd }) => minUsd(min, usd), routes[0]!.minUsd);
  const most = routes.reduce((max, { maxUsd: usd }) => maxUsd(max, usd), routes[0]!.maxUsd);
  return {
    inputTokens,
    minUsd: fewest,
    maxUsd: plan.maxPriceUsd === null ? most : maxUsd(fewest, minUsd(most, plan.maxPriceUsd)),
    routes,
  };
}

const least = (bound: { inputTokens: number; choices: number }, wanted: number) => ({
  ...bound,
  outputTokens: Math.min(wanted, leastOutputTokens),
});

function wantedTokens(plan: Plan, asked: AskedCompletion, route: Route): number {
  const limit = asked.maxOutputTokens ?? plan.feature.policy.limits.max_output_tokens;
  return Math.min(limit, route.maxOutputTokens);
}

/** A fixed price admits what it covers at the worst. */
function isCovered(
  { rule, price }: Route,
  bound: { inputTokens: number; outputTokens: number; choices: number },
): boolean {
  return rule.basis !== "fixed" || worstCaseCostUsd(price, bound) <= rule.fixedPriceUsd;
}

function priceBelowCost(plan: Plan): ApiError {
  return new ApiError(
    "no_available_route",
    "This request can cost more than the fixed price of the feature; ask for a shorter answer.",
    {
      details: {
        routes: plan.routes.map(({ mode, provider, model }) => ({
          route_mode: mode,
          provider,
          model,
          reason: "price_below_cost",
        })),
      },
    },
  );
}

/** What the keys' owners allow to be taken of them: an account each, of which the key's cost is taken. */
export function keyBudgetsOf(offered: Offer): AccountSpec[] {
  const groups = Map.groupBy(offered.routes, ({ route }) => route.key);
  return [...groups].flatMap(([key, routes]) => {
    if (!key?.id || key.budgetLimitUsd === null) return [];
    const costs = routes.map(({ costs }) => costs);
    const [first] = costs;
    const owner = routes[0]!.route.mode === "byok" ? "user" : "developer";
    return {
      ...keyBudgetSpec(key.id, owner, key.budgetLimitUsd),
      costs: {
        minUsd: costs.reduce((usd, cost) => minUsd(usd, cost.minUsd), first!.minUsd),
        maxUsd: costs.reduce((usd, cost) => maxUsd(usd, cost.maxUsd), first!.maxUsd),
      },
    };
  });
}

/** What the model and the feature allow, judged before any account is asked. */
export function fits(plan: Plan, offered: Offer): boolean {
  const { limits } = plan.feature.policy;
  if (limits.max_input_tokens !== undefined && offered.inputTokens > limits.max_input_tokens) return false;
  if (plan.maxPriceUsd !== null && offered.minUsd > plan.maxPriceUsd) return false;
  return offered.routes.some(
    ({ route }) => offered.inputTokens + leastOutputTokens <= route.price.contextLength,
  );
}

export function refuseUnfit(plan: Plan, offered: Offer): void {
  if (fits(plan, offered)) return;
  const { limits } = plan.feature.policy;
  if (plan.maxPriceUsd !== null && offered.minUsd > plan.maxPriceUsd) {
    throw new ApiError(
      "price_above_maximum",
      "This request can cost more than the feature allows for one; shorten it.",
      {
        details: {
          limit: "request",
          maximum_usd: formatUsd(plan.maxPriceUsd),
          required_usd: formatUsd(offered.minUsd),
        },
      },
    );
  }
  const longest = Math.max(...plan.routes.map(({ price }) => price.contextLength));
  const contextLength = Math.min(limits.max_input_tokens ?? longest, longest);
  throw new ApiError(
    "context_length_exceeded",
    `The prompt is longer than the ${contextLength} tokens that are possible here.`,
    {
      param: "messages",
      details: { context_length: contextLength, prompt_tokens: offered.inputTokens },
    },
  );
}
