import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import type { AuditActorScope } from "./audit.ts";

export type AuditRow = {
  id: string;
  actorScope: AuditActorScope;
  actorId: string | null;
  actorName: string | null;
  action: string;
  resourceType: string;
  resourceId: string;
  reason: string | null;
  metadata: Record<string, unknown>;
  requestId: string | null;
  createdAt: Date;
};

export type AuditFilter = {
  /** Whose things it was done to; absent: anybody's. */
  developerId?: string | null;
  /** Where only some of a developer's apps may be seen: what was done to these. */
  publicAppIds?: readonly string[] | null;
  actorId?: string | undefined;
  actorScope?: AuditActorScope | undefined;
  action?: string | undefined;
  resourceType?: string | undefined;
  resourceId?: string | undefined;
  /** The UUID inside `req_…`. */
  requestId?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** The id that the page before ended with. */
  before?: string | undefined;
  limit: number;
};

/** Newest first; ids are UUIDv7, so their order is that of time. */
export async function listAuditRows(tx: Tx, filter: AuditFilter): Promise<AuditRow[]> {
  const rows = await tx`
    select id, actor_scope, actor_id, actor_name, action, resource_type, resource_id, reason, metadata, request_id, created_at
    from audit_logs where ${conditionOf(tx, filter)} order by id desc limit ${filter.limit}`;
  return rows.map(rowOf);
}

const pageRows = 500;

/** Every row of the filter, newest first, some at a time: each page is a read of its own, so none is open for long. */
export async function* eachAuditRow(
  read: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>,
  filter: Omit<AuditFilter, "before" | "limit">,
): AsyncGenerator<readonly AuditRow[]> {
  let before: string | undefined;
  while (true) {
    const rows: readonly AuditRow[] = await read((tx) =>
      listAuditRows(tx, { ...filter, before, limit: pageRows }),
    );
    if (rows.length > 0) yield rows;
    if (rows.length < pageRows) return;
    before = rows.at(-1)!.id;
  }
}

const mostLeaks = 20;

/** What of a developer's was reported as leaked within the last thirty days, newest first. */
export async function listLeaks(
  tx: Tx,
  developerId: string,
): Promise<{ resourceType: string; name: string; at: Date }[]> {
  const rows = await tx`
    select resource_type, coalesce(metadata ->> 'name', resource_id) as name, created_at from audit_logs
    where (metadata -> 'leaked') = 'true'::jsonb and developer_id = ${developerId}
      and created_at > mf_now() - interval '30 days'
    order by created_at desc limit ${mostLeaks}`;
  return rows.map((row) => ({ resourceType: row.resource_type, name: row.name, at: row.created_at }));
}

/** What is not asked for stands not in the statement, so that an index decides by what is. */
function conditionOf(tx: Tx, filter: AuditFilter) {
  const conditions = [
    filter.developerId && tx`developer_id = ${filter.developerId}`,
    filter.publicAppIds &&
      tx`app_id in (select id from apps where public_app_id = any(${[...filter.publicAppIds]}::text[]))`,
    filter.actorId && tx`actor_id = ${filter.actorId}`,
    filter.actorScope && tx`actor_scope = ${filter.actorScope}`,
    filter.action && tx`action = ${filter.action}`,
    filter.resourceType && tx`resource_type = ${filter.resourceType}`,
    filter.resourceId && tx`resource_id = ${filter.resourceId}`,
    filter.requestId && tx`request_id = ${filter.requestId}`,
    filter.from && tx`created_at >= ${filter.from}`,
    filter.to && tx`created_at < ${filter.to}`,
    filter.before && tx`id < ${filter.before}`,
  ].filter((condition) => typeof condition === "object" && condition !== null);
  return conditions.reduce((all, condition) => tx`${all} and ${condition}`, tx`true`);
}

function rowOf(row: postgres.Row): AuditRow {
  return {
    id: row.id,
    actorScope: row.actor_scope,
    actorId: row.actor_id,
    actorName: row.actor_name,
    action: row.action,
    resourceType: row.resource_type,
    resourceId: row.resource_id,
    reason: row.reason,
    metadata: row.metadata,
    requestId: row.request_id,
    createdAt: row.created_at,
  };
}
