import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { type DeveloperCaller, hashExternalUserId } from "../modules/identity/identity.ts";
import {
  type App,
  changeEndUser,
  type EndUser,
  insertEndUser,
  readAppKeys,
  readEndUser,
} from "../modules/tenancy/tenancy.ts";
import { userHashKeyPlace } from "./apps.ts";
import { requireApp, tenantOf } from "./developers-calling.ts";

type Deps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  secretBox: Pick<SecretBox, "open">;
};

/** Makes an end user with an empty wallet before a first session. @throws ApiError conflict when there is one */
export async function createEndUser(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; externalUserId: string; own?: boolean | undefined },
): Promise<EndUser> {
  return deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireApp(tx, caller, input.publicAppId);
    const user = await insertEndUser(tx, {
      appId: app.id,
      developerId: app.developerId,
      externalUserHash: await hashOfUser(deps, tx, app, input.externalUserId),
      verified: true,
      metadata: null,
      own: input.own ?? false,
    });
    if (!user) {
      throw new ApiError("conflict", "The app has this end user already.", {
        param: "external_user_id",
        details: { reason: "taken" },
      });
    }
    await append(tx, {
      ...actor,
      action: "end_user.create",
      resourceType: "end_user",
      resourceId: user.id,
      appId: app.id,
      developerId: app.developerId,
      after: { own: user.own },
    });
    return user;
  });
}

/**
 * Suspends or resumes an end user, or marks it as the developer's own account or no longer. In force on every instance when
 * this answers; a suspension ends what the user has running. @throws ApiError not_found
 */
export async function updateEndUser(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: {
    publicAppId: string;
    endUserId: string;
    own?: boolean | undefined;
    status?: "active" | "suspended" | undefined;
    reason?: string | undefined;
  },
): Promise<EndUser> {
  const { user, version } = await deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireApp(tx, caller, input.publicAppId);
    const before = await readEndUser(tx, app.id, input.endUserId);
    if (!before) throw new ApiError("not_found", "The app has no such end user.");
    const after = { own: input.own ?? before.own, status: input.status ?? before.status };
    if (before.own === after.own && before.status === after.status) return { user: before, version: null };
    await changeEndUser(tx, app.id, before.id, after);
    await append(tx, {
      ...actor,
      action: "end_user.update",
      resourceType: "end_user",
      resourceId: before.id,
      appId: app.id,
      developerId: app.developerId,
      reason: input.reason ?? null,
      before: { own: before.own, status: before.status },
      after,
    });
    return { user: { ...before, ...after }, version: await announce(tx, "end_user", before.id) };
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
  return user;
}

/** How the app's own name for a user is kept. */
export async function hashOfUser(
  deps: Pick<Deps, "secretBox">,
  tx: Tx,
  app: App,
  externalUserId: string,
): Promise<string> {
  const { userHashKey } = await readAppKeys(tx, app.id);
  const key = deps.secretBox.open(userHashKey, userHashKeyPlace(app.id, app.developerId));
  return hashExternalUserId(key, externalUserId);
}
