import { sumUsd } from "../../format/money.ts";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Cross, Tick } from "../../ui/icons.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { Table, Td, Th } from "../../ui/table.tsx";
import type { RequestDetail } from "./request-query.ts";

type Transaction = RequestDetail["transactions"][number];

/** What the request moved in the books: both sides of every transfer, and that they are the same. */
export function TransactionsCard({ request }: { request: RequestDetail }) {
  if (request.transactions.length === 0) {
    return (
      <Card title="Ledger entries">
        <Empty title={request.status === "pending" ? "Not yet" : "None"}>
          {request.status === "pending"
            ? "They are written in the same commit as the settlement."
            : "A request that costs and charges nothing moves nothing."}
        </Empty>
      </Card>
    );
  }
  return request.transactions.map((transaction) => (
    <Entries key={transaction.id} transaction={transaction} />
  ));
}

function Entries({ transaction }: { transaction: Transaction }) {
  const sides = { debit: sideOf(transaction, "debit"), credit: sideOf(transaction, "credit") };
  const balanced = sides.debit === sides.credit;
  return (
    <Card
      title="Ledger entries"
      note={kindWords[transaction.kind] ?? transaction.kind.replaceAll("_", " ")}
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
              {scopeWords[entry.scope]}
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

function sideOf(transaction: Transaction, side: "debit" | "credit"): string {
  return sumUsd(
    transaction.entries.filter(({ direction }) => direction === side).map(({ amount_usd: usd }) => usd),
  );
}

const scopeWords: Record<Transaction["entries"][number]["scope"], string> = {
  end_user: "End user's credits",
  developer: "You",
  platform: "Platform",
  provider_cost: "Provider cost",
  absorbed_cost: "Absorbed cost",
  promo: "Promotion",
  bad_debt: "Bad debt",
  clearing: "Clearing",
  external: "Outside",
};

const kindWords: Partial<Record<Transaction["kind"], string>> = {
  usage: "settlement",
  usage_reversal: "reversal",
  cost_correction: "correction of the cost",
};
