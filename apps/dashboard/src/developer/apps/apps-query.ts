import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listApps, listFeatures, readApp, readFeature } from "@modelfaucet/contract/routes/apps.ts";
import { type Reading, read } from "../../api/read.ts";

export type AppItem = AnswerOf<typeof readApp>;
export type FeatureItem = AnswerOf<typeof readFeature>;

/** The developer's apps, as many as one answer holds: lists, filters and the palette share it. */
export function appsQuery(): Reading<typeof listApps> {
  return read<typeof listApps>("/v1/developer/apps", { query: { limit: 200 } });
}

export function appQuery(publicAppId: string): Reading<typeof readApp> {
  return read<typeof readApp>("/v1/developer/apps/:publicAppId", { params: { publicAppId } });
}

export function featuresQuery(publicAppId: string): Reading<typeof listFeatures> {
  return read<typeof listFeatures>("/v1/developer/apps/:publicAppId/features", {
    params: { publicAppId },
    query: { limit: 200 },
  });
}

export function featureQuery(publicAppId: string, featureKey: string): Reading<typeof readFeature> {
  return read<typeof readFeature>("/v1/developer/apps/:publicAppId/features/:featureKey", {
    params: { publicAppId, featureKey },
  });
}
