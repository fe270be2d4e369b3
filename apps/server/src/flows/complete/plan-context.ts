import type { SessionContext } from "../../modules/identity/session-context.ts";
import type { Switches } from "../../modules/switch/switch.ts";
import type { PlannableKey } from "./payers.ts";
import type { PlanContext, PlannableFeature, PlannedSession } from "./plan.ts";

/** What plans are made from, beside the session and its features: copies in memory, all of them. */
export type PlanSources = Pick<PlanContext, "prices" | "upstreams"> & {
  switches: Pick<Switches, "isOff">;
  keysOf: {
    user(appId: string, endUserId: string): Promise<readonly PlannableKey[]>;
    developer(appId: string): Promise<readonly PlannableKey[]>;
  };
};

/**
 * Everything that a plan for this session is made from. Keys are looked for only where a feature lets their owner pay; one
 * that came with the request stands for all of its user's.
 */
export async function planContextOf(
  session: PlannedSession & Pick<SessionContext, "appId" | "endUserId">,
  features: readonly PlannableFeature[],
  sources: PlanSources,
  ownKey: PlannableKey | null = null,
): Promise<PlanContext> {
  const pays = (mode: "byok" | "developer_key"): boolean =>
    features.some(({ policy }) => policy.route_preference.includes(mode));
  const { keysOf, switches, prices, upstreams } = sources;
  return {
    session,
    features,
    prices,
    upstreams,
    keys: {
      user: ownKey ? [ownKey] : pays("byok") ? await keysOf.user(session.appId, session.endUserId) : [],
      developer: pays("developer_key") ? await keysOf.developer(session.appId) : [],
    },
    isOff: switches.isOff,
    random: Math.random,
  };
}
