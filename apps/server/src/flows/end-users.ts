import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { type DeveloperCaller, hashExternalUserId } from "../modules/identity/identity.ts";
import { type EndUser, insertEndUser, readAppKeys, readEndUser, setOwn } from "../modules/tenancy/tenancy.ts";
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
    const { userHashKey } = await readAppKeys(tx, app.id);
    const key = deps.secretBox.open(userHashKey, userHashKeyPlace(app.id, app.developerId));
    const user = await insertEndUser(tx, {
      appId: app.id,
      developerId: app.developerId,
      externalUserHash: hashExternalUserId(key, input.externalUserId),
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

/** Marks an end user as the developer's own account, or no longer. @throws ApiError not_found */
export async function updateEndUser(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; endUserId: string; own?: boolean | undefined },
): Promise<EndUser> {
  const { user, version } = await deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireApp(tx, caller, input.publicAppId);
    const before = await readEndUser(tx, app.id, input.endUserId);
    if (!before) throw new ApiError("not_found", "The app has no such end user.");
    if (input.own === undefined || before.own === input.own) return { user: before, version: null };
    await setOwn(tx, app.id, before.id, input.own);
    await append(tx, {
      ...actor,
      action: "end_user.update",
      resourceType: "end_user",
      resourceId: before.id,
      appId: app.id,
      developerId: app.developerId,
      before: { own: before.own },
      after: { own: input.own },
    });
    return { user: { ...before, own: input.own }, version: await announce(tx, "end_user", before.id) };
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
  return user;
}
