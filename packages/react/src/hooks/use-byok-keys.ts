import type { FaucetError, FaucetKeyTest, FaucetProviderKey, FaucetProviderKeyInput } from "@modelfaucet/sdk";
import { useMemo } from "react";
import { useFaucetContext } from "../provider.tsx";
import { useResource } from "../stores/resource.ts";

export type FaucetByokKeysHook = {
  keys: readonly FaucetProviderKey[];
  /** Whether the list has been read. */
  known: boolean;
  loading: boolean;
  error: FaucetError | null;
  /** The key goes straight to the server and is kept nowhere here. @throws FaucetError */
  add(key: FaucetProviderKeyInput): Promise<FaucetProviderKey>;
  /** By a call that costs nothing. @throws FaucetError */
  test(id: string): Promise<FaucetKeyTest>;
  /** For good. @throws FaucetError */
  remove(id: string): Promise<void>;
  refresh(): Promise<void>;
};

/** The user's own provider keys, masked. */
export function useByokKeys(): FaucetByokKeysHook {
  const { client, stores } = useFaucetContext();
  const { keys: resource } = stores;
  const { value, loading, error } = useResource(resource);
  const actions = useMemo(() => {
    // A key more or less changes who can pay.
    const changed = async () => {
      await Promise.all([resource.refresh(), stores.refreshModes()]);
    };
    return {
      async add(key: FaucetProviderKeyInput) {
        const added = await client.byok.addKey(key);
        await changed();
        return added;
      },
      async test(id: string) {
        const tested = await client.byok.testKey(id);
        await changed();
        return tested;
      },
      async remove(id: string) {
        await client.byok.deleteKey(id);
        await changed();
      },
      refresh: resource.refresh,
    };
  }, [client, stores, resource]);
  return { keys: value?.items ?? [], known: value !== undefined, loading, error, ...actions };
}
