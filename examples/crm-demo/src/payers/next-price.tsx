import { useByokKeys, useLocalBridge, useModes, useWallet } from "@modelfaucet/react";
import type { FaucetModeItem } from "@modelfaucet/sdk";
import type { ReactNode } from "react";
import { featureKey } from "../faucet.ts";
import { showUsd } from "../money/amount.ts";
import type { ReplyPrice } from "../requests/models.ts";
import { goToSetup } from "./payer-setup.tsx";
import { payerName, vendorName } from "./payer-words.ts";

/** Who will pay for the next reply, and how much: there before anything is sent. */
export function NextPrice({ price }: { price: ReplyPrice | null }) {
  const { payer, modes } = useModes(featureKey);
  if (!payer) {
    return (
      <p className="price">
        <span className="chip">{modes ? "Nobody can pay yet" : "…"}</span>
      </p>
    );
  }
  return (
    <p className="price">
      <span className="chip">{payerName(payer.mode)}</span>
      {payer.mode === "byok" ? (
        <KeyPrice payer={payer} />
      ) : payer.mode === "local" ? (
        <MachinePrice payer={payer} />
      ) : (
        <CreditsPrice price={price} />
      )}
    </p>
  );
}

function CreditsPrice({ price }: { price: ReplyPrice | null }) {
  const { wallet } = useWallet();
  if (price === null || !wallet) return <span>Price not known yet</span>;
  return (
    <span>
      About {showUsd(price.aboutUsd)}, at most {showUsd(price.mostUsd)}, from your balance of{" "}
      {showUsd(wallet.balance_usd, { round: "down" })}.
    </span>
  );
}

function KeyPrice({ payer }: { payer: FaucetModeItem }) {
  const { keys } = useByokKeys();
  if (payer.reason === "no_key") return <Missing>Add a key</Missing>;
  if (payer.reason === "key_invalid") return <Missing>Your key was refused: replace it</Missing>;
  if (payer.reason === "disclosure_required") return <span>Read and agree to the fee above</span>;
  const provider = keys.find(({ id }) => id === payer.credential_id)?.provider;
  const bill = provider === undefined ? "your provider" : vendorName(provider);
  return (
    <span>
      {fee(payer)}, and what {bill} bills you {payer.masked && <code className="mono">{payer.masked}</code>}
    </span>
  );
}

function MachinePrice({ payer }: { payer: FaucetModeItem }) {
  const { state, models } = useLocalBridge();
  if (state === "checking" || state === "unknown") return <span>Looking for this computer’s models…</span>;
  if (state !== "ready") return <Missing>Connect this computer</Missing>;
  if (models.length === 0) return <Missing>Load a model first</Missing>;
  return <span>{fee(payer)}, answered here</span>;
}

function fee({ fee_usd }: FaucetModeItem): string {
  return /[1-9]/.test(fee_usd) ? `${showUsd(fee_usd)} fee` : "No fee";
}

function Missing({ children }: { children: ReactNode }) {
  return (
    <button type="button" className="link" onClick={goToSetup}>
      {children}
    </button>
  );
}
