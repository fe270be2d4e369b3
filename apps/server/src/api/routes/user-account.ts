import * as routes from "@modelfaucet/contract/routes/user.ts";
import { offeredFeatures } from "../../flows/open-session-answer.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";
import { readSessionSpending } from "../../modules/books/books.ts";
import type { SessionContext } from "../../modules/identity/identity.ts";
import type { Switches } from "../../modules/switch/switch.ts";
import { type Directory, type DirectoryApp, readEndUser } from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";
import { featureOffer } from "./sessions.ts";

export type UserAccountDeps = {
  directory: Directory;
  switches: Pick<Switches, "isOff">;
  /** `PUBLIC_SUPPORT_URL`, for apps that name none of their own. */
  supportUrl: string;
};

/** Who the session belongs to, and what it may do. */
export function userAccountRoutes(deps: UserAccountDeps): readonly Mounted[] {
  return [
    mount(routes.readUser, async ({ actor: { session }, read }) => {
      const app = await deps.directory.app(session.appId);
      const { user, spentUsd } = await read(async (tx) => ({
        user: await readEndUser(tx, session.appId, session.endUserId),
        spentUsd: await readSessionSpending(tx, session),
      }));
      if (!app || !user) throw new ApiError("not_found", "There is no such user.");
      const isSuspended =
        session.endUserStatus === "suspended" || deps.switches.isOff("end_user", session.endUserId);
      const status = isSuspended ? ("suspended" as const) : ("active" as const);
      return { ...accountAnswer(session, app, user.createdAt, spentUsd, deps.supportUrl), status };
    }),
  ];
}

function accountAnswer(
  session: SessionContext,
  app: DirectoryApp,
  createdAt: Date,
  spentUsd: Usd,
  supportUrl: string,
) {
  return {
    id: session.endUserId,
    end_user_id_hash: session.endUserHash,
    public_app_id: session.publicAppId,
    app_name: session.appName,
    identity: {
      mode: session.identityMode,
      verified: session.verified,
      ...(session.verified ? { proved_at: new Date(session.provedAtMs).toISOString() } : {}),
    },
    session: {
      id: session.sessionId,
      expires_at: new Date(session.expiresAtMs).toISOString(),
      scopes: [...session.scopes] as string[],
      ...(session.featureKey === null ? {} : { feature_key: session.featureKey }),
      ...(session.maxSpendUsd === null ? {} : { max_spend_usd: formatUsd(session.maxSpendUsd) }),
      spent_usd: formatUsd(spentUsd),
    },
    features: offeredFeatures(app, session).map(featureOffer),
    time_zone: app.timeZone,
    notices: [] as never[],
    links: { support_url: app.supportUrl ?? supportUrl },
    created_at: createdAt.toISOString(),
  };
}
