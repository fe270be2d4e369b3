import * as routes from "@modelfaucet/contract/routes/apps.ts";
import { requireApp } from "../../flows/developers-calling.ts";
import {
  archiveFeature,
  createFeature,
  type FeatureDeps,
  replaceFeature,
  type SavedFeature,
  updateFeature,
  warningsOf,
} from "../../flows/features.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, parseUsd } from "../../lib/money.ts";
import { byokDisclosureVersion, localDisclosureVersion } from "../../modules/credential/credential.ts";
import { featureTarget, type Switches } from "../../modules/switch/switch.ts";
import {
  type App,
  type Directory,
  type Feature,
  featureNotFound,
  listFeatures,
  listFeatureVersions,
  readFeature,
} from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";

export type FeatureRouteDeps = FeatureDeps & {
  directory: Pick<Directory, "settings">;
  isPriced: (provider: string, model: string) => boolean;
  switches: Pick<Switches, "isOff">;
};

export function developerFeatureRoutes(deps: FeatureRouteDeps): Mounted[] {
  const answer = (app: App, feature: Feature) => featureAnswer(deps, app, feature);
  const saved = async ({ app, feature }: SavedFeature) => answer(app, feature);
  return [
    mount(routes.listFeatures, async ({ actor, params, query, read }) => {
      const { app, rows } = await read(async (tx) => {
        const app = await requireApp(tx, actor.caller, params.publicAppId);
        return { app, rows: await listFeatures(tx, app.id, pageQueryOf(query)) };
      });
      const page = pageOf(
        rows,
        query.limit,
        ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
        (row) => row,
      );
      return { ...page, items: await Promise.all(page.items.map((feature) => answer(app, feature))) };
    }),
    mount(routes.readFeature, async ({ actor, params, read }) => {
      const { app, feature } = await read(async (tx) => {
        const app = await requireApp(tx, actor.caller, params.publicAppId);
        return { app, feature: await readFeature(tx, app.id, params.featureKey) };
      });
      if (!feature) throw featureNotFound();
      return answer(app, feature);
    }),
    mount(routes.listFeatureVersions, ({ actor, params, query, read }) =>
      read(async (tx) => {
        const app = await requireApp(tx, actor.caller, params.publicAppId);
        const feature = await readFeature(tx, app.id, params.featureKey);
        if (!feature) throw featureNotFound();
        const rows = await listFeatureVersions(
          tx,
          feature,
          pageQueryOf(query, (key) => /^\d{1,9}$/.test(key)),
        );
        return pageOf(
          rows,
          query.limit,
          ({ changedAt, version }) => ({ at: changedAt.toISOString(), id: String(version) }),
          ({ version, policy, pricing, changedBy, changedAt }) => ({
            version,
            ...manifestAnswer({ policy, pricing }),
            changed_by: changedBy,
            changed_at: changedAt.toISOString(),
          }),
        );
      }),
    ),
    mount(routes.createFeature, async ({ actor, params, body, audit }) =>
      saved(
        await createFeature(deps, actor.caller, audit, {
          publicAppId: params.publicAppId,
          featureKey: body.feature_key,
          ...contentOf(body),
        }),
      ),
    ),
    mount(routes.replaceFeature, async ({ actor, params, body, audit }) => {
      refuseOtherKey(params.featureKey, body.feature_key);
      return saved(
        await replaceFeature(deps, actor.caller, audit, {
          ...params,
          ...contentOf(body),
          expectedVersion: body.expected_version,
        }),
      );
    }),
    mount(routes.updateFeature, async ({ actor, params, body, audit }) =>
      saved(
        await updateFeature(deps, actor.caller, audit, {
          ...params,
          displayName: body.display_name,
          policy: body.policy,
          pricing: body.pricing,
          expectedVersion: body.expected_version,
        }),
      ),
    ),
    mount(routes.archiveFeature, async ({ actor, params, audit }) => {
      await archiveFeature(deps, actor.caller, audit, params);
      return { ok: true };
    }),
  ];
}

function contentOf<Policy, Pricing>(body: { display_name: string; policy: Policy; pricing: Pricing }) {
  return { displayName: body.display_name, policy: body.policy, pricing: body.pricing };
}

function refuseOtherKey(inPath: string, inBody: string | undefined): void {
  if (inBody === undefined || inBody === inPath) return;
  throw new ApiError("invalid_request", "`feature_key` must be that of the path: a feature keeps its key.", {
    param: "feature_key",
  });
}

async function featureAnswer(deps: FeatureRouteDeps, app: App, feature: Feature) {
  const { autoText } = await deps.directory.settings();
  const effective = deps.effectiveManifest(feature.policy, feature.pricing, {
    autoText,
    developerShareBps: app.defaultDeveloperShareBps,
  });
  return {
    id: feature.id,
    public_app_id: app.publicAppId,
    feature_key: feature.featureKey,
    display_name: feature.displayName,
    ...manifestAnswer(feature),
    version: feature.version,
    status: deps.switches.isOff("feature", featureTarget(app.id, feature.featureKey))
      ? ("suspended" as const)
      : feature.status,
    effective,
    disclosures: {
      byok: byokDisclosureVersion(effective.pricing.byok_fee_usd),
      local: localDisclosureVersion,
    },
    warnings: warningsOf(effective.policy.models, deps.isPriced),
    created_at: feature.createdAt.toISOString(),
    updated_at: feature.updatedAt.toISOString(),
  };
}

/** The manifest as it was set, its money written as all money is. */
function manifestAnswer({ policy, pricing }: Pick<Feature, "policy" | "pricing">) {
  const { limits } = policy;
  return {
    policy: limits?.max_price_usd
      ? { ...policy, limits: { ...limits, max_price_usd: eightDecimals(limits.max_price_usd) } }
      : policy,
    pricing: Object.fromEntries(
      Object.entries(pricing).map(([name, value]) => [
        name,
        name.endsWith("_usd") ? eightDecimals(value as string) : value,
      ]),
    ) as Feature["pricing"],
  };
}

const eightDecimals = (amount: string): string => formatUsd(parseUsd(amount)!);
