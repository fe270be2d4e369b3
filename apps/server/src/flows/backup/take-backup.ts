import type { Database, Tx } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";
import { type AuditActor, append } from "../../modules/audit/audit.ts";
import {
  type BackupContent,
  type BackupManifest,
  beginFolder,
  countFaults,
  countOpenHolds,
  countRows,
  countSealed,
  type DumpTools,
  dumpSnapshot,
  exportSnapshot,
  hiddenTables,
  insertBackup,
  inspectDump,
  readDeployment,
  readServer,
  sentenceOf,
  sumWallets,
  toolsFault,
  writeManifest,
} from "../../modules/backup/backup.ts";
import { trialBalance } from "../../modules/books/books.ts";

export type BackupDeps = {
  /** The owner's login, without limits of time: one transaction stays open as long as the dump takes. */
  database: Database;
  /** The same login, for `pg_dump`. */
  url: string;
  tools: DumpTools | null;
  actor: AuditActor;
  /** How far it is, for the person who waits. */
  tell: (line: string) => void;
  signal: AbortSignal;
};

export type TakenBackup = { manifest: BackupManifest; path: string; rows: number; bytes: number };

/**
 * Writes one snapshot of the whole database into a folder that exists only when it is whole, and notes it in `backups`.
 * @throws with one sentence when there is no backup, or when the database did not take note of one that is whole
 */
export async function takeBackup(deps: BackupDeps, path: string): Promise<TakenBackup> {
  const server = await deps.database.read({ purpose: "backup" }, readServer);
  const fault = toolsFault(deps.tools, server.major);
  if (fault) throw new Error(fault);
  const folder = await beginFolder(path);
  let manifest: BackupManifest;
  try {
    const found = await dumpOneSnapshot(deps, deps.tools!, folder.path);
    manifest = await checkDump(deps, folder.path, { ...found, server: server.version });
    deps.signal.throwIfAborted();
    await folder.finish();
  } catch (error) {
    await folder.discard();
    throw error;
  }
  const taken: TakenBackup = {
    manifest,
    path,
    rows: sum(Object.values(manifest.tables)),
    bytes: sum(manifest.files.map((file) => file.bytes)),
  };
  await noteBackup(deps, taken).catch((error: Error) => {
    throw new Error(
      `the backup in ${path} is whole, but the database did not take note of it: ${error.message}`,
    );
  });
  return taken;
}

type Snapshot = Omit<BackupContent, "format" | "id" | "postgres" | "files" | "chain_heads">;

/** Counts what the very snapshot holds that `pg_dump` writes down meanwhile. */
async function dumpOneSnapshot(deps: BackupDeps, tools: DumpTools, folder: string): Promise<Snapshot> {
  return deps.database.read({ purpose: "backup" }, async (tx) => {
    const hidden = await hiddenTables(tx);
    if (hidden.length > 0) {
      throw new Error(
        `purpose backup sees no row of ${sentenceOf(hidden)}: give each of them a policy, as mf_protect and mf_open_to_backup do`,
      );
    }
    deps.tell("dumping one snapshot of the database");
    const snapshot = await exportSnapshot(tx);
    const stop = new AbortController();
    const signal = AbortSignal.any([deps.signal, stop.signal]);
    const dumping = dumpSnapshot({ ...deps, signal, tools, snapshot, folder });
    // A count that fails ends the dump, and nothing is removed while something is still writing.
    const counting = readSnapshot(tx);
    counting.catch(() => stop.abort());
    const [dumped, counted] = await Promise.allSettled([dumping, counting]);
    if (counted.status === "rejected") throw counted.reason;
    if (dumped.status === "rejected") throw dumped.reason;
    return counted.value;
  });
}

async function readSnapshot(tx: Tx): Promise<Snapshot> {
  const deployment = await readDeployment(tx);
  return {
    taken_at: deployment.takenAt,
    environment: deployment.environment,
    epoch: deployment.epoch,
    schema_version: deployment.schemaVersion,
    tables: await countRows(tx),
    trial_balance: [...(await trialBalance(tx))],
    wallets: await sumWallets(tx),
    open_holds: await countOpenHolds(tx),
    sealed: await countSealed(tx),
  };
}

/** Reads the dump back from the disk before it is called a backup. */
async function checkDump(
  deps: BackupDeps,
  folder: string,
  { server, ...snapshot }: Snapshot & { server: string },
): Promise<BackupManifest> {
  deps.tell("reading the dump back: rows and checksums");
  const { files, rows } = await inspectDump(folder, deps.tools!);
  const faults = countFaults({ rows: snapshot.tables, by: "the snapshot" }, { rows, by: "the dump" });
  if (faults.length > 0) throw new Error(`the dump does not hold every row: ${sentenceOf(faults)}`);
  const content: BackupContent = {
    format: 1,
    id: uuidV7(),
    ...snapshot,
    postgres: { server, dump: deps.tools!.version },
    chain_heads: [],
    files,
  };
  return writeManifest(folder, content, null);
}

async function noteBackup(deps: BackupDeps, taken: TakenBackup): Promise<void> {
  const { manifest, path, rows, bytes } = taken;
  await deps.database.write({ purpose: "operator" }, async (tx) => {
    await insertBackup(tx, rowOf(taken));
    await append(tx, {
      ...deps.actor,
      action: "backup.create",
      resourceType: "backup",
      resourceId: manifest.id,
      metadata: { path, rows, bytes, sha256: manifest.sha256 },
    });
  });
}

/** A backup as `backups` keeps it. */
export function rowOf({ manifest, path, rows, bytes }: TakenBackup) {
  return {
    id: manifest.id,
    takenAt: new Date(manifest.taken_at),
    schemaVersion: manifest.schema_version,
    environment: manifest.environment,
    epoch: manifest.epoch,
    sha256: manifest.sha256,
    path,
    rows,
    bytes,
    testedAt: manifest.tested_at === null ? null : new Date(manifest.tested_at),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
