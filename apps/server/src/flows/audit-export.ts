import type { Database } from "../lib/db.ts";
import {
  type AuditActor,
  type AuditFilter,
  type AuditRow,
  append,
  eachAuditRow,
} from "../modules/audit/audit.ts";

/** Begins an export of the audit log, which is an act that stands in it, and gives the rows page by page. */
export async function auditExport(
  deps: { database: Database },
  actor: AuditActor,
  format: "csv" | "ndjson",
  filter: Omit<AuditFilter, "before" | "limit">,
): Promise<AsyncIterable<readonly AuditRow[]>> {
  const operating = { purpose: "operator" } as const;
  await deps.database.write(operating, (tx) =>
    append(tx, {
      ...actor,
      action: `export.${format}`,
      resourceType: "audit_logs",
      resourceId: `audit.${format}`,
      metadata: Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)),
    }),
  );
  return eachAuditRow((work) => deps.database.read(operating, work), filter);
}
