import type { SessionScope } from "@modelfaucet/contract/scopes.ts";
import { type Usd, usdFromStore } from "../lib/money.ts";
import type { IdentityMode } from "../modules/identity/identity.ts";
import type { DirectoryApp, DirectoryFeature, WalletState } from "../modules/tenancy/tenancy.ts";
import { openModels, usableFeatures } from "./complete/plan.ts";
import type { PlanSources } from "./complete/plan-context.ts";
import { type ModeSubject, type ModesView, modesOf } from "./modes.ts";

/** A session as its owner is told of it. */
export type OpenedSession = {
  token: string;
  sessionId: string;
  ttlSeconds: number;
  expiresAtMs: number;
  provedAtMs: number;
  endUserId: string;
  endUserHash: string;
  identityMode: IdentityMode;
  verified: boolean;
  scopes: readonly SessionScope[];
  featureKey: string | null;
  maxSpendUsd: Usd | null;
  walletBalanceUsd: Usd;
  modes: ModesView;
  features: readonly OfferedFeature[];
  supportUrl: string | null;
};

export type OfferedFeature = {
  featureKey: string;
  displayName: string;
  routePreference: DirectoryFeature["policy"]["route_preference"];
  /** `provider/model`, those that this session may call. */
  models: readonly string[];
  privacy: string;
  byokFeeUsd: string;
  localFeeUsd: string;
};

type Facts = Omit<OpenedSession, "walletBalanceUsd" | "modes" | "features" | "supportUrl"> &
  Pick<ModeSubject, "appId" | "endUserOwn" | "modes" | "models" | "chosenModes"> & {
    features: readonly string[] | null;
    wallet: WalletState;
  };

export async function describeSession(
  app: DirectoryApp,
  plans: PlanSources,
  facts: Facts,
): Promise<OpenedSession> {
  const { features: _allowed, models: _models, chosenModes: _chosen, wallet, ...told } = facts;
  const usable = usableFeatures(app, facts);
  const only = usable.find(({ featureKey }) => featureKey === facts.featureKey) ?? null;
  return {
    ...told,
    walletBalanceUsd: usdFromStore(wallet.balanceText),
    modes: await modesOf(facts, usable, only, wallet, plans),
    features: offeredFeatures(app, facts),
    supportUrl: app.supportUrl,
  };
}

/** What a session may use of its app, with the models that it is not narrowed away from. */
export function offeredFeatures(
  app: DirectoryApp,
  session: Pick<Facts, "featureKey" | "features" | "models">,
): OfferedFeature[] {
  const usable = usableFeatures(app, session).filter(({ status }) => status === "active");
  return usable.map((feature) => ({
    featureKey: feature.featureKey,
    displayName: feature.displayName,
    routePreference: feature.policy.route_preference,
    models: openModels(feature, session).map(({ provider, model }) => `${provider}/${model}`),
    privacy: feature.policy.privacy,
    byokFeeUsd: feature.pricing.byok_fee_usd,
    localFeeUsd: feature.pricing.local_fee_usd,
  }));
}
