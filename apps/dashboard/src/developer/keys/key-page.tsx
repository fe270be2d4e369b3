import type { updateDeveloperProviderKey } from "@modelfaucet/contract/routes/provider-keys.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { DeleteKeyDialog } from "./delete-key-dialog.tsx";
import { KeySettingsCard } from "./key-settings-card.tsx";
import { Budget } from "./key-table.tsx";
import { keyQuery, keysPath, type ProviderKey } from "./keys-queries.ts";
import { TestCard } from "./test-card.tsx";
import { KeyStatusChip, LastCheck, vendorName, whyUnused } from "./words.tsx";

/** One provider key: how it does, whether its vendor takes it, and how it is used. */
export function KeyPage() {
  const { keyId } = useParams({ from: "/console/keys/$keyId" });
  const query = useQuery(keyQuery(keyId));
  return (
    <>
      <title>Provider key · ModelFaucet</title>
      <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
        <Link to="/keys" data-up="" className="link flex-none">
          Provider keys
        </Link>
        <span className="text-faint">/</span>
        <span className="min-w-0 truncate font-mono text-xs">{query.data?.masked ?? keyId}</span>
      </nav>
      <Answer page query={query} skeleton={<Skeleton rows={8} />}>
        {(item) => <Screen item={item} />}
      </Answer>
    </>
  );
}

function Screen({ item }: { item: ProviderKey }) {
  const { session } = useRouteContext({ from: "/console" });
  const [deleting, setDeleting] = useState(false);
  const able = useAble(item);
  const mayWrite = may(session, "developer:provider_keys:write");
  const unused = whyUnused(item);
  return (
    <>
      <PageHead
        title={item.name ?? vendorName(item.provider)}
        note={<span className="font-mono">{item.masked}</span>}
      >
        <KeyStatusChip item={item} />
        {mayWrite && (item.status === "active" || item.status === "disabled") && (
          <Button
            disabled={able.isPending}
            onClick={() => able.mutate(item.status === "active" ? "disabled" : "active")}
          >
            {item.status === "active" ? "Disable key" : "Enable key"}
          </Button>
        )}
        {mayWrite && (
          <Button look="danger" onClick={() => setDeleting(true)}>
            Delete key
          </Button>
        )}
      </PageHead>
      {able.error && <ProblemNotice trouble={able.error} className="mb-5" />}
      {unused && <p className="mb-5 rounded-sm bg-bad-weak p-3 text-sm">Not used by any route: {unused}.</p>}
      <Facts items={factsOf(item)} />
      <div className="grid grid-cols-2 items-start gap-5 max-lg:grid-cols-1">
        <TestCard item={item} mayWrite={mayWrite} />
        <KeySettingsCard
          // Another state of it is another form.
          key={JSON.stringify([
            item.name,
            item.priority,
            item.weight,
            item.budget_limit_usd,
            item.models_allowed,
          ])}
          item={item}
          mayWrite={mayWrite}
        />
      </div>
      {deleting && <DeleteKeyDialog item={item} close={() => setDeleting(false)} />}
    </>
  );
}

function factsOf(item: ProviderKey) {
  return [
    { name: "Vendor", value: vendorName(item.provider) },
    ...(item.base_url === undefined
      ? []
      : [{ name: "Address", wide: true, value: <span title={item.base_url}>{item.base_url}</span> }]),
    {
      name: "App",
      value: (
        <Link to="/apps/$appId" params={{ appId: item.public_app_id }} className="link font-mono text-xs">
          {item.public_app_id}
        </Link>
      ),
    },
    { name: "Last check", value: <LastCheck item={item} /> },
    {
      name: "Last used",
      value: item.last_used_at ? (
        <FullMoment at={item.last_used_at} />
      ) : (
        <span className="text-muted">never</span>
      ),
    },
    { name: "Used of its budget", value: <Budget item={item} /> },
    { name: "Added", value: <FullMoment at={item.created_at} /> },
  ];
}

function useAble(item: ProviderKey) {
  const queryClient = useQueryClient();
  return useMutation<ProviderKey, Problem, "active" | "disabled">({
    mutationFn: (status) =>
      call<typeof updateDeveloperProviderKey>("PATCH", "/v1/developer/provider-keys/:id", {
        params: { id: item.id },
        body: { status },
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(keyQuery(item.id).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: [keysPath] });
    },
  });
}
