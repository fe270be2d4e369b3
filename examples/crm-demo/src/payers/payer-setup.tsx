import { FaucetByokForm, FaucetLocalBridge, useModes } from "@modelfaucet/react";
import { featureKey } from "../faucet.ts";

/** What the chosen payer needs: a key of the user's own, or the bridge on this computer. Credits need nothing. */
export function PayerSetup() {
  const { payer } = useModes(featureKey);
  if (payer?.mode !== "byok" && payer?.mode !== "local") return null;
  return (
    <section className="setup" id="setup" tabIndex={-1} aria-label="What your choice needs">
      {payer.mode === "byok" ? <FaucetByokForm feature={featureKey} /> : <FaucetLocalBridge />}
    </section>
  );
}

/** Brings the reader to it, also where it lies below the fold. */
export function goToSetup(): void {
  const setup = document.getElementById("setup");
  setup?.scrollIntoView({ block: "center" });
  const field = setup?.querySelector<HTMLElement>("input, select, button");
  (field ?? setup)?.focus({ preventScroll: true });
}
