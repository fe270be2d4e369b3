import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { plural } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { errorRateWords, HealthChip } from "./provider-words.tsx";
import { type Provider, providersQuery } from "./providers-queries.ts";
import { UpstreamDialog } from "./upstream-dialog.tsx";

const everyMs = 15_000;

/** The upstreams and how they do, by the traffic of the last hour. */
export function ProvidersPage() {
  const { session } = useRouteContext({ from: "/console" });
  const navigate = useNavigate();
  const [adding, setAdding] = useState(false);
  const query = useQuery({ ...providersQuery(), refetchInterval: everyMs });
  return (
    <>
      <title>Providers · ModelFaucet</title>
      <PageHead title="Providers" note="By the traffic of the last hour; nothing is called to find out.">
        {may(session, "operator:platform") && (
          <Button look="primary" onClick={() => setAdding(true)}>
            Add upstream
          </Button>
        )}
      </PageHead>
      <Card title="Upstreams">
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No upstream yet">
                Set the key of a provider in the environment, or add an upstream here: its address first, then
                its key. Until then no call can be answered.
              </Empty>
            ) : (
              <ProviderTable items={items} />
            )
          }
        </Answer>
      </Card>
      {adding && (
        <UpstreamDialog
          provider={null}
          close={() => setAdding(false)}
          done={({ provider }) =>
            void navigate({ to: "/operator/providers/$provider", params: { provider } })
          }
        />
      )}
    </>
  );
}

function ProviderTable({ items }: { items: readonly Provider[] }) {
  return (
    <Table
      label="Upstreams"
      head={
        <>
          <Th wide>Upstream</Th>
          <Th>State</Th>
          <Th right className="max-sm:hidden">
            Errors
          </Th>
          <Th className="max-md:hidden">Last success</Th>
          <Th right className="max-lg:hidden">
            Priority · weight
          </Th>
          <Th right className="max-md:hidden">
            Models
          </Th>
          <Th right className="max-lg:hidden">
            Keys
          </Th>
        </>
      }
    >
      {items.map((item) => (
        <Row key={item.provider} id={item.provider}>
          <Td wide>
            <Link
              to="/operator/providers/$provider"
              params={{ provider: item.provider }}
              className="rounded-sm font-medium no-underline hover:text-accent"
            >
              {item.provider}
            </Link>
            <span className="text-faint" title={item.base_url}>
              {" "}
              · {item.base_url}
            </span>
          </Td>
          <Td>
            <HealthChip provider={item} />
          </Td>
          <Td right className="max-sm:hidden">
            {errorRateWords(item)}
          </Td>
          <Td className="max-md:hidden">
            {item.last_success_at ? (
              <Moment at={item.last_success_at} />
            ) : (
              <span className="text-muted">–</span>
            )}
          </Td>
          <Td right className="max-lg:hidden">
            {item.priority} · {item.weight}
          </Td>
          <Td right className="max-md:hidden">
            {item.models.length}
          </Td>
          <Td right className="max-lg:hidden">
            {item.keys.length === 0 ? (
              <span className="text-muted">none</span>
            ) : (
              plural(item.keys.length, "key")
            )}
          </Td>
        </Row>
      ))}
    </Table>
  );
}
