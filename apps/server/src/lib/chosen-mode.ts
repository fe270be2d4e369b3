import type { RouteMode } from "@modelfaucet/contract/values.ts";

/** Who pays, as a user chose it. `featureId: null` is for every feature without a choice of its own. */
export type ChosenMode = {
  readonly featureId: string | null;
  readonly mode: RouteMode | "auto";
  readonly fallbackToPlatform: boolean;
  /** What the user agreed to for own keys. */
  readonly disclosureVersion: string | null;
};
