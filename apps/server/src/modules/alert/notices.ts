import type { Tx } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";

export type NoticeEvent = "alert.opened" | "alert.closed";

/** Something that ALERT_WEBHOOK_URL has to be told, as it is signed and sent. */
export type Notice = { id: string; body: string; tries: number };

const mostAtOnce = 20;
/** While a notice is being sent nobody else takes it; a process that died there gives it back after so long. */
const sendingSeconds = 60;

export async function insertNotice(
  tx: Tx,
  notice: { alertId: string; event: NoticeEvent; body: string },
): Promise<void> {
  await tx`
    insert into alert_notices (id, alert_id, event, body)
    values (${uuidV7()}, ${notice.alertId}, ${notice.event}, ${notice.body}) on conflict do nothing`;
}

/** Takes notices that are due, oldest first, for one try each. An alert's end is not told before its beginning. */
export async function takeDueNotices(tx: Tx): Promise<Notice[]> {
  return tx<Notice[]>`
    update alert_notices set tries = tries + 1, next_at = mf_now() + make_interval(secs => ${sendingSeconds})
    where id in (
      select n.id from alert_notices n
      where n.next_at <= mf_now() and n.delivered_at is null and n.given_up_at is null
        and (n.event = 'alert.opened' or not exists (
          select 1 from alert_notices o where o.alert_id = n.alert_id and o.event = 'alert.opened'
            and o.delivered_at is null and o.given_up_at is null))
      order by n.created_at, n.id limit ${mostAtOnce} for update skip locked)
    returning id, body, tries`;
}

export async function noteDelivered(tx: Tx, id: string): Promise<void> {
  await tx`update alert_notices set delivered_at = mf_now(), last_failure = null where id = ${id}`;
}

/** `retryInSeconds` null: it is given up. */
export async function noteFailed(
  tx: Tx,
  id: string,
  failure: string,
  retryInSeconds: number | null,
): Promise<void> {
  await tx`
    update alert_notices set last_failure = ${failure},
      given_up_at = case when ${retryInSeconds}::float8 is null then mf_now() end,
      next_at = mf_now() + make_interval(secs => coalesce(${retryInSeconds}::float8, 0))
    where id = ${id}`;
}
