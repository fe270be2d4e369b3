import type { Tx } from "../lib/db.ts";

const columns = {
  usage_rollups: `grain, bucket, feature_key, route_mode, provider, model, outcome, developer_id, requests, fallbacks,
    input_tokens, output_tokens, charge_usd, fee_usd, upstream_cost_usd, absorbed_cost_usd, developer_share_usd, platform_share_usd`,
  usage_latencies: "grain, bucket, feature_key, route_mode, provider, model, slot, developer_id, requests",
  usage_active_users: "grain, bucket, feature_key, route_mode, provider, model, end_user_id, developer_id",
};

/**
 * Takes over from the live generation what a new one cannot read any more: buckets of months that were exported and
 * detached from the log. Whole months are whole buckets of every grain.
 */
export async function keepDetachedMonths(tx: Tx, generation: number): Promise<void> {
  const [detached] = await tx<{ ends: Date | null }[]>`
    select (max(month) + interval '1 month') at time zone 'UTC' as ends from detached_months`;
  if (!detached?.ends) return;
  for (const [table, names] of Object.entries(columns)) {
    await tx.unsafe(
      `insert into ${table} (app_id, generation, ${names})
        select app_id, $1::integer, ${names} from ${table}
        where generation = (select generation from projectors where name = 'usage_rollups' and state = 'live') and bucket < $2
        on conflict do nothing`,
      [generation, detached.ends],
    );
  }
}
