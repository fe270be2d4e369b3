import type { FaucetError, FaucetModeItem, RouteMode } from "@modelfaucet/sdk";
import { useId, useState } from "react";
import { isZero } from "../format.ts";
import { useByokKeys } from "../hooks/use-byok-keys.ts";
import { useLocalBridge } from "../hooks/use-local-bridge.ts";
import { useModes } from "../hooks/use-modes.ts";
import { useFaucetContext } from "../provider.tsx";
import { providerName } from "../providers.ts";
import { priceOf } from "../stores/prices.ts";
import { errorOf, useResource } from "../stores/resource.ts";
import { ByokConsent } from "./byok-consent.tsx";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { byokDisclosure, localDisclosure, modeName, providerOfKey } from "./payer.ts";
import { tokenPrice } from "./payer-line.tsx";

export type FaucetModeSwitchProps = {
  /** Absent: for every feature of the app. */
  feature?: string;
  className?: string;
};

/** Who pays: each payer with its price, and the choice. It takes effect on the next call. */
export function FaucetModeSwitch({ feature, className }: FaucetModeSwitchProps) {
  const { root, text } = useFaucetContext();
  const { modes, payer, loading, error, set, refresh } = useModes(feature);
  const [failure, setFailure] = useState<FaucetError | null>(null);
  // What was pressed shows at once; the server's answer then decides.
  const [asked, setAsked] = useState<Asked | null>(null);
  const name = useId();
  const choose = async (mode: RouteMode, fallbackToPlatform?: boolean) => {
    setFailure(null);
    setAsked({ mode, fallback: fallbackToPlatform });
    const version = modes?.items.find((item) => item.mode === mode)?.disclosure_version;
    try {
      await set({
        mode,
        ...(fallbackToPlatform === undefined ? {} : { fallbackToPlatform }),
        // Consent to a replacement of the own key is given to the text that stands beside it.
        ...(fallbackToPlatform && version !== undefined ? { disclosureVersion: version } : {}),
      });
    } catch (caught) {
      setFailure(errorOf(caught));
    }
    setAsked(null);
  };
  const offered = modes?.items.filter((item) => isOffered(item, payer)) ?? [];
  const shown = asked?.mode ?? payer?.mode;
  return (
    <section className={rootClass("mf-modes", className)} {...root}>
      <fieldset className="mf-mode-list" aria-busy={asked !== null || loading}>
        <legend>{text("mode.title")}</legend>
        {offered.map((item) => (
          <label key={item.mode} className="mf-mode" data-mode={item.mode} data-available={item.available}>
            <input
              type="radio"
              name={name}
              value={item.mode}
              checked={shown === item.mode}
              onChange={() => void choose(item.mode)}
            />
            <span className="mf-mode-name">{modeName(item.mode, text)}</span>
            <ModePrice item={item} feature={feature} />
            {!item.available && item.reason && item.mode !== "local" && (
              <span className="mf-mode-reason">{text(`mode.reason.${item.reason}`)}</span>
            )}
          </label>
        ))}
        {modes === undefined && !error && <p className="mf-reading">{text("mode.reading")}</p>}
      </fieldset>
      {modes && (
        <p className="mf-payer-mode" aria-live="polite">
          {text("payer", { mode: modeName(payer?.mode, text) })}
        </p>
      )}
      {modes && payer && (
        <Disclosures
          fallback={asked?.fallback ?? modes.fallback_to_platform}
          payer={payer}
          feature={feature}
          setFallback={(on) => void choose(payer.mode, on)}
        />
      )}
      {error && !modes && <ErrorNotice error={error} retry={() => void refresh()} />}
      {failure && <ErrorNotice error={failure} />}
    </section>
  );
}

/** A key of the developer's that is not there is nothing that a user could choose, or do something about. */
function isOffered({ mode, reason, available }: FaucetModeItem, payer: FaucetModeItem | undefined): boolean {
  return reason !== "not_in_policy" && (mode !== "developer_key" || available || payer?.mode === mode);
}

function ModePrice({ item, feature }: { item: FaucetModeItem; feature: string | undefined }) {
  const { stores, text, format } = useFaucetContext();
  const { value: prices } = useResource(stores.prices);
  const { keys } = useByokKeys();
  const price = prices && priceOf(prices, feature ?? "", undefined);
  const shown = () => {
    const free = isZero(item.fee_usd);
    const fee = format.price(item.fee_usd);
    if (item.mode === "local") return free ? text("mode.local.free") : text("mode.local.fee", { fee });
    if (item.mode !== "byok") return price ? tokenPrice(price, text, format) : text("mode.price.unknown");
    const id = providerOfKey(item, keys);
    const provider = id === undefined ? text("provider.unknown") : providerName(id);
    return free ? text("mode.fee.free", { provider }) : text("mode.fee", { fee, provider });
  };
  return <span className="mf-mode-price">{shown()}</span>;
}

type Asked = { mode: RouteMode; fallback: boolean | undefined };

type DisclosuresProps = {
  fallback: boolean;
  payer: FaucetModeItem;
  feature: string | undefined;
  setFallback: (on: boolean) => void;
};

/** What has to stand beside the switch while an own key or an own machine is chosen. */
function Disclosures({ fallback, payer, feature, setFallback }: DisclosuresProps) {
  const { stores, text, format } = useFaucetContext();
  const { keys } = useByokKeys();
  const bridge = useLocalBridge();
  const app = useResource(stores.app).value?.name;
  const provider = providerOfKey(payer, keys);
  const byok = payer.mode === "byok";
  const feeUsd = payer.fee_usd;
  const offersFallback = byok || (payer.mode === "local" && fallback);
  return (
    <>
      {byok && payer.reason === "disclosure_required" ? (
        <ByokConsent feature={feature} item={payer} />
      ) : (
        byok &&
        provider !== undefined && (
          <p className="mf-disclosure">{byokDisclosure({ provider, app, feeUsd }, text, format)}</p>
        )
      )}
      {payer.mode === "local" && (
        <p className="mf-disclosure">{localDisclosure({ bridge, model: undefined, feeUsd }, text, format)}</p>
      )}
      {offersFallback && (
        <label className="mf-check">
          <input type="checkbox" checked={fallback} onChange={(event) => setFallback(event.target.checked)} />
          {text("byok.fallback")}
        </label>
      )}
    </>
  );
}
