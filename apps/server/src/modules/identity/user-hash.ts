import { createHash, createHmac } from "node:crypto";

/**
 * How an app's user id is kept: `sha256:` and the HMAC-SHA256 of it under the app's own key, so that neither a leaked
 * table nor another app can tell who that is. Shape on the wire: `end_user_id_hash`.
 */
export function hashExternalUserId(userHashKey: string, externalUserId: string): string {
  return `sha256:${createHmac("sha256", userHashKey).update(externalUserId).digest("hex")}`;
}

/** Two tokens with the same `jti` have the same hash; the value itself is not kept. */
export function hashJti(jti: string): string {
  return createHash("sha256").update(jti).digest("hex");
}
