export {
  countOpenHolds,
  countRows,
  countSealed,
  eachSealed,
  exportSnapshot,
  hiddenTables,
  listOwnObjects,
  listSealedColumns,
  readDeployment,
  readServer,
  type SealedColumn,
  sumWallets,
} from "./catalogue.ts";
export { dumpSnapshot, inspectDump, restoreDump, verifyFiles } from "./dump.ts";
export { beginFolder } from "./folder.ts";
export {
  type BackupContent,
  type BackupManifest,
  markManifestTested,
  NotABackup,
  readManifest,
  writeManifest,
} from "./manifest.ts";
export { beginEpoch, createScratch, dropScratch, markUnfinished, removeMark } from "./restored.ts";
export { countFaults, type DumpTools, sentenceOf, toolsFault } from "./rules.ts";
export { type BackupRow, insertBackup, listBackups, markBackupTested, newestBackups } from "./store.ts";
export { findTools } from "./tools.ts";
