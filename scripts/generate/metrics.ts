import { createMetrics } from "@modelfaucet/server/lib/metrics.ts";
import { page, table } from "./table.ts";

type Described = { name: string; help: string; type: string; labelNames?: readonly string[] };

export function renderMetrics(): string {
  const { registry } = createMetrics({ version: "0", schema: "0" });
  const described = registry.getMetricsAsArray() as unknown as Described[];
  const rows = described
    .filter(({ name }) => name.startsWith("modelfaucet_"))
    .map((metric) => [
      `\`${metric.name}\``,
      kindOf(metric),
      (metric.labelNames ?? []).map((label) => `\`${label}\``).join(", ") || "–",
      metric.help,
    ]);
  registry.clear();
  return page("Metrics", "apps/server/src/lib/metrics.ts", [
    "Prometheus text on `/metrics` of every role, for the operator's network, the metrics token or an operator token. " +
      "Labels come from closed sets: a registered route pattern, a configured provider, a priced model. The defaults of " +
      "Node and the process are exported too.",
    table(["metric", "type", "labels", "meaning"], rows),
  ]);
}

/** prom-client tells the kind by the class that made the metric. */
function kindOf(metric: Described): string {
  return metric.constructor.name.toLowerCase();
}
