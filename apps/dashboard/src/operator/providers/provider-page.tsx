import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { plural } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { SuspendButton } from "../switches/suspend-button.tsx";
import { KeysCard } from "./keys-card.tsx";
import { errorRateWords, HealthChip } from "./provider-words.tsx";
import { type Provider, providerQuery } from "./providers-queries.ts";
import { UpstreamDialog } from "./upstream-dialog.tsx";

const everyMs = 15_000;

/** One upstream: how it does, how it is reached, its keys and the models that have a price. */
export function ProviderPage() {
  const { provider } = useParams({ from: "/console/operator/providers/$provider" });
  const query = useQuery({ ...providerQuery(provider), refetchInterval: everyMs });
  return (
    <>
      <title>{`${provider} · ModelFaucet`}</title>
      <nav aria-label="Path" className="mb-4 flex items-center gap-2 text-sm text-muted">
        <Link to="/operator/providers" data-up="" className="link">
          Providers
        </Link>
        <span className="text-faint">/</span>
        <span className="truncate">{provider}</span>
      </nav>
      <Answer page query={query} skeleton={<Skeleton rows={10} />}>
        {(item) => <Screen item={item} />}
      </Answer>
    </>
  );
}

function Screen({ item }: { item: Provider }) {
  const { session } = useRouteContext({ from: "/console" });
  const [editing, setEditing] = useState(false);
  const mayWrite = may(session, "operator:platform");
  return (
    <>
      <PageHead title={item.provider}>
        <HealthChip provider={item} />
        <SuspendButton
          type="provider"
          id={item.provider}
          name={item.provider}
          label="Switch off"
          offered={item.state === "on"}
        />
        {mayWrite && <Button onClick={() => setEditing(true)}>Change upstream</Button>}
      </PageHead>
      <Facts items={factsOf(item)} />
      <div className="grid gap-5">
        <KeysCard item={item} mayWrite={mayWrite} />
        <ModelsCard item={item} />
      </div>
      {editing && <UpstreamDialog provider={item} close={() => setEditing(false)} />}
    </>
  );
}

function factsOf(item: Provider) {
  return [
    { name: "Address", wide: true, value: <span title={item.base_url}>{item.base_url}</span> },
    { name: "Dialect", value: item.dialect === "anthropic" ? "Anthropic messages" : "OpenAI chat" },
    { name: "Switch", value: item.state === "on" ? "on" : "off" },
    {
      name: "Circuit",
      value: item.circuit === "closed" ? "closed" : <Chip tone="bad">Open</Chip>,
    },
    { name: "Errors, last hour", value: <span className="num">{errorRateWords(item)}</span> },
    {
      name: "Last success",
      value: item.last_success_at ? (
        <FullMoment at={item.last_success_at} />
      ) : (
        <span className="text-muted">none</span>
      ),
    },
    {
      name: "Priority · weight",
      value: (
        <span className="num">
          {item.priority} · {item.weight}
        </span>
      ),
    },
  ];
}

function ModelsCard({ item }: { item: Provider }) {
  return (
    <Card
      title="Models with a price"
      note={plural(item.models.length, "model")}
      aside={
        item.models.length > 0 && (
          <Link to="/operator/prices" search={{ provider: item.provider }} className="link text-sm">
            Prices
          </Link>
        )
      }
    >
      {item.models.length === 0 ? (
        <Empty title="No price, no call">
          Import prices for {item.provider} into the price book; a model without a price is never called.
        </Empty>
      ) : (
        <ul className="flex max-h-80 flex-wrap gap-x-5 gap-y-1.5 overflow-auto border-t border-line px-4 py-3 font-mono text-xs">
          {item.models.map((model) => (
            <li key={model} className="[overflow-wrap:anywhere]">
              <Link to="/operator/prices" search={{ provider: item.provider, q: model }} className="link">
                {model}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
