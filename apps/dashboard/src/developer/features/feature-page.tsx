import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Answer } from "../../ui/answer.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { featureQuery } from "../apps/apps-query.ts";
import { FeatureEditor } from "./feature-editor.tsx";
import { FeatureHistory } from "./feature-history.tsx";

/** One feature: its manifest, and what it was before. */
export function FeaturePage() {
  const { appId, featureKey } = useParams({ from: "/console/apps/$appId/features/$featureKey" });
  const query = useQuery(featureQuery(appId, featureKey));
  return (
    <>
      <title>{`${query.data?.display_name ?? featureKey} · ModelFaucet`}</title>
      <Path appId={appId} here={featureKey} />
      <Answer page query={query} skeleton={<Skeleton rows={14} />}>
        {(feature) => (
          <>
            <FeatureEditor key={`${feature.id} ${feature.version}`} appId={appId} feature={feature} />
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
      <Path appId={appId} here="new feature" />
      <FeatureEditor appId={appId} feature={null} />
    </>
  );
}

function Path({ appId, here }: { appId: string; here: string }) {
  return (
    <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
      <Link to="/apps" className="link flex-none">
        Apps
      </Link>
      <span className="text-faint">/</span>
      <Link
        to="/apps/$appId"
        params={{ appId }}
        data-up=""
        className="link min-w-0 truncate font-mono text-xs"
      >
        {appId}
      </Link>
      <span className="text-faint">/</span>
      <span className="min-w-0 truncate font-mono text-xs">{here}</span>
    </nav>
  );
}
