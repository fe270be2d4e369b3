import type { listRequests } from "@modelfaucet/contract/routes/developer.ts";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
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
import { filterCount, type RequestsSearch } from "../search.ts";
import { rememberList } from "./last-list.ts";
import { RequestFilters } from "./request-filters.tsx";
import { RequestTable } from "./request-table.tsx";

const perPage = 50;
const everyMs = 15_000;

/** One request among a million: filters, period, place and choice are in the URL. */
export function RequestsPage() {
  const search = useSearch({ from: "/console/requests" });
  const navigate = useNavigate({ from: "/requests" });
  const query = useQuery({
    ...readKept<typeof listRequests>("/v1/developer/requests", { query: useQueryOf(search) }),
    // What is new comes by itself on the newest page alone; an older one stays as it is.
    refetchInterval: search.cursor === undefined ? everyMs : false,
  });
  const ids = query.data?.items.map(({ request_id: id }) => id);
  useReturn(ids, search);
  /** Another filter is another list: it begins at its newest page. */
  const filter = (next: RequestsSearch) =>
    void navigate({ search: { ...search, cursor: undefined, at: undefined, ...next } });
  return (
    <>
      <title>Requests · ModelFaucet</title>
      <PageHead title="Requests" />
      <RequestFilters search={search} filter={filter} clear={() => void navigate({ search: {} })} />
      <Card
        title={search.cursor === undefined ? "Newest first" : "Older requests"}
        {...(query.isPlaceholderData ? { note: "reading…" } : {})}
      >
        <Answer query={query} skeleton={<Skeleton rows={12} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoRequests search={search} clear={() => void navigate({ search: {} })} />
              ) : (
                <RequestTable
                  items={items}
                  label="Requests"
                  chosen={search.at}
                  choose={(at) => {
                    if (at !== search.at)
                      void navigate({ search: { ...search, at }, replace: true, resetScroll: false });
                  }}
                />
              )}
              <Pages
                newest={search.cursor === undefined}
                next={next}
                toNewest={() => filter({})}
                older={(cursor) => void navigate({ search: { ...search, cursor, at: undefined } })}
              />
            </div>
          )}
        </Answer>
      </Card>
    </>
  );
}

function useQueryOf(search: RequestsSearch) {
  const now = useNow();
  const anyTime = search.range === undefined && search.from === undefined;
  const period = anyTime ? null : periodOf(search, now);
  return {
    limit: perPage,
    from: period?.from,
    to: period?.to,
    public_app_id: search.app,
    feature_key: search.feature,
    status: search.status,
    route_mode: search.mode,
    provider: search.provider,
    model: search.model,
    user_id: search.user,
    min_charge_usd: search.min,
    cursor: search.cursor,
  };
}

/** Remembers the list for the page of one request, and gives the focus back to the row that was left. */
function useReturn(ids: readonly string[] | undefined, search: RequestsSearch) {
  const { at } = search;
  const returned = useRef(false);
  useEffect(() => {
    if (!ids) return;
    rememberList(ids, search);
    if (returned.current) return;
    returned.current = true;
    if (at !== undefined) document.querySelector<HTMLElement>(`[data-row="${at}"] a`)?.focus();
  }, [ids, search, at]);
}

function NoRequests({ search, clear }: { search: RequestsSearch; clear: () => void }) {
  const narrowed = filterCount(search) > 0 || search.range !== undefined || search.from !== undefined;
  return narrowed ? (
    <Empty title="No request is like that">
      <p className="mb-3">Fewer filters or a longer period may find it.</p>
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  ) : (
    <Empty title="No request yet">
      Every call that your apps make to the gateway is listed here within seconds, with its price and its
      receipt.
    </Empty>
  );
}
