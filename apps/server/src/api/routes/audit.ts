import * as routes from "@modelfaucet/contract/routes/audit.ts";
import { auditExport } from "../../flows/audit-export.ts";
import { csvLine } from "../../lib/csv.ts";
import type { Database } from "../../lib/db.ts";
import { requestIdOf, uuidOfPrefixed } from "../../lib/ids.ts";
import { type AuditRow, listAuditRows } from "../../modules/audit/audit.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { ownOrNamed } from "./developer-account.ts";
import { pageQueryOf } from "./developer-paging.ts";

/** The audit log as developers and operators read it, and as it is exported. */
export function auditRoutes(deps: { database: Database }): Mounted[] {
  return [
    mount(routes.listDeveloperAuditRows, async ({ actor, query, read }) => {
      const rows = await read((tx) =>
        listAuditRows(tx, {
          developerId: ownOrNamed(actor.caller, query.developer_id),
          publicAppIds: actor.caller.publicAppIds,
          action: query.action,
          resourceType: query.resource_type,
          resourceId: query.resource_id,
          ...pageQueryOf(query),
        }),
      );
      return pageOf(rows, query.limit, placeOf, (row) => answerOf(withoutOperators(row)));
    }),
    mount(routes.listAuditRows, async ({ query, read }) => {
      const filter = { ...filterOf(query), ...pageQueryOf(query) };
      return pageOf(await read((tx) => listAuditRows(tx, filter)), query.limit, placeOf, answerOf);
    }),
    mount(routes.exportAuditRowsAsCsv, async ({ query, audit }) =>
      textOf(await auditExport(deps, audit, "csv", filterOf(query)), csvOf, csvLine(columns)),
    ),
    mount(routes.exportAuditRowsAsNdjson, async ({ query, audit }) =>
      textOf(
        await auditExport(deps, audit, "ndjson", filterOf(query)),
        (row) => `${JSON.stringify(answerOf(row))}\n`,
      ),
    ),
  ];
}

type Query = {
  actor_id?: string | undefined;
  actor_scope?: AuditRow["actorScope"] | undefined;
  action?: string | undefined;
  resource_type?: string | undefined;
  resource_id?: string | undefined;
  request_id?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

function filterOf(query: Query) {
  return {
    actorId: query.actor_id,
    actorScope: query.actor_scope,
    action: query.action,
    resourceType: query.resource_type,
    resourceId: query.resource_id,
    requestId: query.request_id && (uuidOfPrefixed(query.request_id, "req_") ?? nobodysRequest),
    from: query.from,
    to: query.to,
  };
}

/** A request that the bridge named is in no audit row. */
const nobodysRequest = "00000000-0000-0000-0000-000000000000";

const placeOf = ({ createdAt, id }: AuditRow) => ({ at: createdAt.toISOString(), id });

function answerOf(row: AuditRow) {
  return {
    id: row.id,
    actor_scope: row.actorScope,
    actor_id: row.actorId ?? undefined,
    actor_name: row.actorName ?? undefined,
    action: row.action,
    resource_type: row.resourceType,
    resource_id: row.resourceId,
    reason: row.reason ?? undefined,
    metadata: row.metadata as Record<string, never>,
    request_id: row.requestId === null ? undefined : requestIdOf(row.requestId),
    created_at: row.createdAt.toISOString(),
  };
}

/** Which of the operators it was is no business of a developer. */
function withoutOperators(row: AuditRow): AuditRow {
  return row.actorScope === "admin" ? { ...row, actorId: null, actorName: null } : row;
}

const columns = [
  "created_at",
  "actor_scope",
  "actor_id",
  "action",
  "resource_type",
  "resource_id",
  "reason",
  "request_id",
];

const csvOf = (row: AuditRow): string =>
  csvLine([
    row.createdAt.toISOString(),
    row.actorScope,
    row.actorId,
    row.action,
    row.resourceType,
    row.resourceId,
    row.reason,
    row.requestId && requestIdOf(row.requestId),
  ]);

/** A page of rows at a time, so that what is sent does not lie in memory as a whole. */
async function* textOf(
  pages: AsyncIterable<readonly AuditRow[]>,
  lineOf: (row: AuditRow) => string,
  head = "",
): AsyncGenerator<string> {
  if (head !== "") yield head;
  for await (const rows of pages) yield rows.map(lineOf).join("");
}
