import type { Api } from "./api.ts";
import type { FaucetModesClient } from "./client.ts";
import type { KnownModes } from "./known-modes.ts";
import type { FaucetModes } from "./wire.ts";

const path = "/v1/user/modes";

/** Who may pay for the calls of a feature (absent: of the app), and who does. */
export function readModes(
  api: Api,
  feature: string | undefined,
  signal: AbortSignal | undefined,
): Promise<FaucetModes> {
  return api.read(path, { feature_key: feature }, { signal, ...(feature === undefined ? {} : { feature }) });
}

export function createModes(
  api: Api,
  known: KnownModes,
  changed: (modes: FaucetModes) => void,
): FaucetModesClient {
  return {
    async get({ feature, signal } = {}) {
      const modes = await readModes(api, feature, signal);
      known.heard(modes, feature, false);
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
      known.heard(modes, feature, true);
      changed(modes);
      return modes;
    },
  };
}
