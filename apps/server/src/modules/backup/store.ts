import type { Tx } from "../../lib/db.ts";

export type BackupRow = {
  id: string;
  takenAt: Date;
  schemaVersion: number;
  environment: string;
  epoch: number;
  sha256: string;
  path: string;
  rows: number;
  bytes: number;
  testedAt: Date | null;
};

export async function insertBackup(tx: Tx, backup: BackupRow): Promise<void> {
  await tx`insert into backups ${tx({
    id: backup.id,
    taken_at: backup.takenAt,
    schema_version: backup.schemaVersion,
    environment: backup.environment,
    epoch: backup.epoch,
    sha256: backup.sha256,
    path: backup.path,
    rows: backup.rows,
    bytes: backup.bytes,
    tested_at: backup.testedAt,
  })} on conflict (id) do nothing`;
}

/** The newest first, those before a place alone; one more than asked for says that there are more. */
export async function listBackups(
  tx: Tx,
  slice: {
    before: { at: string; id: string } | null;
    limit: number;
    from?: string | undefined;
    to?: string | undefined;
  },
): Promise<BackupRow[]> {
  const { before, limit, from, to } = slice;
  return tx<BackupRow[]>`select ${columns(tx)} from backups where true
    ${before ? tx`and (taken_at, id::text collate "C") < (${before.at}::timestamptz, ${before.id})` : tx``}
    ${from ? tx`and taken_at >= ${from}::timestamptz` : tx``} ${to ? tx`and taken_at < ${to}::timestamptz` : tx``}
    order by taken_at desc, id desc limit ${limit + 1}`;
}

/** The newest backup of all, and the newest that a drill has restored; `null` where there is none. */
export async function newestBackups(
  tx: Tx,
): Promise<{ taken: BackupRow | null; tested: BackupRow | null; ageSeconds: number | null }> {
  const newest = (tested: boolean) => tx<(BackupRow & { age: number })[]>`
    select ${columns(tx)}, extract(epoch from mf_now() - taken_at)::float8 as age from backups
    ${tested ? tx`where tested_at is not null` : tx``} order by taken_at desc, id desc limit 1`;
  const [[taken], [tested]] = [await newest(false), await newest(true)];
  return { taken: taken ?? null, tested: tested ?? null, ageSeconds: taken?.age ?? null };
}

/** Notes a passed drill, by the database's clock. `null` when there is no such backup. */
export async function markBackupTested(tx: Tx, id: string): Promise<Date | null> {
  const [row] = await tx<{ at: Date }[]>`
    update backups set tested_at = mf_now() where id = ${id} returning tested_at as at`;
  return row?.at ?? null;
}

const columns = (
  tx: Tx,
) => tx`id, taken_at as "takenAt", schema_version as "schemaVersion", environment, epoch, sha256, path,
  rows::float8 as rows, bytes::float8 as bytes, tested_at as "testedAt"`;
