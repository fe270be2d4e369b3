import type { Tx } from "../../lib/db.ts";
import { formatUsd } from "../../lib/money.ts";
import type { AccountSpec } from "./items.ts";
import { isBudget } from "./rules.ts";
import type { LimitRow } from "./wallet-rules.ts";

/**
 * What is left of limits in the windows that run now; a window that nobody has spent in yet is whole. The rows come in
 * the order of `specs`.
 */
export async function readLimitRows(
  tx: Tx,
  appId: string,
  specs: readonly AccountSpec[],
): Promise<LimitRow[]> {
  if (specs.length === 0) return [];
  const wanted = specs.map((spec, place) => ({
    place,
    kind: spec.kind,
    owner_id: spec.ownerId,
    scope_id: spec.scopeId,
    set_by: spec.setBy,
    window: spec.window,
    zone: spec.zone,
    limit_usd: formatUsd(spec.limitUsd!),
    is_budget: isBudget(spec),
  }));
  return tx<LimitRow[]>`
    select w.kind, w."window", w.set_by, w.limit_usd::text,
      -- Below zero where the limit was lowered under what had been spent.
      (w.limit_usd - coalesce(a.limit_usd - a.balance_usd, 0))::numeric(20,8)::text as balance_usd,
      coalesce(a.held_usd, 0)::numeric(20,8)::text as held_usd,
      mf_window_end(w."window", w.zone, mf_window_start(w."window", w.zone, mf_now())) as reset_at
    from json_to_recordset(${JSON.stringify(wanted)}::text::json) as w (place int, kind text, owner_id uuid, scope_id uuid,
      set_by text, "window" text, zone text, limit_usd numeric(20,8), is_budget boolean)
    left join lateral (
      -- A budget is spent by every app that leases of it.
      select sum(limit_usd) as limit_usd, sum(balance_usd) as balance_usd, sum(held_usd) as held_usd from accounts
      where kind = w.kind and owner_id = w.owner_id and (app_id = ${appId} or w.is_budget) and scope_id = w.scope_id
        and set_by = w.set_by and "window" = w."window" and window_start = mf_window_start(w."window", w.zone, mf_now())) a on true
    order by w.place`;
}
