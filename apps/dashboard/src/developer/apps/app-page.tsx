import type { disableApp, readAppUsage } from "@modelfaucet/contract/routes/apps.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { read } from "../../api/read.ts";
import { may } from "../../api/session.ts";
import { showAbout, showCount } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { FeatureList } from "../features/feature-list.tsx";
import { AppSettings } from "./app-settings.tsx";
import { AppStatusChip } from "./app-words.tsx";
import { type AppItem, appQuery, appsQuery } from "./apps-query.ts";
import { MoreOfApp } from "./more-of-app.tsx";

/** One app: what it took in, its features, its settings. */
export function AppPage() {
  const { appId } = useParams({ from: "/console/apps/$appId" });
  const query = useQuery(appQuery(appId));
  return (
    <>
      <title>{`${query.data?.name ?? appId} · ModelFaucet`}</title>
      <nav aria-label="Path" className="mb-4 flex items-center gap-2 text-sm text-muted">
        <Link to="/apps" data-up="" className="link">
          Apps
        </Link>
        <span className="text-faint">/</span>
        <span className="truncate font-mono text-xs">{appId}</span>
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
  const mayWrite = may(session, "developer:apps:write");
  const [disabling, setDisabling] = useState(false);
  return (
    <>
      <PageHead title={app.name}>
        <AppStatusChip status={app.status} />
        {mayWrite && app.status === "active" && (
          <Button look="danger" onClick={() => setDisabling(true)}>
            Disable app
          </Button>
        )}
      </PageHead>
      {app.suspended && (
        <p className="mb-5 rounded-sm bg-bad-weak p-3 text-sm">
          The operator suspended this app <FullMoment at={app.suspended.since} />: {app.suspended.reason}.
          Write to the operator to have it switched on again.
        </p>
      )}
      <div className="grid gap-5">
        {(may(session, "developer:usage:read") || may(session, "developer:operations:read")) && (
          <Totals app={app} />
        )}
        <FeatureList app={app} />
        <MoreOfApp app={app} />
        <AppSettings key={app.version} app={app} mayWrite={mayWrite} />
      </div>
      {disabling && <DisableDialog app={app} close={() => setDisabling(false)} />}
    </>
  );
}

function Totals({ app }: { app: AppItem }) {
  const usage = useQuery(
    read<typeof readAppUsage>("/v1/apps/:publicAppId/usage", {
      params: { publicAppId: app.public_app_id },
      query: { limit: 1 },
    }),
  );
  return (
    <Card title="Since the beginning">
      <Answer query={usage} skeleton={<div className="h-[66px]" />}>
        {(totals) => (
          <Facts
            flat
            items={[
              {
                name: "Requests",
                value: (
                  <Link to="/requests" search={{ app: app.public_app_id }} className="num link">
                    {showCount(totals.total_calls)}
                  </Link>
                ),
              },
              {
                name: "Charged",
                value: (
                  <Link
                    to="/requests"
                    search={{ app: app.public_app_id, min: "0.00000001" }}
                    className="link rounded-sm"
                  >
                    <Money usd={totals.total_charge_usd} />
                  </Link>
                ),
              },
              { name: "Your share", value: <Money usd={totals.total_developer_share_usd} /> },
              {
                name: "Tokens in",
                value: <span className="num">{showAbout(totals.total_input_tokens)}</span>,
              },
              {
                name: "Tokens out",
                value: <span className="num">{showAbout(totals.total_output_tokens)}</span>,
              },
            ]}
          />
        )}
      </Answer>
    </Card>
  );
}

function DisableDialog({ app, close }: { app: AppItem; close: () => void }) {
  const queryClient = useQueryClient();
  const disable = useMutation<AppItem, Problem>({
    mutationFn: () =>
      call<typeof disableApp>("DELETE", "/v1/developer/apps/:publicAppId", {
        params: { publicAppId: app.public_app_id },
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(appQuery(app.public_app_id).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: appsQuery().queryKey });
      close();
    },
  });
  return (
    <Dialog title={`Disable ${app.name}?`} close={close}>
      <p>
        Within two seconds its sessions end and nobody can open new ones. Wallets, receipts and books stay.
        Set its state back to active in the settings to undo this.
      </p>
      {disable.error && <ProblemNotice trouble={disable.error} />}
      <div className="flex justify-end gap-2">
        <Button data-first="" onClick={close}>
          Keep it
        </Button>
        <Button look="danger" disabled={disable.isPending} onClick={() => disable.mutate()}>
          Disable app
        </Button>
      </div>
    </Dialog>
  );
}
