import { policyIn, pricingIn } from "@modelfaucet/contract/manifest.ts";
import {
  readAnalyticsSeries,
  readAnalyticsSummary,
  validateFeature as validateFeatureRoute,
} from "@modelfaucet/contract/routes/analytics.ts";
import { z } from "zod";
import { type ParsedManifest, type ValidateDeps, validateFeature } from "../../flows/validate-feature.ts";
import { type AnalyticsCaller, readSeries, readSummary } from "../../modules/analytics/analytics.ts";
import type { DeveloperCaller } from "../../modules/identity/identity.ts";
import { issuesOfInput } from "../issues.ts";
import { type Mounted, mount } from "../mount.ts";

export function developerAnalyticsRoutes(deps: ValidateDeps): readonly Mounted[] {
  return [
    mount(readAnalyticsSeries, async ({ actor, query, read }) => {
      const { metric, interval, time_zone: timeZone } = query;
      const found = await read((tx) =>
        readSeries(tx, analyticsCallerOf(actor.caller, query.developer_id), {
          ...filterOf(query),
          status: query.status,
          metric,
          interval,
          timeZone,
          groupBy: query.group_by,
        }),
      );
      return {
        metric,
        unit: found.unit,
        interval,
        time_zone: timeZone,
        series: found.series,
        complete_until: found.completeUntil.toISOString(),
      };
    }),
    mount(readAnalyticsSummary, async ({ actor, query, read }) => {
      const found = await read((tx) =>
        readSummary(tx, analyticsCallerOf(actor.caller, query.developer_id), {
          ...filterOf(query),
          comparesPrevious: query.compare === "previous",
        }),
      );
      return { items: found.items, complete_until: found.completeUntil.toISOString() };
    }),
    mount(validateFeatureRoute, ({ actor, params, body, read }) =>
      read((tx) => validateFeature(tx, deps, actor.caller, params.publicAppId, parsedManifest(body))),
    ),
  ];
}

type AnalyticsFilterQuery = {
  from: string;
  to: string;
  public_app_id?: string | undefined;
  feature_key?: string | undefined;
  route_mode?: string | undefined;
  provider?: string | undefined;
  model?: string | undefined;
};

function filterOf(query: AnalyticsFilterQuery) {
  return {
    from: query.from,
    to: query.to,
    publicAppId: query.public_app_id,
    featureKey: query.feature_key,
    routeMode: query.route_mode,
    provider: query.provider,
    model: query.model,
  };
}

/** The developer's own requests, of the apps that the token is kept to; another developer's are none. */
function analyticsCallerOf(caller: DeveloperCaller, developerId: string | undefined): AnalyticsCaller {
  const isForeign = caller.developerId !== null && (developerId ?? caller.developerId) !== caller.developerId;
  return {
    developerId: caller.developerId ?? developerId ?? null,
    publicAppIds: isForeign ? [] : caller.publicAppIds,
  };
}

const manifestIn = z.strictObject({ policy: policyIn, pricing: pricingIn });

function parsedManifest(body: unknown): ParsedManifest {
  const result = manifestIn.safeParse(body);
  if (result.success) return result.data;
  return { issues: issuesOfInput(result.error).map(({ param, message }) => ({ path: param, message })) };
}
