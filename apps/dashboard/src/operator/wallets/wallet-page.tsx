import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { isZero } from "../../format/money.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ExactMoney, Money } from "../../ui/money.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { SuspendButton } from "../switches/suspend-button.tsx";
import { AdjustDialog } from "./adjust-dialog.tsx";
import { TestCreditDialog } from "./test-credit-dialog.tsx";
import { TransactionsCard } from "./transactions-card.tsx";
import { type WalletItem, walletQuery } from "./wallets-query.ts";
import { ownerName, scopeWords, WalletStatusChip } from "./words.tsx";

/** One wallet: what is in it, of which money, and everything that moved it. */
export function WalletPage() {
  const { walletId } = useParams({ from: "/console/operator/wallets/$walletId" });
  const query = useQuery(walletQuery(walletId));
  return (
    <>
      <title>{`Wallet ${walletId.slice(0, 8)} · ModelFaucet`}</title>
      <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
        <Link to="/operator/wallets" data-up="" className="link">
          Wallets
        </Link>
        <span className="text-faint">/</span>
        <span className="min-w-0 truncate font-mono text-xs">{walletId}</span>
        <CopyButton text={walletId} label="Copy id" />
      </nav>
      <Answer page query={query} skeleton={<Skeleton rows={10} />}>
        {(wallet) => <Screen wallet={wallet} />}
      </Answer>
    </>
  );
}

function Screen({ wallet }: { wallet: WalletItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<"test" | "adjust" | null>(null);
  const close = () => setOpened(null);
  return (
    <>
      <div className="mb-5 flex flex-wrap items-end gap-x-4 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-xs font-medium text-muted [overflow-wrap:anywhere]">
            Balance of {ownerName(wallet)}
          </h1>
          <p className="text-2xl font-semibold tracking-tight">
            <ExactMoney usd={wallet.balance_usd} currency />
          </p>
        </div>
        <span className="pb-1">
          <WalletStatusChip status={wallet.status} />
        </span>
        {/* Shares and the platform's own money move by requests alone. */}
        {wallet.owner_scope === "end_user" && may(session, "operator:finance") && (
          <span className="ml-auto flex flex-wrap gap-2 max-sm:ml-0 max-sm:w-full">
            <Button onClick={() => setOpened("test")}>Add test credit</Button>
            <Button onClick={() => setOpened("adjust")}>Adjust balance</Button>
            <SuspendButton
              type="wallet"
              id={wallet.id}
              name="the wallet"
              label="Freeze wallet"
              offered={wallet.status === "active"}
            />
          </span>
        )}
      </div>
      <Trouble wallet={wallet} />
      <Facts items={moneyOf(wallet)} />
      <Facts items={ownerOf(wallet)} />
      <TransactionsCard walletId={wallet.id} />
      {opened === "test" && <TestCreditDialog wallet={wallet} close={close} />}
      {opened === "adjust" && <AdjustDialog wallet={wallet} close={close} />}
    </>
  );
}

/** Why no request can be paid from it. */
function Trouble({ wallet }: { wallet: WalletItem }) {
  if (wallet.status === "active") return null;
  return (
    <p className="mb-5 rounded-sm bg-bad-weak p-3 text-sm">
      {wallet.status === "frozen" ? (
        "Frozen: new requests are refused. What is held is settled as usual; balance and receipts stay."
      ) : (
        <>
          In debt by <ExactMoney usd={wallet.debt_usd} currency />: new requests are refused until that is
          paid. A credit pays the debt first.
        </>
      )}
    </p>
  );
}

function moneyOf(wallet: WalletItem) {
  const money = (name: string, usd: string) => ({ name, value: <Money usd={usd} left /> });
  const by = wallet.limited_by;
  return [
    money("Held for open requests", wallet.held_usd),
    {
      name: by ? `Spendable, by the ${by.level.replaceAll("_", " ")}'s ${by.window}` : "Spendable now",
      value: <Money usd={wallet.spendable_usd} left />,
    },
    money("Paid money", wallet.paid_usd),
    money("Promotional", wallet.promo_usd),
    money("Test money", wallet.test_usd ?? "0.00000000"),
    ...(isZero(wallet.debt_usd) ? [] : [money("Debt", wallet.debt_usd)]),
  ];
}

function ownerOf(wallet: WalletItem) {
  const name = <span title={wallet.owner_name}>{ownerName(wallet)}</span>;
  return [
    {
      name: scopeWords[wallet.owner_scope],
      wide: true,
      value:
        wallet.owner_scope === "developer" ? (
          <Link
            to="/operator/developers/$developerId"
            params={{ developerId: wallet.owner_id }}
            className="link"
          >
            {name}
          </Link>
        ) : (
          name
        ),
    },
    ...(wallet.owner_scope === "end_user"
      ? [
          {
            name: "Limits",
            value: (
              <Link
                to="/operator/limits"
                search={{ level: "end_user", target: wallet.owner_id }}
                className="link"
              >
                Spending and rates
              </Link>
            ),
          },
        ]
      : []),
    {
      name: "In the books",
      value: (
        <Link to="/operator/books/transactions" search={{ wallet: wallet.id }} className="link">
          Both sides of each transfer
        </Link>
      ),
    },
    { name: "Changed", value: <FullMoment at={wallet.updated_at} /> },
  ];
}
