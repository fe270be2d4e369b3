import { useSyncExternalStore } from "react";

/**
 * Some acts want their person proved within the last minutes. Whoever is refused for that waits here until it is done or
 * declined; one dialog answers for all who wait.
 */
type Asked = { proved: Promise<boolean>; answer: (proved: boolean) => void };

let asked: Asked | null = null;
const listeners = new Set<() => void>();

/** Resolves to whether the person was proved anew. */
export function proveAnew(): Promise<boolean> {
  if (asked === null) {
    let resolve: (proved: boolean) => void = () => {};
    const proved = new Promise<boolean>((settle) => {
      resolve = settle;
    });
    asked = {
      proved,
      answer: (done) => {
        asked = null;
        tell();
        resolve(done);
      },
    };
    tell();
  }
  return asked.proved;
}

/** How to answer who waits for a proof; `null` while nobody does. */
export function useProofAsked(): Asked["answer"] | null {
  return useSyncExternalStore(subscribe, () => asked)?.answer ?? null;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(): void {
  for (const listener of listeners) listener();
}
