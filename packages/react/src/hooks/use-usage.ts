import type { FaucetUsageItem, FaucetUsageQuery } from "@modelfaucet/sdk";
import { useFaucet } from "../provider.tsx";
import { type FaucetListHook, useList } from "./use-list.ts";

/** The user's requests, newest first. */
export function useUsage(
  query: Omit<FaucetUsageQuery, "cursor" | "signal"> = {},
): FaucetListHook<FaucetUsageItem> {
  const client = useFaucet();
  return useList((page) => client.usage({ ...query, ...page }), JSON.stringify(query));
}
