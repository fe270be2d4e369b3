import type {
  FaucetClient,
  FaucetLimits,
  FaucetList,
  FaucetModelfaucet,
  FaucetModes,
  FaucetProviderKey,
  RouteMode,
} from "@modelfaucet/sdk";
import { type BridgeStore, createBridgeStore } from "./bridge-store.ts";
import { type ModelPrice, readPrices } from "./prices.ts";
import { createResource, type Resource } from "./resource.ts";
import { createWalletStore, type WalletStore } from "./wallet-store.ts";

/** What all components of one provider share, so that each thing is asked for once. Making it asks for nothing. */
export type Stores = {
  wallet: WalletStore;
  bridge: BridgeStore;
  limits: Resource<FaucetLimits>;
  keys: Resource<FaucetList<FaucetProviderKey>>;
  prices: Resource<ModelPrice[]>;
  app: Resource<AppFacts>;
  modes(feature: string | undefined): Resource<FaucetModes>;
  /** After a key or a choice has changed, every feature's payers may be others. */
  refreshModes(): Promise<void>;
  /** The latest answer of this client, whoever asked for it. */
  latest: { get(): FaucetModelfaucet | null; subscribe(listener: () => void): () => void };
};

/** What the server says of the app that this user is of. */
type AppFacts = {
  /** As its developer has registered it, for the texts that name who charges. */
  name: string;
  /** The order in which a feature's payers are tried for who has chosen none, by `feature_key`. */
  order: Readonly<Record<string, readonly RouteMode[]>>;
};

export type Addresses = { baseUrl: string; gatewayBaseUrl: string };

export function createStores(client: FaucetClient, addresses: Addresses): Stores {
  const byFeature = new Map<string, Resource<FaucetModes>>();
  const app = createResource<AppFacts>((signal) => readApp(client, addresses.baseUrl, signal));
  const modes = (feature: string | undefined) => {
    const key = feature ?? "";
    const known = byFeature.get(key);
    if (known) return known;
    const made = createResource(async (signal) => {
      // One session serves all that is read here: once it is there, none is opened for the feature alone.
      await client.sessionToken();
      return await client.modes.get({ signal, ...(feature === undefined ? {} : { feature }) });
    });
    byFeature.set(key, made);
    return made;
  };
  const keys = createResource((signal) => client.byok.listKeys({ signal }));
  // A refused call may be the first to say that a key is no longer good, or that its text has to be read again.
  client.on("error", ({ code, details }) => {
    if (!/^byok_/.test(code) && details.reason !== "disclosure_required") return;
    keys.doubt();
    for (const resource of byFeature.values()) resource.doubt();
  });
  return {
    wallet: createWalletStore(client),
    bridge: createBridgeStore(client, () => app.get().value?.name),
    limits: createResource((signal) => client.limits.get({ signal })),
    keys,
    prices: createResource((signal) => readPrices(client, addresses.gatewayBaseUrl, signal)),
    app,
    modes,
    async refreshModes() {
      await Promise.all([...byFeature.values()].map((resource) => resource.refresh()));
    },
    latest: latestOf(client),
  };
}

function latestOf(client: FaucetClient): Stores["latest"] {
  let latest: FaucetModelfaucet | null = null;
  const listeners = new Set<() => void>();
  client.on("usage", (modelfaucet) => {
    latest = modelfaucet;
    for (const listener of listeners) listener();
  });
  return {
    get: () => latest,
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** A name that cannot be read is no fault: the texts then say "This app". */
async function readApp(client: FaucetClient, baseUrl: string, signal: AbortSignal): Promise<AppFacts> {
  const response = await client.fetch(`${baseUrl.replace(/\/+$/, "")}/v1/user/me`, { signal });
  const me = (await response.json()) as {
    app_name?: unknown;
    features?: readonly { feature_key: string; route_preference: readonly RouteMode[] }[];
  };
  if (typeof me.app_name !== "string" || me.app_name === "") throw new TypeError("The app has no name.");
  const features = Array.isArray(me.features) ? me.features : [];
  return {
    name: me.app_name,
    order: Object.fromEntries(features.map((feature) => [feature.feature_key, feature.route_preference])),
  };
}
