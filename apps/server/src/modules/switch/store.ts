import type { SwitchTarget } from "@modelfaucet/contract/objects/switch.ts";
import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { platformId, type SwitchRow } from "./rules.ts";

/** Where a switch belongs: its target, and whom that target belongs to. */
export type SwitchPlace = {
  kind: SwitchTarget;
  targetId: string;
  appId: string | null;
  developerId: string | null;
  endUserId: string | null;
};

/** A row as operators see it. */
export type StoredSwitch = SwitchPlace & {
  /** What was set; what holds after `until` is `on`, whatever this says. */
  state: "on" | "off" | "throttled";
  throttleRpm: number | null;
  reason: string;
  setBy: string;
  changedAt: Date;
  until: Date | null;
  version: bigint;
  /** As an operator names it: a public app id, `app/feature`, an id, a name; `null` for the platform. */
  targetName: string | null;
};

/** So many may be off or throttled at once: every instance holds them all in memory. */
export const mostInForce = 100_000;

export async function readInForce(tx: Tx): Promise<SwitchRow[]> {
  const rows = await tx`select kind, target_id, state, throttle_rpm, until from switches
    where state <> 'on' and (until is null or until > mf_now()) limit ${mostInForce}`;
  return rows.map(rowOf);
}

/** `target` is `kind/id`, as the change feed names it. `row` is `null` where it is on. */
export async function readOneInForce(
  tx: Tx,
  target: string,
): Promise<{ kind: SwitchTarget; targetId: string; row: SwitchRow | null; changedAtMs: number }> {
  const slash = target.indexOf("/");
  const kind = target.slice(0, slash) as SwitchTarget;
  const targetId = target.slice(slash + 1);
  const [row] = await tx`
    select kind, target_id, state, throttle_rpm, until, changed_at, state <> 'on' and (until is null or until > mf_now()) as in_force
    from switches where kind = ${kind} and target_id = ${targetId}`;
  if (!row) throw new Error(`the change feed names a switch that is not there: ${kind}`);
  return { kind, targetId, row: row.in_force ? rowOf(row) : null, changedAtMs: row.changed_at.getTime() };
}

function rowOf(row: postgres.Row): SwitchRow {
  return {
    kind: row.kind,
    targetId: row.target_id,
    state: row.state,
    throttleRpm: row.throttle_rpm,
    untilMs: row.until === null ? null : row.until.getTime(),
  };
}

/** Locks the row, so that two changes of one switch follow each other. */
export async function lockSwitch(
  tx: Tx,
  place: Pick<SwitchPlace, "kind" | "targetId">,
): Promise<StoredSwitch | null> {
  await tx`select 1 from switches where kind = ${place.kind} and target_id = ${place.targetId} for update`;
  const [row] =
    await tx`${selectSwitches(tx)} where s.kind = ${place.kind} and s.target_id = ${place.targetId}`;
  return row ? storedOf(row) : null;
}

export async function countInForce(tx: Tx): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count from switches
    where state <> 'on' and (until is null or until > mf_now())`;
  return row!.count;
}

export async function writeSwitch(
  tx: Tx,
  place: SwitchPlace,
  change: Pick<StoredSwitch, "state" | "throttleRpm" | "reason" | "setBy" | "until" | "version">,
): Promise<void> {
  await tx`
    insert into switches (kind, target_id, app_id, developer_id, end_user_id, state, throttle_rpm, reason, set_by, until, version)
    values (${place.kind}, ${place.targetId}, ${place.appId}, ${place.developerId}, ${place.endUserId}, ${change.state},
      ${change.throttleRpm}, ${change.reason}, ${change.setBy}, ${change.until}, ${change.version.toString()})
    on conflict (kind, target_id) do update set state = excluded.state, throttle_rpm = excluded.throttle_rpm,
      reason = excluded.reason, set_by = excluded.set_by, until = excluded.until, version = excluded.version,
      changed_at = mf_now()`;
}

export type SwitchFilter = {
  kind?: SwitchTarget | undefined;
  targetId?: string | undefined;
  state?: "on" | "off" | "throttled" | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** The version that the page before ended with. */
  before?: string | null | undefined;
  limit: number;
};

/** Newest change first. */
export async function listSwitches(tx: Tx, filter: SwitchFilter): Promise<StoredSwitch[]> {
  const rows = await tx`${selectSwitches(tx)}
    where (${filter.kind ?? null}::text is null or s.kind = ${filter.kind ?? null})
      and (${filter.targetId ?? null}::text is null or s.target_id = ${filter.targetId ?? null})
      and (${filter.state ?? null}::text is null or ${stateNow(tx)} = ${filter.state ?? null})
      and (${filter.from ?? null}::timestamptz is null or s.changed_at >= ${filter.from ?? null})
      and (${filter.to ?? null}::timestamptz is null or s.changed_at < ${filter.to ?? null})
      and (${filter.before ?? null}::bigint is null or s.version < ${filter.before ?? null})
    order by s.version desc limit ${filter.limit}`;
  return rows.map(storedOf);
}

/** One switch whose time is over and that still says otherwise; other workers pass it by. */
export async function takeEndedSwitch(tx: Tx): Promise<StoredSwitch | null> {
  const [ended] = await tx`
    select kind, target_id from switches where state <> 'on' and until <= mf_now() order by until limit 1 for update skip locked`;
  return ended ? lockSwitch(tx, { kind: ended.kind, targetId: ended.target_id }) : null;
}

/** What an operator names, with whom it belongs to; `null` when there is no such thing. Purpose `operator`. */
export async function findSwitchTarget(
  tx: Tx,
  kind: SwitchTarget,
  named: string | undefined,
): Promise<SwitchPlace | null> {
  const nobody = { appId: null, developerId: null, endUserId: null };
  if (kind === "platform") return { kind, targetId: platformId, ...nobody };
  if (named === undefined) return null;
  const [row] = await targetQuery(tx, kind, named);
  return row
    ? {
        kind,
        targetId: row.target_id,
        appId: row.app_id ?? null,
        developerId: row.developer_id ?? null,
        endUserId: row.end_user_id ?? null,
      }
    : null;
}

function targetQuery(tx: Tx, kind: Exclude<SwitchTarget, "platform">, named: string) {
  switch (kind) {
    case "developer":
      return tx`select id::text as target_id, id as developer_id from developers where id::text = ${named}`;
    case "app":
      return tx`select id::text as target_id, id as app_id, developer_id from apps
        where public_app_id = ${named} or id::text = ${named}`;
    case "feature":
      // An archived one too: its key may come back.
      return tx`select a.id || '/' || f.feature_key as target_id, a.id as app_id, a.developer_id
        from app_features f join apps a on a.id = f.app_id
        where a.public_app_id || '/' || f.feature_key = ${named} or f.id::text = ${named} limit 1`;
    case "end_user":
      return tx`select id::text as target_id, app_id, developer_id, id as end_user_id from end_users where id::text = ${named}`;
    case "wallet":
      return tx`select id::text as target_id, app_id, developer_id, end_user_id from wallets
        where id::text = ${named} and owner_scope = 'end_user'`;
    case "session":
      return tx`select id::text as target_id, app_id, developer_id, end_user_id from virtual_sessions where id::text = ${named}`;
    case "token":
      return tx`select id::text as target_id, developer_id from developer_api_tokens where id::text = ${named}`;
    case "credential":
      return tx`select id::text as target_id, home_app_id as app_id, developer_id, end_user_id from provider_credentials
        where id::text = ${named}`;
    case "provider":
      // One that is known from the environment alone has no row; it is known by its prices.
      return tx`select ${named} as target_id where exists (select 1 from providers where name = ${named})
        or exists (select 1 from provider_credentials where provider = ${named})
        or exists (select 1 from priced_models where provider = ${named})`;
  }
}

const stateNow = (tx: Tx) => tx`case when s.until <= mf_now() then 'on' else s.state end`;

const selectSwitches = (tx: Tx) => tx`
  select s.*, ${stateNow(tx)} as state_now, case s.kind
      when 'platform' then null
      when 'app' then a.public_app_id
      when 'feature' then a.public_app_id || substr(s.target_id, 37)
      else s.target_id end as target_name
  from switches s left join apps a on a.id = s.app_id and s.kind in ('app', 'feature')`;

function storedOf(row: postgres.Row): StoredSwitch {
  return {
    kind: row.kind,
    targetId: row.target_id,
    appId: row.app_id,
    developerId: row.developer_id,
    endUserId: row.end_user_id,
    state: row.state_now,
    throttleRpm: row.state_now === "throttled" ? row.throttle_rpm : null,
    reason: row.reason,
    setBy: row.set_by,
    changedAt: row.changed_at,
    until: row.state_now === "on" ? null : row.until,
    version: BigInt(row.version),
    targetName: row.target_name,
  };
}
