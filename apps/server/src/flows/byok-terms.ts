import { ApiError } from "../lib/errors.ts";
import { formatUsd, maxUsd, parseUsd, type Usd, zeroUsd } from "../lib/money.ts";
import { byokDisclosureVersion } from "../modules/credential/credential.ts";
import type { PlannableFeature } from "./complete/plan.ts";

type Priced = Pick<PlannableFeature, "policy" | "pricing">;

/** The highest fee for an own key of those features that allow one: what a user is shown. `null` where none does. */
export function byokFeeOf(features: Iterable<Priced>): Usd | null {
  const fees = byokFeesOf(features);
  return fees.length === 0 ? null : maxUsd(zeroUsd, ...fees);
}

/**
 * Nobody agrees to a text, or to a fee, that is not shown now: of one of the features, or the highest of them.
 * @throws ApiError conflict
 */
export function refuseUnshown(version: string | null | undefined, features: readonly Priced[]): void {
  if (version === null || version === undefined) return;
  const highest = formatUsd(byokFeeOf(features) ?? zeroUsd);
  const shown = [highest, ...byokFeesOf(features).map(formatUsd)];
  if (shown.some((fee) => version === byokDisclosureVersion(fee))) return;
  throw new ApiError("conflict", "The fee or its text has changed: show the user the current one.", {
    param: "disclosure_version",
    details: {
      reason: "disclosure_version",
      disclosure_version: byokDisclosureVersion(highest),
      fee_usd: highest,
    },
  });
}

function byokFeesOf(features: Iterable<Priced>): Usd[] {
  return [...features]
    .filter(({ policy }) => policy.route_preference.includes("byok"))
    .map(({ pricing }) => parseUsd(pricing.byok_fee_usd)!);
}
