import type { FaucetWallet } from "@modelfaucet/sdk";
import { faucet } from "../faucet.ts";
import { isOpen, requestLog } from "../requests/request-log.ts";
import { createStore } from "../store.ts";

export type WalletView = {
  wallet: FaucetWallet | null;
  /** The last reading failed: what is shown is as old as `readAtMs`. */
  error: unknown;
  readAtMs: number;
};

/** One reader for the whole page; whoever wants every sample subscribes here. */
export const walletView = createStore<WalletView>({ wallet: null, error: null, readAtMs: 0 });

const busyPauseMs = 120;
const retryPauseMs = 2_000;

/**
 * Keeps the wallet true until `signal` ends. While requests run it is read several times a second, because holds change
 * too; otherwise one call waits at the server until the balance is another one.
 */
export async function followWallet(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { wallet, error } = walletView.get();
    const busy = requestLog.get().some(isOpen);
    // While nothing is known or something is held, waiting for another balance could miss a change of the holds.
    const waits = !busy && wallet !== null && error === null && wallet.held_usd === "0.00000000";
    const wake = new AbortController();
    const stopListening = waits ? requestLog.subscribe(() => wake.abort()) : () => {};
    try {
      const read = await faucet.wallet({
        signal: AbortSignal.any([signal, wake.signal]),
        ...(waits ? { changedFrom: wallet.balance_usd } : {}),
      });
      walletView.set(() => ({ wallet: read, error: null, readAtMs: Date.now() }));
      if (busy || read.held_usd !== "0.00000000") await pause(busyPauseMs);
    } catch (caught) {
      if (signal.aborted || wake.signal.aborted) continue;
      walletView.set((view) => ({ ...view, error: caught }));
      await pause(retryPauseMs);
    } finally {
      stopListening();
    }
  }
}

/** Reads at once what the last failure has left old. */
export async function readWalletNow(): Promise<FaucetWallet> {
  const read = await faucet.wallet();
  walletView.set(() => ({ wallet: read, error: null, readAtMs: Date.now() }));
  return read;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
