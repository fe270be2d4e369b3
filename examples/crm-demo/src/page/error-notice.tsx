import { FaucetError, FaucetPaymentError } from "@modelfaucet/sdk";
import { useState } from "react";
import { apiBaseUrl, gatewayBaseUrl } from "../faucet.ts";
import { showUsd } from "../money/amount.ts";

/** What happened, what to do, and the request id to copy. */
export function ErrorNotice({ error, after, retry }: { error: unknown; after?: string; retry?: () => void }) {
  const said = sentence(error);
  const requestId = FaucetError.is(error) ? error.requestId : undefined;
  return (
    <div className="notice" role="alert">
      <p>
        {said}
        {after && !said.includes("not charged") && ` ${after}`}
      </p>
      <div className="notice-actions">
        {retry && (
          <button type="button" onClick={retry}>
            Try again
          </button>
        )}
        {requestId && <CopyId id={requestId} />}
      </div>
    </div>
  );
}

function CopyId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(id);
    setCopied(true);
  };
  return (
    <button type="button" className="quiet mono" onClick={() => void copy()} title={id}>
      <span className="visually-hidden">Copy request id </span>
      <span className="clip">{id}</span>
      <span aria-live="polite">{copied ? "copied" : "copy"}</span>
    </button>
  );
}

function sentence(error: unknown): string {
  if (error instanceof FaucetPaymentError && error.requiredUsd && error.balanceUsd) {
    const reserved =
      error.heldUsd && /[1-9]/.test(error.heldUsd)
        ? `, of which running requests hold ${showUsd(error.heldUsd)}`
        : "";
    return `This needs ${showUsd(error.requiredUsd)}. Your balance is ${showUsd(error.balanceUsd, { round: "down" })}${reserved}. Ask for less, or wait for what is running.`;
  }
  if (FaucetError.is(error)) {
    if (error.code === "network_error" || error.code === "timeout") {
      return `Nothing answers at ${apiBaseUrl} or ${gatewayBaseUrl}. Start the platform with “npm start”, then try again.`;
    }
    return error.message;
  }
  return "This page failed in a way it did not expect. Reload it and try again.";
}
