import { EntriesCard, scopeWords } from "../../ledger/entries-card.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import type { RequestDetail } from "./request-query.ts";

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
    <EntriesCard
      key={transaction.id}
      transaction={transaction}
      account={({ scope }) => (scope === "developer" ? "You" : scopeWords[scope])}
    />
  ));
}
