import { useSyncExternalStore } from "react";
import { useFaucetContext } from "../provider.tsx";
import { type BridgeReading, type BridgeStore, noBridge } from "../stores/bridge-store.ts";

export type FaucetLocalBridgeHook = BridgeReading &
  Pick<BridgeStore, "detect" | "pair" | "submit" | "unpair">;

/** The bridge on the user's computer. It is looked for when `detect` or `pair` is called, and never by itself. */
export function useLocalBridge(): FaucetLocalBridgeHook {
  const { bridge } = useFaucetContext().stores;
  const reading = useSyncExternalStore(bridge.subscribe, bridge.get, () => noBridge);
  const { detect, pair, submit, unpair } = bridge;
  return { ...reading, detect, pair, submit, unpair };
}
