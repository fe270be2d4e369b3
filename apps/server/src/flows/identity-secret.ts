import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { newToken } from "../lib/ids.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import type { DeveloperCaller, SignedWith } from "../modules/identity/identity.ts";
import {
  type App,
  type Directory,
  invalidApp,
  readApp,
  readAppKeys,
  rotateIdentitySecret as writeRotation,
} from "../modules/tenancy/tenancy.ts";
import { identityKeyPlace, previousIdentityKeyPlace, shownPrefixLength } from "./apps.ts";
import { appScopeOf, requireApp, requireLockedApp, tenantOf } from "./developers-calling.ts";
import { type ProofDeps, verifyTokenOf } from "./user-proof.ts";

/**
 * Gives an app a new identity secret, told here and never again; the one until now proves users for `overlapSeconds` more,
 * 0 ends it. In force on every instance when this answers. Hashes of the app's users hang on another key and stay.
 * @throws ApiError invalid_app, conflict for an app that is known by a key set
 */
export async function rotateIdentitySecret(
  deps: { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen">; secretBox: SecretBox },
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; overlapSeconds: number },
): Promise<{ identitySecret: string; previousValidUntil: Date | null }> {
  const identitySecret = newToken("mf_idsec_");
  const { app, version } = await deps.database.write(tenantOf(caller), async (tx) => {
    const before = await requireLockedApp(tx, caller, input.publicAppId);
    refuseKeySet(before);
    const { identityKey } = await readAppKeys(tx, before.id);
    const overlaps = identityKey !== null && before.identitySecretPrefix !== null && input.overlapSeconds > 0;
    await writeRotation(tx, before.id, {
      identityKey: deps.secretBox.seal(identitySecret, identityKeyPlace(before.id, before.developerId)),
      identitySecretPrefix: identitySecret.slice(0, shownPrefixLength),
      previous: overlaps
        ? {
            identityKey: movedToPrevious(deps.secretBox, identityKey, before),
            secretPrefix: before.identitySecretPrefix!,
            seconds: input.overlapSeconds,
          }
        : null,
    });
    const after = (await readApp(tx, input.publicAppId, appScopeOf(caller)))!;
    await append(tx, {
      ...actor,
      action: "app.identity_secret_rotate",
      resourceType: "app",
      resourceId: after.publicAppId,
      appId: after.id,
      developerId: after.developerId,
      before: { secret_prefix: before.identitySecretPrefix },
      after: {
        secret_prefix: after.identitySecretPrefix,
        previous_valid_until: after.previousSecretValidUntil,
      },
      metadata: { overlap_seconds: input.overlapSeconds },
    });
    return { app: after, version: await announce(tx, "app", after.id) };
  });
  await deps.feed.waitUntilSeen(version);
  return { identitySecret, previousValidUntil: app.previousSecretValidUntil };
}

export type UserTokenTest =
  | { valid: true; claims: Record<string, unknown>; signedWith: SignedWith }
  | { valid: false; reason: string };

/**
 * Says what a user token would prove, as a session would be told, and opens nothing: no user, no session, and a `jti` stays
 * unused. @throws ApiError invalid_app
 */
export async function testUserToken(
  deps: ProofDeps & { database: Database; directory: Directory },
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; userToken: string },
): Promise<UserTokenTest> {
  const { id } = await deps.database.read(tenantOf(caller), (tx) =>
    requireApp(tx, caller, input.publicAppId),
  );
  const app = await deps.directory.app(id);
  if (!app) throw invalidApp();
  const result = await verified(deps, app, input.userToken);
  await deps.database.write(tenantOf(caller), (tx) =>
    append(tx, {
      ...actor,
      action: "app.identity_test",
      resourceType: "app",
      resourceId: app.publicAppId,
      appId: app.id,
      developerId: app.developerId,
      metadata: result.valid ? { valid: true, signed_with: result.signedWith } : { ...result },
    }),
  );
  return result;
}

async function verified(
  deps: ProofDeps,
  app: Parameters<typeof verifyTokenOf>[1],
  userToken: string,
): Promise<UserTokenTest> {
  try {
    const { payload, signedWith } = await verifyTokenOf(deps, app, userToken);
    return { valid: true, claims: payload, signedWith };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "invalid_user_token") throw error;
    return { valid: false, reason: String(error.details?.reason) };
  }
}

function refuseKeySet(app: App): void {
  if (app.identity.jwks === null && app.identity.jwksUrl === null) return;
  throw new ApiError(
    "conflict",
    "This app is known by its key set and has no secret; take jwks and jwks_url out of its identity first.",
    { details: { reason: "jwks" } },
  );
}

/** A value is sealed to its column, so it is opened and sealed anew. */
function movedToPrevious(secretBox: SecretBox, sealed: string, app: App): string {
  const secret = secretBox.open(sealed, identityKeyPlace(app.id, app.developerId));
  return secretBox.seal(secret, previousIdentityKeyPlace(app.id, app.developerId));
}
