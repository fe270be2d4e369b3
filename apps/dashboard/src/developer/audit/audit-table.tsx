import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listAuditRows } from "@modelfaucet/contract/routes/audit.ts";
import { useState } from "react";
import { showExactTime } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Moment } from "../../ui/moment.tsx";
import { TextBox } from "../../ui/scroll-box.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";

export type AuditRow = AnswerOf<typeof listAuditRows>["items"][number];

/** Who did what to what, and why; a row opens what was noted with it. */
export function AuditTable({ items }: { items: readonly AuditRow[] }) {
  const [opened, setOpened] = useState<AuditRow | null>(null);
  return (
    <>
      <Table
        label="Audit log"
        head={
          <>
            <Th wide>Act</Th>
            <Th className="max-sm:hidden">By</Th>
            <Th className="max-md:hidden">On</Th>
            <Th className="max-lg:hidden">Reason</Th>
            <Th>When</Th>
          </>
        }
      >
        {items.map((item) => (
          <Row key={item.id} id={item.id} className="appear">
            <Td wide>
              <Button
                look="quiet"
                small
                className="-ml-2 max-w-full justify-start"
                onClick={() => setOpened(item)}
              >
                <code className="truncate font-mono text-xs text-text">{item.action}</code>
              </Button>
            </Td>
            <Td className="max-w-48 truncate max-sm:hidden">
              <Actor row={item} />
            </Td>
            <Td className="max-w-64 truncate max-md:hidden">
              <span title={item.resource_id}>
                {item.resource_type.replaceAll("_", " ")}{" "}
                <span className="font-mono text-xs text-muted">{item.resource_id}</span>
              </span>
            </Td>
            <Td className="max-w-56 truncate max-lg:hidden">
              {item.reason ? (
                <span title={item.reason}>{item.reason}</span>
              ) : (
                <span className="text-faint">–</span>
              )}
            </Td>
            <Td>
              <Moment at={item.created_at} />
            </Td>
          </Row>
        ))}
      </Table>
      {opened && <AuditDialog row={opened} close={() => setOpened(null)} />}
    </>
  );
}

function Actor({ row }: { row: AuditRow }) {
  const name = row.actor_name ?? scopeWords[row.actor_scope];
  return <span title={row.actor_id ?? name}>{name}</span>;
}

function AuditDialog({ row, close }: { row: AuditRow; close: () => void }) {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["By", row.actor_name],
    ["Acting as", scopeWords[row.actor_scope]],
    ["Actor id", row.actor_id],
    ["On", `${row.resource_type.replaceAll("_", " ")} ${row.resource_id ?? ""}`.trim()],
    ["Reason", row.reason],
    ["Request", row.request_id],
    ["At", showExactTime(row.created_at)],
  ];
  return (
    <Dialog title={row.action} close={close} wide>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name} className="contents">
                <dt className="text-muted">{name}</dt>
                <dd className="[overflow-wrap:anywhere]">{value}</dd>
              </div>
            ),
        )}
      </dl>
      {Object.keys(row.metadata).length > 0 && (
        <TextBox label="What was noted" text={JSON.stringify(row.metadata, null, 2)} className="max-h-72" />
      )}
      <div className="flex justify-end gap-2">
        {row.request_id && <CopyButton text={row.request_id} label="Copy request id" />}
        <Button small data-first="" onClick={close}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

/** The kinds of actors, as they are told apart in the log. */
export const scopeWords: Record<AuditRow["actor_scope"], string> = {
  developer: "developer",
  end_user: "end user",
  admin: "operator",
  stripe: "payments",
  system: "the system",
  bootstrap: "bootstrap credential",
};
