import { useUsage, useWallet } from "@modelfaucet/react";
import { useEffect } from "react";
import { showUsd } from "../money/amount.ts";
import { Skeleton } from "../page/skeleton.tsx";
import { ReceiptLink } from "../receipt/receipt-link.tsx";
import { useStore } from "../store.ts";
import { isOpen, type LoggedRequest, mergeHistory, type RequestState, requestLog } from "./request-log.ts";

/** Every request of this user, newest first, as it is held, runs and is settled or refused. */
export function RequestList() {
  const own = useStore(requestLog);
  const { wallet, error } = useWallet();
  const history = useUsage({ limit: 12 });
  const balance = wallet?.balance_usd;
  const busy = own.some(isOpen);
  const { refresh } = history;
  // A balance that moves while this page sends nothing was moved by another program of the same user.
  useEffect(() => {
    if (!busy && balance !== undefined) void refresh();
  }, [busy, balance, refresh]);
  const rows = mergeHistory(own, history.items);
  return (
    <section className="requests" aria-labelledby="requests-title">
      <h2 id="requests-title">Requests</h2>
      {rows.length > 0 ? (
        <ul>
          {rows.map((row) => (
            <RequestRow key={row.requestId ?? row.key} row={row} />
          ))}
        </ul>
      ) : error === null && (balance === undefined || history.loading) ? (
        <Skeleton rows={4} />
      ) : (
        <p className="empty">
          {balance === undefined
            ? "What you have asked for shows here as soon as the platform answers."
            : "Nothing asked yet. Suggest a reply, and it shows here: first what is held for it, then what it took."}
        </p>
      )}
    </section>
  );
}

const chips: Record<RequestState, [word: string, look: string]> = {
  asking: ["Asking", ""],
  held: ["Held", "live"],
  running: ["Running", "live"],
  settled: ["Settled", "good"],
  stopped: ["Stopped", "warn"],
  refused: ["Refused", "bad"],
  failed: ["Failed", ""],
};

function RequestRow({ row }: { row: LoggedRequest }) {
  const [word, look] = chips[row.state];
  return (
    <li className="request" data-state={row.state}>
      <span className={`chip ${look}`}>{word}</span>
      <span className="muted what" title={row.requestId}>
        {row.label}
        {row.note ? ` · ${row.note}` : ""}
      </span>
      <span className="num">
        <RowAmount row={row} />
      </span>
    </li>
  );
}

function RowAmount({ row }: { row: LoggedRequest }) {
  if (row.amountUsd === undefined) return <span className="faint">…</span>;
  if (row.state === "failed" && !/[1-9]/.test(row.amountUsd))
    return <span className="faint">not charged</span>;
  if (isOpen(row)) return <>held {showUsd(row.amountUsd)}</>;
  const amount = showUsd(row.amountUsd);
  if (!row.receiptId) return <span className="faint">{amount}</span>;
  return (
    <ReceiptLink receiptId={row.receiptId}>
      <span className="visually-hidden">Receipt of </span>
      {amount}
    </ReceiptLink>
  );
}
