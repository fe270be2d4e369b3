import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";
import { isOff } from "../../lib/switched.ts";

export type EndUser = {
  id: string;
  appId: string;
  externalUserHash: string;
  status: "active" | "suspended" | "erased";
  own: boolean;
  verified: boolean;
  createdAt: Date;
};

export type NewEndUser = {
  appId: string;
  developerId: string;
  externalUserHash: string;
  /** Somebody proved who this is: the app's signature or a developer token. */
  verified: boolean;
  /** `null` leaves what is there. */
  metadata: Record<string, unknown> | null;
};

/**
 * The end user of that hash, made with wallet and funds when there is none. Callers at the same moment get the same
 * user: the second waits for the first one's commit.
 */
export async function ensureEndUser(tx: Tx, user: NewEndUser): Promise<EndUser & { created: boolean }> {
  const metadata = user.metadata === null ? null : tx.json(user.metadata as never);
  const [row] = await tx`
    insert into end_users as u (app_id, id, developer_id, external_user_hash, verified, metadata, last_seen_at)
    values (${user.appId}, ${uuidV7()}, ${user.developerId}, ${user.externalUserHash}, ${user.verified},
      coalesce(${metadata}::jsonb, '{}'), mf_now())
    on conflict (app_id, external_user_hash) do update set last_seen_at = mf_now(),
      verified = u.verified or excluded.verified, metadata = coalesce(${metadata}::jsonb, u.metadata)
    returning u.*, u.xmax = 0 as created`;
  const made = { ...endUserOf(row!), created: row!.created as boolean };
  if (made.created) await insertWallet(tx, { ...user, id: made.id });
  return made;
}

/** `null` when the hash is taken. */
export async function insertEndUser(tx: Tx, user: NewEndUser & { own: boolean }): Promise<EndUser | null> {
  const [row] = await tx`
    insert into end_users (app_id, id, developer_id, external_user_hash, verified, own)
    values (${user.appId}, ${uuidV7()}, ${user.developerId}, ${user.externalUserHash}, ${user.verified}, ${user.own})
    on conflict (app_id, external_user_hash) do nothing returning *`;
  if (!row) return null;
  const made = endUserOf(row);
  await insertWallet(tx, { ...user, id: made.id });
  return made;
}

export async function readEndUser(tx: Tx, appId: string, id: string): Promise<EndUser | null> {
  const [row] =
    await tx`select * from end_users where app_id = ${appId} and id = ${id} and status <> 'erased'`;
  return row ? endUserOf(row) : null;
}

export async function readEndUserByHash(
  tx: Tx,
  appId: string,
  externalUserHash: string,
): Promise<EndUser | null> {
  const [row] =
    await tx`select * from end_users where app_id = ${appId} and external_user_hash = ${externalUserHash}`;
  return row ? endUserOf(row) : null;
}

export async function changeEndUser(
  tx: Tx,
  appId: string,
  id: string,
  to: Pick<EndUser, "own" | "status">,
): Promise<void> {
  await tx`update end_users set own = ${to.own}, status = ${to.status} where app_id = ${appId} and id = ${id}`;
}

export type WalletState = {
  status: "active" | "frozen";
  balanceText: string;
  availableText: string;
  debt: boolean;
};

/** The wallet over all its funds, as decimal texts. */
export async function readWalletState(tx: Tx, appId: string, endUserId: string): Promise<WalletState> {
  const [row] = await tx`
    select case when ${isOff(tx, "wallet", tx`${endUserId}::uuid`)} then 'frozen' else w.status end as status,
      coalesce(sum(a.balance_usd), 0)::text as balance,
      coalesce(sum(a.balance_usd - a.held_usd), 0)::text as available, coalesce(bool_or(a.debt_usd > 0), false) as debt
    from wallets w
    left join accounts a on a.app_id = w.app_id and a.kind = 'wallet' and a.owner_id = w.id
    where w.app_id = ${appId} and w.id = ${endUserId} group by w.status`;
  if (!row) throw new Error("an end user has no wallet");
  return { status: row.status, balanceText: row.balance, availableText: row.available, debt: row.debt };
}

async function insertWallet(tx: Tx, user: { appId: string; developerId: string; id: string }): Promise<void> {
  await tx`insert into wallets (app_id, id, owner_scope, owner_id, developer_id, end_user_id)
    values (${user.appId}, ${user.id}, 'end_user', ${user.id}, ${user.developerId}, ${user.id})`;
  await tx`insert into accounts (app_id, developer_id, kind, owner_id, fund)
    select ${user.appId}::uuid, ${user.developerId}::uuid, 'wallet', ${user.id}::uuid, fund
    from unnest(array['paid', 'test']) as fund`;
}

function endUserOf(row: postgres.Row): EndUser {
  return {
    id: row.id,
    appId: row.app_id,
    externalUserHash: row.external_user_hash,
    status: row.status,
    own: row.own,
    verified: row.verified,
    createdAt: row.created_at,
  };
}
