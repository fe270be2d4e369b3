import type { FaucetModelfaucet } from "@modelfaucet/sdk";
import type { ReactNode } from "react";
import { showUsd } from "../money/amount.ts";
import { vendorName } from "./payer-words.ts";

/** Who paid for an answer and how much, with what has to be said about it. `receipt` opens its receipt, where there is one. */
export function PaidLine({
  paid,
  durationMs,
  receipt,
}: {
  paid: FaucetModelfaucet;
  durationMs: number | undefined;
  receipt: ReactNode;
}) {
  return (
    <p className="price" data-paid-by={paid.route_mode}>
      <span className="chip good">{chip(paid)}</span>
      <span className="num">{showUsd(paid.charge_usd, { decimals: 5 })}</span>
      {paid.receipt_id !== undefined && (
        <>
          <Dot />
          {receipt}
        </>
      )}
      {durationMs !== undefined && (
        <>
          <Dot />
          <span className="num">{(durationMs / 1000).toFixed(1)} s</span>
        </>
      )}
      {paid.route_mode === "byok" && (
        <span>
          Paid to {vendorName(paid.provider)}, about{" "}
          {paid.provider_estimate_usd === undefined
            ? "an unknown amount"
            : showUsd(paid.provider_estimate_usd)}
          ; fee {showUsd(paid.fee_usd)}.
        </span>
      )}
      {paid.route_mode === "local" && (
        <span>
          {paid.model};{" "}
          {paid.usage_report_status === "queued" ? "counts to be reported later" : "counts reported"}
        </span>
      )}
      {paid.usage_source === "estimated" && <span>Token counts are estimates.</span>}
      {paid.stopped === "balance" && <span>Ended where your balance did.</span>}
      {paid.debug_log && <span>This app is recording prompts and answers to find a fault.</span>}
    </p>
  );
}

function Dot() {
  return <span aria-hidden="true">·</span>;
}

function chip({ route_mode }: FaucetModelfaucet): string {
  switch (route_mode) {
    case "byok":
      return "Paid by your key";
    case "local":
      return "Paid by this computer";
    default:
      return "Paid by credits";
  }
}
