import { listBackups as route } from "@modelfaucet/contract/routes/admin-backups.ts";
import { type BackupRow, listBackups } from "../../modules/backup/backup.ts";
import { pageOf, readCursor } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";

export function adminBackupRoutes(): readonly Mounted[] {
  return [
    mount(route, async ({ read, query }) => {
      const { limit, from, to } = query;
      const before = readCursor(query.cursor);
      const rows = await read((tx) => listBackups(tx, { before, limit, from, to }));
      return pageOf(rows, limit, ({ takenAt, id }) => ({ at: takenAt.toISOString(), id }), backupAnswer);
    }),
  ];
}

function backupAnswer(backup: BackupRow) {
  return {
    id: backup.id,
    taken_at: backup.takenAt.toISOString(),
    schema_version: backup.schemaVersion,
    sha256: backup.sha256,
    ...(backup.testedAt === null ? {} : { tested_at: backup.testedAt.toISOString() }),
  };
}
