import type { Api } from "./api.ts";
import type { FaucetByokClient } from "./client.ts";
import { usableKey } from "./own-key.ts";
import type { FaucetKeyTest, FaucetList, FaucetProviderKey } from "./wire.ts";

const path = "/v1/user/provider-keys";
const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;

/** Keys of the user's own. One goes straight to the server and is kept in no field, event, error or storage. */
export function createByok(api: Api, apiUrl: string): FaucetByokClient {
  return {
    async addKey({ apiKey, signal, ...facts }) {
      const secret = usableKey(apiKey, apiUrl);
      const body = {
        provider: facts.provider,
        api_key: secret,
        base_url: facts.baseUrl,
        name: facts.name,
        models_allowed: facts.modelsAllowed,
        budget_limit_usd: facts.budgetLimitUsd,
        priority: facts.priority,
        weight: facts.weight,
        fallback_to_platform: facts.fallbackToPlatform,
        disclosure_version: facts.disclosureVersion,
      };
      // Sent once: after a broken connection nobody knows whether the key was kept, and a repeat would keep it twice.
      return await api.write<FaucetProviderKey>("POST", path, body, { signal, secret, once: true });
    },
    listKeys: ({ signal, ...query } = {}) => api.read<FaucetList<FaucetProviderKey>>(path, query, { signal }),
    testKey: (id, { signal } = {}) =>
      api.write<FaucetKeyTest>("POST", `${pathOf(id)}/test`, undefined, { signal }),
    async deleteKey(id, { signal } = {}) {
      await api.write("DELETE", pathOf(id), undefined, { signal });
    },
  };
}
