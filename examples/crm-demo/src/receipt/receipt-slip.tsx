import type { FaucetReceipt } from "@modelfaucet/sdk";
import { useQuery } from "@tanstack/react-query";
import { faucet } from "../faucet.ts";
import { showPrice } from "../money/amount.ts";
import { ErrorNotice } from "../page/error-notice.tsx";
import { CrossIcon, TickIcon } from "../page/icons.tsx";
import { Skeleton } from "../page/skeleton.tsx";
import { vendorName } from "../payers/payer-words.ts";
import { recompute } from "./recompute.ts";

/** One receipt line by line: tokens × dated price = cost, + shares = charge, every sum computed again here. */
export function ReceiptSlip({ receiptId }: { receiptId: string }) {
  const query = useQuery({
    queryKey: ["receipt", receiptId],
    queryFn: ({ signal }) => faucet.receipts.get(receiptId, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.error) return <ErrorNotice error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="slip" rows={9} />;
  return <Slip receipt={query.data} />;
}

function Slip({ receipt }: { receipt: FaucetReceipt }) {
  const sums = recompute(receipt);
  const share = receipt.pricing.developer_share_bps / 100;
  const allHold = [...sums.lines, sums.cost, sums.charge].every((sum) => sum.holds);
  return (
    <div className="slip">
      <h3>
        Receipt <span className="faint">{receipt.simulated ? "simulated" : ""}</span>
      </h3>
      <dl>
        {sums.lines.map((line) => (
          <div key={line.unit}>
            <dt>
              {line.unit.replace("_", " ")} {line.quantity.toLocaleString("en")} × {showPrice(line.priceUsd)}{" "}
              / M
            </dt>
            <dd>
              {line.amountUsd} <Mark holds={line.holds} what="quantity times price" />
            </dd>
          </div>
        ))}
        {sums.elsewhereUsd && (
          <div className="sum">
            <dt>paid to {vendorName(receipt.provider)}</dt>
            <dd>{sums.elsewhereUsd}</dd>
          </div>
        )}
        <div className="sum">
          <dt>{sums.absorbedUsd ? "cost covered" : "upstream cost"}</dt>
          <dd>
            {sums.cost.amountUsd} <Mark holds={sums.cost.holds} what="sum of the lines" />
          </dd>
        </div>
        {sums.absorbedUsd && (
          <div className="faint">
            <dt>(absorbed by the platform)</dt>
            <dd>{sums.absorbedUsd}</dd>
          </div>
        )}
        <div>
          <dt>+ developer share ({share} %)</dt>
          <dd>{receipt.developer_share_usd}</dd>
        </div>
        <div>
          <dt>+ platform share</dt>
          <dd>{receipt.platform_share_usd}</dd>
        </div>
        <div className="sum total">
          <dt>charge</dt>
          <dd>
            {sums.charge.amountUsd} <Mark holds={sums.charge.holds} what="cost and shares" />
          </dd>
        </div>
      </dl>
      <p className={allHold ? "verdict good" : "verdict bad"}>
        {allHold
          ? "Adds up: this page computed every sum again."
          : "Does not add up. Please report this receipt."}
      </p>
      <p className="faint">
        {receipt.model} by {receipt.provider} · price list {receipt.price_version},{" "}
        {showDate(receipt.issued_at)} · {paidFrom(receipt)} · not signed yet
      </p>
      <p className="faint break">{receipt.receipt_id}</p>
    </div>
  );
}

function Mark({ holds, what }: { holds: boolean; what: string }) {
  return holds ? <TickIcon label={`checked: ${what}`} /> : <CrossIcon label={`wrong: ${what}`} />;
}

function paidFrom({ funded, paid_by: payer }: FaucetReceipt): string {
  if (payer === "own_key") return "paid by your key, the fee from credits";
  if (payer === "own_device") return "answered by your computer";
  return funded.test_usd !== undefined && /[1-9]/.test(funded.test_usd)
    ? "paid from test credit"
    : "paid from credits";
}

function showDate(time: string): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}
