import { boundInputTokens } from "../../modules/metering/metering.ts";
import { type ModelPrice, worstCaseUsd } from "../../modules/pricing/pricing.ts";
import type { Route } from "./payers.ts";
import type { PlannableFeature } from "./plan.ts";
import type { AskedCompletion } from "./request-body.ts";

/**
 * Orders what may be tried by the feature's model policy. `in_order` is the list's own; `cheapest_sufficient` the worst-case
 * charge, of those that suffice for what the body needs. Routes that follow with another payer stay behind.
 */
export function inPolicyOrder(
  feature: PlannableFeature,
  asked: AskedCompletion,
  routes: readonly Route[],
): readonly Route[] {
  if (feature.policy.model_policy === "in_order" || routes.length < 2) return routes;
  const modes = [...new Set(routes.map(({ mode }) => mode))];
  return modes.flatMap((mode) =>
    cheapestFirst(
      feature,
      asked,
      routes.filter((route) => route.mode === mode),
    ),
  );
}

function cheapestFirst(
  feature: PlannableFeature,
  asked: AskedCompletion,
  routes: readonly Route[],
): readonly Route[] {
  const needs = needsOf(asked.body);
  const judged = routes.map((route) => {
    const inputTokens = boundInputTokens(asked.body, route.model).maxTokens;
    const wanted = asked.maxOutputTokens ?? feature.policy.limits.max_output_tokens;
    const outputTokens = Math.min(wanted, route.maxOutputTokens);
    const worstUsd = worstCaseUsd(route.price, route.rule, {
      inputTokens,
      outputTokens,
      choices: asked.choices,
    });
    return { route, worstUsd, suffices: canServe(route, route.price, needs, inputTokens) };
  });
  const sufficient = judged.filter(({ suffices }) => suffices);
  // Where the capability table knows of none, it is rather the table that is wrong than every model of the list.
  return (sufficient.length > 0 ? sufficient : judged)
    .sort((a, b) => (a.worstUsd < b.worstUsd ? -1 : a.worstUsd > b.worstUsd ? 1 : 0))
    .map(({ route }) => route);
}

function canServe(
  { isPriced }: Route,
  price: ModelPrice,
  needs: readonly string[],
  inputTokens: number,
): boolean {
  return (
    !isPriced ||
    (inputTokens < price.contextLength && needs.every((need) => price.capabilities.includes(need)))
  );
}

function needsOf(body: AskedCompletion["body"]): string[] {
  const { tools, response_format: format, messages } = body;
  const hasImage = (messages as { content?: unknown }[]).some(
    ({ content }) =>
      Array.isArray(content) &&
      content.some((part) => (part as { type?: unknown } | null)?.type === "image_url"),
  );
  const type = (format as { type?: unknown } | null | undefined)?.type;
  return [
    ...(Array.isArray(tools) && tools.length > 0 ? ["tools"] : []),
    ...(hasImage ? ["vision"] : []),
    ...(type === "json_schema" || type === "json_object" ? ["json"] : []),
  ];
}
