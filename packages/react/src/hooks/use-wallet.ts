import type { FaucetError, FaucetWallet } from "@modelfaucet/sdk";
import { useSyncExternalStore } from "react";
import { useFaucetContext } from "../provider.tsx";
import { noWallet } from "../stores/wallet-store.ts";

export type FaucetWalletHook = {
  wallet: FaucetWallet | undefined;
  loading: boolean;
  /** Of the last reading; `wallet` is then as old as `readAtMs` (milliseconds since 1970). */
  error: FaucetError | null;
  readAtMs: number;
  /** Reads at once. */
  refresh(): void;
};

/** The user's wallet, kept true while it is on the screen. */
export function useWallet(): FaucetWalletHook {
  const { wallet: store } = useFaucetContext().stores;
  const { value, ...reading } = useSyncExternalStore(store.subscribe, store.get, () => noWallet);
  return { wallet: value, ...reading, refresh: store.refresh };
}
