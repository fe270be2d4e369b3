import type { Database } from "../../lib/db.ts";
import { readProviders } from "./store.ts";

export { aliasOf, isSameModel, type ListedModel, listedUnder, type PlannedRoute } from "./rules.ts";

/** A provider that the platform pays, with the keys that may be used, dearest secrets opened in memory alone. */
export type Upstream = {
  name: string;
  /** With `/v1` or what the provider wants instead, no slash at the end. */
  baseUrl: string;
  dialect: "openai";
  status: "on" | "off";
  /** In order of priority; `null` is a provider that asks for none. */
  keys: readonly (string | null)[];
  /** When it last served, and how its attempts went of late; from traffic alone. */
  health: UpstreamHealth;
};

export type UpstreamHealth = { lastSuccessAtMs: number | null; recent: ("ok" | "failed")[] };

export type ConfiguredUpstream = { name: string; baseUrl: string; keys: readonly (string | null)[] };

export type Upstreams = {
  find(name: string): Upstream | null;
  all(): readonly Upstream[];
  /** True for the exact origins that operators configured: the egress guard's second door. */
  allowsOrigin(origin: string): boolean;
  record(name: string, outcome: "ok" | "failed", atMs: number): void;
  reload(): Promise<void>;
};

const recentMost = 100;

/** Upstreams from the environment, then those of the operator's rows, which win. `openSecret` opens a sealed key. */
export function createUpstreams(options: {
  database: Database;
  configured: readonly ConfiguredUpstream[];
  openSecret: (sealed: string, credentialId: string) => string | null;
}): Upstreams {
  let byName = new Map<string, Upstream>();
  let origins = new Set<string>();
  const health = new Map<string, UpstreamHealth>();
  const healthOf = (name: string): UpstreamHealth => {
    const known = health.get(name) ?? { lastSuccessAtMs: null, recent: [] };
    health.set(name, known);
    return known;
  };
  return {
    find: (name) => byName.get(name) ?? null,
    all: () => [...byName.values()],
    allowsOrigin: (origin) => origins.has(origin),
    record: (name, outcome, atMs) => {
      const known = healthOf(name);
      if (outcome === "ok") known.lastSuccessAtMs = atMs;
      known.recent.push(outcome);
      if (known.recent.length > recentMost) known.recent.shift();
    },
    reload: async () => {
      const stored = await options.database.read({ purpose: "cache" }, readProviders);
      const next = new Map<string, Upstream>();
      for (const { name, baseUrl, keys } of options.configured) {
        next.set(name, { name, baseUrl, dialect: "openai", status: "on", keys, health: healthOf(name) });
      }
      for (const row of stored) {
        const opened = row.credentials.flatMap(({ id, sealed }) => options.openSecret(sealed, id) ?? []);
        const keys = opened.length > 0 ? opened : (next.get(row.name)?.keys ?? [null]);
        next.set(row.name, { ...row, dialect: "openai", keys, health: healthOf(row.name) });
      }
      byName = next;
      origins = new Set([...next.values()].map(({ baseUrl }) => new URL(baseUrl).origin));
    },
  };
}
