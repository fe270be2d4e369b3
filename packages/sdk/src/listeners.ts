import { FaucetError } from "./errors.ts";
import type { FaucetLocalBridgeStatus } from "./local/wire.ts";
import type { FaucetModelfaucet, FaucetModes } from "./wire.ts";

/** What a page may listen to. No token, key or prompt is ever in an event. */
export type FaucetEvents = {
  session: { sessionId: string; expiresAtMs: number; featureKey?: string };
  balance: { balanceUsd: string };
  usage: FaucetModelfaucet;
  mode: FaucetModes;
  local: FaucetLocalBridgeStatus;
  error: FaucetError;
};

export type Listeners = {
  on<Name extends keyof FaucetEvents>(event: Name, listener: (value: FaucetEvents[Name]) => void): () => void;
  emit<Name extends keyof FaucetEvents>(event: Name, value: FaucetEvents[Name]): void;
};

/** Does a piece of work; what it throws is an `error` event, too. */
export type Told = <T>(work: () => Promise<T>) => Promise<T>;

/** What the caller ended by itself is no failure. */
export function tellError(emit: Listeners["emit"], error: unknown): void {
  if (FaucetError.is(error) && error.code !== "aborted") emit("error", error);
}

export function createListeners(): Listeners {
  const byEvent = new Map<keyof FaucetEvents, Set<(value: never) => void>>();
  return {
    on(event, listener) {
      const set = byEvent.get(event) ?? new Set();
      byEvent.set(event, set);
      // A wrapper of its own, so that the same function listening twice is taken off once.
      const entry = (value: never) => listener(value);
      set.add(entry);
      return () => {
        set.delete(entry);
      };
    },
    emit(event, value) {
      for (const listener of byEvent.get(event) ?? []) {
        try {
          (listener as (value: unknown) => void)(value);
        } catch (error) {
          // A faulty listener must not break the call that it listens to; the page's own error handler hears of it.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
