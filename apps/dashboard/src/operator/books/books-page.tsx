import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { buttonClass } from "../../ui/button.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { BackupsCard } from "./backups-card.tsx";
import { checksQuery, mismatchesQuery } from "./books-queries.ts";
import { ChecksCard } from "./checks-card.tsx";
import { MismatchCard } from "./mismatch-card.tsx";
import { TrialBalanceCard } from "./trial-balance-card.tsx";
import { Verdict } from "./verdict.tsx";

/** Whether the books are right: drift, trial balance, every check, and what to fall back on. */
export function BooksPage() {
  const search = useSearch({ from: "/console/operator/books" });
  const navigate = useNavigate({ from: "/operator/books" });
  const wallets = useQuery(mismatchesQuery());
  const checks = useQuery(checksQuery());
  return (
    <>
      <title>Books · ModelFaucet</title>
      <PageHead title="Books">
        <Link to="/operator/books/transactions" className={buttonClass()}>
          Ledger transactions
        </Link>
      </PageHead>
      <Verdict wallets={wallets} checks={checks} />
      <div className="grid gap-5">
        {wallets.data && <MismatchCard found={wallets.data} />}
        <TrialBalanceCard
          search={search}
          change={(next) => void navigate({ search: next, resetScroll: false })}
        />
        <ChecksCard query={checks} />
        <BackupsCard />
      </div>
    </>
  );
}
