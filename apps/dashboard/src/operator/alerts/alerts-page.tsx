import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { type AlertsSearch, alertKinds, alertStates } from "../search.ts";
import { AlertList } from "./alert-list.tsx";
import { alertsQuery } from "./alerts-query.ts";

const titles = { open: "Open alerts", closed: "Closed alerts", all: "Every alert" } as const;

/** What is wrong, since when, what to do, and who looks after it. */
export function AlertsPage() {
  const search = useSearch({ from: "/console/operator/alerts" });
  const navigate = useNavigate({ from: "/operator/alerts" });
  const query = useQuery(alertsQuery(search));
  const filter = (next: AlertsSearch) => void navigate({ search: { ...search, cursor: undefined, ...next } });
  return (
    <>
      <title>Alerts · ModelFaucet</title>
      <PageHead title="Alerts">
        <SelectField
          label="State"
          className="w-36 max-sm:w-[calc(50%-6px)]"
          value={search.state ?? ""}
          onChange={({ target }) => filter({ state: alertStates.find((state) => state === target.value) })}
        >
          <option value="">Open</option>
          <option value="closed">Closed</option>
          <option value="all">Open and closed</option>
        </SelectField>
        <SelectField
          label="Kind"
          className="w-36 max-sm:w-[calc(50%-6px)]"
          value={search.kind ?? ""}
          onChange={({ target }) => filter({ kind: alertKinds.find((kind) => kind === target.value) })}
        >
          <option value="">Any</option>
          <option value="page">Page</option>
          <option value="ticket">Ticket</option>
        </SelectField>
      </PageHead>
      <Card title={titles[search.state ?? "open"]} {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={4} row={88} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoAlerts search={search} clear={() => void navigate({ search: {} })} />
              ) : (
                <AlertList alerts={items} />
              )}
              <Pages
                newest={search.cursor === undefined}
                next={next}
                toNewest={() => filter({})}
                older={(cursor) => void navigate({ search: { ...search, cursor } })}
              />
            </div>
          )}
        </Answer>
      </Card>
    </>
  );
}

function NoAlerts({ search, clear }: { search: AlertsSearch; clear: () => void }) {
  if (search.kind !== undefined || search.state !== undefined) {
    return (
      <Empty title="No alert is like that">
        <Button onClick={clear}>Show what is open</Button>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing is wrong">
      The worker judges every rule each minute: books, holds, prices, upstreams, backups. What breaks one
      stands here with its remedy, and goes to ALERT_WEBHOOK_URL where that is set.
    </Empty>
  );
}
