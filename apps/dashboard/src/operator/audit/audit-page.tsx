import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { AuditFilters } from "../../developer/audit/audit-filters.tsx";
import { AuditTable, scopeWords } from "../../developer/audit/audit-table.tsx";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { useNow } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { auditQuery } from "./audit-query.ts";
import { ExportButtons } from "./export-buttons.tsx";
import { actorScopes, type OperatorAuditSearch, requestForm } from "./search.ts";

/** Everything that was done, by whom and why; exported as a file, which is audited too. */
export function AuditPage() {
  const search = useSearch({ from: "/console/operator/audit" });
  const navigate = useNavigate({ from: "/operator/audit" });
  const { session } = useRouteContext({ from: "/console" });
  const query = useQuery(auditQuery(search, useNow()));
  const narrowed = Object.entries(search).some(([name, value]) => name !== "cursor" && value !== undefined);
  const filter = (next: Partial<OperatorAuditSearch>) =>
    void navigate({ search: { ...search, cursor: undefined, ...next } });
  const clear = () => void navigate({ search: {} });
  return (
    <>
      <title>Audit log · ModelFaucet</title>
      <PageHead title="Audit log" note="It is appended to and read, and never changed.">
        {may(session, "operator:incidents") && <ExportButtons search={search} />}
      </PageHead>
      <AuditFilters search={search} filter={filter} clear={narrowed ? clear : null}>
        <ActorFilters search={search} filter={filter} />
      </AuditFilters>
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={12} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? <NoRows clear={clear} /> : <AuditTable items={items} />}
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

function ActorFilters({
  search,
  filter,
}: {
  search: OperatorAuditSearch;
  filter: (next: Partial<OperatorAuditSearch>) => void;
}) {
  return (
    <>
      <SelectField
        label="By a"
        className="w-40 max-sm:w-[calc(50%-6px)]"
        value={search.scope ?? ""}
        onChange={({ target }) => filter({ scope: actorScopes.find((scope) => scope === target.value) })}
      >
        <option value="">Anybody</option>
        {actorScopes.map((scope) => (
          <option key={scope} value={scope}>
            {scopeWords[scope]}
          </option>
        ))}
      </SelectField>
      <TypedFilter
        label="Actor id"
        className="w-48 max-sm:w-[calc(50%-6px)]"
        value={search.actor ?? ""}
        accepts={(text) => text.length <= 128}
        apply={(text) => filter({ actor: text || undefined })}
      />
      <TypedFilter
        label="Request id"
        className="w-48 max-sm:w-[calc(50%-6px)]"
        value={search.request ?? ""}
        accepts={(text) => text === "" || requestForm.test(text)}
        apply={(text) => filter({ request: text || undefined })}
      />
    </>
  );
}

function NoRows({ clear }: { clear: () => void }) {
  return (
    <Empty title="No row is like that">
      <p className="mb-3">Fewer filters or a longer period may find it.</p>
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  );
}
