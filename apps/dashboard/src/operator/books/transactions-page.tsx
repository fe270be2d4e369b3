import type { listLedgerTransactions } from "@modelfaucet/contract/routes/admin-books.ts";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
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
import { type TransactionsSearch, transactionFilterCount } from "./search.ts";
import { TransactionFilters } from "./transaction-filters.tsx";
import { TransactionTable } from "./transaction-table.tsx";

/** The ledger, transaction by transaction: kind, wallet, source and request narrow it. */
export function TransactionsPage() {
  const search = useSearch({ from: "/console/operator/books/transactions" });
  const navigate = useNavigate({ from: "/operator/books/transactions" });
  const query = useQuery(
    readKept<typeof listLedgerTransactions>("/v1/admin/books/transactions", { query: useQueryOf(search) }),
  );
  useReturn(query.data !== undefined, search.at);
  /** Another filter is another list: it begins at its newest page. */
  const filter = (next: TransactionsSearch) =>
    void navigate({ search: { ...search, cursor: undefined, at: undefined, ...next } });
  const clear = () => void navigate({ search: {} });
  return (
    <>
      <title>Ledger transactions · ModelFaucet</title>
      <nav aria-label="Path" className="mb-4 flex items-center gap-2 text-sm text-muted">
        <Link to="/operator/books" data-up="" className="link">
          Books
        </Link>
        <span className="text-faint">/</span>
        <span>Ledger transactions</span>
      </nav>
      <PageHead title="Ledger transactions" />
      <TransactionFilters search={search} filter={filter} clear={clear} />
      <Card
        title={search.cursor === undefined ? "Newest first" : "Older transactions"}
        {...(query.isPlaceholderData ? { note: "reading…" } : {})}
      >
        <Answer query={query} skeleton={<Skeleton rows={12} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoTransactions narrowed={transactionFilterCount(search) > 0} clear={clear} />
              ) : (
                <TransactionTable
                  items={items}
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

function useQueryOf(search: TransactionsSearch) {
  const now = useNow();
  const anyTime = search.range === undefined && search.from === undefined;
  const period = anyTime ? null : periodOf(search, now);
  return {
    limit: 50,
    from: period?.from,
    to: period?.to,
    kind: search.kind,
    wallet_id: search.wallet,
    source_id: search.source,
    request_id: search.request,
    cursor: search.cursor,
  };
}

/** Gives the focus back to the row that was left. */
function useReturn(there: boolean, at: string | undefined) {
  const returned = useRef(false);
  useEffect(() => {
    if (!there || returned.current) return;
    returned.current = true;
    if (at !== undefined) document.querySelector<HTMLElement>(`[data-row="${CSS.escape(at)}"] a`)?.focus();
  }, [there, at]);
}

function NoTransactions({ narrowed, clear }: { narrowed: boolean; clear: () => void }) {
  return narrowed ? (
    <Empty title="No transaction is like that">
      <p className="mb-3">Fewer filters or a longer period may find it.</p>
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  ) : (
    <Empty title="Nothing has moved yet">
      Every settlement, credit and adjustment is listed here with both sides as soon as it happens.
    </Empty>
  );
}
