import type { SessionScope } from "@modelfaucet/contract/scopes.ts";
import { maxUsd, parseUsd, type Usd, usdFromStore, zeroUsd } from "../lib/money.ts";
import { type IdentityMode, mayUseFeature } from "../modules/identity/identity.ts";
import type { DirectoryApp, DirectoryFeature, WalletState } from "../modules/tenancy/tenancy.ts";

/** What the plan would say of one route mode now, for this user and these features. */
export type ModeItem = {
  mode: "platform";
  available: boolean;
  reason?: "not_in_policy" | "no_priced_model" | "insufficient_balance" | "wallet_frozen";
  paidBy: "credits";
  feeUsd: Usd;
};

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
  mode: ModeItem;
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
};

type Facts = Omit<OpenedSession, "walletBalanceUsd" | "mode" | "features" | "supportUrl"> & {
  features: readonly string[] | null;
  models: readonly string[] | null;
  modes: readonly string[] | null;
  wallet: WalletState;
};

type IsPriced = (provider: string, model: string) => boolean;

export function describeSession(app: DirectoryApp, isPriced: IsPriced, facts: Facts): OpenedSession {
  const { features: _allowed, models: _models, modes: _modes, wallet, ...told } = facts;
  return {
    ...told,
    walletBalanceUsd: usdFromStore(wallet.balanceText),
    mode: platformMode(app, isPriced, facts),
    features: offeredFeatures(app, facts),
    supportUrl: app.supportUrl,
  };
}

/** What a session may use of its app, with the models that it is not narrowed away from. */
export function offeredFeatures(
  app: DirectoryApp,
  session: Pick<Facts, "featureKey" | "features" | "models">,
): OfferedFeature[] {
  return usableFeatures(app, session).map((feature) => ({
    featureKey: feature.featureKey,
    displayName: feature.displayName,
    routePreference: feature.policy.route_preference,
    models: modelsOf(feature, session.models).map(({ provider, model }) => `${provider}/${model}`),
    privacy: feature.policy.privacy,
  }));
}

function platformMode(app: DirectoryApp, isPriced: IsPriced, facts: Facts): ModeItem {
  const offering = usableFeatures(app, facts).filter(
    (feature) =>
      feature.policy.route_preference.includes("platform") && (facts.modes?.includes("platform") ?? true),
  );
  const fees = offering.map((feature) => parseUsd(feature.pricing.request_fee_usd) ?? zeroUsd);
  const feeUsd = maxUsd(zeroUsd, ...fees);
  const hasPrice = offering.some((feature) =>
    modelsOf(feature, facts.models).some(({ provider, model }) => isPriced(provider, model)),
  );
  const reason = refusalOf(offering.length > 0, hasPrice, facts.wallet);
  return {
    mode: "platform",
    available: reason === undefined,
    ...(reason && { reason }),
    paidBy: "credits",
    feeUsd,
  };
}

function refusalOf(inPolicy: boolean, hasPrice: boolean, wallet: WalletState): ModeItem["reason"] {
  if (!inPolicy) return "not_in_policy";
  if (!hasPrice) return "no_priced_model";
  if (wallet.status === "frozen" || wallet.debt) return "wallet_frozen";
  if (usdFromStore(wallet.availableText) <= 0n) return "insufficient_balance";
  return undefined;
}

function usableFeatures(
  app: DirectoryApp,
  session: Pick<Facts, "featureKey" | "features">,
): DirectoryFeature[] {
  return [...app.features.values()].filter(
    (feature) => feature.status === "active" && mayUseFeature(session, feature.featureKey),
  );
}

function modelsOf(feature: DirectoryFeature, narrowed: readonly string[] | null) {
  if (narrowed === null || narrowed.includes(`auto:${feature.featureKey}`)) return feature.policy.models;
  return feature.policy.models.filter(
    ({ provider, model }) => narrowed.includes(model) || narrowed.includes(`${provider}/${model}`),
  );
}
