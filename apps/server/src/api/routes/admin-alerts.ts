import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/alerts.ts";
import { acknowledge } from "../../flows/acknowledge-alert.ts";
import type { Database } from "../../lib/db.ts";
import { type AlertRow, listAlerts, ruleNamed } from "../../modules/alert/alert.ts";
import { pageOf, readCursor } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";

export function adminAlertRoutes(deps: { database: Database }): Mounted[] {
  return [
    mount(routes.listAlerts, async ({ read, query }) => {
      const { cursor, ...slice } = query;
      const before = readCursor(cursor);
      const rows = await read((tx) => listAlerts(tx, { before, ...slice }));
      return pageOf(rows, slice.limit, ({ openedAtText, id }) => ({ at: openedAtText, id }), alertAnswer);
    }),
    mount(routes.acknowledgeAlert, async ({ params, audit }) =>
      alertAnswer(await acknowledge(deps, audit, params.id)),
    ),
  ];
}

function alertAnswer(alert: AlertRow): AnswerOf<typeof routes.acknowledgeAlert> {
  const rule = ruleNamed(alert.rule);
  return {
    id: alert.id,
    rule: alert.rule,
    kind: alert.kind,
    title: rule?.title ?? "A rule that this version does not know.",
    remedy: rule?.remedy ?? "Read the release notes of the version that opened it.",
    target: alert.target,
    // Details were written as JSON.
    details: alert.details as AnswerOf<typeof routes.acknowledgeAlert>["details"],
    opened_at: alert.openedAt.toISOString(),
    ...(alert.closedAt === null ? {} : { closed_at: alert.closedAt.toISOString() }),
    ...(alert.acknowledgedBy === null ? {} : { acknowledged_by: alert.acknowledgedBy }),
    ...(alert.acknowledgedAt === null ? {} : { acknowledged_at: alert.acknowledgedAt.toISOString() }),
  };
}
