import type { Api } from "./api.ts";
import type { FaucetModesClient } from "./client.ts";
import type { FaucetModes } from "./wire.ts";

const path = "/v1/user/modes";

/** `known` hears of every answer, with the feature that it is about. */
export function createModes(
  api: Api,
  known: (modes: FaucetModes, feature: string | undefined, changed: boolean) => void,
): FaucetModesClient {
  return {
    async get({ feature, signal } = {}) {
      const modes = await api.read<FaucetModes>(path, { feature_key: feature }, { signal });
      known(modes, feature, false);
      return modes;
    },
    async set({ mode, feature, fallbackToPlatform, disclosureVersion, signal }) {
      const body = {
        mode,
        feature_key: feature,
        fallback_to_platform: fallbackToPlatform,
        disclosure_version: disclosureVersion,
      };
      const modes = await api.write<FaucetModes>("PUT", path, body, { signal });
      known(modes, feature, true);
      return modes;
    },
  };
}
