import type { TenantSettings, Tx } from "../../lib/db.ts";
import { type Usd, usdFromStore } from "../../lib/money.ts";

export type CredentialStatus = "active" | "invalid" | "needs_reentry" | "disabled";

/** How a key last answered a free call. */
export type KeyCheck = {
  ok: boolean;
  reason?: "key_invalid" | "quota" | "unreachable" | "timeout" | "base_url" | undefined;
  at: string;
};

export type CredentialRow = {
  id: string;
  ownerScope: "developer" | "end_user";
  appId: string;
  publicAppId: string;
  developerId: string;
  endUserId: string | null;
  provider: string;
  sealed: string | null;
  masked: string;
  baseUrl: string | null;
  name: string | null;
  modelsAllowed: string[] | null;
  priority: number;
  weight: number;
  budgetLimitUsd: Usd | null;
  fallbackToPlatform: boolean;
  disclosureVersion: string | null;
  status: CredentialStatus;
  lastUsedAt: Date | null;
  lastCheck: KeyCheck | null;
  createdAt: Date;
};

/** What row security lets the owner of a key touch. */
export function tenantOfKey(key: Pick<CredentialRow, "appId" | "developerId" | "endUserId">): TenantSettings {
  if (key.endUserId !== null) return { appId: key.appId, endUserId: key.endUserId };
  return { developerId: key.developerId };
}

export const keyColumns = (tx: Tx) => tx`k.id, k.owner_scope as "ownerScope", k.app_id as "appId",
  k.developer_id as "developerId", k.end_user_id as "endUserId", k.provider, k.sealed_secret as sealed, k.masked,
  k.base_url as "baseUrl", k.name, k.models_allowed as "modelsAllowed", k.priority, k.weight,
  k.budget_limit_usd::text as "budgetLimitUsd", k.fallback_to_platform as "fallbackToPlatform",
  k.disclosure_version as "disclosureVersion", k.status, k.last_used_at as "lastUsedAt", k.last_check as "lastCheck",
  k.created_at as "createdAt"`;

type Read<Row> = Omit<Row, "budgetLimitUsd"> & { budgetLimitUsd: string | null };

export function keyOf<Row extends UnnamedKey>(read: Read<Row>): Row {
  const { budgetLimitUsd } = read;
  return {
    ...read,
    budgetLimitUsd: budgetLimitUsd === null ? null : usdFromStore(budgetLimitUsd),
  } as unknown as Row;
}

/** As it is where nobody asks for the app's public name. */
export type UnnamedKey = Omit<CredentialRow, "publicAppId">;

// A key that was taken away has neither a secret nor a way back; one that has to be entered again says so.
export const isKept = (tx: Tx) => tx`not (k.status = 'disabled' and k.sealed_secret is null)`;

/** The keys of one user, or of an app's developer, in the order in which they are tried. */
export async function readKeysInUse(
  tx: Tx,
  owner: { appId: string; endUserId: string | null },
): Promise<UnnamedKey[]> {
  const rows = await tx<Read<UnnamedKey>[]>`select ${keyColumns(tx)} from provider_credentials k
    where k.app_id = ${owner.appId} and ${isKept(tx)} and ${
      owner.endUserId === null
        ? tx`k.owner_scope = 'developer'`
        : tx`k.owner_scope = 'end_user' and k.end_user_id = ${owner.endUserId}`
    }
    order by k.priority, k.created_at, k.id`;
  return rows.map((row) => keyOf<UnnamedKey>(row));
}

/**
 * Says when a key was last used; true when it was its first use of a day (UTC). Keys are touched in one order, so that two
 * writers never wait for each other.
 */
export async function writeLastUse(tx: Tx, id: string, atMs: number): Promise<boolean> {
  const [row] = await tx`
    with before as (select last_used_at from provider_credentials where id = ${id} for update)
    update provider_credentials k set last_used_at = greatest(k.last_used_at, to_timestamp(${atMs / 1000}))
    from before where k.id = ${id}
    returning before.last_used_at is null
      or before.last_used_at < date_trunc('day', to_timestamp(${atMs / 1000}), 'UTC') as first_today`;
  return row?.first_today ?? false;
}

/** A key that worked no longer does. False when it was not active any more. */
export async function markRefused(tx: Tx, id: string): Promise<boolean> {
  const check = { ok: false, reason: "key_invalid" };
  const rows = await tx`update provider_credentials set status = 'invalid', updated_at = mf_now(),
      last_check = ${tx.json(check)}::jsonb || jsonb_build_object('at', ${isoNow(tx)})
    where id = ${id} and status = 'active' returning 1`;
  return rows.length > 0;
}

/** Asks for a key again. Only as long as it is still the value that did not open. */
export async function markUnopened(tx: Tx, id: string, sealed: string): Promise<boolean> {
  const rows = await tx`update provider_credentials set status = 'needs_reentry', updated_at = mf_now()
    where id = ${id} and sealed_secret = ${sealed} and status in ('active', 'invalid') returning 1`;
  return rows.length > 0;
}

export const isoNow = (tx: Tx) => tx`to_char(mf_now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
