import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";
import {
  type CredentialRow,
  type CredentialStatus,
  isKept,
  isoNow,
  type KeyCheck,
  keyColumns,
  keyOf,
} from "./store.ts";

/** Whose keys somebody manages: an end user's own, or a developer's, of some apps or of all. `null` is everybody's. */
export type KeyScope =
  | { owner: "end_user"; appId: string; endUserId: string }
  | { owner: "developer"; developerId: string | null; publicAppIds: readonly string[] | null };

export type KeySettings = {
  modelsAllowed: readonly string[] | null;
  budgetLimitUsd: Usd | null;
  priority: number;
  weight: number;
  name: string | null;
  fallbackToPlatform: boolean;
  disclosureVersion: string | null;
};

const inScope = (tx: Tx, scope: KeyScope) =>
  scope.owner === "end_user"
    ? tx`k.owner_scope = 'end_user' and k.app_id = ${scope.appId} and k.end_user_id = ${scope.endUserId}`
    : tx`k.owner_scope = 'developer'
        and (${scope.developerId}::uuid is null or k.developer_id = ${scope.developerId})
        and (${scope.publicAppIds as string[] | null}::text[] is null or a.public_app_id = any(${scope.publicAppIds as string[] | null}))`;

const named = (tx: Tx) => tx`select ${keyColumns(tx)}, a.public_app_id as "publicAppId"
  from provider_credentials k join apps a on a.id = k.app_id`;

/** Newest first; one row more than `limit` says whether there is another page. */
export async function listKeys(
  tx: Tx,
  scope: KeyScope,
  slice: { before: string | undefined; from: string | undefined; to: string | undefined; limit: number },
): Promise<CredentialRow[]> {
  const rows = await tx<Parameters<typeof keyOf<CredentialRow>>[0][]>`${named(tx)}
    where ${inScope(tx, scope)} and ${isKept(tx)}
    ${slice.before ? tx`and k.id < ${slice.before}` : tx``}
    ${slice.from ? tx`and k.created_at >= ${slice.from}::timestamptz` : tx``}
    ${slice.to ? tx`and k.created_at < ${slice.to}::timestamptz` : tx``}
    order by k.id desc limit ${slice.limit}`;
  return rows.map((row) => keyOf<CredentialRow>(row));
}

/** One key; `lock` for a change of it. A destroyed one is found only where `destroyed` says so. */
export async function findKey(
  tx: Tx,
  scope: KeyScope,
  id: string,
  options: { lock?: boolean; destroyed?: boolean } = {},
): Promise<CredentialRow | null> {
  const rows = await tx<Parameters<typeof keyOf<CredentialRow>>[0][]>`${named(tx)}
    where k.id = ${id} and ${inScope(tx, scope)} ${options.destroyed ? tx`` : tx`and ${isKept(tx)}`}
    ${options.lock ? tx`for no key update of k` : tx``}`;
  return rows[0] ? keyOf<CredentialRow>(rows[0]) : null;
}

/** The keys that an owner has: a user's, or a developer's for one app. Whoever counts to add another one is alone in it. */
export async function countKeys(
  tx: Tx,
  owner: { appId: string; endUserId: string | null },
  alone: boolean,
): Promise<number> {
  const ownerId = owner.endUserId ?? owner.appId;
  if (alone) await tx`select pg_advisory_xact_lock(hashtextextended(${`provider keys of ${ownerId}`}, 0))`;
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count from provider_credentials k
    where k.app_id = ${owner.appId} and ${isKept(tx)}
      and ${owner.endUserId === null ? tx`k.owner_scope = 'developer'` : tx`k.end_user_id = ${owner.endUserId}`}`;
  return row!.count;
}

export async function insertKey(
  tx: Tx,
  key: KeySettings & {
    id: string;
    appId: string;
    developerId: string;
    endUserId: string | null;
    provider: string;
    baseUrl: string | null;
    sealed: string;
    sealedWith: string;
    masked: string;
    lastCharacters: string;
  },
): Promise<void> {
  await tx`insert into provider_credentials ${tx({
    id: key.id,
    app_id: key.appId,
    developer_id: key.developerId,
    end_user_id: key.endUserId,
    owner_scope: key.endUserId === null ? "developer" : "end_user",
    owner_id: key.endUserId ?? key.developerId,
    provider: key.provider,
    base_url: key.baseUrl,
    sealed_secret: key.sealed,
    key_id: key.sealedWith,
    masked: key.masked,
    last_four: key.lastCharacters,
    ...settingsOf(key),
  })}`;
}

export async function updateKey(
  tx: Tx,
  id: string,
  change: KeySettings & { status: CredentialStatus },
): Promise<void> {
  await tx`update provider_credentials set ${tx({ ...settingsOf(change), status: change.status })}, updated_at = mf_now()
    where id = ${id}`;
}

const settingsOf = (settings: KeySettings) => ({
  models_allowed: settings.modelsAllowed === null ? null : [...settings.modelsAllowed],
  budget_limit_usd: settings.budgetLimitUsd === null ? null : formatUsd(settings.budgetLimitUsd),
  priority: settings.priority,
  weight: settings.weight,
  name: settings.name,
  fallback_to_platform: settings.fallbackToPlatform,
  disclosure_version: settings.disclosureVersion,
});

/** The ciphertext goes at once; the row stays for the audit trail and the requests that name it. */
export async function destroyKey(tx: Tx, id: string): Promise<void> {
  await tx`update provider_credentials set status = 'disabled', sealed_secret = null, updated_at = mf_now() where id = ${id}`;
}

/** What a free call said of a key that opens: one that works is active again, one that its vendor does not know is not tried. */
export async function writeCheck(
  tx: Tx,
  id: string,
  check: Omit<KeyCheck, "at">,
): Promise<{ at: string } | null> {
  const { ok, reason } = check;
  const [row] = await tx<{ at: string }[]>`update provider_credentials set updated_at = mf_now(),
      last_check = ${tx.json({ ok, ...(reason ? { reason } : {}) })}::jsonb || jsonb_build_object('at', ${isoNow(tx)}),
      status = case when ${ok} and status in ('invalid', 'needs_reentry') then 'active'
        when ${reason === "key_invalid"} and status = 'active' then 'invalid' else status end
    where id = ${id} and sealed_secret is not null returning last_check ->> 'at' as at`;
  return row ?? null;
}

/** Asks for a key of anybody again, the platform's too. False when that was done already. */
export async function askForAgain(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx`update provider_credentials set status = 'needs_reentry', updated_at = mf_now()
    where id = ${id} and status <> 'needs_reentry' returning 1`;
  return rows.length > 0;
}

/** What no key opens, and has been asked for again, is not kept for a key that goes. */
export async function destroyUnopened(tx: Tx, keyId: string): Promise<void> {
  await tx`update provider_credentials set sealed_secret = null
    where status = 'needs_reentry' and left(sealed_secret, 17) <> ${`mfenc:v2:${keyId}`}`;
}
