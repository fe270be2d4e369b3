import type { Tx } from "../../lib/db.ts";

/** Sessions that ended so long ago. One whose request is still open stays until that is closed. */
const ended = (tx: Tx, days: number) => tx`
  from virtual_sessions s where s.token_expires_at < mf_now() - make_interval(days => ${days})
    and not exists (select 1 from holds h where h.app_id = s.app_id and h.session_id = s.id)`;

/** Used tokens that nobody can show again: they expired a day ago. */
const spent = (tx: Tx) => tx`from user_token_uses u where u.expires_at < mf_now() - interval '1 day'`;

export async function countEndedSessions(tx: Tx, days: number): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count ${ended(tx, days)}`;
  return row!.count;
}

export async function countSpentUserTokens(tx: Tx): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count ${spent(tx)}`;
  return row!.count;
}

/** Removes at most `most` of them, oldest first, with the limits that were set on them; gives how many. */
export async function removeEndedSessions(tx: Tx, days: number, most: number): Promise<number> {
  const rows = await tx`
    with gone as (
      select s.app_id, s.id ${ended(tx, days)} order by s.token_expires_at limit ${most} for update of s skip locked),
    unlimited as (
      delete from limits l using gone where l.app_id = gone.app_id and l.level = 'session' and l.target_id = gone.id)
    delete from virtual_sessions s using gone where s.app_id = gone.app_id and s.id = gone.id returning 1`;
  return rows.length;
}

export async function removeSpentUserTokens(tx: Tx, most: number): Promise<number> {
  const rows = await tx`
    with gone as (
      select u.app_id, u.jti_hash ${spent(tx)} order by u.expires_at limit ${most} for update of u skip locked)
    delete from user_token_uses u using gone where u.app_id = gone.app_id and u.jti_hash = gone.jti_hash returning 1`;
  return rows.length;
}
