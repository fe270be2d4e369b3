import type { EffectivePolicy, EffectivePricing, effectiveManifest } from "@modelfaucet/contract/manifest.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database, Tx } from "../../lib/db.ts";
import { limitsColumn, type StoredLimit, storedLimitsOf } from "../../lib/stored-limit.ts";
import { type AppKeys, appKeysOf } from "./app-identity-store.ts";
import { type App, appOf } from "./app-store.ts";
import { readFeaturesOfApp } from "./feature-store.ts";
import { type OperatorSettings, readSettings } from "./settings-store.ts";

/** Fills a manifest's defaults in; the contract's function, handed in by the wiring. */
export type EffectiveManifest = typeof effectiveManifest;

export type DirectoryFeature = {
  readonly featureId: string;
  readonly featureKey: string;
  readonly displayName: string;
  readonly version: number;
  readonly status: "active" | "suspended";
  readonly policy: EffectivePolicy;
  readonly pricing: EffectivePricing;
};

/** An app with everything that it offers, by feature key, and its keys, sealed. */
export type DirectoryApp = App & {
  readonly features: ReadonlyMap<string, DirectoryFeature>;
  /** The operator's limits on the app, its features, its developer and the platform. */
  readonly setLimits: readonly StoredLimit[];
  readonly keys: AppKeys;
  /** Until when the app records its calls, by the database's clock; 0: it does not. */
  readonly debugLogUntilMs: number;
  /** The last key set that the app's URL answered with when this copy was read. */
  readonly lastGoodKeySet: {
    readonly url: string;
    readonly keys: readonly Record<string, unknown>[];
    readonly fetchedAtMs: number;
  } | null;
};

/** Apps, features and operator settings in memory, read again when the change feed names them. */
export type Directory = {
  app(appId: string): Promise<DirectoryApp | null>;
  appByPublicId(publicAppId: string): Promise<DirectoryApp | null>;
  settings(): Promise<OperatorSettings>;
};

type IsFeatureOff = (appId: string, featureKey: string) => boolean;

const mostApps = 5_000;

export function createDirectory(deps: {
  database: Pick<Database, "read">;
  feed: Pick<ChangeFeed, "on">;
  effectiveManifest: EffectiveManifest;
  /** Whether an operator has switched a feature off, as it is when somebody asks. */
  isFeatureOff?: IsFeatureOff;
  maxApps?: number;
}): Directory {
  const maxApps = deps.maxApps ?? mostApps;
  const apps = new Map<string, DirectoryApp>();
  const idsByPublicId = new Map<string, string>();
  // Reads on their way, by what they look for. A change drops them all: they may have seen the time before it.
  const readings = new Map<string, Promise<unknown>>();
  let settings: OperatorSettings | null = null;

  const forget = (appId: string): void => {
    const app = apps.get(appId);
    if (!app) return;
    apps.delete(appId);
    idsByPublicId.delete(app.publicAppId);
  };
  const remember = (app: DirectoryApp): void => {
    forget(app.id);
    while (apps.size >= maxApps) forget(apps.keys().next().value!);
    apps.set(app.id, app);
    idsByPublicId.set(app.publicAppId, app.id);
  };
  const known = (appId: string | undefined): DirectoryApp | undefined => {
    const app = appId === undefined ? undefined : apps.get(appId);
    if (!app) return undefined;
    // To the end: the app that was asked for least lately goes first.
    apps.delete(app.id);
    apps.set(app.id, app);
    return app;
  };
  const once = <T>(key: string, read: (tx: Tx) => Promise<T>, keep: (value: T) => void): Promise<T> => {
    const running = readings.get(key) as Promise<T> | undefined;
    if (running) return running;
    const reading: Promise<T> = deps.database
      .read({ purpose: "cache" }, read)
      .then((value) => {
        if (readings.get(key) === reading) keep(value);
        return value;
      })
      .finally(() => {
        if (readings.get(key) === reading) readings.delete(key);
      });
    readings.set(key, reading);
    return reading;
  };
  const readApp = (column: "id" | "public_app_id", value: string): Promise<DirectoryApp | null> =>
    once(
      `${column} ${value}`,
      (tx) => readDirectoryApp(tx, column, value, deps.effectiveManifest, deps.isFeatureOff),
      (app) => app && remember(app),
    );

  deps.feed.on("app", (appId) => {
    forget(appId);
    readings.clear();
  });
  deps.feed.on("debug_log", (appId) => {
    forget(appId);
    readings.clear();
  });
  // `auto-text` stands in every effective policy.
  deps.feed.on("settings", () => {
    apps.clear();
    idsByPublicId.clear();
    settings = null;
    readings.clear();
  });

  return {
    app: async (appId) => known(appId) ?? readApp("id", appId),
    appByPublicId: async (publicAppId) =>
      known(idsByPublicId.get(publicAppId)) ?? readApp("public_app_id", publicAppId),
    settings: async () =>
      settings ??
      once("settings", readSettings, (read) => {
        settings = read;
      }),
  };
}

async function readDirectoryApp(
  tx: Tx,
  column: "id" | "public_app_id",
  value: string,
  effective: EffectiveManifest,
  isFeatureOff: IsFeatureOff = () => false,
): Promise<DirectoryApp | null> {
  const [row] = await tx`
    select a.*, d.name as developer_name, d.email as developer_email, d.status as developer_status, d.limits as developer_limits,
      ${limitsColumn(
        tx,
        tx`l.level = 'platform' or (l.level = 'developer' and l.target_id = a.developer_id)
        or (l.level in ('app', 'feature') and l.app_id = a.id)`,
      )} as set_limits
    from apps a join developers d on d.id = a.developer_id where a.${tx(column)} = ${value}`;
  if (!row) return null;
  const app = appOf(row);
  const { autoText } = await readSettings(tx);
  const defaults = { autoText, developerShareBps: app.defaultDeveloperShareBps };
  const features = (await readFeaturesOfApp(tx, app.id)).map((feature) => ({
    featureId: feature.id,
    featureKey: feature.featureKey,
    displayName: feature.displayName,
    version: feature.version,
    ...effective(feature.policy, feature.pricing, defaults),
    get status() {
      return isFeatureOff(app.id, feature.featureKey) ? ("suspended" as const) : feature.status;
    },
  }));
  return {
    ...app,
    features: new Map(features.map((feature) => [feature.featureKey, feature])),
    setLimits: storedLimitsOf(row.set_limits),
    keys: appKeysOf(row),
    debugLogUntilMs: row.debug_log_until?.getTime() ?? 0,
    lastGoodKeySet: row.jwks_last_good && {
      url: row.jwks_last_good.url,
      keys: row.jwks_last_good.keys,
      fetchedAtMs: Date.parse(row.jwks_last_good.fetched_at),
    },
  };
}
