import type { readLedgerTransaction } from "@modelfaucet/contract/routes/admin-books.ts";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { read } from "../../api/read.ts";
import {
  EntriesCard,
  kindWords,
  type LedgerTransaction,
  scopeWords,
  sideOf,
} from "../../ledger/entries-card.tsx";
import { Answer } from "../../ui/answer.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { WalletLink } from "./wallet-link.tsx";

/** One ledger transaction: both sides of every transfer, balanced, and where it came from. */
export function TransactionPage() {
  const { transactionId: id } = useParams({ from: "/console/operator/books/transactions/$transactionId" });
  const query = useQuery(
    read<typeof readLedgerTransaction>("/v1/admin/books/transactions/:id", { params: { id } }),
  );
  return (
    <>
      <title>Ledger transaction · ModelFaucet</title>
      <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
        <Link to="/operator/books/transactions" search={{ at: id }} data-up="" className="link flex-none">
          Ledger transactions
        </Link>
        <span className="text-faint">/</span>
        <span className="num min-w-0 truncate font-mono text-xs">{id}</span>
        <CopyButton text={id} label="Copy id" />
      </nav>
      <Answer page query={query} skeleton={<Skeleton rows={8} />}>
        {(transaction) => <Story transaction={transaction} />}
      </Answer>
    </>
  );
}

function Story({ transaction }: { transaction: LedgerTransaction }) {
  return (
    <>
      <div className="mb-5">
        <h1 className="text-xs font-medium text-muted first-letter:uppercase">
          {kindWords[transaction.kind]}
        </h1>
        <p className="text-2xl font-semibold tracking-tight">
          <ExactMoney usd={sideOf(transaction, "debit")} currency />
        </p>
      </div>
      <Facts items={factsOf(transaction)} />
      <EntriesCard
        transaction={transaction}
        account={({ scope, wallet_id: walletId }) => (
          <>
            {scopeWords[scope]}
            {hasOwner.has(scope) && (
              <span className="max-sm:hidden">
                {" · "}
                <WalletLink id={walletId} />
              </span>
            )}
          </>
        )}
      />
    </>
  );
}

/** The accounts that are somebody's wallet; the others are the ledger's own. */
const hasOwner: ReadonlySet<string> = new Set(["end_user", "developer", "platform"]);

function factsOf({ kind, source_id: source, reverses, created_at: at }: LedgerTransaction) {
  return [
    {
      name: kind === "usage" ? "Request" : "Source",
      wide: true,
      value: (
        <Link
          to="/operator/books/transactions"
          search={kind === "usage" ? { request: `req_${source}` } : { source }}
          title="Everything that it moved"
          className="link font-mono text-xs"
        >
          {kind === "usage" ? `req_${source}` : source}
        </Link>
      ),
    },
    ...(reverses === undefined
      ? []
      : [
          {
            name: "Takes back",
            wide: true,
            value: (
              <Link
                to="/operator/books/transactions/$transactionId"
                params={{ transactionId: reverses }}
                className="link font-mono text-xs"
              >
                {reverses}
              </Link>
            ),
          },
        ]),
    { name: "Booked", value: <FullMoment at={at} /> },
  ];
}
