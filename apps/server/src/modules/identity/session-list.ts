import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";

/** Whose sessions are meant. `id` is an origin's own text. */
export type Whose = { kind: "session" | "end_user" | "app" | "developer" | "origin"; id: string };

const columns = {
  session: "id",
  end_user: "end_user_id",
  app: "app_id",
  developer: "developer_id",
  origin: "origin",
} as const satisfies Record<Whose["kind"], string>;

/** Ends all of them that live; gives how many, and the apps that they were of. */
export async function revokeSessionsOf(tx: Tx, whose: Whose): Promise<{ revoked: number; appIds: string[] }> {
  const [row] = await tx<{ revoked: number; app_ids: string[] | null }[]>`
    with ended as (
      update virtual_sessions set revoked_at = mf_now()
      where ${tx(columns[whose.kind])} = ${whose.id} and revoked_at is null returning app_id)
    select count(*)::int as revoked, array_agg(distinct app_id) as app_ids from ended`;
  return { revoked: row!.revoked, appIds: row!.app_ids ?? [] };
}

/** A session as operators see it. */
export type ListedSession = {
  id: string;
  publicAppId: string;
  developerId: string;
  endUserId: string;
  status: "live" | "expired" | "revoked";
  origin: string | null;
  featureKey: string | null;
  maxSpendText: string | null;
  createdAt: Date;
  expiresAt: Date;
  revokedAt: Date | null;
};

export type SessionFilter = {
  session?: string | undefined;
  endUser?: string | undefined;
  publicAppId?: string | undefined;
  developer?: string | undefined;
  origin?: string | undefined;
  status?: ListedSession["status"] | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** The id that the page before ended with. */
  before?: string | undefined;
  limit: number;
};

/** Newest first; ids are UUIDv7, so their order is that of time. Purpose `operator`. */
export async function listSessions(tx: Tx, filter: SessionFilter): Promise<ListedSession[]> {
  const status = tx`case when s.revoked_at is not null then 'revoked' when s.token_expires_at <= mf_now() then 'expired' else 'live' end`;
  const rows = await tx`
    select s.id, a.public_app_id, s.developer_id, s.end_user_id, s.origin, s.feature_key, s.max_spend_usd::text as max_spend,
      s.created_at, s.token_expires_at, s.revoked_at, ${status} as status
    from virtual_sessions s join apps a on a.id = s.app_id
    where (${filter.session ?? null}::uuid is null or s.id = ${filter.session ?? null})
      and (${filter.endUser ?? null}::uuid is null or s.end_user_id = ${filter.endUser ?? null})
      and (${filter.publicAppId ?? null}::text is null or a.public_app_id = ${filter.publicAppId ?? null})
      and (${filter.developer ?? null}::uuid is null or s.developer_id = ${filter.developer ?? null})
      and (${filter.origin ?? null}::text is null or s.origin = ${filter.origin ?? null})
      and (${filter.status ?? null}::text is null or ${status} = ${filter.status ?? null})
      and (${filter.from ?? null}::timestamptz is null or s.created_at >= ${filter.from ?? null})
      and (${filter.to ?? null}::timestamptz is null or s.created_at < ${filter.to ?? null})
      and (${filter.before ?? null}::uuid is null or s.id < ${filter.before ?? null})
    order by s.id desc limit ${filter.limit}`;
  return rows.map(sessionOf);
}

function sessionOf(row: postgres.Row): ListedSession {
  return {
    id: row.id,
    publicAppId: row.public_app_id,
    developerId: row.developer_id,
    endUserId: row.end_user_id,
    status: row.status,
    origin: row.origin,
    featureKey: row.feature_key,
    maxSpendText: row.max_spend,
    createdAt: row.created_at,
    expiresAt: row.token_expires_at,
    revokedAt: row.revoked_at,
  };
}
