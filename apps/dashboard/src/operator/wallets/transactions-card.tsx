import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { transactionKinds, type WalletSearch } from "../search.ts";
import { transactionsQuery, type WalletTransaction } from "./wallets-query.ts";
import { kindWords } from "./words.tsx";

const everyMs = 15_000;

/** Every movement of one wallet, newest first; each amount leads to its ledger transaction. */
export function TransactionsCard({ walletId }: { walletId: string }) {
  const search = useSearch({ from: "/console/operator/wallets/$walletId" });
  const navigate = useNavigate({ from: "/operator/wallets/$walletId" });
  const query = useQuery({
    ...transactionsQuery(walletId, search),
    refetchInterval: search.cursor === undefined ? everyMs : false,
  });
  const filter = (next: WalletSearch) =>
    void navigate({ search: { ...search, cursor: undefined, ...next }, resetScroll: false });
  return (
    <Card
      title="Transactions"
      {...(query.isPlaceholderData ? { note: "reading…" } : {})}
      aside={<KindChoice chosen={search.kind} choose={(kind) => filter({ kind })} />}
    >
      <Answer query={query} skeleton={<Skeleton rows={6} />}>
        {({ items, next_cursor: next }) => (
          <div className={classNames(query.isPlaceholderData && "opacity-60")}>
            {items.length === 0 ? (
              <NoTransactions search={search} clear={() => filter({ kind: undefined })} />
            ) : (
              <TransactionTable transactions={items} />
            )}
            <Pages
              newest={search.cursor === undefined}
              next={next}
              toNewest={() => filter({})}
              older={(cursor) => void navigate({ search: { ...search, cursor }, resetScroll: false })}
            />
          </div>
        )}
      </Answer>
    </Card>
  );
}

function KindChoice({
  chosen,
  choose,
}: {
  chosen: WalletSearch["kind"];
  choose: (kind: WalletSearch["kind"]) => void;
}) {
  return (
    <select
      aria-label="Kind of transaction"
      className="h-7 min-w-0 rounded-sm border border-field bg-surface px-1.5 text-sm"
      value={chosen ?? ""}
      onChange={({ target }) => choose(transactionKinds.find((kind) => kind === target.value))}
    >
      <option value="">Every kind</option>
      {transactionKinds.map((kind) => (
        <option key={kind} value={kind}>
          {kindWords[kind]}
        </option>
      ))}
    </select>
  );
}

function TransactionTable({ transactions }: { transactions: readonly WalletTransaction[] }) {
  return (
    <Table
      label="Transactions"
      head={
        <>
          <Th className="max-sm:hidden">When</Th>
          <Th wide className="max-sm:pl-4">
            What
          </Th>
          <Th right>Amount</Th>
          <Th right className="max-md:hidden">
            Balance after it
          </Th>
        </>
      }
    >
      {transactions.map((transaction) => (
        <TransactionRow key={transaction.id} transaction={transaction} />
      ))}
    </Table>
  );
}

function TransactionRow({ transaction }: { transaction: WalletTransaction }) {
  const { id, direction, amount_usd: usd, text } = transaction;
  const link = { to: "/operator/books/transactions/$transactionId", params: { transactionId: id } } as const;
  return (
    <Row id={id} className="appear">
      <Td className="max-sm:hidden">
        <Moment at={transaction.created_at} />
      </Td>
      <Td wide className="max-sm:py-2 max-sm:pl-4">
        <Link {...link} title={text} className="rounded-sm no-underline hover:text-accent">
          {text}
        </Link>
        {transaction.request_id !== undefined && (
          <span className="font-mono text-xs text-faint max-sm:hidden"> {transaction.request_id}</span>
        )}
        <span className="block text-xs text-muted sm:hidden">
          <Moment at={transaction.created_at} />
        </span>
      </Td>
      <Td right>
        <Link {...link} tabIndex={-1} className="no-underline hover:text-accent">
          <span className="text-xs text-muted">{direction} </span>
          {direction === "credit" && "+"}
          <Money usd={direction === "credit" ? usd : `-${usd}`} column />
        </Link>
      </Td>
      <Td right className="max-md:hidden">
        <Money usd={transaction.wallet_balance_after_usd} column left />
      </Td>
    </Row>
  );
}

function NoTransactions({ search, clear }: { search: WalletSearch; clear: () => void }) {
  if (search.kind === undefined) {
    return (
      <Empty title="Nothing has moved yet">
        Charges of requests, top-ups and what operators do by hand are listed here with the balance after
        each.
      </Empty>
    );
  }
  return (
    <Empty title="No transaction is of that kind">
      <Button onClick={clear}>Show every kind</Button>
    </Empty>
  );
}
