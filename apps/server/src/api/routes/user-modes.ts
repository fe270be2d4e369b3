import * as routes from "@modelfaucet/contract/routes/modes.ts";
import { type PlannableFeature, usableFeatures } from "../../flows/complete/plan.ts";
import type { PlanSources } from "../../flows/complete/plan-context.ts";
import { type ModesView, modesOf } from "../../flows/modes.ts";
import { setMode } from "../../flows/set-modes.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database, Tx } from "../../lib/db.ts";
import { formatUsd } from "../../lib/money.ts";
import type { SessionContext } from "../../modules/identity/identity.ts";
import {
  type Directory,
  featureNotFound,
  invalidApp,
  readWalletState,
} from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";

export type ModeRouteDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  directory: Pick<Directory, "app">;
  plans: PlanSources;
};

/** Who pays, and the user's own choice of it. */
export function userModeRoutes(deps: ModeRouteDeps): Mounted[] {
  return [
    mount(routes.readModes, async ({ actor, query, read }) => {
      const { features, only } = await featuresOf(deps, actor.session, query.feature_key);
      return view(deps, actor.session, features, only, read);
    }),
    mount(routes.setModes, async ({ actor, body, audit, read }) => {
      const { features, only } = await featuresOf(deps, actor.session, body.feature_key);
      const chosenModes = await setMode(deps, actor.session, audit, features, {
        mode: body.mode,
        feature: only,
        fallbackToPlatform: body.fallback_to_platform,
        disclosureVersion: body.disclosure_version,
      });
      return view(deps, { ...actor.session, chosenModes }, features, only, read);
    }),
  ];
}

/** The modes object, as sessions and this route tell it. */
export function modesAnswer(modes: ModesView) {
  return {
    selected: modes.selected,
    fallback_to_platform: modes.fallbackToPlatform,
    items: modes.items.map((item) => ({
      mode: item.mode,
      available: item.available,
      ...(item.reason === undefined ? {} : { reason: item.reason }),
      paid_by: item.paidBy,
      fee_usd: formatUsd(item.feeUsd),
      ...(item.disclosureVersion === undefined ? {} : { disclosure_version: item.disclosureVersion }),
      ...(item.credentialId === undefined ? {} : { credential_id: item.credentialId }),
      ...(item.masked === undefined ? {} : { masked: item.masked }),
    })),
  };
}

async function featuresOf(
  deps: Pick<ModeRouteDeps, "directory">,
  session: SessionContext,
  featureKey: string | undefined,
): Promise<{ features: PlannableFeature[]; only: PlannableFeature | null }> {
  const app = await deps.directory.app(session.appId);
  if (!app) throw invalidApp();
  const features = usableFeatures(app, session);
  const wanted = featureKey ?? session.featureKey ?? undefined;
  if (wanted === undefined) return { features, only: null };
  const only = features.find((feature) => feature.featureKey === wanted);
  if (!only) throw featureNotFound();
  return { features, only };
}

async function view(
  deps: Pick<ModeRouteDeps, "plans">,
  session: SessionContext,
  features: readonly PlannableFeature[],
  only: PlannableFeature | null,
  read: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>,
) {
  const wallet = await read((tx) => readWalletState(tx, session.appId, session.endUserId));
  return modesAnswer(await modesOf(session, features, only, wallet, deps.plans));
}
