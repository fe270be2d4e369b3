import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { type Usd, usdFromStore } from "../../lib/money.ts";
import { selectBalances } from "./wallet-store.ts";

/** Lets callers wait until a wallet's balance is another one than they know. */
export type WalletWatch = {
  /**
   * Resolves when the wallet's balance differs from `knownUsd`, after `waitMs`, when the caller leaves, or when newer
   * waiters of the same wallet push it out. Never inside a transaction.
   * @throws ApiError service_unavailable when too many wait already
   */
  untilDiffers(
    wallet: { appId: string; id: string },
    knownUsd: Usd,
    waitMs: number,
    leaving: AbortSignal,
  ): Promise<void>;
  readonly waiting: number;
  stop(): void;
};

export type WalletWatchOptions = {
  database: Pick<Database, "read">;
  /** Two polls are at least so far apart; the first one after a pause comes at once. */
  pollMs?: number;
  mostWaiters?: number;
  mostWaitersPerWallet?: number;
  onError: (error: unknown) => void;
};

type Waiter = { knownUsd: Usd; end: () => void };
type Watched = { appId: string; id: string; waiters: Set<Waiter> };

/** One statement a poll for all wallets together, whoever waits for them; without waiters no statement at all. */
export function createWalletWatch(options: WalletWatchOptions): WalletWatch {
  const { pollMs = 200, mostWaiters = 2_000, mostWaitersPerWallet = 20 } = options;
  const watched = new Map<string, Watched>();
  let waiting = 0;
  let polling = false;
  let stopped = false;
  let timer: NodeJS.Timeout | null = null;
  let polledAt = Number.NEGATIVE_INFINITY;

  const poll = async (): Promise<void> => {
    timer = null;
    if (polling || stopped || watched.size === 0) return;
    polling = true;
    polledAt = performance.now();
    // Who joins while the statement runs may know a newer balance than it reads.
    const asked = new Map([...watched].map(([key, { waiters }]) => [key, [...waiters]]));
    const places = [...watched.values()].map(({ appId, id }) => ({ app_id: appId, id }));
    try {
      const rows = await options.database.read({ purpose: "cache" }, (tx) => selectBalances(tx, places));
      for (const row of rows) {
        const balanceUsd = usdFromStore(row.balance_usd);
        for (const waiter of asked.get(keyOf(row.app_id, row.id)) ?? []) {
          if (waiter.knownUsd !== balanceUsd) waiter.end();
        }
      }
    } catch (error) {
      // Who waits goes on waiting: the next poll may find the database again, and each wait has its own end.
      options.onError(error);
    } finally {
      polling = false;
      schedule();
    }
  };
  const schedule = (): void => {
    if (timer !== null || polling || stopped || watched.size === 0) return;
    timer = setTimeout(() => void poll(), Math.max(0, polledAt + pollMs - performance.now()));
    timer.unref();
  };

  return {
    untilDiffers: (wallet, knownUsd, waitMs, leaving) => {
      if (stopped || leaving.aborted || waitMs <= 0) return Promise.resolve();
      if (waiting >= mostWaiters) return Promise.reject(tooMany());
      return new Promise((resolve) => {
        const key = keyOf(wallet.appId, wallet.id);
        const entry: Watched = watched.get(key) ?? { ...wallet, waiters: new Set() };
        watched.set(key, entry);
        // A set keeps its order: the first is the one that has waited longest.
        if (entry.waiters.size >= mostWaitersPerWallet) [...entry.waiters][0]!.end();
        const deadline = setTimeout(() => waiter.end(), waitMs);
        deadline.unref();
        const waiter: Waiter = {
          knownUsd,
          end: () => {
            if (!entry.waiters.delete(waiter)) return;
            waiting -= 1;
            clearTimeout(deadline);
            leaving.removeEventListener("abort", waiter.end);
            if (entry.waiters.size === 0) watched.delete(key);
            resolve();
          },
        };
        watched.set(key, entry);
        entry.waiters.add(waiter);
        waiting += 1;
        leaving.addEventListener("abort", waiter.end, { once: true });
        schedule();
      });
    },
    get waiting() {
      return waiting;
    },
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      for (const entry of [...watched.values()]) for (const waiter of [...entry.waiters]) waiter.end();
    },
  };
}

const keyOf = (appId: string, id: string): string => `${appId}/${id}`;

function tooMany(): ApiError {
  return new ApiError(
    "service_unavailable",
    "Too many callers wait for a wallet here; ask without wait_seconds.",
    {
      retryAfterSeconds: 1,
    },
  );
}
