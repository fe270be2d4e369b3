import { plural } from "../../format/count.ts";
import { scopeWords } from "../../ledger/entries-card.tsx";
import { Card } from "../../ui/card.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { Reconciliation } from "./books-queries.ts";
import { WalletLink } from "./wallet-link.tsx";

/** The wallets whose stored balance is not what their entries add up to. Nothing where all agree. */
export function MismatchCard({ found }: { found: Reconciliation }) {
  const { mismatch_count: count } = found.summary;
  if (count === 0) return null;
  const shown = found.items.length;
  return (
    <Card
      title="Wallets that do not agree"
      note={shown < count ? `${shown} of ${count}` : plural(count, "wallet")}
      className="border-bad!"
    >
      <p className="border-t border-line bg-bad-weak px-4 py-2.5 text-sm">
        Within a minute they can hold nothing new. Compare a wallet with its entries: one of them is missing
        in the balance, or somebody changed it by hand.
      </p>
      <Table
        label="Wallets that do not agree"
        head={
          <>
            <Th wide>Wallet</Th>
            <Th right>Balance</Th>
            <Th right>By the ledger</Th>
            <Th right>Off by</Th>
          </>
        }
      >
        {found.items.map((item) => (
          <Row key={item.wallet_id} id={item.wallet_id}>
            <Td wide>
              <WalletLink id={item.wallet_id} />
              <span className="text-muted max-sm:hidden"> · {scopeWords[item.owner_scope]}</span>
            </Td>
            <Td right>
              <ExactMoney usd={item.wallet_balance_usd} />
            </Td>
            <Td right>
              <ExactMoney usd={item.ledger_balance_usd} />
            </Td>
            <Td right className="font-medium text-bad">
              <ExactMoney usd={item.delta_usd} />
            </Td>
          </Row>
        ))}
      </Table>
    </Card>
  );
}
