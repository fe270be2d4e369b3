import { createHash } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { RowCounts } from "./rules.ts";

export type BackupFile = { name: string; bytes: number; sha256: string };

/** What a backup is, told by itself. Everything was read in the snapshot that was dumped. */
export type BackupContent = {
  format: 1;
  id: string;
  taken_at: string;
  environment: string;
  epoch: number;
  schema_version: number;
  postgres: { server: string; dump: string };
  /** Rows by table; the dump was counted and holds as many. */
  tables: RowCounts;
  trial_balance: readonly { scope: string; debits_usd: string; credits_usd: string; balance_usd: string }[];
  wallets: WalletSums;
  open_holds: number;
  /** Which keys sealed the values in it, by their ids, and how many values each. The keys are not in it. */
  sealed: Readonly<Record<string, number>>;
  /** Heads of the receipts' chains, which come with package 4. */
  chain_heads: readonly never[];
  files: readonly BackupFile[];
};

export type WalletSums = {
  funds: readonly {
    fund: string;
    wallets: number;
    balance_usd: string;
    held_usd: string;
    debt_usd: string;
  }[];
  /** Adds up over every wallet's id, fund and balance: equal where each of them is equal. */
  digest: string;
};

export type BackupManifest = BackupContent & {
  /** Of everything else in here but `tested_at`. */
  sha256: string;
  /** When a restore drill of it has passed. */
  tested_at: string | null;
};

/** A folder that is no whole backup: what is wrong with it, in one sentence. */
export class NotABackup extends Error {}

const fileName = "manifest.json";

/** Writes the manifest as the last file of a backup, and has it on the disk when this resolves. */
export async function writeManifest(
  folder: string,
  content: BackupContent,
  testedAt: string | null,
): Promise<BackupManifest> {
  const manifest = { ...content, sha256: contentHash(content), tested_at: testedAt };
  const path = join(folder, fileName);
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return manifest;
}

/** Reads a manifest whose own checksum holds. @throws NotABackup */
export async function readManifest(folder: string): Promise<BackupManifest> {
  const text = await readFile(join(folder, fileName), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
    throw new NotABackup(`${folder} is no backup, or one that was not finished: it has no ${fileName}`);
  });
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(text) as BackupManifest;
  } catch {
    throw new NotABackup(`${join(folder, fileName)} is not whole: restore from another backup`);
  }
  if (manifest?.format !== 1) {
    throw new NotABackup(`${join(folder, fileName)} has a format that this version does not know`);
  }
  if (manifest.sha256 !== contentHash(contentOf(manifest))) {
    throw new NotABackup(
      `${join(folder, fileName)} was changed after the backup was taken: restore from another backup`,
    );
  }
  return manifest;
}

/** A passed drill is written down here too, so that it is known when the database is gone. */
export async function markManifestTested(folder: string, testedAt: string): Promise<void> {
  await writeManifest(folder, contentOf(await readManifest(folder)), testedAt);
}

function contentOf({ sha256: _sha256, tested_at: _testedAt, ...content }: BackupManifest): BackupContent {
  return content;
}

const contentHash = (content: BackupContent): string =>
  createHash("sha256").update(JSON.stringify(content)).digest("hex");
