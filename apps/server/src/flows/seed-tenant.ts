import { isDeepStrictEqual } from "node:util";
import type { Policy, Pricing } from "@modelfaucet/contract/manifest.ts";
import { announce } from "../lib/change-feed.ts";
import type { Tx } from "../lib/db.ts";
import { hashToken, newToken, uuidV7 } from "../lib/ids.ts";
import { parseUsd, type Usd } from "../lib/money.ts";
import { append } from "../modules/audit/audit.ts";
import {
  hashExternalUserId,
  insertDeveloperToken,
  insertSession,
  listDeveloperTokens,
  revokeDeveloperToken,
  revokeSession,
} from "../modules/identity/identity.ts";
import {
  type App,
  type AppChange,
  changeFeature,
  type Developer,
  type EndUser,
  type Feature,
  insertDeveloper,
  insertEndUser,
  insertFeature,
  listFeatureVersions,
  readApp,
  readAppKeys,
  readDeveloperByEmail,
  readEndUserByHash,
  readFeature,
  replaceUntouchedOrigins,
} from "../modules/tenancy/tenancy.ts";
import { insertSealedApp, userHashKeyPlace } from "./apps.ts";
import type { SeedDeps, SeededRow } from "./seed.ts";
import { plantKeys } from "./seed-keys.ts";

export type Tenant = {
  email: string;
  developerName: string;
  publicAppId: string;
  appName: string;
  app: AppChange;
  featureKey: string;
  featureName: string;
  /** The feature's manifest by the numbered steps of the seed, the newest last. Never edited, only added to. */
  manifests: readonly [Manifest, ...Manifest[]];
  externalUserId: string;
  own: boolean;
  openingUsd: Usd;
  sourceId: string;
  /** Also a token and a session, both revoked: something of every kind to try from elsewhere. */
  withOwnedThings: boolean;
};

type Manifest = { policy: Policy; pricing: Pricing };

const usd = (text: string): Usd => parseUsd(text)!;

export function demoTenant(deps: Pick<SeedDeps, "production" | "ports">): Tenant {
  return {
    email: "dev@example.com",
    developerName: "Demo Developer",
    publicAppId: "app_pub_demo",
    appName: "CRM Demo",
    app: {
      vertical: "crm",
      defaultDeveloperShareBps: 4000,
      ...(deps.production ? { status: "pending" } : { identityMode: "demo" }),
      allowedOrigins: deps.production ? [] : demoOrigins(deps.ports.crmDemo),
    },
    featureKey: "customer_reply",
    featureName: "客户回复生成",
    // Without `models` the operator's `auto-text` holds.
    manifests: [
      {
        policy: { route_preference: ["platform"], model_policy: "in_order", privacy: "standard" },
        pricing: { mode: "usage_markup", markup_percent: 30, developer_share_bps: 4000 },
      },
      {
        policy: {
          route_preference: ["local", "byok", "developer_key", "platform"],
          model_policy: "cheapest_sufficient",
          privacy: "standard",
        },
        pricing: {
          mode: "usage_markup",
          markup_percent: 30,
          byok_fee_usd: "0.0005",
          developer_share_bps: 4000,
        },
      },
    ],
    externalUserId: "crm-demo-user",
    own: deps.production,
    openingUsd: usd("10"),
    sourceId: "crm-demo",
    withOwnedThings: false,
  };
}

export function isolationTenant(deps: Pick<SeedDeps, "production">): Tenant {
  return {
    email: "isolation@example.com",
    developerName: "Isolation Developer",
    publicAppId: "app_pub_isolation",
    appName: "Isolation Probe",
    app: deps.production ? { status: "pending" } : {},
    featureKey: "isolation_probe",
    featureName: "Isolation probe",
    manifests: [{ policy: { route_preference: ["platform"] }, pricing: {} }],
    externalUserId: "isolation-user",
    own: deps.production,
    openingUsd: usd("1"),
    sourceId: "isolation",
    withOwnedThings: true,
  };
}

/** Makes what the tenant lacks: its rows in one transaction, then its opening balance through the books. */
export async function plantTenant(deps: SeedDeps, tenant: Tenant): Promise<SeededRow[]> {
  const rows: SeededRow[] = [];
  const planted = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const developer = await plantDeveloper(tx, tenant, rows);
    const app = await plantApp(tx, deps, tenant, developer, rows);
    await plantFeature(tx, tenant, app, rows);
    const user = await plantUser(tx, deps, tenant, app, rows);
    const sessionId = tenant.withOwnedThings ? await plantOwnedThings(tx, tenant, app, user, rows) : null;
    if (tenant.withOwnedThings) {
      const owner = { appId: app.id, developerId: app.developerId, endUserId: user.id };
      const created = await plantKeys(tx, deps.secretBox, owner);
      rows.push({ what: `provider keys of ${tenant.externalUserId}`, created });
    }
    return { app, user, sessionId };
  });
  const owner = { appId: planted.app.id, developerId: planted.app.developerId };
  const { created } = await deps.creditOpeningBalance({
    ...owner,
    walletId: planted.user.id,
    amountUsd: tenant.openingUsd,
    sourceId: tenant.sourceId,
  });
  rows.push({ what: `opening balance ${tenant.sourceId}`, created });
  if (planted.sessionId !== null) {
    const { sessionId } = planted;
    const probe = { ...owner, endUserId: planted.user.id, sessionId, featureKey: tenant.featureKey };
    rows.push({ what: `request of ${tenant.publicAppId}`, ...(await deps.settleProbeRequest(probe)) });
  }
  return rows;
}

function demoOrigins(port: number): string[] {
  return [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
}

async function plantDeveloper(tx: Tx, tenant: Tenant, rows: SeededRow[]): Promise<Developer> {
  const what = `developer ${tenant.email}`;
  const known = await readDeveloperByEmail(tx, tenant.email);
  rows.push({ what, created: known === null });
  if (known) return known;
  const id = uuidV7();
  await insertDeveloper(tx, { id, email: tenant.email, name: tenant.developerName, limits: {} });
  await audit(tx, "developer.create", "developer", id, { developerId: id });
  return (await readDeveloperByEmail(tx, tenant.email))!;
}

async function plantApp(
  tx: Tx,
  deps: SeedDeps,
  tenant: Tenant,
  developer: Developer,
  rows: SeededRow[],
): Promise<App> {
  const everyApp = { developerId: null, publicAppIds: null };
  const known = await readApp(tx, tenant.publicAppId, everyApp);
  rows.push({ what: `app ${tenant.publicAppId}`, created: known === null });
  const origins = tenant.app.allowedOrigins ?? [];
  if (known) {
    // The demo page may have moved to another port; an edit of anybody's stays.
    if (origins.length > 0 && (await replaceUntouchedOrigins(tx, known.id, origins)))
      await announce(tx, "app", known.id);
    return known;
  }
  const input = { publicAppId: tenant.publicAppId, name: tenant.appName, change: tenant.app };
  const id = await insertSealedApp(tx, deps, developer, input, newToken("mf_idsec_"));
  await audit(tx, "app.create", "app", tenant.publicAppId, { appId: id, developerId: developer.id });
  await announce(tx, "app", id);
  return (await readApp(tx, tenant.publicAppId, everyApp))!;
}

/** The feature at the newest step of the seed; one that somebody has edited stays as it is. */
async function plantFeature(tx: Tx, tenant: Tenant, app: App, rows: SeededRow[]): Promise<void> {
  const { featureKey, featureName: displayName, manifests } = tenant;
  const owner = { appId: app.id, developerId: app.developerId };
  const newest = manifests.at(-1)!;
  const known = await readFeature(tx, app.id, featureKey);
  const what = `feature ${featureKey}`;
  rows.push({ what, created: known === null });
  if (!known) {
    const id = uuidV7();
    await insertFeature(tx, { id, ...owner, featureKey, displayName, ...newest, changedBy: "seed" });
    await audit(tx, "feature.create", "feature", id, owner);
    await announce(tx, "app", app.id);
  }
  for (const [step, manifest] of manifests.slice(0, -1).entries()) {
    const isThere =
      known !== null && isDeepStrictEqual({ policy: known.policy, pricing: known.pricing }, manifest);
    const created = isThere && (await isOfTheSeedAlone(tx, known));
    rows.push({ what: `${what} after step ${step + 1}`, created });
    if (!created) continue;
    await changeFeature(tx, { id: known.id, appId: app.id, displayName, ...newest, changedBy: "seed" });
    await audit(tx, "feature.update", "feature", known.id, owner);
    await announce(tx, "app", app.id);
  }
}

/** Whether no version of it was made by anybody else. */
async function isOfTheSeedAlone(
  tx: Tx,
  feature: Pick<Feature, "appId" | "id" | "version">,
): Promise<boolean> {
  const versions = await listFeatureVersions(tx, feature, { limit: feature.version });
  return versions.every(({ changedBy }) => changedBy === "seed");
}

async function plantUser(
  tx: Tx,
  deps: SeedDeps,
  tenant: Tenant,
  app: App,
  rows: SeededRow[],
): Promise<EndUser> {
  const { userHashKey } = await readAppKeys(tx, app.id);
  const key = deps.secretBox.open(userHashKey, userHashKeyPlace(app.id, app.developerId));
  const externalUserHash = hashExternalUserId(key, tenant.externalUserId);
  const known = await readEndUserByHash(tx, app.id, externalUserHash);
  rows.push({ what: `end user ${tenant.externalUserId}`, created: known === null });
  if (known) return known;
  const made = await insertEndUser(tx, {
    appId: app.id,
    developerId: app.developerId,
    externalUserHash,
    verified: false,
    metadata: null,
    own: tenant.own,
  });
  return made!;
}

/** Neither opens anything: both are revoked in the transaction that makes them. */
async function plantOwnedThings(
  tx: Tx,
  tenant: Tenant,
  app: App,
  user: EndUser,
  rows: SeededRow[],
): Promise<string> {
  const tokens = await listDeveloperTokens(tx, { developerId: app.developerId, limit: 1 });
  rows.push({ what: `token of ${tenant.email}`, created: tokens.length === 0 });
  if (tokens.length === 0) {
    const [id, token] = [uuidV7(), newToken("mf_dev_")];
    await insertDeveloperToken(tx, {
      id,
      developerId: app.developerId,
      name: "isolation probe",
      tokenHash: hashToken(token),
      tokenPrefix: token.slice(0, 15),
      scopes: ["developer:apps:read"],
      publicAppIds: null,
      modelsAllowed: null,
      createdBy: "seed",
      expiresAt: null,
    });
    await revokeDeveloperToken(tx, id);
  }
  const [known] = await tx<{ id: string }[]>`select id from virtual_sessions
    where app_id = ${app.id} and end_user_id = ${user.id} order by id limit 1`;
  rows.push({ what: `session of ${tenant.externalUserId}`, created: known === undefined });
  if (known) return known.id;
  const id = uuidV7();
  await insertSession(tx, {
    id,
    appId: app.id,
    developerId: app.developerId,
    endUserId: user.id,
    tokenHash: hashToken(newToken("mf_sess_")),
    ttlSeconds: 60,
    featureKey: tenant.featureKey,
    features: null,
    scopes: ["chat"],
    modes: null,
    models: null,
    origin: null,
    origins: [],
    maxSpendUsd: usd("1"),
    metadata: {},
    identityMode: "signed",
    verified: false,
  });
  await revokeSession(tx, { appId: app.id, sessionId: id });
  return id;
}

async function audit(
  tx: Tx,
  action: string,
  resourceType: string,
  resourceId: string,
  owner: { appId?: string; developerId: string },
): Promise<void> {
  await append(tx, { actorScope: "system", actorId: "seed", action, resourceType, resourceId, ...owner });
}
