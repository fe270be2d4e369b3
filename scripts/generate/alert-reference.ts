import { alertRules } from "@modelfaucet/server/modules/alert/alert.ts";
import { page, table } from "./table.ts";

/** Every rule that the worker judges by: what it says, and what whoever is woken does about it. */
export function renderAlertReference(): string {
  const rows = alertRules
    .toSorted((a, b) => (a.kind === b.kind ? (a.name < b.name ? -1 : 1) : a.kind === "page" ? -1 : 1))
    .map(({ name, kind, title, remedy, prometheus }) => [
      `\`${name}\``,
      kind,
      title,
      remedy,
      prometheus ? "yes" : "no",
    ]);
  return page("Alerts", "apps/server/src/modules/alert", [
    "`page`: somebody should get up. `ticket`: somebody should look at it in working hours. The worker judges every rule in " +
      "the database; those that metrics can tell are shipped for Prometheus too, in `infra/observability/alerts.yml`.",
    table(["rule", "kind", "says", "what to do", "Prometheus"], rows),
  ]);
}
