import type { FaucetError } from "@modelfaucet/sdk";
import { useState } from "react";
import { useFaucetContext } from "../provider.tsx";
import { errorSentence } from "./error-sentence.ts";

/** What happened, what to do, and the request id to copy. */
export function ErrorNotice({ error, retry }: { error: FaucetError; retry?: (() => void) | undefined }) {
  const { text, format } = useFaucetContext();
  const topUpUrl = error.code === "insufficient_balance" ? webAddress(error.details.top_up_url) : null;
  return (
    <div className="mf-error" role="alert">
      <p>{errorSentence(error, text, format)}</p>
      <div className="mf-actions">
        {topUpUrl && (
          <a href={topUpUrl} rel="noopener">
            {text("balance.topup")}
          </a>
        )}
        {retry && (
          <button type="button" className="mf-button" onClick={retry}>
            {text("error.retry")}
          </button>
        )}
        {error.requestId && <CopyId id={error.requestId} />}
      </div>
    </div>
  );
}

function CopyId({ id }: { id: string }) {
  const { text } = useFaucetContext();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(id);
    setCopied(true);
  };
  return (
    <button
      type="button"
      className="mf-button mf-quiet"
      title={id}
      onClick={() => void copy().catch(() => {})}
    >
      <code className="mf-clip">{id}</code>
      <span aria-live="polite">{text(copied ? "error.copied" : "error.copy")}</span>
    </button>
  );
}

function webAddress(value: unknown): string | null {
  if (typeof value !== "string" || !URL.canParse(value)) return null;
  return /^https?:$/.test(new URL(value).protocol) ? value : null;
}
