import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { RevokeDialog } from "./revoke-dialog.tsx";
import { type SessionsSearch, sessionKeys, sessionStatuses, sessionsSearch } from "./search.ts";
import { SessionTable } from "./session-table.tsx";
import { keyWords, sessionsQuery, type Whose } from "./sessions-query.ts";

/** Sessions of everybody, found and ended by one key: an end user, an app, a developer, an origin, or their own id. */
export function SessionsPage() {
  const search = useSearch({ from: "/console/operator/sessions" });
  const navigate = useNavigate({ from: "/operator/sessions" });
  const { session } = useRouteContext({ from: "/console" });
  const [revoking, setRevoking] = useState<Whose | null>(null);
  const query = useQuery(sessionsQuery(search));
  const mayWrite = may(session, "operator:switches");
  const { by, of } = search;
  const filter = (next: SessionsSearch) =>
    void navigate({ search: { ...search, cursor: undefined, ...next } });
  const clear = () => void navigate({ search: {} });
  return (
    <>
      <title>Sessions · ModelFaucet</title>
      <PageHead title="Sessions">
        {mayWrite && by !== undefined && of !== undefined && (
          <Button look="danger" onClick={() => setRevoking({ by, of })}>
            Revoke all of these
          </Button>
        )}
      </PageHead>
      <Filters search={search} filter={filter} clear={clear} />
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={8} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoSessions search={search} clear={clear} />
              ) : (
                <SessionTable items={items} mayWrite={mayWrite} revoke={setRevoking} />
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
      {revoking && <RevokeDialog whose={revoking} close={() => setRevoking(null)} />}
    </>
  );
}

function Filters({
  search,
  filter,
  clear,
}: {
  search: SessionsSearch;
  filter: (next: SessionsSearch) => void;
  clear: () => void;
}) {
  const { by, of, status } = search;
  return (
    <div className="mb-5 flex flex-wrap items-start gap-3">
      <SelectField
        label="State"
        className="w-36 max-sm:w-[calc(50%-6px)]"
        value={status ?? ""}
        onChange={({ target }) => filter({ status: sessionStatuses.find((each) => each === target.value) })}
      >
        <option value="">Any</option>
        <option value="live">Live</option>
        <option value="expired">Ended</option>
        <option value="revoked">Revoked</option>
      </SelectField>
      <SelectField
        label="By"
        className="w-40 max-sm:w-[calc(50%-6px)]"
        value={by ?? ""}
        onChange={({ target }) =>
          filter({ by: sessionKeys.find((each) => each === target.value), of: undefined })
        }
      >
        <option value="">Everybody's</option>
        {sessionKeys.map((key) => (
          <option key={key} value={key}>
            {keyWords[key].word}
          </option>
        ))}
      </SelectField>
      {by !== undefined && (
        <TypedFilter
          key={by}
          label={keyWords[by].word}
          data-search=""
          className="w-80 max-sm:w-full"
          value={of ?? ""}
          accepts={(text) => text === "" || sessionsSearch({ by, of: text }).of !== undefined}
          apply={(text) => filter({ of: text || undefined })}
        />
      )}
      {(by !== undefined || status !== undefined) && (
        <Button look="quiet" className="mt-5" onClick={clear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}

function NoSessions({ search, clear }: { search: SessionsSearch; clear: () => void }) {
  if (search.of !== undefined || search.status !== undefined) {
    return (
      <Empty title="No session is like that">
        <Button onClick={clear}>Show every session</Button>
      </Empty>
    );
  }
  return (
    <Empty title="No session yet">
      An app opens one for its end user before the first call; here they are found and ended.
    </Empty>
  );
}
