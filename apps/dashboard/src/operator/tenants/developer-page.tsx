import type { updateDeveloper } from "@modelfaucet/contract/routes/admin.ts";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { call } from "../../api/call.ts";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { SuspendButton } from "../switches/suspend-button.tsx";
import { AppTable } from "./app-table.tsx";
import { CloseDialog } from "./close-dialog.tsx";
import { EditDialog } from "./edit-dialog.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { MaximaCard } from "./maxima-card.tsx";
import { SwitchButton } from "./switch-button.tsx";
import { appsQuery, type DeveloperItem, developerQuery, developersPath } from "./tenants-query.ts";
import { DeveloperStatusChip } from "./words.tsx";

/** One developer: what it is owed, its apps, what its manifests may ask for. */
export function DeveloperPage() {
  const { developerId } = useParams({ from: "/console/operator/developers/$developerId" });
  const query = useQuery(developerQuery(developerId));
  return (
    <>
      <title>{`${query.data?.name ?? "Developer"} · ModelFaucet`}</title>
      <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
        <Link to="/operator/developers" data-up="" className="link">
          Developers
        </Link>
        <span className="text-faint">/</span>
        <span className="min-w-0 truncate font-mono text-xs">{developerId}</span>
        <CopyButton text={developerId} label="Copy id" />
      </nav>
      <Answer page query={query} skeleton={<Skeleton rows={10} />}>
        {(developer) => <Screen developer={developer} />}
      </Answer>
    </>
  );
}

type Opened = "invite" | "edit" | "close" | null;

function Screen({ developer }: { developer: DeveloperItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<Opened>(null);
  const queryClient = useQueryClient();
  const mayWrite = may(session, "operator:tenants") && developer.status !== "closed";
  const close = () => setOpened(null);
  return (
    <>
      <PageHead title={developer.name} note={developer.email}>
        <DeveloperStatusChip status={developer.status} />
        <SwitchButton developer={developer} />
        <SuspendButton
          type="developer"
          id={developer.id}
          name={developer.name}
          label="Suspend developer"
          offered={developer.status === "active"}
        />
        {mayWrite && (
          <>
            {developer.status === "active" && <Button onClick={() => setOpened("invite")}>Invite</Button>}
            <Button onClick={() => setOpened("edit")}>Edit</Button>
            <Button look="danger" onClick={() => setOpened("close")}>
              Close developer
            </Button>
          </>
        )}
      </PageHead>
      <DeveloperFacts developer={developer} />
      <div className="grid gap-5">
        <Apps developer={developer} />
        <MaximaCard
          // Another version of it is another form.
          key={developer.updated_at}
          maxima={developer.limits}
          above="the platform's own"
          mayWrite={mayWrite}
          save={async (limits, reason) => {
            const answer = await call<typeof updateDeveloper>("PATCH", "/v1/admin/developers/:id", {
              params: { id: developer.id },
              body: { limits, reason },
            });
            queryClient.setQueryData(developerQuery(developer.id).queryKey, answer);
            await queryClient.invalidateQueries({ queryKey: [developersPath] });
          }}
        />
      </div>
      {opened === "invite" && <InviteDialog developer={developer} close={close} />}
      {opened === "edit" && <EditDialog developer={developer} close={close} />}
      {opened === "close" && <CloseDialog developer={developer} close={close} />}
    </>
  );
}

function DeveloperFacts({ developer }: { developer: DeveloperItem }) {
  const wallet = (usd: string) => (
    <Link to="/operator/wallets/$walletId" params={{ walletId: developer.id }} className="link rounded-sm">
      <Money usd={usd} left />
    </Link>
  );
  return (
    <Facts
      items={[
        { name: "Payable", value: wallet(developer.payable_usd) },
        { name: "Debt", value: wallet(developer.debt_usd) },
        {
          name: "Limits",
          value: (
            <Link
              to="/operator/limits"
              search={{ level: "developer", target: developer.id }}
              className="link"
            >
              Spending and rates
            </Link>
          ),
        },
        { name: "Since", value: <FullMoment at={developer.created_at} /> },
        { name: "Changed", value: <FullMoment at={developer.updated_at} /> },
      ]}
    />
  );
}

function Apps({ developer }: { developer: DeveloperItem }) {
  const query = useQuery(appsQuery({ developer: developer.id }));
  return (
    <Card
      title="Apps"
      note={developer.apps}
      aside={
        <Link to="/operator/apps" search={{ developer: developer.id }} className="link text-sm text-muted">
          In the list of all apps
        </Link>
      }
    >
      <Answer query={query} skeleton={<Skeleton rows={2} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No app yet">The developer adds one in its own console.</Empty>
          ) : (
            <AppTable apps={items} label={`Apps of ${developer.name}`} own />
          )
        }
      </Answer>
    </Card>
  );
}
