import type { acknowledgeAlert } from "@modelfaucet/contract/routes/alerts.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { may } from "../../api/session.ts";
import { showDuration } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Chip } from "../../ui/chip.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { AlertDetails } from "./alert-details.tsx";
import { type AlertItem, alertsPath } from "./alerts-query.ts";

/** Each alert with what to do about it; j and k go from one to the next. */
export function AlertList({ alerts }: { alerts: readonly AlertItem[] }) {
  return (
    <ul aria-label="Alerts">
      {alerts.map((alert) => (
        <Alert key={alert.id} alert={alert} />
      ))}
    </ul>
  );
}

function Alert({ alert }: { alert: AlertItem }) {
  const [opened, setOpened] = useState(false);
  return (
    <li
      data-row={alert.id}
      className="appear grid grid-cols-[minmax(0,1fr)_auto] gap-x-6 gap-y-2 border-t border-line px-4 py-3.5 max-sm:grid-cols-1"
    >
      <div className="grid min-w-0 gap-1.5">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
          <KindChip alert={alert} />
          <h3 className="min-w-0">
            <button
              type="button"
              aria-expanded={opened}
              title="What the rule saw"
              className="rounded-sm text-left font-medium [overflow-wrap:anywhere] hover:text-accent"
              onClick={() => setOpened(!opened)}
            >
              {alert.title}
            </button>
          </h3>
        </div>
        <p className="text-sm text-muted [overflow-wrap:anywhere]">{withCode(alert.remedy)}</p>
        <p className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
          <span>
            Target <code className="font-mono text-text [overflow-wrap:anywhere]">{alert.target}</code>
          </span>
          <span>
            {alert.closed_at === undefined ? "since" : "opened"} <FullMoment at={alert.opened_at} />
          </span>
          {alert.closed_at !== undefined && (
            <span>
              closed <FullMoment at={alert.closed_at} /> after {lasted(alert.opened_at, alert.closed_at)}
            </span>
          )}
        </p>
        {opened && <AlertDetails alert={alert} />}
      </div>
      <LookedAfter alert={alert} />
    </li>
  );
}

/** A sentence in which what stands between backticks is to be typed. */
function withCode(text: string): ReactNode[] {
  return text.split("`").map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence never change places.
      <code key={index} className="font-mono text-xs text-text">
        {part}
      </code>
    ) : (
      part
    ),
  );
}

function KindChip({ alert: { kind, closed_at: closed } }: { alert: AlertItem }) {
  const word = kind === "page" ? "Page" : "Ticket";
  const says =
    kind === "page" ? "somebody should get up for it" : "somebody should look at it in working hours";
  return (
    <Chip tone={closed !== undefined ? "plain" : kind === "page" ? "bad" : "warn"} title={says}>
      {word}
    </Chip>
  );
}

/** Who looks after it, or the button by which the reader does. */
function LookedAfter({ alert }: { alert: AlertItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const queryClient = useQueryClient();
  const acknowledge = useMutation<AlertItem, Problem>({
    mutationFn: () =>
      call<typeof acknowledgeAlert>("POST", "/v1/admin/alerts/:id/acknowledge", {
        params: { id: alert.id },
        body: {},
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [alertsPath] }),
  });
  if (alert.acknowledged_by !== undefined && alert.acknowledged_at !== undefined) {
    return (
      <p className="text-sm text-muted sm:text-right">
        <span className="block max-w-60 [overflow-wrap:anywhere]">
          {alert.acknowledged_by} {alert.closed_at === undefined ? "looks" : "looked"} after it
        </span>
        <span className="text-xs">
          <FullMoment at={alert.acknowledged_at} />
        </span>
      </p>
    );
  }
  if (alert.closed_at !== undefined) return <p className="text-sm text-muted">Nobody looked after it</p>;
  if (!may(session, "operator:platform"))
    return <p className="text-sm text-muted">Nobody looks after it yet</p>;
  return (
    <div className="grid max-w-72 content-start justify-items-end gap-2 max-sm:justify-items-start">
      <Button disabled={acknowledge.isPending} onClick={() => acknowledge.mutate()}>
        {acknowledge.isPending ? "Acknowledging…" : "Acknowledge"}
      </Button>
      {acknowledge.error && <ProblemNotice trouble={acknowledge.error} />}
    </div>
  );
}

function lasted(from: string, to: string): string {
  const ms = Date.parse(to) - Date.parse(from);
  if (ms < 3_600_000) return showDuration(ms);
  const hours = Math.floor(ms / 3_600_000);
  return hours < 48
    ? `${hours} h ${Math.floor((ms % 3_600_000) / 60_000)} min`
    : `${Math.floor(hours / 24)} days`;
}
