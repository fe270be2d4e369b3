import type { FaucetClient, FaucetError, FaucetWallet } from "@modelfaucet/sdk";
import { errorOf, type Reading } from "./resource.ts";

/** `readAtMs` on this device's clock: how old a value is that could not be read again. */
export type WalletReading = Reading<FaucetWallet> & { readAtMs: number };

export type WalletStore = {
  get(): WalletReading;
  subscribe(listener: () => void): () => void;
  /** Reads at once where somebody looks, for example because a call has reserved something: a hold changes no balance. */
  refresh(): void;
};

export const noWallet: WalletReading = { value: undefined, error: null, loading: false, readAtMs: 0 };

const heldPauseMs = 250;
const leastPauseMs = 1_000;
const mostPauseMs = 10_000;
const refusedPauseMs = 30_000;

/**
 * Keeps the wallet true while somebody looks at it and the page is seen. While money is held it is read several times a
 * second; otherwise one call waits at the server until the balance is another one.
 */
export function createWalletStore(client: FaucetClient): WalletStore {
  let reading = noWallet;
  let ending: AbortController | null = null;
  let wake = () => {};
  const listeners = new Set<() => void>();
  const show = (next: WalletReading) => {
    reading = next;
    for (const listener of listeners) listener();
  };

  async function readOnce(signal: AbortSignal, waits: boolean): Promise<void> {
    const { value } = reading;
    try {
      const wallet = await client.wallet({
        signal,
        ...(waits && value ? { changedFrom: value.balance_usd } : {}),
      });
      show({ value: wallet, error: null, loading: false, readAtMs: Date.now() });
    } catch (error) {
      if (!signal.aborted) show({ ...reading, error: errorOf(error), loading: false });
    }
  }

  async function follow(end: AbortSignal): Promise<void> {
    let failures = 0;
    let asked = true;
    while (!end.aborted) {
      await untilSeen(end);
      if (end.aborted) return;
      const woken = new AbortController();
      wake = () => woken.abort();
      // While nothing is known, or something is held, waiting for another balance could miss a change of the holds.
      const waits = !asked && reading.value !== undefined && !isHeld(reading.value) && failures === 0;
      await readOnce(AbortSignal.any([end, woken.signal]), waits);
      asked = woken.signal.aborted;
      if (asked) continue;
      failures = reading.error === null ? 0 : failures + 1;
      const pauseMs =
        failures > 0 ? pauseOf(reading.error, failures) : isHeld(reading.value) ? heldPauseMs : 0;
      if (pauseMs > 0) await pause(pauseMs, AbortSignal.any([end, woken.signal]));
      asked = woken.signal.aborted;
    }
  }

  return {
    get: () => reading,
    subscribe(listener) {
      listeners.add(listener);
      if (ending === null) {
        ending = new AbortController();
        reading = { ...reading, loading: reading.value === undefined };
        void follow(ending.signal);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        ending?.abort();
        ending = null;
        wake = () => {};
      };
    },
    refresh: () => wake(),
  };
}

function isHeld(wallet: FaucetWallet | undefined): boolean {
  return wallet !== undefined && /[1-9]/.test(wallet.held_usd);
}

/** A refusal stays one; asking on is only worth something where the same call may succeed later. */
function pauseOf(error: FaucetError | null, failures: number): number {
  if (error !== null && !error.retryable && error.status !== 0) return refusedPauseMs;
  return Math.min(mostPauseMs, leastPauseMs * 2 ** Math.min(failures, 5));
}

/** A page in the background asks nothing. */
function untilSeen(end: AbortSignal): Promise<void> {
  if (typeof document === "undefined" || document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      if (document.visibilityState !== "visible" && !end.aborted) return;
      document.removeEventListener("visibilitychange", done);
      end.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    end.addEventListener("abort", done);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
