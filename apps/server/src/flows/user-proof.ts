import type { SecretBox } from "../lib/secret-box.ts";
import {
  inlineKeySet,
  type KeySets,
  type UserTokenProof,
  type VerifiedUserToken,
  verifyUserToken,
} from "../modules/identity/identity.ts";
import type { DirectoryApp } from "../modules/tenancy/tenancy.ts";
import { identityKeyPlace, previousIdentityKeyPlace } from "./apps.ts";

export type ProofDeps = {
  /** The database's clock. */
  feed: { now(): number };
  secretBox: Pick<SecretBox, "open">;
  keySets: KeySets;
  userTokenMaxTtlSeconds: number;
};

/**
 * What a user token of this app says, by the app's secret or key set. It may fetch that set: never call it while a
 * transaction is open. @throws ApiError invalid_user_token
 */
export function verifyTokenOf(
  deps: ProofDeps,
  app: DirectoryApp,
  userToken: string | undefined,
): Promise<VerifiedUserToken> {
  return verifyUserToken(
    userToken,
    { publicAppId: app.publicAppId, issuer: app.identity.issuer, proof: proofOf(deps, app) },
    { nowMs: deps.feed.now(), maxTtlSeconds: deps.userTokenMaxTtlSeconds },
  );
}

function proofOf(deps: ProofDeps, app: DirectoryApp): UserTokenProof {
  const { jwks, jwksUrl } = app.identity;
  if (jwks !== null) return { kind: "jwks", find: async (kid) => inlineKeySet(jwks).get(kid) ?? null };
  if (jwksUrl !== null) {
    const { id: appId, developerId, lastGoodKeySet: lastGood } = app;
    return {
      kind: "jwks",
      find: (kid) => deps.keySets.find({ appId, developerId, url: jwksUrl, lastGood }, kid),
    };
  }
  const { identityKey, previousIdentityKey } = app.keys;
  const holds = (app.previousSecretValidUntil?.getTime() ?? 0) > deps.feed.now();
  return {
    kind: "secret",
    secret: identityKey && deps.secretBox.open(identityKey, identityKeyPlace(app.id, app.developerId)),
    previousSecret:
      previousIdentityKey && holds
        ? deps.secretBox.open(previousIdentityKey, previousIdentityKeyPlace(app.id, app.developerId))
        : null,
  };
}
