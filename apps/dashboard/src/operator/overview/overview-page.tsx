import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { plural } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { AlertList } from "../alerts/alert-list.tsx";
import { type AlertItem, alertsQuery } from "../alerts/alerts-query.ts";
import { Attention } from "./attention.tsx";
import { Numbers } from "./numbers.tsx";

const shown = 5;

/** What needs the operator first: open alerts, then what is not as it should be, and how much money moves. */
export function OverviewPage() {
  const alerts = useQuery(alertsQuery());
  return (
    <>
      <title>Overview · ModelFaucet</title>
      <PageHead title="Overview" />
      <div className="grid gap-5">
        <div className="grid grid-cols-[minmax(0,2fr)_minmax(0,1fr)] items-start gap-5 max-xl:grid-cols-1">
          <Card
            title="Open alerts"
            {...(alerts.data?.items.length ? { note: countWords(alerts.data.items) } : {})}
            aside={
              <Link to="/operator/alerts" className="link text-sm text-muted">
                All alerts
              </Link>
            }
          >
            <Answer query={alerts} skeleton={<Skeleton rows={2} row={88} />}>
              {({ items }) =>
                items.length === 0 ? (
                  <Empty title="Nothing is wrong">
                    The worker judges every rule each minute; what breaks one stands here with its remedy.
                  </Empty>
                ) : (
                  <AlertList alerts={urgentFirst(items).slice(0, shown)} />
                )
              }
            </Answer>
          </Card>
          <Attention />
        </div>
        <Numbers />
      </div>
    </>
  );
}

/** Pages before tickets, what nobody looks after before what somebody does; else as they came. */
function urgentFirst(alerts: readonly AlertItem[]): AlertItem[] {
  const rank = ({ kind, acknowledged_by: by }: AlertItem) =>
    (by === undefined ? 0 : 2) + (kind === "page" ? 0 : 1);
  return [...alerts].sort((a, b) => rank(a) - rank(b));
}

function countWords(alerts: readonly AlertItem[]): string {
  const pages = alerts.filter(({ kind }) => kind === "page").length;
  const tickets = alerts.length - pages;
  return [pages > 0 && plural(pages, "page"), tickets > 0 && plural(tickets, "ticket")]
    .filter(Boolean)
    .join(", ");
}
