import type { Tx } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";
import type { AuditEntry } from "./audit.ts";

export async function insertEntry(tx: Tx, entry: AuditEntry): Promise<void> {
  const json = (value: unknown) => (value === undefined ? null : tx.json(value as never));
  await tx`insert into audit_logs ${tx({
    id: uuidV7(),
    actor_scope: entry.actorScope,
    actor_id: entry.actorId ?? null,
    actor_name: entry.actorName ?? null,
    action: entry.action,
    resource_type: entry.resourceType,
    resource_id: entry.resourceId,
    app_id: entry.appId ?? null,
    developer_id: entry.developerId ?? null,
    reason: entry.reason ?? null,
    before: json(entry.before),
    after: json(entry.after),
    metadata: json(entry.metadata ?? {}),
    request_id: entry.requestId ?? null,
    address_prefix: entry.addressPrefix ?? null,
  })}`;
}

export async function hasEntry(
  tx: Tx,
  action: string,
  resourceType: string,
  resourceId: string,
): Promise<boolean> {
  const rows = await tx`select 1 from audit_logs
    where resource_type = ${resourceType} and resource_id = ${resourceId} and action = ${action} limit 1`;
  return rows.length > 0;
}

export async function hasEntryToday(
  tx: Tx,
  action: string,
  resourceType: string,
  resourceId: string,
): Promise<boolean> {
  const rows = await tx`select 1 from audit_logs
    where resource_type = ${resourceType} and resource_id = ${resourceId} and action = ${action}
      and created_at >= date_trunc('day', mf_now(), 'UTC') limit 1`;
  return rows.length > 0;
}
