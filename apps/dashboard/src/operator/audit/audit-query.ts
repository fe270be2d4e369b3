import type {
  exportAuditRowsAsCsv,
  exportAuditRowsAsNdjson,
  listAuditRows,
} from "@modelfaucet/contract/routes/audit.ts";
import { callForFile } from "../../api/call.ts";
import { type Reading, readKept } from "../../api/read.ts";
import { periodOf } from "../../format/period.ts";
import type { OperatorAuditSearch } from "./search.ts";

const perPage = 50;

export function auditQuery(search: OperatorAuditSearch, now: number): Reading<typeof listAuditRows> {
  return readKept<typeof listAuditRows>("/v1/admin/audit-logs", {
    query: { limit: perPage, ...filtersOf(search, now), cursor: search.cursor },
  });
}

/** All rows of the filter as one file. @throws Problem */
export function exportOf(format: "csv" | "ndjson", search: OperatorAuditSearch): Promise<Blob> {
  const query = filtersOf(search, Date.now());
  return format === "csv"
    ? callForFile<typeof exportAuditRowsAsCsv>("/v1/admin/audit-logs.csv", { query })
    : callForFile<typeof exportAuditRowsAsNdjson>("/v1/admin/audit-logs.ndjson", { query });
}

function filtersOf(search: OperatorAuditSearch, now: number) {
  const anyTime = search.range === undefined && search.from === undefined;
  const period = anyTime ? null : periodOf(search, now);
  return {
    from: period?.from,
    to: period?.to,
    action: search.action,
    resource_type: search.type,
    resource_id: search.resource,
    actor_scope: search.scope,
    actor_id: search.actor,
    request_id: search.request,
  };
}
