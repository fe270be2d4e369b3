import type { Database } from "../../lib/db.ts";
import { migrate } from "../../lib/migrations.ts";
import { unfinishedTable } from "../../lib/migrations-state.ts";
import type { SecretBox } from "../../lib/secret-box.ts";
import { type AuditActor, append } from "../../modules/audit/audit.ts";
import {
  type BackupManifest,
  beginEpoch,
  type DumpTools,
  insertBackup,
  listOwnObjects,
  markUnfinished,
  readManifest,
  readServer,
  removeMark,
  restoreDump,
  sentenceOf,
  toolsFault,
  verifyFiles,
} from "../../modules/backup/backup.ts";
import { checkAsDumped, checkAsWanted, type RestoreChecks, voidHolds } from "./restore-checks.ts";
import { missingKeys } from "./sealed-values.ts";
import { createSteps, type Step, StepFailed, type Steps } from "./steps.ts";
import { rowOf } from "./take-backup.ts";

export type RestoreDeps = RestoreChecks & {
  /** Opens a database by its URL, without limits of time. */
  open: (url: string) => Database;
  tools: DumpTools | null;
  secretBox: SecretBox;
  /** Logins that the restored schema is granted to. */
  grantTo: { runtime: string | null; reader: string | null };
  actor: AuditActor;
  tell: (line: string) => void;
  signal: AbortSignal;
};

/** Where a backup is restored to, and which environment's it has to be; `null`: anybody's. */
export type RestoreTarget = { folder: string; url: string; environment: string | null };

export type RestoreReport = {
  ok: boolean;
  steps: Step[];
  manifest: BackupManifest | null;
  /** What has become of the target, in one sentence, when not everything passed. */
  sentence: string | null;
};

/**
 * Restores a backup into an empty database and checks what came of it. Until every check has passed the database says
 * of itself that it is unfinished, and nothing serves it.
 */
export async function restoreBackup(deps: RestoreDeps, target: RestoreTarget): Promise<RestoreReport> {
  const steps = createSteps(deps.tell, deps.signal);
  const database = deps.open(target.url);
  const report = (manifest: BackupManifest | null, sentence: string | null): RestoreReport => ({
    ok: sentence === null && steps.done.every(({ ok }) => ok),
    steps: steps.done,
    manifest,
    sentence,
  });
  let manifest: BackupManifest | null = null;
  let isTouched = false;
  try {
    manifest = await verify(deps, steps, target, database);
    isTouched = true;
    await fill(deps, steps, target, manifest, database);
    const name = await databaseName(database);
    if (steps.done.every(({ ok }) => ok)) {
      await finish(deps, steps, target, manifest, database);
      return report(manifest, null);
    }
    return report(
      manifest,
      `database ${name} holds the whole backup but not every check passed, so servers refuse it: see the steps that failed; \`drop table ${unfinishedTable}\` in it lets them in all the same`,
    );
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    return report(
      manifest,
      isTouched ? `${error.message}; ${abandoned}` : `${error.message}; nothing was changed`,
    );
  } finally {
    await database.close();
  }
}

const abandoned =
  "the database holds a part of the backup and servers refuse it: drop it, make an empty one, and restore again";

/** Everything that can be known before a byte is written. */
async function verify(
  deps: RestoreDeps,
  steps: Steps,
  target: RestoreTarget,
  database: Database,
): Promise<BackupManifest> {
  const { manifest } = await steps.run("verify the backup", async () => {
    const manifest = await readManifest(target.folder);
    const damage = await verifyFiles(target.folder, manifest);
    if (damage) throw new Error(damage);
    return { manifest, detail: `${manifest.files.length} files, taken at ${manifest.taken_at}` };
  });
  await steps.run("verify the target", async () => {
    const { environment } = target;
    if (environment !== null && manifest.environment !== environment) {
      throw new Error(
        `the backup belongs to the environment "${manifest.environment}", not to "${environment}": restore one of this environment, or correct HOSTED_ENVIRONMENT`,
      );
    }
    const keys = missingKeys(deps.secretBox, manifest.sealed);
    if (keys) throw new Error(`${keys}: set the ring that sealed them`);
    const { server, things } = await database.read({ purpose: "backup" }, async (tx) => ({
      server: await readServer(tx),
      things: await listOwnObjects(tx),
    }));
    const fault = toolsFault(deps.tools, Math.max(server.major, majorOf(manifest.postgres.dump)));
    if (fault) throw new Error(fault);
    if (server.major < majorOf(manifest.postgres.server)) {
      throw new Error(
        `the backup comes from PostgreSQL ${manifest.postgres.server}, the target is ${server.version}: use a server that is not older`,
      );
    }
    refuseUnlessEmpty(server.database, things);
    return { detail: `database ${server.database} on PostgreSQL ${server.version} is empty` };
  });
  return manifest;
}

function refuseUnlessEmpty(name: string, things: readonly string[]): void {
  if (things.length === 0) return;
  if (things.includes(`public.${unfinishedTable}`)) {
    throw new Error(
      `database ${name} holds a restore that did not end with every check passed: drop it and make an empty one`,
    );
  }
  throw new Error(
    `database ${name} is not empty: it holds ${sentenceOf(things, 3)}; restore into an empty one`,
  );
}

/** From the mark to the last check. */
async function fill(
  deps: RestoreDeps,
  steps: Steps,
  target: RestoreTarget,
  manifest: BackupManifest,
  database: Database,
): Promise<void> {
  await steps.run("restore the dump", async () => {
    await database.write({}, (tx) => markUnfinished(tx, manifest.id));
    await restoreDump({ ...deps, url: target.url, folder: target.folder, tools: deps.tools! });
    return { detail: `${Object.keys(manifest.tables).length} tables` };
  });
  await checkAsDumped(steps, database, manifest);
  await steps.run("bring the schema up to date", async () => {
    const sql = database.connect({ max: 1 });
    try {
      const done = await migrate(sql, {
        environment: manifest.environment,
        grantTo: deps.grantTo,
        finishesRestore: true,
      });
      return { detail: `schema ${done.version}, ${done.applied} migrations applied` };
    } finally {
      await sql.end({ timeout: 5 });
    }
  });
  await steps.run("raise the epoch", async () => {
    const epoch = await database.write({ purpose: "operator" }, beginEpoch);
    return { detail: `${manifest.epoch} → ${epoch}` };
  });
  await steps.run("release open holds", async () => {
    const released = await voidHolds(deps, database);
    return {
      ok: released === manifest.open_holds,
      detail: `${released} of ${manifest.open_holds}, flagged, charge 0`,
    };
  });
  await checkAsWanted(steps, deps, database, manifest);
}

/** The last step, and the one that lets servers in. */
async function finish(
  deps: RestoreDeps,
  steps: Steps,
  target: RestoreTarget,
  manifest: BackupManifest,
  database: Database,
): Promise<void> {
  await steps.run("write it down", async () => {
    const row = rowOf({ manifest, path: target.folder, ...sizesOf(manifest) });
    await database.write({ purpose: "operator" }, async (tx) => {
      await insertBackup(tx, row);
      await append(tx, {
        ...deps.actor,
        action: "backup.restore",
        resourceType: "backup",
        resourceId: manifest.id,
        metadata: { path: target.folder, sha256: manifest.sha256, taken_at: manifest.taken_at },
      });
      await removeMark(tx);
    });
    return { detail: "audit row backup.restore" };
  });
}

export function sizesOf(manifest: BackupManifest): { rows: number; bytes: number } {
  return {
    rows: Object.values(manifest.tables).reduce((total, rows) => total + rows, 0),
    bytes: manifest.files.reduce((total, file) => total + file.bytes, 0),
  };
}

async function databaseName(database: Database): Promise<string> {
  return (await database.read({}, readServer)).database;
}

const majorOf = (version: string): number => Number.parseInt(version, 10);
