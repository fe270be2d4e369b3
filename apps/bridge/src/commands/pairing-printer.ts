import type { Pairing } from "../pairing/pairings.ts";

/** Shows each origin's request once a minute; a newer one within that minute is shown when it is over. */
export type PairingPrinter = { ask(pairing: Pairing): void; close(): void };

const pauseMs = 60_000;
const originsMax = 64;

export function createPairingPrinter(
  show: (pairing: Pairing) => void,
  stillWaiting: (id: string) => Pairing | undefined,
): PairingPrinter {
  const quiet = new Map<string, { timer: NodeJS.Timeout; latest: Pairing | null }>();
  const print = (pairing: Pairing): void => {
    show(pairing);
    if (quiet.size >= originsMax) return;
    const timer = setTimeout(() => {
      const latest = quiet.get(pairing.origin)?.latest ?? null;
      quiet.delete(pairing.origin);
      const waiting = latest === null ? undefined : stillWaiting(latest.id);
      if (waiting !== undefined) print(waiting);
    }, pauseMs);
    timer.unref();
    quiet.set(pairing.origin, { timer, latest: null });
  };
  return {
    ask(pairing) {
      // The user has the code of what they prepared themselves.
      if (pairing.by === "user") return;
      const paused = quiet.get(pairing.origin);
      if (paused === undefined) print(pairing);
      else paused.latest = pairing;
    },
    close() {
      for (const { timer } of quiet.values()) clearTimeout(timer);
    },
  };
}
