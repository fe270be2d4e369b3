import { FaucetError } from "@modelfaucet/sdk";
import { useSyncExternalStore } from "react";

/** One thing that is read from the server. `value` stays while it is read again; `error` is of the last reading. */
export type Reading<Value> = { value: Value | undefined; error: FaucetError | null; loading: boolean };

export type Resource<Value> = {
  get(): Reading<Value>;
  /** The first listener starts the reading, the last one to leave ends it: nothing is asked for what nobody shows. */
  subscribe(listener: () => void): () => void;
  /** What is known may be wrong by now: read again at once where somebody shows it, else when somebody does. */
  doubt(): void;
  /** Reads again; resolves when that is done, and never rejects: what went wrong is in the reading. */
  refresh(): Promise<void>;
  /** Puts in what another answer has told already. */
  put(value: Value): void;
};

const nothing: Reading<never> = { value: undefined, error: null, loading: false };

export function createResource<Value>(read: (signal: AbortSignal) => Promise<Value>): Resource<Value> {
  let reading: Reading<Value> = nothing;
  let running: AbortController | null = null;
  let isDoubtful = true;
  const listeners = new Set<() => void>();
  const show = (next: Reading<Value>) => {
    reading = next;
    for (const listener of listeners) listener();
  };
  async function refresh() {
    running?.abort();
    const own = new AbortController();
    running = own;
    show({ ...reading, loading: true });
    try {
      const value = await read(own.signal);
      if (running !== own) return;
      isDoubtful = false;
      show({ value, error: null, loading: false });
    } catch (error) {
      if (running === own) show({ ...reading, error: errorOf(error), loading: false });
    } finally {
      if (running === own) running = null;
    }
  }
  return {
    get: () => reading,
    refresh,
    doubt() {
      isDoubtful = true;
      if (listeners.size > 0) void refresh();
    },
    put(value) {
      running?.abort();
      running = null;
      isDoubtful = false;
      show({ value, error: null, loading: false });
    },
    subscribe(listener) {
      listeners.add(listener);
      if (listeners.size === 1 && (isDoubtful || reading.error !== null)) void refresh();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || running === null) return;
        running.abort();
        running = null;
        reading = { ...reading, loading: false };
      };
    },
  };
}

export function useResource<Value>(resource: Resource<Value>): Reading<Value> {
  return useSyncExternalStore(resource.subscribe, resource.get, () => nothing as Reading<Value>);
}

/** The client throws nothing else; a fault of this package must not look like one of the server. */
export function errorOf(error: unknown): FaucetError {
  if (FaucetError.is(error)) return error;
  return new FaucetError("This page failed in a way it did not expect.", {
    code: "unexpected_answer",
    cause: error,
  });
}
