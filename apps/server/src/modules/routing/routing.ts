import type { Database } from "../../lib/db.ts";
import type { SecretPlace } from "../../lib/secret-box.ts";
import { maskKey } from "./mask.ts";
import { type Dialect, readProviders, readSealedKeys, type SealedKey } from "./store.ts";

export { type BaseUrlRefusal, refusalOfBaseUrl } from "./base-url.ts";
export { type Circuits, circuitName, createCircuits } from "./circuits.ts";
export { maskKey } from "./mask.ts";
export { aliasOf, isSameModel, type ListedModel, listedUnder, type PlannedRoute, suffices } from "./rules.ts";
export {
  type Dialect,
  destroyKey,
  insertKey,
  lockStoredKey,
  lockStoredProvider,
  readOpenCircuits,
  readStoredKeys,
  readStoredProviders,
  upsertProvider,
} from "./store.ts";
export { type ProviderView, readProviderViews } from "./views.ts";

/** A provider that the platform pays, with the keys that may be used, dearest secrets opened in memory alone. */
export type Upstream = {
  name: string;
  /** With `/v1` or what the provider wants instead, no slash at the end. */
  baseUrl: string;
  dialect: Dialect;
  /** `off` also where every stored key is switched off: none of the environment's stands in for them. */
  readonly status: "on" | "off";
  /** In order of priority, without those that are switched off; `null` is a provider that asks for none. */
  readonly keys: readonly (string | null)[];
  /** When it last served, and how its attempts went of late; from traffic alone. */
  health: UpstreamHealth;
};

export type UpstreamHealth = {
  lastSuccessAtMs: number | null;
  recent: ("ok" | "failed")[];
  last: UpstreamAttempt | null;
};

/** How an attempt went: the class of its failure, and upstream's status where it answered. */
export type UpstreamAttempt = { failure: string | null; status: number | undefined; latencyMs: number };

/** The environment's upstream as people may see it. */
export type ConfiguredView = {
  name: string;
  baseUrl: string;
  dialect: Dialect;
  masked: readonly string[];
};

export type ConfiguredUpstream = {
  name: string;
  baseUrl: string;
  /** `openai` unless told otherwise. */
  dialect?: Dialect | undefined;
  keys: readonly (string | null)[];
};

export type Upstreams = {
  find(name: string): Upstream | null;
  /** The id of a stored key that an attempt was made with; `null` for one of the environment. */
  keyId(name: string, secret: string | null): string | null;
  all(): readonly Upstream[];
  /** Those of the environment, their keys masked. */
  configured(): readonly ConfiguredView[];
  /** True for the exact origins that operators configured: the egress guard's second door. */
  allowsOrigin(origin: string): boolean;
  /** Notes an attempt that upstream alone is to be praised or blamed for. */
  record(name: string, attempt: UpstreamAttempt, atMs: number): void;
  /** Reads the operator's rows and keys again. */
  reload(): Promise<void>;
};

/** Where a platform's key is sealed to. */
export function providerKeyPlace(credentialId: string): SecretPlace {
  return { table: "provider_credentials", column: "sealed_secret", rowId: credentialId, owner: "platform" };
}

const recentMost = 100;

/** Upstreams from the environment, then those of the operator's rows, which win. `openSecret` opens a sealed key. */
export function createUpstreams(options: {
  database: Database;
  configured: readonly ConfiguredUpstream[];
  openSecret: (sealed: string, credentialId: string) => string | null;
  /** What an operator has switched off, as it is when somebody asks. */
  isOff?: (kind: "provider" | "credential", id: string) => boolean;
}): Upstreams {
  const isOff = options.isOff ?? (() => false);
  let byName = new Map<string, Upstream>();
  let storedKeys = new Map<string, readonly OpenedKey[]>();
  let origins = new Set<string>();
  const health = new Map<string, UpstreamHealth>();
  const healthOf = (name: string): UpstreamHealth => {
    const known = health.get(name) ?? { lastSuccessAtMs: null, recent: [], last: null };
    health.set(name, known);
    return known;
  };
  const reload = async (): Promise<void> => {
    const { rows, sealed } = await options.database.read({ purpose: "cache" }, async (tx) => ({
      rows: await readProviders(tx),
      sealed: Map.groupBy(await readSealedKeys(tx), (key) => key.provider),
    }));
    const next = new Map<string, Upstream>();
    const stored = new Map<string, readonly OpenedKey[]>();
    const add = (
      facts: Pick<Upstream, "name" | "baseUrl" | "dialect" | "status">,
      otherwise: Upstream["keys"],
    ) => {
      const opened = stored.get(facts.name) ?? openAll(sealed.get(facts.name) ?? [], options.openSecret);
      stored.set(facts.name, opened);
      next.set(facts.name, upstreamOf(facts, { opened, otherwise }, healthOf(facts.name), isOff));
    };
    for (const { name, baseUrl, dialect = "openai", keys } of options.configured)
      add({ name, baseUrl, dialect, status: "on" }, keys);
    for (const row of rows) {
      const configured = options.configured.find(({ name }) => name === row.name);
      add(row, configured?.keys ?? [null]);
    }
    byName = next;
    storedKeys = stored;
    origins = new Set([...next.values()].map(({ baseUrl }) => new URL(baseUrl).origin));
  };
  let reloading: Promise<void> = Promise.resolve();
  return {
    find: (name) => byName.get(name) ?? null,
    keyId: (name, secret) => storedKeys.get(name)?.find((key) => key.secret === secret)?.id ?? null,
    all: () => [...byName.values()],
    configured: () =>
      options.configured.map(({ name, baseUrl, dialect = "openai", keys }) => ({
        name,
        baseUrl,
        dialect,
        masked: keys.flatMap((key) => (key === null ? [] : [maskKey(key).masked])),
      })),
    allowsOrigin: (origin) => origins.has(origin),
    record: (name, attempt, atMs) => {
      const known = healthOf(name);
      known.last = attempt;
      if (attempt.failure === null) known.lastSuccessAtMs = atMs;
      known.recent.push(attempt.failure === null ? "ok" : "failed");
      if (known.recent.length > recentMost) known.recent.shift();
    },
    // One after the other: an older answer must never replace a newer one.
    reload: () => (reloading = reloading.catch(() => {}).then(reload)),
  };
}

type OpenedKey = { id: string; secret: string };

function openAll(
  sealed: readonly SealedKey[],
  openSecret: (sealed: string, credentialId: string) => string | null,
): OpenedKey[] {
  return sealed.flatMap(({ id, sealed: text }) => {
    const secret = openSecret(text, id);
    return secret === null ? [] : [{ id, secret }];
  });
}

/** Stored keys rest the environment's. What is switched off is asked for each time: its end is nobody's reload. */
function upstreamOf(
  facts: Pick<Upstream, "name" | "baseUrl" | "dialect" | "status">,
  { opened, otherwise }: { opened: readonly OpenedKey[]; otherwise: Upstream["keys"] },
  health: UpstreamHealth,
  isOff: (kind: "provider" | "credential", id: string) => boolean,
): Upstream {
  const { name, baseUrl, dialect } = facts;
  return {
    name,
    baseUrl,
    dialect,
    health,
    get keys() {
      if (opened.length === 0) return otherwise;
      return opened.filter(({ id }) => !isOff("credential", id)).map(({ secret }) => secret);
    },
    get status() {
      const isWithoutKey = opened.length > 0 && this.keys.length === 0;
      return facts.status === "off" || isOff("provider", name) || isWithoutKey ? "off" : "on";
    },
  };
}
