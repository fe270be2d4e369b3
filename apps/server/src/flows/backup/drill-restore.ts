import type { Database } from "../../lib/db.ts";
import { append } from "../../modules/audit/audit.ts";
import {
  type BackupManifest,
  createScratch,
  dropScratch,
  insertBackup,
  markBackupTested,
  markManifestTested,
} from "../../modules/backup/backup.ts";
import { type RestoreDeps, type RestoreReport, restoreBackup, sizesOf } from "./restore-backup.ts";
import { createSteps, type Step, StepFailed } from "./steps.ts";
import { rowOf } from "./take-backup.ts";

export type Drill = {
  folder: string;
  /** Where the scratch database is made and dropped; its login needs CREATEDB. */
  serverUrl: string;
  /** The deployment whose backup it is; `null`: there is none to tell. */
  source: { database: Database; environment: string } | null;
};

export type DrillReport = RestoreReport & { testedAt: string | null };

/**
 * Restores a backup into a database that it makes and drops, whatever becomes of it. A drill that passes marks the
 * backup as tested: in the deployment that it is of, and in the manifest, which outlives that one.
 */
export async function drillRestore(deps: RestoreDeps, drill: Drill): Promise<DrillReport> {
  const server = deps.open(drill.serverUrl);
  const sql = server.connect({ max: 1 });
  const around = createSteps(deps.tell);
  let restored: RestoreReport | null = null;
  let testedAt: string | null = null;
  let sentence: string | null = null;
  const steps = (): Step[] => {
    const [made, ...after] = around.done;
    return [...(made ? [made] : []), ...(restored?.steps ?? []), ...after];
  };
  try {
    const { name } = await around.run("make a scratch database", async () => {
      const made = await createScratch(sql);
      return { name: made, detail: made };
    });
    try {
      const url = databaseUrl(drill.serverUrl, name);
      restored = await restoreBackup(deps, { folder: drill.folder, url, environment: null });
    } finally {
      await around.run("drop the scratch database", async () => {
        await dropScratch(sql, name);
        return { detail: name };
      });
    }
    if (restored.ok) testedAt = await markTested(around, deps, drill, restored.manifest!);
    sentence = restored.ok ? null : "the drill failed, and the backup stays untested";
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    sentence = error.message;
  } finally {
    await sql.end({ timeout: 5 });
    await server.close();
  }
  return {
    ok: sentence === null,
    steps: steps(),
    manifest: restored?.manifest ?? null,
    sentence,
    testedAt,
  };
}

async function markTested(
  steps: ReturnType<typeof createSteps>,
  deps: RestoreDeps,
  drill: Drill,
  manifest: BackupManifest,
): Promise<string> {
  const { at } = await steps.run("mark the backup tested", async () => {
    const isOurs = drill.source !== null && drill.source.environment === manifest.environment;
    const noted = isOurs ? await noteTested(deps, drill.source!.database, drill.folder, manifest) : null;
    const at = (noted ?? new Date()).toISOString();
    await markManifestTested(drill.folder, at);
    const where = isOurs
      ? "in the database and in the manifest"
      : "in the manifest alone: it is of another environment";
    return { at, detail: `${at}, ${where}` };
  });
  return at;
}

/** The row, made where the database has none: an older one may have been restored since. */
async function noteTested(
  deps: RestoreDeps,
  source: Database,
  path: string,
  manifest: BackupManifest,
): Promise<Date> {
  return source.write({ purpose: "operator" }, async (tx) => {
    await insertBackup(tx, rowOf({ manifest, path, ...sizesOf(manifest) }));
    const at = await markBackupTested(tx, manifest.id);
    await append(tx, {
      ...deps.actor,
      action: "backup.tested",
      resourceType: "backup",
      resourceId: manifest.id,
      metadata: { path, sha256: manifest.sha256 },
    });
    return at!;
  });
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}
