import type { listDeveloperAuditRows } from "@modelfaucet/contract/routes/audit.ts";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { readKept } from "../../api/read.ts";
import { periodOf } from "../../format/period.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { useNow } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { AuditFilters } from "./audit-filters.tsx";
import { AuditTable } from "./audit-table.tsx";
import type { AuditSearch } from "./search.ts";

const perPage = 50;

/** What was done to what is the developer's: by its people, its tokens, and by operators, who are not told by name. */
export function AuditPage() {
  const search = useSearch({ from: "/console/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const query = useQuery(useQueryOf(search));
  const narrowed = Object.entries(search).some(([name, value]) => name !== "cursor" && value !== undefined);
  const filter = (next: Partial<AuditSearch>) =>
    void navigate({ search: { ...search, cursor: undefined, ...next } });
  const clear = () => void navigate({ search: {} });
  return (
    <>
      <title>Audit log · ModelFaucet</title>
      <PageHead title="Audit log" note="It is appended to and read, and never changed." />
      <AuditFilters search={search} filter={filter} clear={narrowed ? clear : null} />
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={12} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? <NoRows clear={narrowed ? clear : null} /> : <AuditTable items={items} />}
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

function useQueryOf(search: AuditSearch) {
  const now = useNow();
  const anyTime = search.range === undefined && search.from === undefined;
  const period = anyTime ? null : periodOf(search, now);
  return readKept<typeof listDeveloperAuditRows>("/v1/developer/audit-logs", {
    query: {
      limit: perPage,
      from: period?.from,
      to: period?.to,
      action: search.action,
      resource_type: search.type,
      resource_id: search.resource,
      cursor: search.cursor,
    },
  });
}

function NoRows({ clear }: { clear: (() => void) | null }) {
  return clear ? (
    <Empty title="No row is like that">
      <p className="mb-3">Fewer filters or a longer period may find it.</p>
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  ) : (
    <Empty title="Nothing was done yet">
      Every change of your apps, features, keys, tokens and users stands here, with who did it and why.
    </Empty>
  );
}
