import type { Tx } from "../../lib/db.ts";

export type RotationStatus = "running" | "overlap" | "finished";

export type Rotation = {
  id: string;
  kind: "encryption";
  /** The id of the key that seals from now on, and of those that did. */
  keyId: string;
  oldKeyIds: string[];
  status: RotationStatus;
  done: number;
  total: number;
  /** Values that did not open, by column. */
  unopened: Record<string, number>;
  reason: string;
  startedBy: string;
  startedAt: Date;
  finishedAt: Date | null;
};

const columns = (
  tx: Tx,
) => tx`id, kind, key_id as "keyId", old_key_ids as "oldKeyIds", status, done, total, unopened, reason,
  started_by as "startedBy", started_at as "startedAt", finished_at as "finishedAt"`;

/** One start or finish at a time. */
export async function lockRotations(tx: Tx): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended('key rotation', 0))`;
}

export async function insertRotation(
  tx: Tx,
  rotation: Pick<Rotation, "id" | "keyId" | "oldKeyIds" | "done" | "total" | "reason" | "startedBy">,
): Promise<Rotation> {
  const [row] = await tx<Rotation[]>`insert into key_rotations ${tx({
    id: rotation.id,
    kind: "encryption",
    key_id: rotation.keyId,
    old_key_ids: rotation.oldKeyIds,
    done: rotation.done,
    total: rotation.total,
    reason: rotation.reason,
    started_by: rotation.startedBy,
  })} returning ${columns(tx)}`;
  return row!;
}

/** The one that is under way; `null` when there is none. */
export async function readOpenRotation(tx: Tx): Promise<Rotation | null> {
  const [row] = await tx<Rotation[]>`select ${columns(tx)} from key_rotations where status <> 'finished'`;
  return row ?? null;
}

export async function readRotation(tx: Tx, id: string): Promise<Rotation | null> {
  const [row] = await tx<Rotation[]>`select ${columns(tx)} from key_rotations where id = ${id}`;
  return row ?? null;
}

/** Newest first; one row more than `limit` says whether there is another page. */
export async function listRotations(
  tx: Tx,
  slice: { before: string | undefined; from: string | undefined; to: string | undefined; limit: number },
): Promise<Rotation[]> {
  const { before, from, to, limit } = slice;
  return tx<
    Rotation[]
  >`select ${columns(tx)} from key_rotations where true ${before ? tx`and id < ${before}` : tx``}
    ${from ? tx`and started_at >= ${from}::timestamptz` : tx``} ${to ? tx`and started_at < ${to}::timestamptz` : tx``}
    order by id desc limit ${limit}`;
}

/** Counts on, as far as there is anything to count: rows come and go meanwhile. */
export async function addProgress(tx: Tx, id: string, resealed: number): Promise<void> {
  await tx`update key_rotations set done = least(total, done + ${resealed}), progressed_at = mf_now() where id = ${id}`;
}

/** What a whole count has found. */
export async function writeCount(
  tx: Tx,
  id: string,
  count: {
    total: number;
    left: number;
    unopened: Readonly<Record<string, number>>;
    status: "running" | "overlap";
  },
): Promise<Rotation> {
  const [row] = await tx<
    Rotation[]
  >`update key_rotations set total = ${count.total}, done = ${count.total - count.left},
      unopened = ${tx.json(count.unopened)}, status = ${count.status}, progressed_at = mf_now()
    where id = ${id} and status <> 'finished' returning ${columns(tx)}`;
  return row!;
}

export async function writeFinished(tx: Tx, id: string): Promise<Rotation> {
  const [row] = await tx<
    Rotation[]
  >`update key_rotations set status = 'finished', done = total, finished_at = mf_now()
    where id = ${id} returning ${columns(tx)}`;
  return row!;
}

/** When the key was replaced for good by the newest finished rotation; `null` when it was not. */
export async function readRetirement(tx: Tx, keyId: string): Promise<Date | null> {
  const [row] = await tx<{ at: Date; keyId: string; oldKeyIds: string[] }[]>`
    select finished_at as at, key_id as "keyId", old_key_ids as "oldKeyIds" from key_rotations
    where status = 'finished' order by finished_at desc, id desc limit 1`;
  return row && row.keyId !== keyId && row.oldKeyIds.includes(keyId) ? row.at : null;
}

/** Live instances that seal with another key than this one, or do not say with which. */
export async function countOtherSealers(
  tx: Tx,
  keyId: string,
  oldKeyIds: readonly string[],
): Promise<number> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count from instances
    where heartbeat_at > mf_now() - interval '5 seconds'
      and (facts #>> '{keys,0}' is distinct from ${keyId} or not coalesce(facts -> 'keys', '[]') ?& ${[...oldKeyIds]}::text[])`;
  return row!.count;
}
