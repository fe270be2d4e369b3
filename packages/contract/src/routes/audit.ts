import { z } from "zod";
import { auditActorScope, auditRow } from "../objects/audit.ts";
import { defineRoute } from "../route.ts";
import { listOf, listQuery, requestId, text, timeIn, uuid } from "../values.ts";

/** The audit log: who did what, with which reason. It is appended to and read, and nothing else. */

const word = text(1, 128);
const filters = {
  actor_id: word.optional(),
  actor_scope: auditActorScope.optional(),
  action: word.optional(),
  resource_type: word.optional(),
  resource_id: word.optional(),
  request_id: requestId.optional(),
};
const reads = { class: "op", scopes: ["operator:read"] } as const;
const exports = { class: "op", scopes: ["operator:incidents"] } as const;
const exportQuery = z.strictObject({ ...filters, from: timeIn.optional(), to: timeIn.optional() });

export const listDeveloperAuditRows = defineRoute({
  method: "GET",
  path: "/v1/developer/audit-logs",
  pkg: 3,
  auth: { class: "dev", scopes: ["developer:operations:read"] },
  query: z.strictObject({
    ...listQuery,
    action: word.optional(),
    resource_type: word.optional(),
    resource_id: word.optional(),
    developer_id: uuid.optional(),
  }),
  answer: listOf(auditRow),
  codes: [],
  summary: "What was done to what is the developer's. Operators are not told by name.",
});

export const listAuditRows = defineRoute({
  method: "GET",
  path: "/v1/admin/audit-logs",
  pkg: 3,
  auth: reads,
  query: z.strictObject({ ...listQuery, ...filters }),
  answer: listOf(auditRow),
  codes: [],
  summary: "Everything that was done, newest first.",
});

export const exportAuditRowsAsCsv = defineRoute({
  method: "GET",
  path: "/v1/admin/audit-logs.csv",
  pkg: 3,
  auth: exports,
  query: exportQuery,
  format: "csv",
  answer: z.string(),
  codes: [],
  summary: "All rows of the filter as CSV, streamed; the export itself is audited.",
});

export const exportAuditRowsAsNdjson = defineRoute({
  method: "GET",
  path: "/v1/admin/audit-logs.ndjson",
  pkg: 3,
  auth: exports,
  query: exportQuery,
  format: "ndjson",
  answer: z.string(),
  codes: [],
  summary: "All rows of the filter as one JSON object a line, streamed; the export itself is audited.",
});
