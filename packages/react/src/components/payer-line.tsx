import type { FaucetModeItem, RouteMode } from "@modelfaucet/sdk";
import type { ReactNode } from "react";
import type { Format } from "../format.ts";
import { useByokKeys } from "../hooks/use-byok-keys.ts";
import { useLocalBridge } from "../hooks/use-local-bridge.ts";
import { useModes } from "../hooks/use-modes.ts";
import { useWallet } from "../hooks/use-wallet.ts";
import { useFaucetContext } from "../provider.tsx";
import { estimate, type ModelPrice, priceOf } from "../stores/prices.ts";
import { useResource } from "../stores/resource.ts";
import type { Text } from "../texts/text.ts";
import { ByokConsent } from "./byok-consent.tsx";
import { byokDisclosure, localDisclosure, modeName, providerOfKey } from "./payer.ts";

type PayerLineProps = {
  feature: string;
  model?: string | undefined;
  /** In place of the user's choice. */
  routeMode?: RouteMode | undefined;
  /** What would be sent: the price depends on it. */
  input: string;
  maxOutputTokens?: number | undefined;
  /** Prices per million tokens as well. */
  showPrice?: boolean | undefined;
};

/** Who would pay for a call made now, and how much. It is there before every call, and no property takes it away. */
export function PayerLine({ feature, routeMode, ...asked }: PayerLineProps) {
  const { text } = useFaucetContext();
  const { modes, payer, error } = useModes(feature);
  const item = routeMode === undefined ? payer : modes?.items.find(({ mode }) => mode === routeMode);
  const mode = item?.mode ?? routeMode;
  if (mode === undefined && modes === undefined && error === null)
    return <p className="mf-payer">{text("mode.reading")}</p>;
  const feeUsd = item?.fee_usd ?? "0.00000000";
  return (
    <div className="mf-payer">
      <p className="mf-payer-mode">{text("payer", { mode: modeName(mode, text) })}</p>
      {mode === "byok" && item?.reason === "disclosure_required" ? (
        <ByokConsent feature={feature} item={item} />
      ) : (
        mode === "byok" && <ByokLine item={item} feeUsd={feeUsd} />
      )}
      {mode === "local" && <LocalLine model={asked.model} feeUsd={feeUsd} />}
      {modes?.fallback_to_platform && (mode === "byok" || mode === "local") && (
        <p className="mf-disclosure">{text("byok.fallback")}</p>
      )}
      {(mode === "platform" || mode === "developer_key") && <CreditsLine feature={feature} {...asked} />}
    </div>
  );
}

/** Whether a call would be refused until the user has agreed to the fee and the text of today. */
export function useAsksConsent(feature: string, routeMode: RouteMode | undefined): boolean {
  const { modes, payer } = useModes(feature);
  const item = routeMode === undefined ? payer : modes?.items.find(({ mode }) => mode === routeMode);
  return item?.mode === "byok" && item.reason === "disclosure_required";
}

function CreditsLine({ feature, model, input, maxOutputTokens, showPrice }: PayerLineProps): ReactNode {
  const { stores, text, format } = useFaucetContext();
  const { value: prices } = useResource(stores.prices);
  const { wallet } = useWallet();
  const price = prices && priceOf(prices, feature, model);
  const about = price && estimate(price, input, maxOutputTokens);
  if (!price || !about || !wallet) return <p className="mf-price">{text("mode.price.unknown")}</p>;
  return (
    <>
      <p className="mf-price">
        {text("platform.price", {
          estimate: format.usd(about.estimateUsd),
          maximum: format.usd(about.maximumUsd),
          balance: format.usd(wallet.balance_usd, "down"),
        })}
      </p>
      {showPrice && <p className="mf-price">{tokenPrice(price, text, format)}</p>}
    </>
  );
}

/** The price that is printed, before anything is known of the input. */
export function tokenPrice(price: ModelPrice, text: Text, format: Format): string {
  const [input, output] = [format.price(price.inputUsd), format.price(price.outputUsd)];
  return text("platform.tokens", { input, output });
}

function ByokLine({ item, feeUsd }: { item: FaucetModeItem | undefined; feeUsd: string }) {
  const { stores, text, format } = useFaucetContext();
  const { keys } = useByokKeys();
  const app = useResource(stores.app).value?.name;
  const provider = providerOfKey(item, keys);
  if (provider === undefined) return <p className="mf-disclosure">{text("mode.reason.no_key")}</p>;
  return <p className="mf-disclosure">{byokDisclosure({ provider, app, feeUsd }, text, format)}</p>;
}

function LocalLine({ model, feeUsd }: { model: string | undefined; feeUsd: string }) {
  const { text, format } = useFaucetContext();
  const bridge = useLocalBridge();
  return <p className="mf-disclosure">{localDisclosure({ bridge, model, feeUsd }, text, format)}</p>;
}
