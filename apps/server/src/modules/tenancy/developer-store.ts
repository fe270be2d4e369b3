import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { developerStatus } from "../../lib/switched.ts";
import type { StoredLimits } from "./rules.ts";

export type Developer = {
  id: string;
  email: string;
  name: string;
  status: "active" | "suspended" | "closed";
  limits: StoredLimits;
  apps: number;
  createdAt: Date;
  updatedAt: Date;
};

export async function readDeveloper(tx: Tx, id: string): Promise<Developer | null> {
  const [row] = await tx`${selectDevelopers(tx)} where d.id = ${id}`;
  return row ? developerOf(row) : null;
}

export async function readDeveloperByEmail(tx: Tx, email: string): Promise<Developer | null> {
  const [row] = await tx`${selectDevelopers(tx)} where lower(d.email) = lower(${email})`;
  return row ? developerOf(row) : null;
}

/** The only developer there is; `null` when there are none or several. Purpose `operator`. */
export async function readSoleDeveloper(tx: Tx): Promise<Developer | null> {
  const rows = await tx`${selectDevelopers(tx)} where d.status <> 'closed' limit 2`;
  return rows.length === 1 ? developerOf(rows[0]!) : null;
}

export async function lockDeveloper(tx: Tx, id: string): Promise<Developer | null> {
  await tx`select 1 from developers where id = ${id} for update`;
  return readDeveloper(tx, id);
}

export type DeveloperFilter = {
  status?: string | undefined;
  /** Part of a name or e-mail address, any case. */
  q?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  before?: string | undefined;
  limit: number;
};

export async function listDevelopers(tx: Tx, filter: DeveloperFilter): Promise<Developer[]> {
  const rows = await tx`${selectDevelopers(tx)}
    where (${filter.status ?? null}::text is null or ${developerStatus(tx)} = ${filter.status ?? null})
      and (${filter.q ?? null}::text is null or position(lower(${filter.q ?? ""}) in lower(d.name || ' ' || d.email)) > 0)
      and (${filter.from ?? null}::timestamptz is null or d.created_at >= ${filter.from ?? null})
      and (${filter.to ?? null}::timestamptz is null or d.created_at < ${filter.to ?? null})
      and (${filter.before ?? null}::uuid is null or d.id < ${filter.before ?? null})
    order by d.id desc limit ${filter.limit}`;
  return rows.map(developerOf);
}

/** Writes the developer and the wallet that shares are booked to. @throws the unique violation `developers_email` */
export async function insertDeveloper(
  tx: Tx,
  developer: { id: string; email: string; name: string; limits: StoredLimits },
): Promise<void> {
  await tx`insert into developers (id, email, name, limits)
    values (${developer.id}, ${developer.email}, ${developer.name}, ${tx.json(developer.limits)})`;
  await tx`insert into wallets (id, owner_scope, owner_id, developer_id)
    values (${developer.id}, 'developer', ${developer.id}, ${developer.id})`;
}

export async function updateDeveloper(
  tx: Tx,
  id: string,
  change: { email: string; name: string; limits: StoredLimits; closes?: boolean },
): Promise<void> {
  await tx`update developers set email = ${change.email}, name = ${change.name}, limits = ${tx.json(change.limits)},
    status = case when ${change.closes ?? false} then 'closed' else status end, updated_at = mf_now() where id = ${id}`;
}

const selectDevelopers = (tx: Tx) => tx`
  select d.id, d.email, d.name, ${developerStatus(tx)} as status, d.limits, d.created_at, d.updated_at,
    (select count(*)::int from apps a where a.developer_id = d.id) as apps
  from developers d`;

function developerOf(row: postgres.Row): Developer {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    status: row.status,
    limits: row.limits,
    apps: row.apps,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
