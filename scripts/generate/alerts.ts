import { alertRules } from "@modelfaucet/server/modules/alert/alert.ts";
import { stringify } from "yaml";

export const alertsPath = "infra/observability/alerts.yml";

/** Prometheus' rules, for every rule that a metric tells. */
export function renderAlerts(): string {
  const rules = alertRules.flatMap(({ name, kind, title, remedy, prometheus }) =>
    prometheus === null
      ? []
      : [
          {
            alert: alertName(name),
            expr: prometheus.expr,
            for: prometheus.for,
            labels: { severity: kind, rule: name },
            annotations: { summary: title, description: remedy },
          },
        ],
  );
  const unseen = alertRules.filter(({ prometheus }) => prometheus === null).map(({ name }) => name);
  return `# Generated from apps/server/src/modules/alert by \`pnpm generate\`; do not edit.
# No metric tells these, so the worker alone judges them: ${unseen.join(", ")}.
${stringify({ groups: [{ name: "modelfaucet", rules }] }, { lineWidth: 0 })}`;
}

/** `books_drift` becomes `ModelFaucetBooksDrift`. */
export function alertName(rule: string): string {
  const words = rule.split("_").map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `ModelFaucet${words.join("")}`;
}
