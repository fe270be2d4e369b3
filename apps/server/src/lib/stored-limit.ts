import type { Sql, Tx } from "./db.ts";
import { type Usd, usdFromStore } from "./money.ts";

export type LimitLevel = "platform" | "developer" | "app" | "feature" | "end_user" | "session";

/** A row of `limits`: who allows how much of what, on which target. Exactly one of the two amounts is set. */
export type StoredLimit = {
  readonly level: LimitLevel;
  readonly targetId: string;
  readonly setBy: "user" | "developer" | "operator";
  readonly measure: "usd" | "requests" | "tokens" | "concurrency";
  readonly window: "minute" | "day" | "week" | "month" | "total";
  readonly limitUsd: Usd | null;
  readonly limitCount: number | null;
};

/** The rows of `limits l` that meet `condition`, as one JSON column of another read. */
export const limitsColumn = (tx: Tx, condition: ReturnType<Sql>) => tx`coalesce((
  select json_agg(json_build_object('level', l.level, 'targetId', l.target_id, 'setBy', l.set_by, 'measure', l.measure,
    'window', l."window", 'limitUsd', l.limit_usd::text, 'limitCount', l.limit_count)
    order by l.level, l.target_id, l.set_by, l.measure, l."window")
  from limits l where ${condition}), '[]'::json)`;

export function storedLimitsOf(column: unknown): readonly StoredLimit[] {
  const rows = column as (Omit<StoredLimit, "limitUsd"> & { limitUsd: string | null })[];
  return rows.map((row) => ({ ...row, limitUsd: row.limitUsd === null ? null : usdFromStore(row.limitUsd) }));
}
