import type { Sql, Tx } from "./db.ts";

/**
 * Whether an operator has switched that off now: `id` is SQL for the target's id. The columns `status` hold what their
 * owners set, so whoever shows one lays this over it. Requests are judged by the memory copy instead.
 */
export const isOff = (
  tx: Tx,
  kind: "developer" | "app" | "end_user" | "wallet" | "token",
  id: ReturnType<Sql>,
) =>
  tx`exists (select 1 from switches sw where sw.kind = ${kind} and sw.target_id = ${id}::text and sw.state = 'off'
    and (sw.until is null or sw.until > mf_now()))`;
