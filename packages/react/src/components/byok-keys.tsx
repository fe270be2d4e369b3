import type { FaucetError, FaucetKeyTest, FaucetProviderKey } from "@modelfaucet/sdk";
import { useState } from "react";
import { useByokKeys } from "../hooks/use-byok-keys.ts";
import { useFaucetContext } from "../provider.tsx";
import { providerName } from "../providers.ts";
import { errorOf } from "../stores/resource.ts";
import { ErrorNotice } from "./error-notice.tsx";

/** The keys that are there. What was removed is gone for good, and stays out of sight. */
export function ByokKeys() {
  const { text } = useFaucetContext();
  const { keys, known } = useByokKeys();
  const shown = keys.filter(({ status }) => status !== "disabled");
  if (!known) return null;
  if (shown.length === 0) return <p className="mf-note">{text("byok.none")}</p>;
  return (
    <ul className="mf-keys">
      {shown.map((key) => (
        <KeyRow key={key.id} apiKey={key} />
      ))}
    </ul>
  );
}

function KeyRow({ apiKey: { id, provider, masked, status } }: { apiKey: FaucetProviderKey }) {
  const { text } = useFaucetContext();
  const { test, remove } = useByokKeys();
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const [tested, setTested] = useState<FaucetKeyTest | null>(null);
  const [error, setError] = useState<FaucetError | null>(null);
  const act = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (caught) {
      setError(errorOf(caught));
    }
    setBusy(false);
  };
  const told =
    tested &&
    text(`byok.test.${tested.ok ? "ok" : (tested.reason ?? "unreachable")}`, {
      provider: providerName(provider),
    });
  return (
    <li className="mf-key" data-status={status}>
      <span className="mf-key-name">
        <b>{providerName(provider)}</b> <code>{masked}</code>
      </span>
      <span className="mf-key-status">{text(`byok.status.${status}`)}</span>
      <span className="mf-actions">
        {asking ? (
          <>
            <button
              type="button"
              className="mf-button mf-danger"
              disabled={busy}
              onClick={() => void act(() => remove(id))}
            >
              {text("byok.remove.sure")}
            </button>
            <button type="button" className="mf-button" onClick={() => setAsking(false)}>
              {text("byok.remove.keep")}
            </button>
          </>
        ) : (
          <>
            <button
              type="button"
              className="mf-button"
              disabled={busy}
              aria-label={`${text("byok.test")} ${masked}`}
              onClick={() => void act(async () => setTested(await test(id)))}
            >
              {text(busy ? "byok.testing" : "byok.test")}
            </button>
            <button
              type="button"
              className="mf-button"
              aria-label={`${text("byok.remove")} ${masked}`}
              onClick={() => setAsking(true)}
            >
              {text("byok.remove")}
            </button>
          </>
        )}
      </span>
      <span className="mf-note" data-ok={tested?.ok} aria-live="polite">
        {told ?? ""}
      </span>
      {error && <ErrorNotice error={error} />}
    </li>
  );
}
