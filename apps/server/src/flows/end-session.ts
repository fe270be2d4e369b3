import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type DeveloperCaller,
  findSession,
  revokeSession,
  revokeSessionsOf,
  type SessionContext,
  type Whose,
} from "../modules/identity/identity.ts";
import { readEndUser } from "../modules/tenancy/tenancy.ts";
import { requireApp, tenantOf } from "./developers-calling.ts";
import { requireTarget } from "./switches.ts";

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

/** Whose sessions an operator means; exactly one of them is named. */
export type WhoseNamed = {
  session?: string | undefined;
  end_user?: string | undefined;
  app?: string | undefined;
  developer?: string | undefined;
  origin?: string | undefined;
};

/** Ends every session of one of those on every instance, their open streams included. @throws ApiError not_found */
export async function revokeSessionsAsOperator(
  deps: Deps,
  actor: AuditActor,
  named: WhoseNamed,
  reason: string,
): Promise<number> {
  const ended = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const { whose, name, place } = await whoseOf(tx, named);
    const { revoked, appIds } = await revokeSessionsOf(tx, whose);
    await append(tx, {
      ...actor,
      action: "session.revoke",
      resourceType: whose.kind,
      resourceId: name,
      appId: place?.appId ?? null,
      developerId: place?.developerId ?? null,
      reason,
      metadata: { revoked },
    });
    return { revoked, version: await announceEnded(tx, whose, appIds) };
  });
  if (ended.version !== null) await deps.feed.waitUntilSeen(ended.version);
  return ended.revoked;
}

/** Ends every session of one end user. @throws ApiError invalid_app, not_found */
export async function revokeSessionsOfUser(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; endUserId: string; reason: string | null },
): Promise<number> {
  const { revoked, version } = await deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireApp(tx, caller, input.publicAppId);
    const user = await readEndUser(tx, app.id, input.endUserId);
    if (!user) throw new ApiError("not_found", "The app has no such end user.");
    const ended = await revokeSessionsOf(tx, { kind: "end_user", id: user.id });
    await append(tx, {
      ...actor,
      action: "session.revoke",
      resourceType: "end_user",
      resourceId: user.id,
      appId: app.id,
      developerId: app.developerId,
      reason: input.reason,
      metadata: { revoked: ended.revoked },
    });
    return { revoked: ended.revoked, version: await announce(tx, "end_user", user.id) };
  });
  await deps.feed.waitUntilSeen(version);
  return revoked;
}

async function whoseOf(tx: Tx, named: WhoseNamed) {
  const given = Object.entries(named).filter(([, value]) => value !== undefined) as [Whose["kind"], string][];
  const [only, more] = given;
  if (only === undefined || more !== undefined) {
    throw new ApiError(
      "invalid_request",
      "Name one of session_id, end_user_id, public_app_id, developer_id and origin.",
    );
  }
  const [kind, name] = only;
  if (kind === "origin") return { whose: { kind, id: name }, name, place: null };
  const place = await requireTarget(tx, kind, name);
  return { whose: { kind, id: place.targetId }, name, place };
}

/** A change per group that sessions are kept by; `null` where none was live. */
async function announceEnded(tx: Tx, whose: Whose, appIds: readonly string[]): Promise<bigint | null> {
  if (appIds.length === 0) return null;
  if (whose.kind === "session" || whose.kind === "end_user") return announce(tx, whose.kind, whose.id);
  let version: bigint | null = null;
  for (const appId of appIds) version = await announce(tx, "app", appId);
  return version;
}
