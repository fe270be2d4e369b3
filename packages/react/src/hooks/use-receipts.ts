import type { FaucetListQuery, FaucetReceipt } from "@modelfaucet/sdk";
import { useFaucet } from "../provider.tsx";
import { type FaucetListHook, useList } from "./use-list.ts";

/** The user's receipts, newest first. */
export function useReceipts(
  query: Omit<FaucetListQuery, "cursor" | "signal"> = {},
): FaucetListHook<FaucetReceipt> {
  const client = useFaucet();
  return useList((page) => client.receipts.list({ ...query, ...page }), JSON.stringify(query));
}
