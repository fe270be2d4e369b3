import { FaucetError } from "./errors.ts";
import type { FaucetSession } from "./options.ts";
import type { FaucetModes } from "./wire.ts";

/** The user's choice of payer, as far as this page has heard of it. */
export type KnownModes = {
  /** An answer of the server; `changed` when it answers the user's change. */
  heard(modes: FaucetModes, feature: string | undefined, changed: boolean): void;
  opened(session: FaucetSession): void;
  /** For one feature: known, else asked for, else (the server is away) the last that was heard. */
  of(feature: string, ask: () => Promise<FaucetModes>): Promise<FaucetModes | undefined>;
};

export function createKnownModes(): KnownModes {
  const byFeature = new Map<string, FaucetModes>();
  let last: FaucetModes | undefined;
  let changedHere = false;
  return {
    heard(modes, feature, changed) {
      if (changed) byFeature.clear();
      changedHere ||= changed;
      last = modes;
      if (feature !== undefined) byFeature.set(feature, modes);
    },
    opened({ modes, featureKey }) {
      if (!modes) return;
      byFeature.clear();
      // A session that was asked for before a change may arrive after it, so from then on the server is asked instead.
      if (changedHere) return;
      last = modes;
      if (featureKey !== undefined) byFeature.set(featureKey, modes);
    },
    async of(feature, ask) {
      const known = byFeature.get(feature);
      if (known) return known;
      try {
        const modes = await ask();
        byFeature.set(feature, modes);
        return modes;
      } catch (error) {
        if (FaucetError.is(error) && error.code === "aborted") throw error;
        return last;
      }
    },
  };
}
