import type { updateAppAsOperator } from "@modelfaucet/contract/routes/admin.ts";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { call } from "../../api/call.ts";
import { may } from "../../api/session.ts";
import { AppStatusChip } from "../../developer/apps/app-words.tsx";
import { showBps } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { SuspendButton } from "../switches/suspend-button.tsx";
import { maximaOfApp } from "./maxima.ts";
import { MaximaCard } from "./maxima-card.tsx";
import { type AppItem, appQuery, appsPath, developerQuery } from "./tenants-query.ts";

/** One app as the operator sees it: whose it is, what it lets in, and what its manifests may ask for. */
export function AppPage() {
  const { appId } = useParams({ from: "/console/operator/apps/$appId" });
  const query = useQuery(appQuery(appId));
  return (
    <>
      <title>{`${query.data?.name ?? appId} · ModelFaucet`}</title>
      <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
        <Link to="/operator/apps" data-up="" className="link">
          Apps
        </Link>
        <span className="text-faint">/</span>
        <span className="min-w-0 truncate font-mono text-xs">{appId}</span>
        <CopyButton text={appId} label="Copy id" />
      </nav>
      <Answer page query={query} skeleton={<Skeleton rows={10} />}>
        {(app) => <Screen app={app} />}
      </Answer>
    </>
  );
}

function Screen({ app }: { app: AppItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const queryClient = useQueryClient();
  const developer = useQuery(developerQuery(app.developer_id));
  return (
    <>
      <PageHead title={app.name}>
        {app.sandbox && <Chip title="its money is test money">Sandbox</Chip>}
        <AppStatusChip status={app.status} />
        <SuspendButton
          type="app"
          id={app.public_app_id}
          name={app.name}
          label="Suspend app"
          offered={app.suspended === undefined}
        />
      </PageHead>
      {app.suspended && (
        <p className="mb-5 rounded-sm bg-bad-weak p-3 text-sm">
          Suspended <FullMoment at={app.suspended.since} />: {app.suspended.reason}.{" "}
          <Link to="/operator/switches" search={{ state: "off" }} className="link">
            Lift it under switches
          </Link>
        </p>
      )}
      <AppFacts app={app} />
      <div className="grid gap-5">
        <MaximaCard
          key={app.version}
          maxima={maximaOfApp(app.limits)}
          above="its developer's"
          inherited={developer.data?.limits}
          mayWrite={may(session, "operator:tenants")}
          save={async (limits, reason) => {
            const answer = await call<typeof updateAppAsOperator>("PATCH", "/v1/admin/apps/:publicAppId", {
              params: { publicAppId: app.public_app_id },
              body: { limits, expected_version: app.version, reason },
            });
            queryClient.setQueryData(appQuery(app.public_app_id).queryKey, answer);
            await queryClient.invalidateQueries({ queryKey: [appsPath] });
          }}
        />
        <Card title="As its developer set it" note={`version ${app.version}`}>
          <Facts flat items={settingsOf(app)} />
        </Card>
      </div>
    </>
  );
}

function AppFacts({ app }: { app: AppItem }) {
  return (
    <Facts
      items={[
        {
          name: "Developer",
          wide: true,
          value: (
            <Link
              to="/operator/developers/$developerId"
              params={{ developerId: app.developer_id }}
              className="link"
              title={app.developer_email}
            >
              {app.developer_name}
            </Link>
          ),
        },
        {
          name: "Wallets",
          value: (
            <Link to="/operator/wallets" search={{ app: app.public_app_id }} className="link">
              Of its users
            </Link>
          ),
        },
        {
          name: "Limits",
          value: (
            <Link to="/operator/limits" search={{ level: "app", target: app.public_app_id }} className="link">
              Spending and rates
            </Link>
          ),
        },
        {
          name: "Sessions",
          value: (
            <Link
              to="/operator/sessions"
              search={{ by: "public_app_id", of: app.public_app_id }}
              className="link"
            >
              Of its users
            </Link>
          ),
        },
        { name: "Since", value: <FullMoment at={app.created_at} /> },
        { name: "Changed", value: <FullMoment at={app.updated_at} /> },
      ]}
    />
  );
}

function settingsOf(app: AppItem) {
  const origins = app.allowed_origins.join(", ");
  return [
    { name: "Users are proved by", value: app.identity_mode },
    { name: "Share of the margin", value: showBps(app.default_developer_share_bps) },
    { name: "Time zone", value: app.time_zone },
    { name: "Allowed origins", wide: true, value: <span title={origins}>{origins || "none"}</span> },
    { name: "Support", value: app.support_email ?? app.support_url ?? "not told" },
    { name: "Abuse", value: app.abuse_email ?? "not told" },
    ...(app.failing_gates.length > 0
      ? [{ name: "Gates that fail", wide: true, value: app.failing_gates.join(", ").replaceAll("_", " ") }]
      : []),
  ];
}
