import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Answer } from "../../ui/answer.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { AppPath } from "../apps/app-path.tsx";
import { featureQuery } from "../apps/apps-query.ts";
import { FeatureEditor } from "./feature-editor.tsx";
import { FeatureHistory } from "./feature-history.tsx";
import { RoutesCard } from "./routes-card.tsx";

/** One feature: its manifest, and what it was before. */
export function FeaturePage() {
  const { appId, featureKey } = useParams({ from: "/console/apps/$appId/features/$featureKey" });
  const query = useQuery(featureQuery(appId, featureKey));
  return (
    <>
      <title>{`${query.data?.display_name ?? featureKey} · ModelFaucet`}</title>
      <AppPath appId={appId} here={featureKey} />
      <Answer page query={query} skeleton={<Skeleton rows={14} />}>
        {(feature) => (
          <>
            <FeatureEditor key={`${feature.id} ${feature.version}`} appId={appId} feature={feature} />
            <RoutesCard appId={appId} feature={feature} />
            <FeatureHistory feature={feature} />
          </>
        )}
      </Answer>
    </>
  );
}

export function NewFeaturePage() {
  const { appId } = useParams({ from: "/console/apps/$appId/new-feature" });
  return (
    <>
      <title>Add feature · ModelFaucet</title>
      <AppPath appId={appId} here="new feature" />
      <FeatureEditor appId={appId} feature={null} />
    </>
  );
}
