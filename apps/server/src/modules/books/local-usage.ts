import type { Tx } from "../../lib/db.ts";
import { columnsOf } from "./columns.ts";

/** What a user's own machine reported of one answer. It moves no money: its row says zero throughout. */
export type LocalUsage = {
  /** The UUID inside `req_local_…`, of version 7. */
  id: string;
  appId: string;
  developerId: string;
  endUserId: string;
  sessionId: string;
  featureId: string;
  featureKey: string;
  featureVersion: number;
  priceVersion: number;
  provider: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  usageSource: "provider" | "estimated";
  durationMs: number;
};

/**
 * Writes rows of the settlement log for reports whose month has a place in it; one that is there already is left alone.
 * Gives the ids that were written now. Purpose `settlement`.
 */
export async function insertLocalUsage(
  tx: Tx,
  usage: readonly LocalUsage[],
  epoch: number,
): Promise<Set<string>> {
  const column = columnsOf(usage);
  const rows = await tx<{ id: string }[]>`
    insert into usage_events (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version, price_version,
      route_mode, provider, model, served_model, endpoint, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
      reasoning_tokens, requests, usage_source, simulated, lines, pricing, hold_usd, upstream_cost_usd, absorbed_cost_usd,
      developer_share_usd, platform_share_usd, fee_usd, charge_usd, outcome, duration_ms, opened_at, epoch)
    select app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version, price_version,
      'local', provider, model, model, 'chat/completions', input_tokens, 0, 0, output_tokens, 0, 1, usage_source, false, '[]',
      '{"mode": "local", "developer_share_bps": 0}', 0, 0, 0, 0, 0, 0, 0, 'succeeded', duration_ms, mf_now(), ${epoch}::int
    from (select
      unnest(${column("appId")}::text::uuid[]) as app_id,
      unnest(${column("id")}::text::uuid[]) as id,
      unnest(${column("developerId")}::text::uuid[]) as developer_id,
      unnest(${column("endUserId")}::text::uuid[]) as end_user_id,
      unnest(${column("sessionId")}::text::uuid[]) as session_id,
      unnest(${column("featureId")}::text::uuid[]) as feature_id,
      unnest(${column("featureKey")}::text::text[]) as feature_key,
      unnest(${column("featureVersion")}::text::int[]) as feature_version,
      unnest(${column("priceVersion")}::text::int[]) as price_version,
      unnest(${column("provider")}::text::text[]) as provider,
      unnest(${column("model")}::text::text[]) as model,
      unnest(${column("inputTokens")}::text::int[]) as input_tokens,
      unnest(${column("outputTokens")}::text::int[]) as output_tokens,
      unnest(${column("usageSource")}::text::text[]) as usage_source,
      unnest(${column("durationMs")}::text::int[]) as duration_ms) w
    order by app_id, id
    on conflict (app_id, id) do nothing returning id`;
  return new Set(rows.map(({ id }) => id));
}

/** Which of these requests of an app are this user's own local ones already. */
export async function findLocalUsage(
  tx: Tx,
  user: { appId: string; endUserId: string },
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await tx<{ id: string }[]>`
    select id from usage_events where app_id = ${user.appId} and id = any(${[...ids]}::uuid[])
      and end_user_id = ${user.endUserId} and route_mode = 'local'`;
  return new Set(rows.map(({ id }) => id));
}

/** Whether the log has a place for a request of that instant: the months of the past may be closed already. */
export async function monthsWithPlace(tx: Tx, months: readonly string[]): Promise<Set<string>> {
  const rows = await tx<{ month: string }[]>`
    select month from unnest(${[...months]}::text[]) as month
    where to_regclass('public.usage_events_' || month) is not null`;
  return new Set(rows.map(({ month }) => month));
}
