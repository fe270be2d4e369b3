import type { FaucetError, FaucetModeItem } from "@modelfaucet/sdk";
import { useId, useState } from "react";
import { useByokKeys } from "../hooks/use-byok-keys.ts";
import { useModes } from "../hooks/use-modes.ts";
import { useFaucetContext } from "../provider.tsx";
import { errorOf, useResource } from "../stores/resource.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { byokDisclosure, providerOfKey } from "./payer.ts";

/**
 * Asks again, because the fee or the text is another one than the user has agreed to: until then no call is paid by the key.
 * What is sent is the version of the text that stands here.
 */
export function ByokConsent({ feature, item }: { feature?: string | undefined; item: FaucetModeItem }) {
  const { stores, text, format } = useFaucetContext();
  const { modes, set } = useModes(feature);
  const { keys } = useByokKeys();
  const app = useResource(stores.app).value?.name;
  const [agreedTo, setAgreedTo] = useState<string | null>(null);
  const [error, setError] = useState<FaucetError | null>(null);
  const box = useId();
  const version = item.disclosure_version;
  const agree = async () => {
    setError(null);
    try {
      await set({ mode: "byok", ...(version === undefined ? {} : { disclosureVersion: version }) });
      await stores.refreshModes();
    } catch (caught) {
      setError(errorOf(caught));
    }
  };
  const provider = providerOfKey(item, keys);
  if (modes === undefined || provider === undefined || version === undefined) return null;
  return (
    <div className="mf-consent">
      <p className="mf-disclosure">{byokDisclosure({ provider, app, feeUsd: item.fee_usd }, text, format)}</p>
      <label className="mf-check" htmlFor={box}>
        <input
          id={box}
          type="checkbox"
          // A tick belongs to the text that was read: another version takes it away.
          checked={agreedTo === version}
          onChange={(event) => setAgreedTo(event.target.checked ? version : null)}
        />
        {text("mode.agree")}
      </label>
      <button
        type="button"
        className="mf-button mf-primary"
        disabled={agreedTo !== version}
        onClick={() => void agree()}
      >
        {text("mode.agree.save")}
      </button>
      {error && <ErrorNotice error={error} />}
    </div>
  );
}
