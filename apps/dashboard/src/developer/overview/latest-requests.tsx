import type { listRequests } from "@modelfaucet/contract/routes/developer.ts";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { read } from "../../api/read.ts";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { RequestTable } from "../requests/request-table.tsx";

const shown = 8;
const everyMs = 15_000;

export function LatestRequests({ app }: { app: string | undefined }) {
  const query = useQuery({
    ...read<typeof listRequests>("/v1/developer/requests", { query: { limit: shown, public_app_id: app } }),
    refetchInterval: everyMs,
  });
  return (
    <Card
      title="Latest requests"
      aside={
        <Link to="/requests" search={{ app }} className="link text-sm text-muted">
          All requests
        </Link>
      }
    >
      <Answer query={query} skeleton={<Skeleton rows={shown} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No request yet">
              The first one appears here within seconds. Call the gateway with a session of your app: the page
              of the app shows how.
            </Empty>
          ) : (
            <RequestTable items={items} label="Latest requests" brief />
          )
        }
      </Answer>
    </Card>
  );
}
