import type { Tx } from "../../lib/db.ts";
import { type Usd, usdFromStore } from "../../lib/money.ts";

/** What a session family has been charged so far. */
export async function readSessionSpending(
  tx: Tx,
  session: { appId: string; endUserId: string; sessionId: string },
): Promise<Usd> {
  const [row] = await tx<{ spent: string }[]>`
    select coalesce(sum(charge_usd), 0)::numeric(20,8)::text as spent from usage_events
    where app_id = ${session.appId} and end_user_id = ${session.endUserId} and session_id = ${session.sessionId}`;
  return usdFromStore(row!.spent);
}
