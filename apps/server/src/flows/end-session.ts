import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type DeveloperCaller,
  findSession,
  revokeSession,
  type SessionContext,
} from "../modules/identity/identity.ts";
import { tenantOf } from "./developers-calling.ts";

type Deps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };

/** Ends the calling session on every instance; may be repeated. */
export async function endSession(deps: Deps, session: SessionContext): Promise<void> {
  const version = await deps.database.write({ purpose: "auth" }, async (tx) =>
    (await revokeSession(tx, session)) ? announce(tx, "session", session.sessionId) : null,
  );
  if (version !== null) await deps.feed.waitUntilSeen(version);
}

/** Ends one session of a developer's end user. @throws ApiError not_found */
export async function revokeSessionAsDeveloper(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  sessionId: string,
): Promise<void> {
  const version = await deps.database.write(tenantOf(caller), async (tx) => {
    const session = await findSession(tx, sessionId);
    const inScope = session && (caller.publicAppIds?.includes(session.publicAppId) ?? true);
    if (!session || !inScope) throw new ApiError("not_found", "There is no such session.");
    if (!(await revokeSession(tx, { appId: session.appId, sessionId }))) return null;
    await append(tx, {
      ...actor,
      action: "session.revoke",
      resourceType: "session",
      resourceId: sessionId,
      appId: session.appId,
      developerId: session.developerId,
    });
    return announce(tx, "session", sessionId);
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
}
