import type { stopDebugLog } from "@modelfaucet/contract/routes/debug-log.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { plural } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { AppPath } from "../apps/app-path.tsx";
import { Countdown } from "./countdown.tsx";
import { type DebugLog, debugPath, debugQuery } from "./debug-queries.ts";
import { RecordedCall } from "./recorded-call.tsx";
import { StartDialog } from "./start-dialog.tsx";

/** The one place where content is kept, because the developer asked for it: an hour at most, gone after a day. */
export function DebugPage() {
  const { appId } = useParams({ from: "/console/apps/$appId/debug-log" });
  const query = useQuery(debugQuery(appId));
  return (
    <>
      <title>Debug log · ModelFaucet</title>
      <AppPath appId={appId} here="Debug log" />
      <Answer page query={query} skeleton={<Skeleton rows={8} />}>
        {(log) => <Screen appId={appId} log={log} />}
      </Answer>
    </>
  );
}

function Screen({ appId, log }: { appId: string; log: DebugLog }) {
  const queryClient = useQueryClient();
  const [starting, setStarting] = useState(false);
  const stop = useMutation<DebugLog, Problem>({
    mutationFn: () => call<typeof stopDebugLog>("DELETE", debugPath, { params: { publicAppId: appId } }),
    onSuccess: (answer) => queryClient.setQueryData(debugQuery(appId).queryKey, answer),
  });
  return (
    <>
      <PageHead
        title="Debug log"
        note={log.on ? `On by ${log.changed_by ?? "somebody of yours"}` : "Nothing is recorded"}
      >
        {log.on && log.until !== undefined ? (
          <>
            <Chip tone="warn" title="prompts and answers of this app are recorded">
              Recording
            </Chip>
            <Countdown until={log.until} />
            <Button look="danger" disabled={stop.isPending} onClick={() => stop.mutate()}>
              {stop.isPending ? "Stopping…" : "Stop recording"}
            </Button>
          </>
        ) : (
          <Button look="primary" onClick={() => setStarting(true)}>
            Start recording
          </Button>
        )}
      </PageHead>
      {stop.error && <ProblemNotice trouble={stop.error} className="mb-5" />}
      <Calls appId={appId} log={log} />
      {starting && <StartDialog appId={appId} close={() => setStarting(false)} />}
    </>
  );
}

function Calls({ appId, log: { on, items } }: { appId: string; log: DebugLog }) {
  const [opened, setOpened] = useState<string | null>(null);
  return (
    <Card title="Recorded calls" note={plural(items.length, "call")}>
      {items.length === 0 ? (
        <Empty title={on ? "No call yet" : "No call is kept"}>
          {on
            ? "Calls of this app appear here as they end."
            : "Start recording to see what your app asks and what is answered. Every answer of that time tells your users so; records are sealed, and gone after 24 hours."}
        </Empty>
      ) : (
        <Table
          label="Recorded calls"
          head={
            <>
              <Th wide>Request</Th>
              <Th>When</Th>
              <Th />
            </>
          }
        >
          {items.map(({ request_id: id, created_at: at }) => (
            <Row key={id} id={id} className="appear">
              <Td wide>
                <span className="font-mono text-xs" title={id}>
                  {id}
                </span>
              </Td>
              <Td>
                <Moment at={at} />
              </Td>
              <Td right>
                <Button small onClick={() => setOpened(id)}>
                  Read
                </Button>
              </Td>
            </Row>
          ))}
        </Table>
      )}
      {opened !== null && <RecordedCall appId={appId} requestId={opened} close={() => setOpened(null)} />}
    </Card>
  );
}
