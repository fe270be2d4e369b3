import { useQuery } from "@tanstack/react-query";
import { Link, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { showBps } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { AppStatusChip } from "./app-words.tsx";
import { type AppItem, appsQuery } from "./apps-query.ts";
import { NewAppDialog } from "./new-app-dialog.tsx";

export function AppsPage() {
  const { session } = useRouteContext({ from: "/console" });
  const [adding, setAdding] = useState(false);
  const query = useQuery(appsQuery());
  const mayWrite = may(session, "developer:apps:write");
  return (
    <>
      <title>Apps · ModelFaucet</title>
      <PageHead title="Apps">
        {mayWrite && (
          <Button look="primary" onClick={() => setAdding(true)}>
            Add app
          </Button>
        )}
      </PageHead>
      <Card title="Your apps" {...(query.data ? { note: query.data.items.length } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No app yet">
                <p className="mb-3">
                  An app is where your users spend: it has a public id, its own users and wallets, and
                  features with their prices.
                </p>
                {mayWrite && (
                  <Button look="primary" onClick={() => setAdding(true)}>
                    Add app
                  </Button>
                )}
              </Empty>
            ) : (
              <AppTable apps={items} />
            )
          }
        </Answer>
      </Card>
      {adding && <NewAppDialog close={() => setAdding(false)} />}
    </>
  );
}

function AppTable({ apps }: { apps: readonly AppItem[] }) {
  return (
    <Table
      label="Apps"
      head={
        <>
          <Th wide>Name</Th>
          <Th>State</Th>
          <Th className="max-md:hidden">Users are proved by</Th>
          <Th right className="max-md:hidden">
            Your share
          </Th>
          <Th className="max-md:hidden">Changed</Th>
        </>
      }
    >
      {apps.map((app) => (
        <Row key={app.public_app_id} id={app.public_app_id}>
          <Td wide>
            <Link
              to="/apps/$appId"
              params={{ appId: app.public_app_id }}
              className="rounded-sm font-medium no-underline hover:text-accent"
            >
              {app.name}
            </Link>{" "}
            <span className="font-mono text-xs text-faint">{app.public_app_id}</span>
          </Td>
          <Td>
            <AppStatusChip status={app.status} />
          </Td>
          <Td className="max-md:hidden">{app.identity_mode}</Td>
          <Td right className="max-md:hidden">
            {showBps(app.default_developer_share_bps)}
          </Td>
          <Td className="max-md:hidden">
            <Moment at={app.updated_at} />
          </Td>
        </Row>
      ))}
    </Table>
  );
}
