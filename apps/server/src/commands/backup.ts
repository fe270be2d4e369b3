import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Config } from "../config.ts";
import { takeBackup } from "../flows/backup/take-backup.ts";
import { type Database, openDatabase, type Sql } from "../lib/db.ts";
import { doesNotAnswer, schemaState } from "../lib/migrations.ts";
import { findTools } from "../modules/backup/backup.ts";

export const backupHelp = `usage: pnpm ops:backup --to <folder> [--pg-bin <folder>] [--json]
Writes one snapshot of the whole database into a folder that does not exist yet: pg_dump's files and manifest.json. The
folder gets its name when it is whole. Needs pg_dump and pg_restore, not older than the server: the newest of this
machine, or those in --pg-bin.`;

/** What a person may do who holds the secrets of the deployment. */
export const bootstrapActor = { actorScope: "bootstrap", actorName: "command line" } as const;

/** The first schema whose every row purpose `backup` can read. */
const firstSchema = 10;

/** `backup`: prints path, size and seconds. 1 and one sentence when there is no backup; 2 on wrong usage. */
export async function runBackup(args: readonly string[], config: Config): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { to: { type: "string" }, "pg-bin": { type: "string" }, json: { type: "boolean" } },
  });
  if (!values.to) {
    console.error(backupHelp);
    return 2;
  }
  const url = config.database.migrationUrl;
  if (!url) throw new Error("DATABASE_URL is missing: set it, or start the platform with `npm start`");
  const startedAt = performance.now();
  const database = openWithoutLimits(config, url);
  try {
    await requireSchema(database, config.hosted.environment);
    const taken = await takeBackup(
      {
        database,
        url,
        tools: await findTools(values["pg-bin"] ?? null),
        actor: bootstrapActor,
        tell: (line) => console.error(line),
        signal: endOfProcess(),
      },
      resolve(values.to),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const { manifest, path, rows, bytes } = taken;
    console.log(
      values.json
        ? JSON.stringify({
            id: manifest.id,
            path,
            bytes,
            rows,
            seconds: Math.round(seconds * 1000) / 1000,
            taken_at: manifest.taken_at,
            schema_version: manifest.schema_version,
            sha256: manifest.sha256,
          })
        : `${path}  ${sizeOf(bytes)}  ${rows} rows  ${seconds.toFixed(1)} s`,
    );
    return 0;
  } finally {
    await database.close();
  }
}

const dayMs = 24 * 3_600_000;

/** Of the owner's login, and patient: a dump takes as long as it takes. */
export function openWithoutLimits(config: Config, url: string): Database {
  return openDatabase({
    url,
    poolMax: 4,
    connectTimeoutMs: config.database.connectTimeoutMs,
    statementTimeoutMs: dayMs,
    idleTransactionTimeoutMs: dayMs,
    applicationName: "modelfaucet backup",
  });
}

/** Fires when this process is told to end, so that what it has begun is undone. A second word ends it at once. */
export function endOfProcess(): AbortSignal {
  const end = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => end.abort(new Error(`ended by ${signal}`)));
  }
  return end.signal;
}

/** A backup is what one takes before one migrates, so a schema that is older than this code will do. */
async function requireSchema(database: Database, environment: string): Promise<void> {
  const state = await database
    .read({}, (tx) => schemaState(tx as unknown as Sql, environment))
    .catch((error: unknown) => {
      throw new Error(doesNotAnswer(error), { cause: error });
    });
  if (state.state === "ok" || (state.state === "older" && state.version >= firstSchema)) return;
  throw new Error(
    state.state === "older"
      ? `the database's schema is ${state.version}, and backups begin with schema ${firstSchema}: run \`pnpm db:migrate\``
      : state.sentence,
  );
}

export function sizeOf(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
