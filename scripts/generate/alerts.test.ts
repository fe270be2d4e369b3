import { readFile } from "node:fs/promises";
import { createMetrics } from "@modelfaucet/server/lib/metrics.ts";
import { alertRules } from "@modelfaucet/server/modules/alert/alert.ts";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertName, alertsPath, renderAlerts } from "./alerts.ts";

type Rule = { alert: string; expr: string; for: string; labels: Record<string, string> };
type Described = { name: string; labelNames?: readonly string[] };

const { registry } = createMetrics({ version: "0", schema: "0" });
const metrics = new Map(
  (registry.getMetricsAsArray() as unknown as (Described & { constructor: { name: string } })[]).map(
    (metric) => [metric.name, metric],
  ),
);
const text = await readFile(new URL(`../../${alertsPath}`, import.meta.url), "utf8");
const rules = (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

afterAll(() => registry.clear());

describe("Prometheus' rules", () => {
  it("are those of the one list, as severe as there, each at most once", () => {
    expect(text).toBe(renderAlerts());
    const wanted = alertRules.filter(({ prometheus }) => prometheus !== null);
    expect(rules.map(({ alert }) => alert)).toEqual(wanted.map(({ name }) => alertName(name)));
    expect(rules.map(({ labels }) => labels.severity)).toEqual(wanted.map(({ kind }) => kind));
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const rule of rules) expect(rule.for, rule.alert).toMatch(/^\d+[smhd]$/);
  });

  it("speak of metrics that exist, by labels that they have", () => {
    for (const rule of rules) {
      const faults = faultsOf(rule.expr);
      expect(faults, `${rule.alert}: ${rule.expr}`).toEqual([]);
    }
  });

  it("and a name or label that does not exist is seen", () => {
    expect(faultsOf("modelfaucet_holds_closed > 0")).toEqual(["modelfaucet_holds_closed"]);
    expect(faultsOf('modelfaucet_jobs_total{user="x"} > 0')).toEqual(["modelfaucet_jobs_total{user}"]);
    expect(faultsOf("modelfaucet_holds_open_bucket > 0")).toEqual(["modelfaucet_holds_open_bucket"]);
  });
});

/** What Prometheus makes itself: one series per scraped instance. */
const builtIn: Described = { name: "up", labelNames: ["job", "instance"] };

function faultsOf(expr: string): string[] {
  const named = [...expr.matchAll(/\b(modelfaucet_[a-z_]+|up)\b(?:\{([^}]*)\})?/g)];
  if (named.length === 0) return [`no metric in ${expr}`];
  return named.flatMap(([, name = "", matchers = ""]) => {
    const metric = name === "up" ? builtIn : metricNamed(name);
    if (!metric) return [name];
    const asked = [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!);
    // Each bucket of a histogram is a series by its upper bound.
    const known = name.endsWith("_bucket") ? [...(metric.labelNames ?? []), "le"] : metric.labelNames;
    return asked.filter((label) => !known?.includes(label)).map((label) => `${name}{${label}}`);
  });
}

/** A histogram has no series of its own name, only `_bucket`, `_sum` and `_count`. */
function metricNamed(name: string): Described | undefined {
  const plain = metrics.get(name);
  if (plain) return plain.constructor.name === "Histogram" ? undefined : plain;
  const histogram = metrics.get(name.replace(/_(bucket|sum|count)$/, ""));
  return histogram?.constructor.name === "Histogram" ? histogram : undefined;
}
