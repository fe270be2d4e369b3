import type { Tx } from "../../lib/db.ts";
import type { ConfiguredView } from "./routing.ts";
import {
  type Dialect,
  type ProviderTraffic,
  readProvidersOff,
  readStoredKeys,
  readStoredProviders,
  readTraffic,
  type StoredKey,
  type StoredProvider,
} from "./store.ts";

/** An upstream as operators see it: no key, and health from traffic alone. */
export type ProviderView = {
  name: string;
  baseUrl: string;
  dialect: Dialect;
  priority: number;
  weight: number;
  status: "on" | "off";
  /** Those in use: the environment's only where none is stored. */
  keys: { id: string | null; masked: string; createdAt: Date | null }[];
  traffic: ProviderTraffic | null;
  /** `null` for one that is known from the environment alone. */
  createdAt: Date | null;
};

/** By name. `only` keeps to one upstream; then there is one view or none. */
export async function readProviderViews(
  tx: Tx,
  configured: readonly ConfiguredView[],
  only: string | null = null,
): Promise<ProviderView[]> {
  const stored = await readStoredProviders(tx, only);
  const keys = Map.groupBy(await readStoredKeys(tx, only), ({ provider }) => provider);
  const traffic = await readTraffic(tx);
  const fromEnvironment = new Map(configured.map((upstream) => [upstream.name, upstream]));
  const rows = new Map(stored.map((row) => [row.name, row]));
  const off = await readProvidersOff(tx);
  const names = [...new Set([...rows.keys(), ...fromEnvironment.keys()])]
    .filter((name) => only === null || name === only)
    .sort();
  return names.map((name) => ({
    ...factsOf(rows.get(name), fromEnvironment.get(name)),
    name,
    ...(off.has(name) ? { status: "off" as const } : {}),
    keys: keysOf(keys.get(name) ?? [], fromEnvironment.get(name)),
    traffic: traffic.get(name) ?? null,
  }));
}

/** The operator's row wins; an upstream without one has the defaults of the table. */
function factsOf(row: StoredProvider | undefined, upstream: ConfiguredView | undefined) {
  if (row) {
    const { baseUrl, dialect, priority, weight, status, createdAt } = row;
    return { baseUrl, dialect, priority, weight, status, createdAt };
  }
  return {
    baseUrl: upstream!.baseUrl,
    dialect: upstream!.dialect,
    priority: 100,
    weight: 1,
    status: "on",
    createdAt: null,
  } as const;
}

function keysOf(stored: readonly StoredKey[], upstream: ConfiguredView | undefined): ProviderView["keys"] {
  if (stored.length > 0) return stored.map(({ id, masked, createdAt }) => ({ id, masked, createdAt }));
  return (upstream?.masked ?? []).map((masked) => ({ id: null, masked, createdAt: null }));
}
