import type { Sql, Tx } from "./db.ts";

/**
 * Whether an operator has switched that off now: `id` is SQL for the target's id. The columns `status` hold what their
 * owners set, so whoever shows one lays this over it. Requests are judged by the memory copy instead.
 */
export const isOff = (tx: Tx, kind: "developer" | "app" | "end_user" | "wallet", id: ReturnType<Sql>) =>
  tx`exists (select 1 from switches sw where sw.kind = ${kind} and sw.target_id = ${id}::text and ${holds(tx)})`;

/** The status of `developers d` as everybody is told of it. */
export const developerStatus = (tx: Tx) =>
  tx`case when d.status = 'active' and ${isOff(tx, "developer", tx`d.id`)} then 'suspended' else d.status end`;

/** What of `apps a` is off, as JSON `{what, reason, since}`: the app itself, else its developer. */
export const appSuspension = (tx: Tx) => tx`(
  select json_build_object('what', sw.kind, 'reason', sw.reason, 'since', sw.changed_at) from switches sw
  where ((sw.kind = 'app' and sw.target_id = a.id::text) or (sw.kind = 'developer' and sw.target_id = a.developer_id::text))
    and ${holds(tx)}
  order by sw.kind limit 1)`;

const holds = (tx: Tx) => tx`sw.state = 'off' and (sw.until is null or sw.until > mf_now())`;
