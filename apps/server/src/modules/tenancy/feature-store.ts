import type { Policy, Pricing } from "@modelfaucet/contract/manifest.ts";
import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";

export type Feature = {
  id: string;
  appId: string;
  featureKey: string;
  displayName: string;
  version: number;
  policy: Policy;
  pricing: Pricing;
  status: "active" | "suspended";
  createdAt: Date;
  updatedAt: Date;
};

export type FeatureVersion = {
  version: number;
  policy: Policy;
  pricing: Pricing;
  changedBy: string;
  changedAt: Date;
};

export async function readFeature(tx: Tx, appId: string, featureKey: string): Promise<Feature | null> {
  const [row] = await tx`select * from app_features
    where app_id = ${appId} and feature_key = ${featureKey} and status <> 'archived'`;
  return row ? featureOf(row) : null;
}

export async function lockFeature(tx: Tx, appId: string, featureKey: string): Promise<Feature | null> {
  const [row] = await tx`select * from app_features
    where app_id = ${appId} and feature_key = ${featureKey} and status <> 'archived' for update`;
  return row ? featureOf(row) : null;
}

/** What an app offers, oldest first. */
export async function readFeaturesOfApp(tx: Tx, appId: string): Promise<Feature[]> {
  const rows =
    await tx`select * from app_features where app_id = ${appId} and status <> 'archived' order by id`;
  return rows.map(featureOf);
}

type Page = {
  from?: string | undefined;
  to?: string | undefined;
  before?: string | undefined;
  limit: number;
};

export async function listFeatures(tx: Tx, appId: string, page: Page): Promise<Feature[]> {
  const rows = await tx`select * from app_features where app_id = ${appId} and status <> 'archived'
      and (${page.from ?? null}::timestamptz is null or created_at >= ${page.from ?? null})
      and (${page.to ?? null}::timestamptz is null or created_at < ${page.to ?? null})
      and (${page.before ?? null}::uuid is null or id < ${page.before ?? null})
    order by id desc limit ${page.limit}`;
  return rows.map(featureOf);
}

/** `before` is a version number. */
export async function listFeatureVersions(
  tx: Tx,
  feature: Pick<Feature, "appId" | "id">,
  page: Page,
): Promise<FeatureVersion[]> {
  const rows = await tx`select version, policy, pricing, changed_by, changed_at from feature_versions
    where app_id = ${feature.appId} and feature_id = ${feature.id}
      and (${page.from ?? null}::timestamptz is null or changed_at >= ${page.from ?? null})
      and (${page.to ?? null}::timestamptz is null or changed_at < ${page.to ?? null})
      and (${page.before ?? null}::int is null or version < ${page.before ?? null})
    order by version desc limit ${page.limit}`;
  return rows.map((row) => ({
    version: row.version,
    policy: row.policy,
    pricing: row.pricing,
    changedBy: row.changed_by,
    changedAt: row.changed_at,
  }));
}

export type FeatureContent = { displayName: string; policy: Policy; pricing: Pricing };

/** Writes the feature with its first version. @throws the database's unique violation `app_features_key` */
export async function insertFeature(
  tx: Tx,
  feature: FeatureContent & {
    id: string;
    appId: string;
    developerId: string;
    featureKey: string;
    changedBy: string;
  },
): Promise<void> {
  await tx`insert into app_features (app_id, id, developer_id, feature_key, display_name, policy, pricing)
    values (${feature.appId}, ${feature.id}, ${feature.developerId}, ${feature.featureKey}, ${feature.displayName},
      ${tx.json(feature.policy as never)}, ${tx.json(feature.pricing as never)})`;
  await insertVersion(tx, feature.appId, feature.id, feature.changedBy);
}

/** Gives the feature its next version; the ones before stay as they were. */
export async function changeFeature(
  tx: Tx,
  feature: FeatureContent & { id: string; appId: string; changedBy: string },
): Promise<void> {
  await tx`update app_features set display_name = ${feature.displayName}, policy = ${tx.json(feature.policy as never)},
      pricing = ${tx.json(feature.pricing as never)}, version = version + 1, updated_at = mf_now()
    where app_id = ${feature.appId} and id = ${feature.id}`;
  await insertVersion(tx, feature.appId, feature.id, feature.changedBy);
}

export async function archiveFeature(tx: Tx, feature: Pick<Feature, "appId" | "id">): Promise<void> {
  await tx`update app_features set status = 'archived', updated_at = mf_now()
    where app_id = ${feature.appId} and id = ${feature.id}`;
}

async function insertVersion(tx: Tx, appId: string, featureId: string, changedBy: string): Promise<void> {
  await tx`insert into feature_versions (app_id, feature_id, version, developer_id, display_name, policy, pricing, changed_by)
    select app_id, id, version, developer_id, display_name, policy, pricing, ${changedBy}
    from app_features where app_id = ${appId} and id = ${featureId}`;
}

function featureOf(row: postgres.Row): Feature {
  return {
    id: row.id,
    appId: row.app_id,
    featureKey: row.feature_key,
    displayName: row.display_name,
    version: row.version,
    policy: row.policy,
    pricing: row.pricing,
    status: row.status,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
