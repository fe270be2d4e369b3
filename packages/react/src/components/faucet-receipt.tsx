import type { FaucetReceipt as Receipt } from "@modelfaucet/sdk";
import { useMemo } from "react";
import { isZero } from "../format.ts";
import { useFaucetContext } from "../provider.tsx";
import { providerName } from "../providers.ts";
import { createResource, useResource } from "../stores/resource.ts";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";

export type FaucetReceiptProps = { className?: string } & (
  | { receipt: Receipt; requestId?: undefined }
  /** `req_…` or `rcpt_…`; the receipt is read. */
  | { requestId: string; receipt?: undefined }
);

/** One receipt, line by line: tokens × dated price = cost, and with both shares the charge. */
export function FaucetReceipt({ receipt, requestId, className }: FaucetReceiptProps) {
  const { client, root, text } = useFaucetContext();
  const resource = useMemo(
    () =>
      createResource((signal) =>
        requestId === undefined ? Promise.resolve(undefined) : client.receipts.get(requestId, { signal }),
      ),
    [client, requestId],
  );
  const read = useResource(resource);
  const shown = receipt ?? read.value;
  return (
    <section className={rootClass("mf-receipt", className)} {...root} aria-label={text("receipt.title")}>
      <h3 className="mf-title">{text("receipt.title")}</h3>
      {shown ? (
        <Slip receipt={shown} />
      ) : read.error ? (
        <ErrorNotice error={read.error} retry={() => void resource.refresh()} />
      ) : (
        <p className="mf-note" role="status">
          {text("receipt.reading")}
        </p>
      )}
    </section>
  );
}

function Slip({ receipt }: { receipt: Receipt }) {
  const { text, format } = useFaucetContext();
  const share = format.count(receipt.pricing.developer_share_bps / 100);
  const elsewhere = receipt.provider_estimate_usd;
  const { absorbed_cost_usd: absorbed } = receipt;
  return (
    <>
      <dl className="mf-rows mf-slip">
        {receipt.lines.map((line) => (
          <div key={line.unit}>
            <dt>
              {text("receipt.line", {
                unit: line.unit.replaceAll("_", " "),
                quantity: format.count(line.quantity),
                price: format.price(line.price_per_million_usd),
              })}
            </dt>
            <dd>{line.amount_usd}</dd>
          </div>
        ))}
        {elsewhere !== undefined && (
          <div>
            <dt>{text("receipt.estimate", { provider: providerName(receipt.provider) })}</dt>
            <dd>{elsewhere}</dd>
          </div>
        )}
        <div className="mf-sum">
          <dt>{text("receipt.cost")}</dt>
          <dd>{receipt.upstream_cost_usd}</dd>
        </div>
        {absorbed !== undefined && !isZero(absorbed) && (
          <div>
            <dt>{text("receipt.absorbed")}</dt>
            <dd>{absorbed}</dd>
          </div>
        )}
        <div>
          <dt>+ {text("receipt.developer", { share })}</dt>
          <dd>{receipt.developer_share_usd}</dd>
        </div>
        <div>
          <dt>+ {text("receipt.platform")}</dt>
          <dd>{receipt.platform_share_usd}</dd>
        </div>
        <div className="mf-sum">
          <dt>{text("receipt.charge")}</dt>
          <dd>{receipt.charge_usd}</dd>
        </div>
        {!isZero(receipt.fee_usd) && (
          <div>
            <dt>{text("receipt.fee")}</dt>
            <dd>{receipt.fee_usd}</dd>
          </div>
        )}
      </dl>
      {receipt.simulated && <p className="mf-note">{text("simulated")}</p>}
      <p className="mf-hint">
        {receipt.model} · {providerName(receipt.provider)} · {text(`mode.${receipt.route_mode}`)} ·{" "}
        {format.time(receipt.issued_at)}. {text("receipt.unsigned")}
      </p>
      <p className="mf-hint">
        <code>{receipt.receipt_id}</code>
      </p>
    </>
  );
}
