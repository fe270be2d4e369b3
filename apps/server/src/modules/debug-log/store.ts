import type { Tx } from "../../lib/db.ts";
import type { DebugSubject } from "./record.ts";

/** What it holds is content, whoever asked for it: a day is all it gets. */
const keptHours = 24;
/** The newest calls of an app; older ones make room. */
const mostRowsOfApp = 200;

/** Whether calls of an app are recorded now, until when, and who changed that last. */
export type DebugLogState = { on: boolean; until: Date | null; changedBy: string | null };

export async function readDebugLogState(tx: Tx, appId: string): Promise<DebugLogState> {
  const [row] = await tx<{ until: Date | null; by: string | null }[]>`
    select case when debug_log_until > mf_now() then debug_log_until end as until, debug_log_by as by
    from apps where id = ${appId}`;
  return { on: row?.until != null, until: row?.until ?? null, changedBy: row?.by ?? null };
}

/** Switches an app's log on for so many minutes from now, or off. */
export async function writeDebugLogState(
  tx: Tx,
  appId: string,
  change: { minutes: number | null; by: string },
): Promise<void> {
  await tx`update apps set debug_log_until = mf_now() + make_interval(mins => ${change.minutes}::integer),
    debug_log_by = ${change.by}, debug_log_at = mf_now() where id = ${appId}`;
}

/** The calls of an app that are kept, newest first. */
export async function listDebugRows(
  tx: Tx,
  appId: string,
): Promise<{ requestId: string; createdAt: Date }[]> {
  return tx<{ requestId: string; createdAt: Date }[]>`
    select request_id as "requestId", created_at as "createdAt" from debug_logs
    where app_id = ${appId} and created_at > mf_now() - make_interval(hours => ${keptHours})
    order by created_at desc, request_id desc limit ${mostRowsOfApp}`;
}

/** `null` when nothing was kept, or its day is over, whether or not the row has gone. */
export async function readDebugRow(
  tx: Tx,
  appId: string,
  requestId: string,
): Promise<{ sealed: string; createdAt: Date } | null> {
  const [row] = await tx<{ sealed: string; createdAt: Date }[]>`
    select sealed_bodies as sealed, created_at as "createdAt" from debug_logs
    where app_id = ${appId} and request_id = ${requestId}
      and created_at > mf_now() - make_interval(hours => ${keptHours})`;
  return row ?? null;
}

/** Keeps a call, if the app's log is still on; the oldest beyond the app's share go. */
export async function insertDebugRow(tx: Tx, subject: DebugSubject, sealed: string): Promise<void> {
  const { appId, developerId, endUserId, requestId } = subject;
  const inserted = await tx`
    insert into debug_logs (app_id, request_id, developer_id, end_user_id, sealed_bodies)
    select ${appId}, ${requestId}, ${developerId}, ${endUserId}, ${sealed} from apps
    where id = ${appId} and debug_log_until > mf_now()
    on conflict do nothing returning 1`;
  if (inserted.length === 0) return;
  await tx`
    with gone as (select app_id, request_id from debug_logs where app_id = ${appId}
      order by created_at desc, request_id desc offset ${mostRowsOfApp} for update skip locked)
    delete from debug_logs d using gone where d.app_id = gone.app_id and d.request_id = gone.request_id`;
}

const ended = (tx: Tx) => tx`
  from debug_logs d where d.created_at < mf_now() - make_interval(hours => ${keptHours})`;

export async function countEndedDebugRows(tx: Tx): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count ${ended(tx)}`;
  return row!.count;
}

/** Removes at most `most` calls whose day is over; gives how many. */
export async function removeEndedDebugRows(tx: Tx, most: number): Promise<number> {
  const rows = await tx`
    with gone as (select d.app_id, d.request_id ${ended(tx)} order by d.created_at limit ${most} for update of d skip locked)
    delete from debug_logs d using gone where d.app_id = gone.app_id and d.request_id = gone.request_id returning 1`;
  return rows.length;
}
