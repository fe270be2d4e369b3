import * as routes from "@modelfaucet/contract/routes/switches.ts";
import { revokeSessionsAsOperator, revokeSessionsOfUser } from "../../flows/end-session.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { type ListedSession, listSessions } from "../../modules/identity/identity.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";

/** Who has a session, and the end of many at once: by an operator, and of one user by the developer. */
export function adminSessionRoutes(deps: {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
}): Mounted[] {
  return [
    mount(routes.listSessions, async ({ query, read }) => {
      const rows = await read((tx) =>
        listSessions(tx, {
          session: query.session_id,
          endUser: query.end_user_id,
          publicAppId: query.public_app_id,
          developer: query.developer_id,
          origin: query.origin,
          status: query.status,
          ...pageQueryOf(query),
        }),
      );
      return pageOf(
        rows,
        query.limit,
        ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
        sessionAnswer,
      );
    }),
    mount(routes.revokeSessions, async ({ body, audit }) => {
      const { session_id, end_user_id, public_app_id, developer_id, origin, reason } = body;
      const named = {
        session: session_id,
        end_user: end_user_id,
        app: public_app_id,
        developer: developer_id,
        origin,
      };
      return { revoked: await revokeSessionsAsOperator(deps, audit, named, reason) };
    }),
    mount(routes.revokeUserSessions, async ({ actor, params, body, audit }) => {
      const user = { publicAppId: params.publicAppId, endUserId: params.id };
      const reason = body.reason ?? null;
      return { revoked: await revokeSessionsOfUser(deps, actor.caller, audit, { ...user, reason }) };
    }),
  ];
}

function sessionAnswer(session: ListedSession) {
  return {
    id: session.id,
    public_app_id: session.publicAppId,
    developer_id: session.developerId,
    end_user_id: session.endUserId,
    status: session.status,
    ...(session.origin === null ? {} : { origin: session.origin }),
    ...(session.featureKey === null ? {} : { feature_key: session.featureKey }),
    ...(session.maxSpendText === null ? {} : { max_spend_usd: session.maxSpendText }),
    created_at: session.createdAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    ...(session.revokedAt === null ? {} : { revoked_at: session.revokedAt.toISOString() }),
  };
}
