import { useWallet } from "@modelfaucet/react";
import type { FaucetWallet } from "@modelfaucet/sdk";
import { useEffect } from "react";
import { faucet } from "../faucet.ts";
import { isOpen, requestLog } from "../requests/request-log.ts";
import { createStore, useStore } from "../store.ts";

/** The last reading of the wallet, for code outside of components; whoever wants every sample subscribes here. */
export const walletView = createStore<FaucetWallet | null>(null);

/** Keeps the view true, and has the wallet read again when a request begins or ends: a hold changes no balance. */
export function WalletWatch() {
  const { wallet, refresh } = useWallet();
  const rows = useStore(requestLog);
  const open = `${rows.filter(isOpen).length} ${rows.filter((row) => isOpen(row) && row.amountUsd).length}`;
  useEffect(() => {
    if (wallet) walletView.set(() => wallet);
  }, [wallet]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another number of open or held requests is the reason to read
  useEffect(() => {
    refresh();
  }, [open, refresh]);
  return null;
}

/** Reads at once, whatever the page is waiting for. */
export async function readWalletNow(): Promise<FaucetWallet> {
  const read = await faucet.wallet();
  walletView.set(() => read);
  return read;
}
