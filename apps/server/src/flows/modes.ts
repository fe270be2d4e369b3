import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { formatUsd, maxUsd, parseUsd, type Usd, usdFromStore, zeroUsd } from "../lib/money.ts";
import { byokDisclosureVersion, localDisclosureVersion } from "../modules/credential/credential.ts";
import type { SessionContext } from "../modules/identity/session-context.ts";
import type { WalletState } from "../modules/tenancy/tenancy.ts";
import { allowedModes, choiceOf, payerContext } from "./complete/choice.ts";
import { type ModeRefusal, type Route, routesOfMode } from "./complete/payers.ts";
import { openModels, type PlanContext, type PlannableFeature } from "./complete/plan.ts";
import { type PlanSources, planContextOf } from "./complete/plan-context.ts";

/** What the plan would say of one payer now, for this user and these features. */
export type ModeItem = {
  mode: RouteMode;
  available: boolean;
  reason?: ModeReason;
  paidBy: "credits" | "own_key" | "own_device";
  /** The highest of the features that offer it. */
  feeUsd: Usd;
  disclosureVersion?: string;
  credentialId?: string;
  masked?: string;
};

export type ModeReason =
  | "not_in_policy"
  | "no_key"
  | "key_invalid"
  | "disclosure_required"
  | "no_priced_model"
  | "provider_off"
  | "insufficient_balance"
  | "wallet_frozen"
  | "suspended";

export type ModesView = {
  selected: RouteMode | "auto";
  fallbackToPlatform: boolean;
  items: readonly ModeItem[];
};

/** Whom the plan is made for. */
export type ModeSubject = Pick<
  SessionContext,
  "appId" | "endUserId" | "endUserOwn" | "modes" | "models" | "chosenModes"
>;

const allModes: readonly RouteMode[] = ["platform", "developer_key", "byok", "local"];

/**
 * Every payer with its price and whether it could pay now: the very plan that the gateway would make. `only` keeps to one
 * feature; without it a payer is available where at least one feature has it.
 */
export async function modesOf(
  subject: ModeSubject,
  features: readonly PlannableFeature[],
  only: PlannableFeature | null,
  wallet: WalletState,
  sources: PlanSources,
): Promise<ModesView> {
  const asked = (only ? [only] : features).filter(({ status }) => status === "active");
  const context = await planContextOf(subject, asked, sources);
  const choice = choiceOf(null, { id: only?.id ?? "" }, subject);
  return {
    selected: choice.mode,
    fallbackToPlatform: choice.fallsBack,
    items: allModes.map((mode) => itemOf(mode, subject, asked, wallet, context)),
  };
}

function itemOf(
  mode: RouteMode,
  subject: ModeSubject,
  features: readonly PlannableFeature[],
  wallet: WalletState,
  context: PlanContext,
): ModeItem {
  const offering = features.filter((feature) => allowedModes(feature, subject).includes(mode));
  const feeUsd = maxUsd(zeroUsd, ...offering.map((feature) => feeOf(mode, feature)));
  const facts = {
    mode,
    paidBy: mode === "byok" ? "own_key" : mode === "local" ? "own_device" : "credits",
    feeUsd,
    ...(mode === "byok" ? { disclosureVersion: byokDisclosureVersion(formatUsd(feeUsd)) } : {}),
    ...(mode === "local" ? { disclosureVersion: localDisclosureVersion } : {}),
  } as const;
  if (offering.length === 0) return { ...facts, available: false, reason: "not_in_policy" };
  // Whether a bridge answers there, the device alone can tell.
  if (mode === "local") return { ...facts, available: true };
  const tried = offering.map((feature) => {
    const payers = payerContext(choiceOf(null, feature, subject), context);
    return routesOfMode(mode, feature, openModels(feature, subject), payers, null);
  });
  const route = tried.find(({ refusal }) => refusal === null)?.routes[0];
  const reason = route ? shortage(route, feeUsd, wallet) : wordOf(tried[0]!.refusal);
  return {
    ...facts,
    available: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...keyOf(mode, route, context),
  };
}

/** The key that would be tried first, or the first that is stored. */
function keyOf(mode: RouteMode, route: Route | undefined, context: PlanContext) {
  if (mode !== "byok") return {};
  const key = route?.key ?? context.keys.user.find(({ status }) => status !== "disabled");
  if (!key?.id) return {};
  return { credentialId: key.id, ...(key.masked === undefined ? {} : { masked: key.masked }) };
}

function shortage({ mode }: Route, feeUsd: Usd, wallet: WalletState): ModeReason | undefined {
  const isFree = mode === "byok" && feeUsd === 0n;
  if (wallet.status === "frozen" || wallet.debt) return "wallet_frozen";
  if (!isFree && usdFromStore(wallet.availableText) <= 0n) return "insufficient_balance";
  return undefined;
}

function wordOf(refusal: ModeRefusal | null): ModeReason {
  if (refusal === null || refusal === "on_the_device") return "provider_off";
  return refusal;
}

function feeOf(mode: RouteMode, { pricing }: PlannableFeature): Usd {
  if (mode === "byok") return parseUsd(pricing.byok_fee_usd)!;
  return mode === "local" ? parseUsd(pricing.local_fee_usd)! : parseUsd(pricing.request_fee_usd)!;
}
