import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { showCount } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { sourceWords, VersionChip } from "./price-words.tsx";
import { type PriceVersion, versionsQuery } from "./prices-queries.ts";
import { PublishDialog } from "./publish-dialog.tsx";

/** The versions of the book, newest first; a draft can be published from here. */
export function VersionsCard({
  mayWrite,
  limit,
  turn,
}: {
  mayWrite: boolean;
  limit: number;
  /** Turning pages; without it only the newest are shown, with a way to all of them. */
  turn?: { cursor: string | undefined; to: (cursor: string | undefined) => void };
}) {
  const [publishing, setPublishing] = useState<PriceVersion | null>(null);
  const query = useQuery(versionsQuery({ limit, cursor: turn?.cursor }));
  const more = turn === undefined && (query.data?.next_cursor ?? null) !== null;
  return (
    <Card
      title="Versions"
      note="a later one replaces the models that it names"
      aside={
        more && (
          <Link to="/operator/prices/versions" className="link text-sm">
            All versions
          </Link>
        )
      }
    >
      <Answer query={query} skeleton={<Skeleton rows={limit > 10 ? 10 : 2} />}>
        {({ items, next_cursor: next }) => (
          <>
            {items.length === 0 ? (
              <Empty title="No version yet">The first import makes the first one.</Empty>
            ) : (
              <VersionTable items={items} mayWrite={mayWrite} publish={setPublishing} />
            )}
            {turn && (
              <Pages
                newest={turn.cursor === undefined}
                next={next}
                toNewest={() => turn.to(undefined)}
                older={turn.to}
              />
            )}
          </>
        )}
      </Answer>
      {publishing && (
        <PublishDialog
          version={publishing.version}
          effectiveAt={publishing.effective_at}
          close={() => setPublishing(null)}
        />
      )}
    </Card>
  );
}

function VersionTable({
  items,
  mayWrite,
  publish,
}: {
  items: readonly PriceVersion[];
  mayWrite: boolean;
  publish: (version: PriceVersion) => void;
}) {
  return (
    <Table
      label="Versions"
      head={
        <>
          <Th>Version</Th>
          <Th>State</Th>
          <Th wide className="max-sm:hidden">
            From
          </Th>
          <Th right className="max-md:hidden">
            Models
          </Th>
          <Th className="max-sm:hidden">In force from</Th>
          <Th />
        </>
      }
    >
      {items.map((item) => (
        <Row key={item.version} id={String(item.version)}>
          <Td className="num font-medium">{item.version}</Td>
          <Td>
            <VersionChip status={item.status} />
          </Td>
          <Td wide className="max-sm:hidden">
            <span title={item.imported_by}>
              {sourceWords(item.source)}
              {item.imported_by !== undefined && <span className="text-muted"> · {item.imported_by}</span>}
            </span>
          </Td>
          <Td right className="max-md:hidden">
            {showCount(item.entries)}
          </Td>
          <Td className="max-sm:hidden">
            {item.effective_at ? (
              <Moment at={item.effective_at} />
            ) : (
              <span className="text-muted">its publication</span>
            )}
          </Td>
          <Td right>
            {mayWrite && item.status === "draft" && (
              <Button small onClick={() => publish(item)}>
                Publish
              </Button>
            )}
          </Td>
        </Row>
      ))}
    </Table>
  );
}
