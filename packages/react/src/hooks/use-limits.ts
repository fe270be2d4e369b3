import type { FaucetError, FaucetLimits, FaucetOwnLimit } from "@modelfaucet/sdk";
import { useCallback } from "react";
import { useFaucetContext } from "../provider.tsx";
import { useResource } from "../stores/resource.ts";

export type FaucetLimitsHook = {
  limits: FaucetLimits | undefined;
  loading: boolean;
  error: FaucetError | null;
  /** The user's own limit of one window; `null` takes it away. @throws FaucetError */
  set(limit: Omit<FaucetOwnLimit, "signal">): Promise<FaucetLimits>;
  refresh(): Promise<void>;
};

/** Every limit that binds this user, whoever set it. */
export function useLimits(): FaucetLimitsHook {
  const { client, stores } = useFaucetContext();
  const resource = stores.limits;
  const { value: limits, loading, error } = useResource(resource);
  const set = useCallback<FaucetLimitsHook["set"]>(
    async (limit) => {
      const limits = await client.limits.set(limit);
      resource.put(limits);
      // A limit bounds what can be spent, which the wallet tells.
      stores.wallet.refresh();
      return limits;
    },
    [client, stores, resource],
  );
  return { limits, loading, error, set, refresh: resource.refresh };
}
