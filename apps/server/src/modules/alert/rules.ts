import type { Tx } from "../../lib/db.ts";

/** `page`: somebody should get up. `ticket`: somebody should look at it in working hours. */
export type AlertKind = "page" | "ticket";

/** One thing that a rule holds for now. */
export type Condition = { target: string; details: Record<string, unknown> };

/** What the operator set for the rules. */
export type AlertBounds = { priceBookMaxAgeDays: number };

export type AlertRule = {
  name: string;
  kind: AlertKind;
  /** What is wrong, and what to do about it: sentences for whoever is woken. */
  title: string;
  remedy: string;
  /** An alert closes when its rule has not held for so long: 0 where it cannot flap. */
  quietSeconds: number;
  /** Everything that the rule holds for now, as the operator sees the database. */
  conditions: (tx: Tx, bounds: AlertBounds) => Promise<Condition[]>;
  /** The same rule over our metrics; `null` where no metric tells it. `for` is Prometheus' duration. */
  prometheus: { expr: string; for: string } | null;
};

export type OpenAlert = { id: string; rule: string; target: string; quietForSeconds: number };

export type Decision = {
  opens: Condition[];
  /** Open and holding: their details are refreshed. */
  stays: (Condition & { id: string })[];
  closes: string[];
};

/** The target of what concerns the deployment as a whole. */
export const platformTarget = "platform";

/** What one evaluation of a rule does to the alerts that are open under it. */
export function decide(
  rule: Pick<AlertRule, "quietSeconds">,
  open: readonly OpenAlert[],
  found: readonly Condition[],
): Decision {
  const byTarget = new Map(found.map((condition) => [condition.target, condition]));
  const known = new Set(open.map(({ target }) => target));
  return {
    opens: [...byTarget.values()].filter(({ target }) => !known.has(target)),
    stays: open.flatMap(({ id, target }) => {
      const condition = byTarget.get(target);
      return condition ? [{ ...condition, id }] : [];
    }),
    closes: open
      .filter(({ target, quietForSeconds }) => !byTarget.has(target) && quietForSeconds >= rule.quietSeconds)
      .map(({ id }) => id),
  };
}

const retrySeconds = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200] as const;

/** Seconds until the next try of a notice after so many, ± 10 %; `null` when it is given up. */
export function retryAfterSeconds(tries: number, chance: number): number | null {
  const seconds = retrySeconds[tries - 1];
  return seconds === undefined ? null : seconds * (0.9 + 0.2 * chance);
}
