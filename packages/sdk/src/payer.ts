import { FaucetNotFoundError, FaucetPermissionError, FaucetRequestError } from "./errors.ts";
import type { FaucetModes, FaucetSessionAnswer, RouteMode } from "./wire.ts";

type Feature = FaucetSessionAnswer["features"][number];

export type PayerFacts = {
  featureKey: string;
  routeMode: RouteMode | undefined;
  /** The call brings a key of its own. */
  ownKey: boolean;
  /** As the session describes it; undefined where it lists no features at all. */
  feature: Feature | undefined;
  listed: boolean;
  modes: FaucetModes | undefined;
  /** This page is paired with a bridge: the user's own machine is set up. */
  paired: boolean;
};

export type PayerDecision =
  | { where: "cloud" }
  /** `fallback`: the user's own consent that credits may pay when the machine fails. */
  | { where: "local"; fallback: boolean };

/** Whether the user's modes have anything to decide here: else nobody needs to ask for them. */
export function hangsOnModes({ feature, routeMode, ownKey }: Omit<PayerFacts, "modes" | "paired">): boolean {
  const order = feature?.route_preference ?? [];
  const decided = ownKey || routeMode === "local" || (routeMode !== undefined && order.includes(routeMode));
  return !decided && order.includes("local");
}

/**
 * Decides, before a prompt leaves the device, whether it may leave at all: the call's route mode, else the user's mode,
 * else the feature's order. What the gateway then does with a call that left is the gateway's affair.
 * @throws FaucetPermissionError `policy_local_only`, FaucetRequestError, FaucetNotFoundError; nothing was sent
 */
export function decidePayer(facts: PayerFacts): PayerDecision {
  const { feature, routeMode, modes } = facts;
  const order = feature?.route_preference ?? [];
  const onlyHere =
    feature?.privacy === "local_only" || (order.length > 0 && order.every((mode) => mode === "local"));
  if (routeMode === "local") {
    refuseUnlessLocal(facts);
    return { where: "local", fallback: false };
  }
  if (onlyHere) {
    if (routeMode !== undefined || facts.ownKey) throw localOnly();
    return { where: "local", fallback: false };
  }
  if (facts.ownKey || (routeMode !== undefined && order.includes(routeMode))) return { where: "cloud" };
  if (!order.includes("local") || itemOf(modes, "local")?.reason === "not_in_policy")
    return { where: "cloud" };
  const fallback = modes?.fallback_to_platform === true && order.includes("platform");
  const here = { where: "local", fallback } as const;
  const chosen = modes?.selected ?? "auto";
  if (chosen !== "auto" && order.includes(chosen)) return chosen === "local" ? here : { where: "cloud" };
  return firstConfigured(order, facts) === "local" ? here : { where: "cloud" };
}

/** The first route of the feature's order that is set up. A broken one counts as set up: its failure must be seen. */
function firstConfigured(order: readonly RouteMode[], { modes, paired }: PayerFacts): RouteMode | undefined {
  return order.find((mode) => {
    if (mode === "local") return paired;
    const reason = itemOf(modes, mode)?.reason;
    return reason !== "no_key" && reason !== "not_in_policy";
  });
}

function itemOf(modes: FaucetModes | undefined, mode: RouteMode) {
  return modes?.items.find((item) => item.mode === mode);
}

function refuseUnlessLocal({ feature, featureKey, listed }: PayerFacts): void {
  if (!listed || feature?.route_preference.includes("local")) return;
  if (!feature) {
    throw new FaucetNotFoundError(`The session knows no feature ${featureKey}.`, {
      code: "feature_not_found",
      param: "feature",
    });
  }
  throw new FaucetRequestError("This feature does not allow local mode.", {
    code: "invalid_request",
    param: "routeMode",
  });
}

function localOnly(): FaucetPermissionError {
  return new FaucetPermissionError("This feature may not leave the device, so it is answered by it alone.", {
    code: "policy_local_only",
  });
}
