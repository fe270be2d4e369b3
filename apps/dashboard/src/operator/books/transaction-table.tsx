import { Link } from "@tanstack/react-router";
import { kindWords, type LedgerTransaction, scopeWords, sideOf } from "../../ledger/entries-card.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";

/** Transactions, newest first: from which accounts to which, and how much. */
export function TransactionTable({
  items,
  chosen,
  choose,
}: {
  items: readonly LedgerTransaction[];
  chosen: string | undefined;
  choose: (id: string) => void;
}) {
  return (
    <Table
      label="Ledger transactions"
      head={
        <>
          <Th className="max-sm:hidden">When</Th>
          <Th wide className="max-sm:pl-4">
            Kind · from → to
          </Th>
          <Th className="max-md:hidden">Source</Th>
          <Th right>Moved</Th>
        </>
      }
    >
      {items.map((item) => (
        <TransactionRow key={item.id} item={item} current={item.id === chosen} choose={choose} />
      ))}
    </Table>
  );
}

function TransactionRow({
  item,
  current,
  choose,
}: {
  item: LedgerTransaction;
  current: boolean;
  choose: (id: string) => void;
}) {
  const link = {
    to: "/operator/books/transactions/$transactionId",
    params: { transactionId: item.id },
  } as const;
  return (
    <Row id={item.id} current={current} onFocus={() => choose(item.id)} className="appear">
      <Td className="max-sm:hidden">
        <Link {...link} tabIndex={-1} className="rounded-sm no-underline hover:text-accent">
          <Moment at={item.created_at} />
        </Link>
      </Td>
      <Td wide className="max-sm:py-2 max-sm:pl-4">
        <Link
          {...link}
          className="inline-block rounded-sm no-underline first-letter:uppercase hover:text-accent"
        >
          {kindWords[item.kind]}
        </Link>
        <span className="text-muted">
          {" "}
          · {accountsOf(item, "debit")} → {accountsOf(item, "credit")}
        </span>
        <span className="block text-xs text-muted sm:hidden">
          <Moment at={item.created_at} />
        </span>
      </Td>
      <Td className="max-md:hidden">
        <span className="font-mono text-xs text-muted" title={item.source_id}>
          {item.source_id.length > 18
            ? `${item.source_id.slice(0, 8)}…${item.source_id.slice(-4)}`
            : item.source_id}
        </span>
      </Td>
      <Td right>
        <Link {...link} tabIndex={-1} className="no-underline hover:text-accent">
          <Money usd={sideOf(item, "debit")} column />
        </Link>
      </Td>
    </Row>
  );
}

function accountsOf(item: LedgerTransaction, side: "debit" | "credit"): string {
  const scopes = item.entries
    .filter(({ direction }) => direction === side)
    .map(({ scope }) => scopeWords[scope]);
  return [...new Set(scopes)].join(", ");
}
