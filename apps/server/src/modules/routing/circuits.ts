/**
 * Which upstreams are left alone for a while. After so many failures in a row nothing is sent there until a time has passed;
 * then one request tries, and its outcome decides.
 */
export type Circuits = {
  /** True while nothing may be sent. The first one to ask after the time has passed may try. */
  isOpen(name: string): boolean;
  /** The same, without taking the turn to try. */
  look(name: string): "closed" | "open";
  succeeded(name: string): void;
  failed(name: string): void;
  /** Seconds for which the operator's upstreams have been left alone, by their names. */
  openProviders(): Record<string, number>;
};

/** One per upstream of the operator's and one per key; `null` for a key that came with its request. */
export function circuitName(provider: string, key: { id: string | null } | null): string | null {
  if (key === null) return ofProvider + provider;
  return key.id === null ? null : `credential ${key.id}`;
}

type State = { failures: number; openUntilMs: number | null; openSinceMs: number | null };

const mostCircuits = 10_000;

/** `failures` in a row open a circuit for `openMs`; `now` is any clock that never goes back. */
export function createCircuits(options: { failures: number; openMs: number; now: () => number }): Circuits {
  const states = new Map<string, State>();
  const isOpenAt = ({ openUntilMs }: State, now: number): boolean =>
    openUntilMs !== null && now < openUntilMs;
  return {
    isOpen: (name) => {
      const state = states.get(name);
      if (!state || state.openUntilMs === null) return false;
      if (options.now() < state.openUntilMs) return true;
      // Whoever asks now tries; everybody else waits for how that ends.
      state.openUntilMs = options.now() + options.openMs;
      return false;
    },
    look: (name) => {
      const state = states.get(name);
      return state && isOpenAt(state, options.now()) ? "open" : "closed";
    },
    succeeded: (name) => {
      states.delete(name);
    },
    failed: (name) => {
      const state = states.get(name) ?? { failures: 0, openUntilMs: null, openSinceMs: null };
      state.failures++;
      if (state.failures >= options.failures) {
        state.openUntilMs = options.now() + options.openMs;
        state.openSinceMs ??= options.now();
      }
      states.delete(name);
      if (states.size >= mostCircuits) states.delete(states.keys().next().value!);
      states.set(name, state);
    },
    openProviders: () => {
      const now = options.now();
      const open = [...states].filter(([name, state]) => name.startsWith(ofProvider) && isOpenAt(state, now));
      return Object.fromEntries(
        open.map(([name, { openSinceMs }]) => [
          name.slice(ofProvider.length),
          Math.round((now - (openSinceMs ?? now)) / 1_000),
        ]),
      );
    },
  };
}

const ofProvider = "provider ";
