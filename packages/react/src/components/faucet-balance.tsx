import { isZero } from "../format.ts";
import { useWallet } from "../hooks/use-wallet.ts";
import { useFaucetContext } from "../provider.tsx";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";

export type FaucetBalanceProps = { className?: string };

/** What is in the wallet, what of it is held for running requests, and what is free. */
export function FaucetBalance({ className }: FaucetBalanceProps) {
  const { root, text, format } = useFaucetContext();
  const { wallet, error, readAtMs, refresh } = useWallet();
  return (
    <section className={rootClass("mf-balance", className)} {...root} aria-label={text("balance.title")}>
      <h3 className="mf-title">
        {text("balance.title")}{" "}
        {wallet && error && (
          <span className="mf-stale" role="status">
            {text("balance.stale", { time: format.time(readAtMs) })}
          </span>
        )}
      </h3>
      {wallet ? (
        <>
          <p className="mf-money" title={wallet.balance_usd}>
            {format.usd(wallet.balance_usd, "down")}
          </p>
          <p className="mf-note">
            {text("balance.available", { available: format.usd(wallet.available_usd, "down") })}
            {!isZero(wallet.held_usd) && ` · ${text("balance.held", { held: format.usd(wallet.held_usd) })}`}
          </p>
        </>
      ) : (
        error && <ErrorNotice error={error} retry={refresh} />
      )}
    </section>
  );
}
