import type { FaucetError, FaucetModeChoice, FaucetModeItem, FaucetModes, RouteMode } from "@modelfaucet/sdk";
import { useCallback } from "react";
import { useFaucetContext } from "../provider.tsx";
import { errorOf, useResource } from "../stores/resource.ts";
import { useLocalBridge } from "./use-local-bridge.ts";

export type FaucetModesHook = {
  modes: FaucetModes | undefined;
  /** Who would pay for a call made now; absent where nobody can, or it is not known yet. */
  payer: FaucetModeItem | undefined;
  loading: boolean;
  error: FaucetError | null;
  /** Takes effect on the next call. @throws FaucetError */
  set(choice: Omit<FaucetModeChoice, "feature" | "signal">): Promise<FaucetModes>;
  refresh(): Promise<void>;
};

/** Who may pay for a feature's calls, at which fee, and who does. */
export function useModes(feature?: string): FaucetModesHook {
  const { client, stores } = useFaucetContext();
  const resource = stores.modes(feature);
  const { value: modes, loading, error } = useResource(resource);
  const set = useCallback<FaucetModesHook["set"]>(
    async (choice) => {
      try {
        const modes = await client.modes.set({ ...choice, ...(feature === undefined ? {} : { feature }) });
        resource.put(modes);
        return modes;
      } catch (caught) {
        // A text or a fee that has changed meanwhile must be shown before it can be agreed to.
        void resource.refresh();
        throw errorOf(caught);
      }
    },
    [client, resource, feature],
  );
  const app = useResource(stores.app).value;
  const bridge = useLocalBridge();
  const order =
    (feature === undefined ? undefined : app?.order[feature]) ?? modes?.items.map(({ mode }) => mode);
  const payer = modes && payerOf(modes, order ?? [], bridge.state === "ready");
  return { modes, payer, loading, error, set, refresh: resource.refresh };
}

/**
 * The rule of client and gateway: what the user has chosen, even where it cannot be used now, because nobody else may pay in
 * its place; without a choice the first of the feature's order that is set up. A broken one counts as set up: its failure must
 * be seen. Whether a machine of the user's own is there, only the device knows.
 */
export function payerOf(
  { selected, items }: FaucetModes,
  order: readonly RouteMode[],
  localIsSetUp: boolean,
): FaucetModeItem | undefined {
  const offered = items.filter(({ reason }) => reason !== "not_in_policy");
  const chosen = offered.find(({ mode }) => mode === selected);
  if (chosen) return chosen;
  const inOrder = order.flatMap((mode) => offered.find((item) => item.mode === mode) ?? []);
  return inOrder.find(({ mode, reason }) => (mode === "local" ? localIsSetUp : reason !== "no_key"));
}
