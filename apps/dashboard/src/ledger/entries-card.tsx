import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readLedgerTransaction } from "@modelfaucet/contract/routes/admin-books.ts";
import type { ReactNode } from "react";
import { sumUsd } from "../format/money.ts";
import { Card } from "../ui/card.tsx";
import { Cross, Tick } from "../ui/icons.tsx";
import { FullMoment } from "../ui/moment.tsx";
import { ExactMoney } from "../ui/money.tsx";
import { Table, Td, Th } from "../ui/table.tsx";

export type LedgerTransaction = AnswerOf<typeof readLedgerTransaction>;
type Entry = LedgerTransaction["entries"][number];

/** Both sides of every transfer of one ledger transaction, and that they are the same. `account`: how an entry's is named. */
export function EntriesCard({
  transaction,
  account,
}: {
  transaction: LedgerTransaction;
  account: (entry: Entry) => ReactNode;
}) {
  const sides = { debit: sideOf(transaction, "debit"), credit: sideOf(transaction, "credit") };
  const balanced = sides.debit === sides.credit;
  return (
    <Card
      title="Ledger entries"
      note={kindWords[transaction.kind]}
      aside={
        <span className="text-sm text-muted">
          <FullMoment at={transaction.created_at} />
        </span>
      }
    >
      <Table
        label="Ledger entries"
        head={
          <>
            <Th wide>Account</Th>
            <Th right className="max-sm:hidden">
              Debit
            </Th>
            <Th right className="max-sm:hidden">
              Credit
            </Th>
            <Th right className="sm:hidden">
              Amount
            </Th>
          </>
        }
      >
        {transaction.entries.map((entry, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the entries of a transaction never change.
          <tr key={index}>
            <Td wide>
              {account(entry)}
              <span className="text-muted"> · {entry.reason.replaceAll("_", " ")}</span>
            </Td>
            <Sides
              debit={entry.direction === "debit" ? entry.amount_usd : null}
              credit={entry.direction === "credit" ? entry.amount_usd : null}
            />
          </tr>
        ))}
        <tr className="font-semibold [&>td]:border-line-strong">
          <Td>
            <span className="inline-flex items-center gap-2">
              {balanced ? "Balanced" : "Out of balance"}
              <span className={balanced ? "text-good" : "text-bad"}>
                {balanced ? (
                  <Tick label="checked: both sides are the same" />
                ) : (
                  <Cross label="wrong: the sides differ" />
                )}
              </span>
            </span>
          </Td>
          <Sides debit={sides.debit} credit={sides.credit} />
        </tr>
      </Table>
    </Card>
  );
}

/** Two columns, or where there is no room for them one that names the side. */
function Sides({ debit, credit }: { debit: string | null; credit: string | null }) {
  const both = debit !== null && credit !== null;
  return (
    <>
      <Td right className="max-sm:hidden">
        {debit !== null && <ExactMoney usd={debit} />}
      </Td>
      <Td right className="max-sm:hidden">
        {credit !== null && <ExactMoney usd={credit} />}
      </Td>
      <Td right className="sm:hidden">
        {!both && <span className="text-xs text-muted">{debit === null ? "credit" : "debit"} </span>}
        <ExactMoney usd={debit ?? credit ?? "0"} />
      </Td>
    </>
  );
}

/** What the debits, or the credits, of a transaction add up to. */
export function sideOf(transaction: LedgerTransaction, side: "debit" | "credit"): string {
  return sumUsd(
    transaction.entries.filter(({ direction }) => direction === side).map(({ amount_usd: usd }) => usd),
  );
}

/** The words of the ledger's accounts, as the operator reads them. */
export const scopeWords: Record<Entry["scope"], string> = {
  end_user: "End user's credits",
  developer: "Developer",
  platform: "Platform",
  provider_cost: "Provider cost",
  absorbed_cost: "Absorbed cost",
  promo: "Promotion",
  bad_debt: "Bad debt",
  clearing: "Clearing",
  external: "Outside",
};

export const kindWords: Record<LedgerTransaction["kind"], string> = {
  usage: "settlement",
  usage_reversal: "reversal",
  cost_correction: "correction of the cost",
  probe: "probe of a provider",
  adjustment: "adjustment",
  test_credit: "test credit",
  seed: "seed",
};
