import type { DeveloperScope } from "@modelfaucet/contract/scopes.ts";
import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { developerStatus } from "../../lib/switched.ts";

/** A developer token that was presented and holds. */
export type LiveDeveloperToken = {
  tokenId: string;
  name: string;
  developerId: string;
  developerStatus: "active" | "suspended" | "closed";
  scopes: ReadonlySet<DeveloperScope>;
  publicAppIds: readonly string[] | null;
  modelsAllowed: readonly string[] | null;
  expiresAtMs: number;
};

export type DeveloperTokenItem = {
  id: string;
  developerId: string;
  developerName: string;
  developerEmail: string;
  name: string;
  tokenPrefix: string;
  scopes: string[];
  publicAppIds: string[] | null;
  modelsAllowed: string[] | null;
  status: "active" | "expired" | "revoked";
  createdBy: string;
  rotatedFrom: string | null;
  lastUsedAt: Date | null;
  expiresAt: Date;
  revokedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/**
 * Purpose `auth`. `null`: unknown, revoked or expired. A use is noted once a minute at most; `firstToday`: it is the first of
 * its day.
 */
export async function readLiveDeveloperToken(
  tx: Tx,
  tokenHash: string,
): Promise<(LiveDeveloperToken & { firstToday: boolean }) | null> {
  const [row] = await tx`
    select t.id, t.name, t.developer_id, t.scopes, t.public_app_ids, t.models_allowed, t.expires_at, ${developerStatus(tx)} as status,
      t.last_used_at is null or t.last_used_at < mf_now() - interval '1 minute' as worth_noting,
      t.last_used_at is null or t.last_used_at < date_trunc('day', mf_now(), 'UTC') as first_today
    from developer_api_tokens t join developers d on d.id = t.developer_id
    where t.token_hash = ${tokenHash} and t.revoked_at is null and t.expires_at > mf_now()`;
  if (!row) return null;
  // Of several that see the same first use, the one that writes it tells of it.
  const noted = row.worth_noting
    ? await tx`update developer_api_tokens set last_used_at = mf_now() where id = ${row.id}
        and (last_used_at is null or last_used_at < mf_now() - interval '1 minute') returning id`
    : [];
  return {
    firstToday: row.first_today && noted.length > 0,
    tokenId: row.id,
    name: row.name,
    developerId: row.developer_id,
    developerStatus: row.status,
    scopes: new Set(row.scopes),
    publicAppIds: row.public_app_ids,
    modelsAllowed: row.models_allowed,
    expiresAtMs: row.expires_at.getTime(),
  };
}

export type NewDeveloperToken = {
  id: string;
  developerId: string;
  name: string;
  tokenHash: string;
  tokenPrefix: string;
  scopes: readonly string[];
  publicAppIds: readonly string[] | null;
  modelsAllowed: readonly string[] | null;
  createdBy: string;
  /** The token that it takes the place of. */
  rotatedFrom?: string | null;
  /** `null`: 365 days from now, by the database's clock. */
  expiresAt: Date | null;
};

export async function insertDeveloperToken(tx: Tx, token: NewDeveloperToken): Promise<void> {
  await tx`
    insert into developer_api_tokens (id, developer_id, name, token_hash, token_prefix, scopes, public_app_ids,
      models_allowed, created_by, rotated_from, expires_at)
    values (${token.id}, ${token.developerId}, ${token.name}, ${token.tokenHash}, ${token.tokenPrefix},
      ${[...token.scopes]}, ${token.publicAppIds && [...token.publicAppIds]},
      ${token.modelsAllowed && [...token.modelsAllowed]}, ${token.createdBy}, ${token.rotatedFrom ?? null},
      coalesce(${token.expiresAt}::timestamptz, mf_now() + interval '365 days'))`;
}

export async function readDeveloperTokenItem(tx: Tx, id: string): Promise<DeveloperTokenItem | null> {
  const [row] = await tx`${selectItems(tx)} where t.id = ${id}`;
  return row ? itemOf(row) : null;
}

/** The token as no other change can touch it until this transaction ends. */
export async function lockDeveloperToken(tx: Tx, id: string): Promise<DeveloperTokenItem | null> {
  await tx`select 1 from developer_api_tokens where id = ${id} for update`;
  return readDeveloperTokenItem(tx, id);
}

/** The token ends after so many seconds, now for 0; never later than it would have. */
export async function endDeveloperTokenIn(tx: Tx, id: string, seconds: number): Promise<void> {
  await tx`
    update developer_api_tokens set updated_at = mf_now(),
      revoked_at = case when ${seconds} = 0 then mf_now() else revoked_at end,
      expires_at = least(expires_at, mf_now() + make_interval(secs => ${seconds}))
    where id = ${id}`;
}

export type TokenFilter = {
  developerId: string | null;
  status?: "active" | "expired" | "revoked" | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** The id that the page before ended with. */
  before?: string | undefined;
  limit: number;
};

/** Newest first; ids are UUIDv7, so their order is that of time. */
export async function listDeveloperTokens(tx: Tx, filter: TokenFilter): Promise<DeveloperTokenItem[]> {
  const rows = await tx`
    select * from (${selectItems(tx)}) as items
    where (${filter.developerId}::uuid is null or developer_id = ${filter.developerId})
      and (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
      and (${filter.from ?? null}::timestamptz is null or created_at >= ${filter.from ?? null})
      and (${filter.to ?? null}::timestamptz is null or created_at < ${filter.to ?? null})
      and (${filter.before ?? null}::uuid is null or id < ${filter.before ?? null})
    order by id desc limit ${filter.limit}`;
  return rows.map(itemOf);
}

/** True when the token was not revoked before. */
export async function revokeDeveloperToken(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx`
    update developer_api_tokens set revoked_at = mf_now(), updated_at = mf_now()
    where id = ${id} and revoked_at is null returning id`;
  return rows.length > 0;
}

export async function revokeTokensOfDeveloper(tx: Tx, developerId: string): Promise<string[]> {
  const rows = await tx`
    update developer_api_tokens set revoked_at = mf_now(), updated_at = mf_now()
    where developer_id = ${developerId} and revoked_at is null returning id`;
  return rows.map((row) => row.id);
}

const selectItems = (tx: Tx) => tx`
  select t.id, t.developer_id, d.name as developer_name, d.email as developer_email, t.name, t.token_prefix, t.scopes,
    t.public_app_ids, t.models_allowed, t.created_by, t.rotated_from, t.last_used_at, t.expires_at, t.revoked_at, t.created_at, t.updated_at,
    case when t.revoked_at is not null then 'revoked' when t.expires_at <= mf_now() then 'expired' else 'active' end as status
  from developer_api_tokens t join developers d on d.id = t.developer_id`;

function itemOf(row: postgres.Row): DeveloperTokenItem {
  return {
    id: row.id,
    developerId: row.developer_id,
    developerName: row.developer_name,
    developerEmail: row.developer_email,
    name: row.name,
    tokenPrefix: row.token_prefix,
    scopes: row.scopes,
    publicAppIds: row.public_app_ids,
    modelsAllowed: row.models_allowed,
    status: row.status,
    createdBy: row.created_by,
    rotatedFrom: row.rotated_from,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
