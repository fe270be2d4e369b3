import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listBackups } from "@modelfaucet/contract/routes/admin-backups.ts";
import { useQuery } from "@tanstack/react-query";
import { read } from "../../api/read.ts";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";

type Backup = AnswerOf<typeof listBackups>["items"][number];

/** The newest backups, and which of them have been restored on trial. */
export function BackupsCard() {
  const query = useQuery(read<typeof listBackups>("/v1/admin/backups", { query: { limit: 10 } }));
  return (
    <Card title="Backups" note="the newest ten">
      <Answer query={query} skeleton={<Skeleton rows={3} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No backup yet">
              Each one that is taken is listed here with its fingerprint, and marked once a trial restore of
              it has passed.
            </Empty>
          ) : (
            <BackupTable items={items} />
          )
        }
      </Answer>
    </Card>
  );
}

function BackupTable({ items }: { items: readonly Backup[] }) {
  return (
    <Table
      label="Backups"
      head={
        <>
          <Th wide>Taken</Th>
          <Th right className="max-sm:hidden">
            Schema
          </Th>
          <Th className="max-md:hidden">SHA-256</Th>
          <Th>Restored on trial</Th>
        </>
      }
    >
      {items.map((backup) => (
        <Row key={backup.id} id={backup.id}>
          <Td wide>
            <Moment at={backup.taken_at} />
          </Td>
          <Td right className="max-sm:hidden">
            {backup.schema_version}
          </Td>
          <Td className="max-md:hidden">
            <span className="inline-flex items-center gap-2">
              <code className="font-mono text-xs text-muted">{backup.sha256.slice(0, 16)}…</code>
              <CopyButton text={backup.sha256} label="Copy" />
            </span>
          </Td>
          <Td>
            {backup.tested_at ? (
              <span className="inline-flex items-center gap-2">
                <Chip tone="good">Tested</Chip>
                <span className="text-muted max-sm:hidden">
                  <Moment at={backup.tested_at} />
                </span>
              </span>
            ) : (
              <Chip tone="warn">Not tested</Chip>
            )}
          </Td>
        </Row>
      ))}
    </Table>
  );
}
