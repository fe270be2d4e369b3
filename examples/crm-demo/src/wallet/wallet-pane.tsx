import { useWallet } from "@modelfaucet/react";
import { useRef } from "react";
import { toUnits } from "../money/amount.ts";
import { OverspendCard } from "../overspend/overspend-card.tsx";
import { ErrorNotice } from "../page/error-notice.tsx";
import { Skeleton } from "../page/skeleton.tsx";
import { PayerSetup } from "../payers/payer-setup.tsx";
import type { Model } from "../requests/models.ts";
import { RequestList } from "../requests/request-list.tsx";
import { isOpen, requestLog } from "../requests/request-log.ts";
import { useStore } from "../store.ts";
import { Balance } from "./balance.tsx";
import { WalletWatch } from "./wallet-view.ts";

/** What pays: the user's money, key or computer; what each request took, and a button that tries to take too much. */
export function WalletPane({ models }: { models: readonly Model[] | undefined }) {
  const { wallet, error, readAtMs, refresh } = useWallet();
  const openRequests = useStore(requestLog).filter(
    (row) => isOpen(row) && row.amountUsd !== undefined,
  ).length;
  const most = useRef(0n);
  if (wallet && toUnits(wallet.balance_usd) > most.current) most.current = toUnits(wallet.balance_usd);
  return (
    <aside className="wallet" id="wallet" aria-label="Wallet">
      <WalletWatch />
      <section className="balance" aria-labelledby="balance-title">
        <h2 id="balance-title" className="small-title">
          Your credits
          {wallet && error !== null && (
            <span className="stale" role="status">
              as of {new Date(readAtMs).toLocaleTimeString("en", { timeStyle: "short" })}, trying again
            </span>
          )}
        </h2>
        {wallet ? (
          <Balance wallet={wallet} most={most.current} openRequests={openRequests} />
        ) : error === null ? (
          <Skeleton className="balance-skeleton" rows={3} />
        ) : (
          <ErrorNotice error={error} retry={refresh} />
        )}
      </section>
      <PayerSetup />
      <OverspendCard models={models} wallet={wallet ?? null} />
      <RequestList />
    </aside>
  );
}
