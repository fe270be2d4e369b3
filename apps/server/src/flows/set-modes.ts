import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { ChosenMode } from "../lib/chosen-mode.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import type { SessionContext } from "../modules/identity/session-context.ts";
import { readChosenModes, writeChosenMode } from "../modules/tenancy/tenancy.ts";
import { refuseUnshown } from "./byok-terms.ts";
import type { PlannableFeature } from "./complete/plan.ts";

export type ModeDeps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };

export type ModeInput = {
  mode: RouteMode | "auto";
  /** `null`: for every feature without a choice of its own. */
  feature: PlannableFeature | null;
  fallbackToPlatform?: boolean | undefined;
  disclosureVersion?: string | undefined;
};

/**
 * The user's own choice of who pays, and whether credits may pay where an own key or machine fails. Nobody else sets either;
 * in force on every instance when this answers. Gives all choices of the user.
 * @throws invalid_request for a payer that no feature offers, conflict for a disclosure that is not the one shown now
 */
export async function setMode(
  deps: ModeDeps,
  session: SessionContext,
  actor: AuditActor,
  features: readonly PlannableFeature[],
  input: ModeInput,
): Promise<ChosenMode[]> {
  const offering = input.feature ? [input.feature] : features;
  if (input.mode !== "auto") refuseUnoffered(input.mode, offering);
  refuseUnshown(input.disclosureVersion, offering);
  const { appId, developerId, endUserId } = session;
  const change = {
    featureId: input.feature?.id ?? null,
    mode: input.mode,
    fallbackToPlatform: input.fallbackToPlatform,
    disclosureVersion: input.disclosureVersion,
  };
  const { modes, version } = await deps.database.write({ purpose: "auth" }, async (tx) => {
    await writeChosenMode(tx, { appId, developerId, endUserId }, change);
    await append(tx, {
      ...actor,
      action: "user_mode.set",
      resourceType: "end_user",
      resourceId: endUserId,
      appId,
      developerId,
      after: { ...change, feature_key: input.feature?.featureKey ?? null },
    });
    const modes = await readChosenModes(tx, appId, endUserId);
    return { modes, version: await announce(tx, "end_user", endUserId) };
  });
  await deps.feed.waitUntilSeen(version);
  return modes;
}

function refuseUnoffered(mode: RouteMode, offering: readonly PlannableFeature[]): void {
  if (offering.some(({ policy }) => policy.route_preference.includes(mode))) return;
  const allowed = [...new Set(offering.flatMap(({ policy }) => policy.route_preference))];
  throw new ApiError("invalid_request", `\`mode\` must be auto or one of ${allowed.join(", ")}.`, {
    param: "mode",
    details: { reason: "not_in_policy", allowed },
  });
}
