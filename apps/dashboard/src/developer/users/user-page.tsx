import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { plural, showAbout, showCount } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment, Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { AppPath } from "../apps/app-path.tsx";
import { payerWords } from "../requests/words.tsx";
import { EndSessionsDialog } from "./end-sessions-dialog.tsx";
import { SuspendDialog } from "./suspend-dialog.tsx";
import { UserStatusChip } from "./user-table.tsx";
import { type AppUserDetails, shortHash, userQuery } from "./users-queries.ts";

/** One end user: wallet, usage by payer, live sessions. No key, no prompt, no name. */
export function UserPage() {
  const { appId, userId } = useParams({ from: "/console/apps/$appId/users/$userId" });
  const query = useQuery(userQuery(appId, userId));
  return (
    <>
      <title>End user · ModelFaucet</title>
      <AppPath appId={appId} here="End user" />
      <Answer page query={query} skeleton={<Skeleton rows={10} />}>
        {(user) => <Screen appId={appId} user={user} />}
      </Answer>
    </>
  );
}

function Screen({ appId, user }: { appId: string; user: AppUserDetails }) {
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<"sessions" | "status" | null>(null);
  const close = () => setOpened(null);
  return (
    <>
      <PageHead
        title={<span className="font-mono">{shortHash(user)}</span>}
        note={user.own ? "your own account: its charges earn nothing" : undefined}
      >
        <UserStatusChip status={user.status} />
        {may(session, "developer:users:write") && (
          <Button look={user.status === "active" ? "danger" : "plain"} onClick={() => setOpened("status")}>
            {user.status === "active" ? "Suspend user" : "Resume user"}
          </Button>
        )}
      </PageHead>
      <Facts items={factsOf(appId, user)} />
      <div className="grid gap-5">
        <UsageCard user={user} />
        <Card
          title="Live sessions"
          note={plural(user.sessions.length, "session")}
          aside={
            may(session, "developer:sessions:write") &&
            user.sessions.length > 0 && (
              <Button small look="danger" onClick={() => setOpened("sessions")}>
                Revoke sessions
              </Button>
            )
          }
        >
          <Sessions user={user} />
        </Card>
      </div>
      {opened === "sessions" && <EndSessionsDialog appId={appId} user={user} close={close} />}
      {opened === "status" && <SuspendDialog appId={appId} user={user} close={close} />}
    </>
  );
}

function factsOf(appId: string, user: AppUserDetails) {
  return [
    { name: "Balance", value: <Money usd={user.balance_usd} left /> },
    {
      name: "Spent this month",
      value: (
        <Link to="/requests" search={{ app: appId, user: user.id }} className="link rounded-sm">
          <Money usd={user.spent_month_usd} />
        </Link>
      ),
    },
    { name: "Requests this month", value: <span className="num">{showCount(user.requests_month)}</span> },
    {
      name: "Proved by",
      value: `${user.identity.mode}${user.identity.verified ? "" : ", not verified"}`,
    },
    {
      name: "Last seen",
      value: user.last_seen_at ? (
        <FullMoment at={user.last_seen_at} />
      ) : (
        <span className="text-muted">never</span>
      ),
    },
    { name: "Since", value: <FullMoment at={user.created_at} /> },
  ];
}

function UsageCard({ user }: { user: AppUserDetails }) {
  return (
    <Card title="Who paid this month">
      {user.usage_by_mode.length === 0 ? (
        <Empty title="No request this month">Each payer stands here with its requests and its charges.</Empty>
      ) : (
        <Table
          label="Usage by payer"
          head={
            <>
              <Th wide>Payer</Th>
              <Th right>Requests</Th>
              <Th right className="max-sm:hidden">
                Tokens in
              </Th>
              <Th right className="max-sm:hidden">
                Tokens out
              </Th>
              <Th right>Charged</Th>
            </>
          }
        >
          {user.usage_by_mode.map((usage) => (
            <Row key={usage.route_mode} id={usage.route_mode}>
              <Td wide>{payerWords[usage.route_mode]}</Td>
              <Td right>{showCount(usage.requests)}</Td>
              <Td right className="max-sm:hidden">
                {showAbout(usage.input_tokens)}
              </Td>
              <Td right className="max-sm:hidden">
                {showAbout(usage.output_tokens)}
              </Td>
              <Td right>
                <Money usd={usage.charge_usd} column />
              </Td>
            </Row>
          ))}
        </Table>
      )}
    </Card>
  );
}

function Sessions({ user }: { user: AppUserDetails }) {
  if (user.sessions.length === 0)
    return <Empty title="No live session">Your app opens one when the user comes back.</Empty>;
  return (
    <Table
      label="Live sessions"
      head={
        <>
          <Th wide>Works from</Th>
          <Th>Opened</Th>
          <Th>Ends</Th>
        </>
      }
    >
      {user.sessions.map((each) => (
        <Row key={each.id} id={each.id}>
          <Td wide>
            <span title={each.id}>{each.origin ?? "anywhere"}</span>
          </Td>
          <Td>
            <Moment at={each.created_at} />
          </Td>
          <Td>
            <Moment at={each.expires_at} />
          </Td>
        </Row>
      ))}
    </Table>
  );
}
