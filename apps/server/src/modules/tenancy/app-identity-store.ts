import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";

/** What proves an app's users: a key set, by value or by URL, or (both `null`) the identity secret. */
export type AppIdentity = {
  issuer: string | null;
  jwksUrl: string | null;
  jwks: { keys: readonly Record<string, unknown>[] } | null;
};

/** The sealed keys of an app; nothing else reads them. */
export type AppKeys = {
  identityKey: string | null;
  previousIdentityKey: string | null;
  userHashKey: string;
};

export async function readAppKeys(tx: Tx, appId: string): Promise<AppKeys> {
  const [row] = await tx`
    select identity_key, previous_identity_key, user_hash_key from apps where id = ${appId}`;
  if (!row) throw new Error("the app is gone");
  return appKeysOf(row);
}

export function appKeysOf(row: postgres.Row): AppKeys {
  return {
    identityKey: row.identity_key,
    previousIdentityKey: row.previous_identity_key,
    userHashKey: row.user_hash_key,
  };
}

/** As the column holds it: what is `null` is left out. */
export function storedIdentity({ issuer, jwksUrl, jwks }: AppIdentity): Record<string, unknown> {
  return {
    ...(issuer === null ? {} : { issuer }),
    ...(jwksUrl === null ? {} : { jwks_url: jwksUrl }),
    ...(jwks === null ? {} : { jwks }),
  };
}

export function identityOf(row: postgres.Row): AppIdentity {
  const { issuer, jwks_url, jwks } = row.identity;
  return { issuer: issuer ?? null, jwksUrl: jwks_url ?? null, jwks: jwks ?? null };
}

/** From now on neither secret of the app proves anybody. */
export async function forgetIdentitySecrets(tx: Tx, id: string): Promise<void> {
  await tx`update apps set identity_key = null, identity_secret_prefix = null, previous_identity_key = null,
    previous_identity_secret_prefix = null, previous_identity_valid_until = null where id = ${id}`;
}

/** The secret of now proves nobody any more; one before it holds as long as it would have. */
export async function forgetIdentitySecret(tx: Tx, id: string): Promise<void> {
  await tx`update apps set identity_key = null, identity_secret_prefix = null where id = ${id}`;
}

/** The secret before the last rotation proves nobody any more. */
export async function forgetPreviousSecret(tx: Tx, id: string): Promise<void> {
  await tx`update apps set previous_identity_key = null, previous_identity_secret_prefix = null,
    previous_identity_valid_until = null where id = ${id}`;
}

export type SecretRotation = {
  identityKey: string;
  identitySecretPrefix: string;
  /** The secret until now, sealed to its new place; `null` ends it at once. */
  previous: { identityKey: string; secretPrefix: string; seconds: number } | null;
};

export async function rotateIdentitySecret(tx: Tx, id: string, rotation: SecretRotation): Promise<void> {
  const { previous } = rotation;
  await tx`update apps set identity_key = ${rotation.identityKey}, identity_secret_prefix = ${rotation.identitySecretPrefix},
    previous_identity_key = ${previous?.identityKey ?? null},
    previous_identity_secret_prefix = ${previous?.secretPrefix ?? null},
    previous_identity_valid_until = case when ${previous !== null}
      then mf_now() + make_interval(secs => ${previous?.seconds ?? 0}) end,
    version = version + 1, updated_at = mf_now() where id = ${id}`;
}

/** Apps that have, or had before a rotation, a secret which begins like that. */
export async function findAppsBySecretPrefix(
  tx: Tx,
  prefix: string,
): Promise<{ id: string; developerId: string; publicAppId: string }[]> {
  const rows =
    await tx`select id, developer_id, public_app_id from apps where identity_secret_prefix = ${prefix}
    union select id, developer_id, public_app_id from apps where previous_identity_secret_prefix = ${prefix}`;
  return rows.map((row) => ({ id: row.id, developerId: row.developer_id, publicAppId: row.public_app_id }));
}

/** The last set that an app's URL answered with; of another URL than the app's it is not kept. */
export async function keepKeySet(
  tx: Tx,
  appId: string,
  stored: { url: string; keys: readonly Record<string, unknown>[]; fetchedAtMs: number },
): Promise<void> {
  const kept = { url: stored.url, keys: stored.keys, fetched_at: new Date(stored.fetchedAtMs).toISOString() };
  await tx`update apps set jwks_last_good = ${tx.json(kept as never)}
    where id = ${appId} and identity ->> 'jwks_url' = ${stored.url}`;
}
