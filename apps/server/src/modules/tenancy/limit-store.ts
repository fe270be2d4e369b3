import type { Tx } from "../../lib/db.ts";
import { formatUsd, usdFromStore } from "../../lib/money.ts";
import type { LimitLevel, StoredLimit } from "../../lib/stored-limit.ts";

/** Where a limit belongs. `appId` is null for developers and the platform, `developerId` for the platform alone. */
export type LimitPlace = {
  appId: string | null;
  developerId: string | null;
  level: LimitLevel;
  targetId: string;
};

export type LimitRow = StoredLimit & {
  appId: string;
  developerId: string | null;
  /** A developer's name, an app's public id, `app/feature`; `null` for what has only an id. */
  targetName: string | null;
  updatedAt: Date;
};

const noApp = "00000000-0000-0000-0000-000000000000";
const mostListed = 500;

/** Sets a limit, or takes it away where both amounts are null. Gives what was there before. */
export async function writeLimit(
  tx: Tx,
  place: LimitPlace,
  limit: Omit<StoredLimit, "level" | "targetId">,
): Promise<StoredLimit | null> {
  const appId = place.appId ?? noApp;
  const key = tx`app_id = ${appId} and level = ${place.level} and target_id = ${place.targetId} and set_by = ${limit.setBy}
    and measure = ${limit.measure} and "window" = ${limit.window}`;
  const [before] = await tx`select * from limits where ${key} for update`;
  const usd = limit.limitUsd === null ? null : formatUsd(limit.limitUsd);
  if (usd === null && limit.limitCount === null) {
    await tx`delete from limits where ${key}`;
  } else {
    await tx`
      insert into limits (app_id, developer_id, level, target_id, set_by, measure, "window", limit_usd, limit_count)
      values (${appId}, ${place.developerId}, ${place.level}, ${place.targetId}, ${limit.setBy}, ${limit.measure}, ${limit.window},
        ${usd}, ${limit.limitCount})
      on conflict (app_id, level, target_id, set_by, measure, "window") do update
      set limit_usd = excluded.limit_usd, limit_count = excluded.limit_count, updated_at = mf_now()`;
  }
  return before ? limitOf(before) : null;
}

/** What operators set, the platform's first; of one target what anybody set. */
export async function listLimits(
  tx: Tx,
  filter: { level?: LimitLevel | undefined; targetId?: string | undefined },
): Promise<LimitRow[]> {
  const rows = await tx`
    select l.*, case level
      when 'developer' then (select d.name from developers d where d.id = l.target_id)
      when 'app' then (select a.public_app_id from apps a where a.id = l.target_id)
      when 'feature' then (select a.public_app_id || '/' || f.feature_key from app_features f join apps a on a.id = f.app_id
        where f.app_id = l.app_id and f.id = l.target_id) end as target_name
    from limits l
    where (${filter.level ?? null}::text is null or level = ${filter.level ?? null})
      and case when ${filter.targetId ?? null}::uuid is null then set_by = 'operator' else target_id = ${filter.targetId ?? null} end
    order by array_position(array['platform', 'developer', 'app', 'feature', 'end_user', 'session'], level), app_id, target_id,
      measure, "window", set_by
    limit ${mostListed}`;
  return rows.map((row) => ({
    ...limitOf(row),
    appId: row.app_id as string,
    developerId: row.developer_id as string | null,
    targetName: row.target_name as string | null,
    updatedAt: row.updated_at as Date,
  }));
}

/** The app, developer and name of what an operator names; null when there is no such thing. Purpose `operator`. */
export async function findLimitTarget(
  tx: Tx,
  level: LimitLevel,
  named: string | undefined,
): Promise<LimitPlace | null> {
  if (level === "platform") return { appId: null, developerId: null, level, targetId: noApp };
  if (named === undefined) return null;
  const [row] = await (level === "developer"
    ? tx`select id, null::uuid as app_id, id as developer_id from developers where id::text = ${named} and status <> 'closed'`
    : level === "app"
      ? tx`select id, id as app_id, developer_id from apps where public_app_id = ${named} or id::text = ${named}`
      : level === "feature"
        ? tx`select f.id, f.app_id, a.developer_id from app_features f join apps a on a.id = f.app_id
            where f.status <> 'archived' and (a.public_app_id || '/' || f.feature_key = ${named} or f.id::text = ${named})`
        : level === "end_user"
          ? tx`select id, app_id, developer_id from end_users where id::text = ${named} and status <> 'erased'`
          : tx`select id, app_id, developer_id from virtual_sessions where id::text = ${named}`);
  return row
    ? {
        appId: row.app_id as string | null,
        developerId: row.developer_id as string,
        level,
        targetId: row.id as string,
      }
    : null;
}

function limitOf(row: Record<string, unknown>): StoredLimit {
  return {
    level: row.level as LimitLevel,
    targetId: row.target_id as string,
    setBy: row.set_by as StoredLimit["setBy"],
    measure: row.measure as StoredLimit["measure"],
    window: row.window as StoredLimit["window"],
    limitUsd: row.limit_usd === null ? null : usdFromStore(row.limit_usd as string),
    limitCount: row.limit_count === null ? null : Number(row.limit_count),
  };
}
