import { isDeepStrictEqual } from "node:util";
import type { Policy, Pricing } from "@modelfaucet/contract/manifest.ts";
import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import { type Database, isUniqueViolation, type Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import type { DeveloperCaller } from "../modules/identity/identity.ts";
import { findUnmetered } from "../modules/metering/metering.ts";
import {
  type App,
  archiveFeature as archive,
  changeFeature,
  type EffectiveManifest,
  type Feature,
  type FeatureContent,
  featureNotFound,
  type Issue,
  insertFeature,
  issuesOfPricing,
  lockFeature,
  maximaOf,
  readFeature,
  readSettings,
  refuseIssues,
  refuseOtherVersion,
} from "../modules/tenancy/tenancy.ts";
import { isRedirectingField } from "./complete/redirecting-fields.ts";
import { requireLockedApp, tenantOf } from "./developers-calling.ts";

export type FeatureDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  effectiveManifest: EffectiveManifest;
};

export type FeatureInput = { publicAppId: string; featureKey: string };
export type SavedFeature = { app: App; feature: Feature };

/** Makes a feature, in force everywhere when this answers. @throws ApiError conflict when the key is taken */
export async function createFeature(
  deps: FeatureDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: FeatureInput & FeatureContent,
): Promise<SavedFeature> {
  return inApp(deps, caller, input.publicAppId, (tx, app) => insert(tx, deps, caller, actor, app, input));
}

/** Makes or replaces a feature. @throws ApiError conflict on another `expectedVersion` */
export async function replaceFeature(
  deps: FeatureDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: FeatureInput & FeatureContent & { expectedVersion?: number | undefined },
): Promise<SavedFeature> {
  return inApp(deps, caller, input.publicAppId, async (tx, app) => {
    const before = await lockFeature(tx, app.id, input.featureKey);
    if (!before && input.expectedVersion === undefined) return insert(tx, deps, caller, actor, app, input);
    if (!before) throw featureNotFound();
    refuseOtherVersion(input.expectedVersion, before.version);
    return change(tx, deps, caller, actor, app, before, input);
  });
}

/** Changes parts of a feature; `policy` and `pricing` are replaced whole. @throws ApiError feature_not_found, conflict */
export async function updateFeature(
  deps: FeatureDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: FeatureInput & { [Field in keyof FeatureContent]?: FeatureContent[Field] | undefined } & {
    expectedVersion?: number | undefined;
  },
): Promise<SavedFeature> {
  return inApp(deps, caller, input.publicAppId, async (tx, app) => {
    const before = await lockFeature(tx, app.id, input.featureKey);
    if (!before) throw featureNotFound();
    refuseOtherVersion(input.expectedVersion, before.version);
    return change(tx, deps, caller, actor, app, before, {
      displayName: input.displayName ?? before.displayName,
      policy: input.policy ?? before.policy,
      pricing: input.pricing ?? before.pricing,
    });
  });
}

/** History and receipts stay, the key can be used again; may be repeated. */
export async function archiveFeature(
  deps: FeatureDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: FeatureInput,
): Promise<void> {
  await inApp(deps, caller, input.publicAppId, async (tx, app) => {
    const feature = await lockFeature(tx, app.id, input.featureKey);
    if (!feature) return { changed: false, result: undefined };
    await archive(tx, feature);
    await audit(tx, actor, "feature.delete", app, feature, feature, undefined);
    return { changed: true, result: undefined };
  });
}

/** A list entry without a price is no fault of the manifest, but calls to it are refused. */
export function warningsOf(
  models: readonly { provider: string; model: string }[],
  isPriced: (provider: string, model: string) => boolean,
): string[] {
  if (models.length === 0)
    return ["The feature lists no model, and the operator's auto-text is empty: nothing can be called."];
  return models
    .filter(({ provider, model }) => !isPriced(provider, model))
    .map(
      ({ provider, model }) =>
        `${provider}/${model} has no price: calls to it are refused with model_not_priced.`,
    );
}

type Outcome<T> = { changed: boolean; result: T };

/** Runs one change of a feature under the app's lock; when it changed something, waits until every instance knows. */
async function inApp<T>(
  deps: FeatureDeps,
  caller: DeveloperCaller,
  publicAppId: string,
  work: (tx: Tx, app: App) => Promise<Outcome<T>>,
): Promise<T> {
  const { result, version } = await deps.database
    .write(tenantOf(caller), async (tx) => {
      const app = await requireLockedApp(tx, caller, publicAppId);
      const outcome = await work(tx, app);
      return { ...outcome, version: outcome.changed ? await announce(tx, "app", app.id) : null };
    })
    .catch((error: unknown) => {
      if (!isUniqueViolation(error, "app_features_key")) throw error;
      throw new ApiError("conflict", "The app has a feature with this feature_key already.", {
        param: "feature_key",
        details: { reason: "taken" },
      });
    });
  if (version !== null) await deps.feed.waitUntilSeen(version);
  return result;
}

async function insert(
  tx: Tx,
  deps: FeatureDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  app: App,
  input: FeatureInput & FeatureContent,
): Promise<Outcome<SavedFeature>> {
  await refuseAboveMaxima(tx, deps, app, input);
  await insertFeature(tx, {
    id: uuidV7(),
    appId: app.id,
    developerId: app.developerId,
    featureKey: input.featureKey,
    displayName: input.displayName,
    policy: input.policy,
    pricing: input.pricing,
    changedBy: caller.tokenId,
  });
  const feature = (await readFeature(tx, app.id, input.featureKey))!;
  await audit(tx, actor, "feature.create", app, feature, undefined, feature);
  return { changed: true, result: { app, feature } };
}

async function change(
  tx: Tx,
  deps: FeatureDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  app: App,
  before: Feature,
  content: FeatureContent,
): Promise<Outcome<SavedFeature>> {
  await refuseAboveMaxima(tx, deps, app, content);
  if (isSame(before, content)) return { changed: false, result: { app, feature: before } };
  const { displayName, policy, pricing } = content;
  await changeFeature(tx, {
    id: before.id,
    appId: app.id,
    displayName,
    policy,
    pricing,
    changedBy: caller.tokenId,
  });
  const after = (await readFeature(tx, app.id, before.featureKey))!;
  await audit(tx, actor, "feature.update", app, after, before, after);
  return { changed: true, result: { app, feature: after } };
}

/** What no client may put into a model body, a manifest may not put there for all of them. */
function issuesOfOptions(policy: Policy): { param: string; message: string }[] {
  return (policy.models ?? []).flatMap((entry, index) => {
    const options = typeof entry === "string" ? undefined : entry.options;
    if (options === undefined) return [];
    const at = (name: string): string => `policy.models.${index}.options.${name}`;
    const issues = Object.keys(options)
      .filter(isRedirectingField)
      .map((name) => ({ param: at(name), message: "decides where or with which key a model is called" }));
    const unmetered = findUnmetered(options);
    return unmetered === null
      ? issues
      : [...issues, { param: at(unmetered.param), message: `asks for what has no meter: ${unmetered.why}` }];
  });
}

/**
 * The manifest with its defaults filled in, and every fault that its schema does not see. The effective figures are
 * judged, so that a default above the operator's maximum is a fault too.
 */
export async function judgeManifest(
  tx: Tx,
  deps: Pick<FeatureDeps, "effectiveManifest">,
  app: App,
  content: { policy: Policy; pricing: Pricing },
): Promise<{ issues: Issue[]; effective: ReturnType<EffectiveManifest> }> {
  const settings = await readSettings(tx);
  const effective = deps.effectiveManifest(content.policy, content.pricing, {
    autoText: settings.autoText,
    developerShareBps: app.defaultDeveloperShareBps,
  });
  const maxima = maximaOf(settings, app.developerLimits, app.limits);
  return {
    issues: [...issuesOfOptions(content.policy), ...issuesOfPricing(effective.pricing, maxima)],
    effective,
  };
}

async function refuseAboveMaxima(
  tx: Tx,
  deps: FeatureDeps,
  app: App,
  content: { policy: Policy; pricing: Pricing },
): Promise<void> {
  refuseIssues((await judgeManifest(tx, deps, app, content)).issues);
}

function isSame(stored: FeatureContent, content: FeatureContent): boolean {
  return (
    stored.displayName === content.displayName &&
    isDeepStrictEqual(stored.policy, content.policy) &&
    isDeepStrictEqual(stored.pricing, content.pricing)
  );
}

async function audit(
  tx: Tx,
  actor: AuditActor,
  action: "feature.create" | "feature.update" | "feature.delete",
  app: App,
  feature: Feature,
  before: Feature | undefined,
  after: Feature | undefined,
): Promise<void> {
  await append(tx, {
    ...actor,
    action,
    resourceType: "feature",
    resourceId: feature.id,
    appId: app.id,
    developerId: app.developerId,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    metadata: { public_app_id: app.publicAppId, feature_key: feature.featureKey },
  });
}
