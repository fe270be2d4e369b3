import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { ApiError } from "../../lib/errors.ts";
import type { SessionContext } from "../../modules/identity/session-context.ts";
import type { ListedModel } from "../../modules/routing/routing.ts";
import {
  type ModeRefusal,
  type ModeRoutes,
  type PayerContext,
  type Route,
  routesOfMode,
  type Skipped,
} from "./payers.ts";
import type { PlanContext, PlannableFeature } from "./plan.ts";
import type { AskedCompletion } from "./request-body.ts";

/** Which payer was chosen for a feature, and by whom. */
export type Choice = {
  mode: RouteMode | "auto";
  by: "request" | "user" | "feature";
  /** The user's own leave to use credits where an own key or machine fails. */
  fallsBack: boolean;
  agreedTo: string | null;
};

/**
 * Decides who pays, before anything is held: the request, else the user, else the feature's order. It never moves on from
 * an own key that is there and does not work, nor from a payer that was chosen, without its user's leave.
 */
export function planPayers(
  asked: Pick<AskedCompletion, "model" | "routeMode">,
  feature: PlannableFeature,
  models: { listed: readonly ListedModel[]; named: string | null },
  context: PlanContext,
): Route[] {
  const choice = choiceOf(asked.routeMode, feature, context.session);
  const modes = allowedModes(feature, context.session);
  if (choice.mode !== "auto" && !modes.includes(choice.mode)) throw notAllowed(choice, feature);
  const payers = payerContext(choice, context);
  const routesOf = (mode: RouteMode): ModeRoutes =>
    routesOfMode(mode, feature, models.listed, payers, models.named);
  const creditsAfter = ({ mayUseCredits }: ModeRoutes): Route[] =>
    mayUseCredits && modes.includes("platform") ? routesOf("platform").routes : [];
  const refused: Refused[] = [];
  for (const mode of choice.mode === "auto" ? modes : [choice.mode]) {
    const found = routesOf(mode);
    if (found.refusal === null) return [...found.routes, ...creditsAfter(found)];
    refused.push({ mode, refusal: found.refusal, skipped: found.skipped });
    if (!isOwn(mode, found.refusal, choice)) continue;
    const credits = creditsAfter(found);
    if (credits.length > 0) return credits;
    break;
  }
  throw nothingPlanned(asked, refused);
}

/** The choice that holds for one feature. `requested` is the request's own. */
export function choiceOf(
  requested: RouteMode | null,
  feature: Pick<PlannableFeature, "id">,
  session: Pick<SessionContext, "chosenModes">,
): Choice {
  const general = session.chosenModes.find(({ featureId }) => featureId === null);
  const own = session.chosenModes.find(({ featureId }) => featureId === feature.id);
  const chosen = own ?? general;
  const rest = {
    fallsBack: chosen?.fallbackToPlatform ?? false,
    agreedTo: chosen?.disclosureVersion ?? general?.disclosureVersion ?? null,
  };
  if (requested !== null) return { mode: requested, by: "request", ...rest };
  if (chosen && chosen.mode !== "auto") return { mode: chosen.mode, by: "user", ...rest };
  return { mode: "auto", by: "feature", ...rest };
}

/** The feature's payers in its order, as far as the session is not narrowed away from them. */
export function allowedModes(
  feature: Pick<PlannableFeature, "policy">,
  session: Pick<SessionContext, "modes">,
): RouteMode[] {
  return feature.policy.route_preference.filter((mode) => session.modes?.includes(mode) ?? true);
}

export function payerContext(choice: Choice, context: PlanContext): PayerContext {
  return {
    prices: context.prices,
    upstreams: context.upstreams,
    keys: context.keys,
    isOff: context.isOff,
    random: context.random,
    endUserOwn: context.session.endUserOwn,
    agreedTo: choice.agreedTo,
    fallsBack: choice.fallsBack,
  };
}

/** Whether the search ends here: what the user has set up, or chosen, is not passed over in silence. */
function isOwn(mode: RouteMode, refusal: ModeRefusal, choice: Choice): boolean {
  return choice.mode !== "auto" || (mode === "byok" && refusal !== "no_key");
}

type Refused = { mode: RouteMode; refusal: ModeRefusal; skipped: readonly Skipped[] };

function notAllowed({ mode, by }: Choice, feature: PlannableFeature): ApiError {
  if (feature.policy.privacy === "local_only") return onTheDevice();
  const who = by === "request" ? "This request asks" : "You chose";
  return new ApiError(
    "invalid_request",
    `${who} for ${mode}, which "${feature.featureKey}" does not offer here.`,
    {
      param: "route_mode",
      details: { reason: "not_in_policy", allowed: feature.policy.route_preference },
    },
  );
}

function nothingPlanned(asked: Pick<AskedCompletion, "model">, refused: readonly Refused[]): ApiError {
  const last = refused.at(-1);
  if (!last || refused.every(({ mode }) => mode === "local")) return onTheDevice();
  const byok = refused.find(({ mode }) => mode === "byok");
  if (byok && (last === byok || refused.every(({ mode }) => mode === "local" || mode === "byok"))) {
    const told = ownKeyRefused(byok.refusal);
    if (told) return told;
  }
  const skipped = refused.flatMap((entry): { route_mode: RouteMode; reason: string }[] =>
    entry.skipped.length > 0
      ? entry.skipped.map((one) => ({ route_mode: entry.mode, ...one }))
      : [{ route_mode: entry.mode, reason: entry.refusal }],
  );
  if (skipped.length > 0 && skipped.every(({ reason }) => reason === "model_not_priced")) {
    return new ApiError(
      "model_not_priced",
      `The model "${asked.model.slice(0, 200)}" has no price here, so it cannot be called.`,
      { param: "model" },
    );
  }
  return new ApiError(
    "no_available_route",
    "Nobody who may pay for this has a provider that can serve it now.",
    {
      details: { routes: skipped },
    },
  );
}

function ownKeyRefused(refusal: ModeRefusal): ApiError | null {
  if (refusal === "no_key") {
    return new ApiError(
      "byok_key_invalid",
      "No key of your own is stored for this; add one, or choose another payer.",
      {
        details: { reason: "no_key" },
      },
    );
  }
  if (refusal === "key_invalid") {
    return new ApiError(
      "byok_key_invalid",
      "Your own key no longer works; enter it again, or choose another payer.",
      {
        details: { reason: "key_invalid" },
      },
    );
  }
  if (refusal === "disclosure_required") {
    return new ApiError("forbidden", "What an own key costs here has not been agreed to; confirm it first.", {
      details: { reason: "disclosure_required" },
    });
  }
  return null;
}

function onTheDevice(): ApiError {
  return new ApiError(
    "policy_local_only",
    "The user's own machine answers this, not the gateway; call it through the SDK and its local bridge.",
  );
}
