import { Link, useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { PageHead } from "../../ui/page-head.tsx";
import { VersionsCard } from "./versions-card.tsx";

/** Every version of the price book that there has been. */
export function VersionsPage() {
  const { session } = useRouteContext({ from: "/console" });
  const { cursor } = useSearch({ from: "/console/operator/prices/versions" });
  const navigate = useNavigate({ from: "/operator/prices/versions" });
  return (
    <>
      <title>Price versions · ModelFaucet</title>
      <nav aria-label="Path" className="mb-4 flex items-center gap-2 text-sm text-muted">
        <Link to="/operator/prices" data-up="" className="link">
          Price book
        </Link>
        <span className="text-faint">/</span>
        <span>Versions</span>
      </nav>
      <PageHead title="Price versions" />
      <VersionsCard
        mayWrite={may(session, "operator:platform")}
        limit={50}
        turn={{ cursor, to: (next) => void navigate({ search: { cursor: next } }) }}
      />
    </>
  );
}
