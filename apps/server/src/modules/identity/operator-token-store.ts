import type { OperatorScope } from "@modelfaucet/contract/scopes.ts";
import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";

/** All SQL of named operator tokens. Purposes `auth` and `operator`. */

/** An operator token that was presented and holds. */
export type LiveOperatorToken = {
  tokenId: string;
  name: string;
  operatorId: string;
  /** The person: two tokens of one e-mail address are one person. */
  email: string;
  personName: string;
  operatorStatus: "active" | "suspended" | "closed";
  scopes: ReadonlySet<OperatorScope>;
};

export type OperatorRole = "viewer" | "support" | "finance" | "admin";

export type OperatorTokenItem = {
  id: string;
  operatorId: string;
  email: string;
  name: string;
  tokenPrefix: string;
  role: OperatorRole | null;
  scopes: OperatorScope[];
  status: "active" | "expired" | "revoked";
  createdBy: string;
  rotatedFrom: string | null;
  lastUsedAt: Date | null;
  expiresAt: Date;
  revokedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** `null`: unknown, revoked or expired. A use is noted once a minute at most; `firstToday`: it is the first of its day. */
export async function readLiveOperatorToken(
  tx: Tx,
  tokenHash: string,
): Promise<(LiveOperatorToken & { firstToday: boolean }) | null> {
  const [row] = await tx`
    select t.id, t.name, t.operator_id, t.scopes, o.email, o.name as person_name, o.status,
      t.last_used_at is null or t.last_used_at < mf_now() - interval '1 minute' as worth_noting,
      t.last_used_at is null or t.last_used_at < date_trunc('day', mf_now(), 'UTC') as first_today
    from operator_tokens t join operators o on o.id = t.operator_id
    where t.token_hash = ${tokenHash} and t.revoked_at is null and t.expires_at > mf_now()`;
  if (!row) return null;
  // Of several that see the same first use, the one that writes it tells of it.
  const noted = row.worth_noting
    ? await tx`update operator_tokens set last_used_at = mf_now() where id = ${row.id}
        and (last_used_at is null or last_used_at < mf_now() - interval '1 minute') returning id`
    : [];
  return {
    tokenId: row.id,
    name: row.name,
    operatorId: row.operator_id,
    email: row.email,
    personName: row.person_name,
    operatorStatus: row.status,
    scopes: new Set(row.scopes),
    firstToday: row.first_today && noted.length > 0,
  };
}

export type NewOperatorToken = {
  id: string;
  operatorId: string;
  name: string;
  tokenHash: string;
  tokenPrefix: string;
  scopes: readonly OperatorScope[];
  role: OperatorRole | null;
  createdBy: string;
  rotatedFrom: string | null;
  expiresAt: Date;
};

export async function insertOperatorToken(tx: Tx, token: NewOperatorToken): Promise<void> {
  await tx`
    insert into operator_tokens (id, operator_id, name, token_hash, token_prefix, scopes, role, created_by, rotated_from,
      expires_at)
    values (${token.id}, ${token.operatorId}, ${token.name}, ${token.tokenHash}, ${token.tokenPrefix},
      ${[...token.scopes]}, ${token.role}, ${token.createdBy}, ${token.rotatedFrom}, ${token.expiresAt})`;
}

export async function readOperatorTokenItem(tx: Tx, id: string): Promise<OperatorTokenItem | null> {
  const [row] = await tx`${selectItems(tx)} where t.id = ${id}`;
  return row ? itemOf(row) : null;
}

/** The token as no other change can touch it until this transaction ends. */
export async function lockOperatorToken(tx: Tx, id: string): Promise<OperatorTokenItem | null> {
  await tx`select 1 from operator_tokens where id = ${id} for update`;
  return readOperatorTokenItem(tx, id);
}

export type OperatorTokenFilter = {
  status?: "active" | "expired" | "revoked" | undefined;
  email?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  before?: string | undefined;
  limit: number;
};

/** Newest first; ids are UUIDv7, so their order is that of time. */
export async function listOperatorTokens(tx: Tx, filter: OperatorTokenFilter): Promise<OperatorTokenItem[]> {
  const rows = await tx`
    select * from (${selectItems(tx)}) as items
    where (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
      and (${filter.email ?? null}::text is null or lower(email) = lower(${filter.email ?? ""}))
      and (${filter.from ?? null}::timestamptz is null or created_at >= ${filter.from ?? null})
      and (${filter.to ?? null}::timestamptz is null or created_at < ${filter.to ?? null})
      and (${filter.before ?? null}::uuid is null or id < ${filter.before ?? null})
    order by id desc limit ${filter.limit}`;
  return rows.map(itemOf);
}

/** True when the token was not revoked before. */
export async function revokeOperatorToken(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx`
    update operator_tokens set revoked_at = mf_now(), updated_at = mf_now()
    where id = ${id} and revoked_at is null returning id`;
  return rows.length > 0;
}

/** Whether another token than this one could still make and revoke tokens. Who asks waits for whoever else asks. */
export async function isLastSecurityToken(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx<{ id: string }[]>`
    select t.id from operator_tokens t join operators o on o.id = t.operator_id
    where 'operator:security' = any(t.scopes) and t.revoked_at is null and t.expires_at > mf_now() and o.status = 'active'
    order by t.id for update of t`;
  return rows.length === 1 && rows[0]!.id === id;
}

/** The token ends after so many seconds, now for 0; never later than it would have. */
export async function endOperatorTokenIn(tx: Tx, id: string, seconds: number): Promise<void> {
  await tx`
    update operator_tokens set updated_at = mf_now(),
      revoked_at = case when ${seconds} = 0 then mf_now() else revoked_at end,
      expires_at = least(expires_at, mf_now() + make_interval(secs => ${seconds}))
    where id = ${id}`;
}

const selectItems = (tx: Tx) => tx`
  select t.id, t.operator_id, o.email, t.name, t.token_prefix, t.role, t.scopes, t.created_by, t.rotated_from, t.last_used_at,
    t.expires_at, t.revoked_at, t.created_at, t.updated_at,
    case when t.revoked_at is not null then 'revoked' when t.expires_at <= mf_now() then 'expired' else 'active' end as status
  from operator_tokens t join operators o on o.id = t.operator_id`;

function itemOf(row: postgres.Row): OperatorTokenItem {
  return {
    id: row.id,
    operatorId: row.operator_id,
    email: row.email,
    name: row.name,
    tokenPrefix: row.token_prefix,
    role: row.role,
    scopes: row.scopes,
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
