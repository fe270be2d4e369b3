import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type postgres from "postgres";
import type { Database } from "./db.ts";
import { judgeDatabase, type Migration, type SchemaState } from "./migrations-state.ts";

export const migrationsFolder = fileURLToPath(new URL("../../migrations/", import.meta.url));

export type MigrateOptions = {
  /** What the database is stamped with, and whose database alone is changed. */
  environment: string;
  /** Logins that the schema is granted to; one that does not exist is left out. */
  grantTo: { runtime: string | null; reader: string | null };
  folder?: string;
  /** How long to wait for another migration, and each statement for its locks. */
  waitMs?: number;
  onApplied?: (migration: Migration, ms: number) => void;
  /** A restore brings its database to the newest schema before it is finished; nobody else may. */
  finishesRestore?: boolean;
};

export type Migrated = {
  applied: number;
  version: number;
  environment: string;
  /** Logins that were to be granted the schema and that the server does not know. */
  absent_logins: string[];
};

const lockKey = 7_146_229_031;
const defaultWaitMs = 60_000;

/** Reads the numbered files. A line `-- compatible_with: N` says that code of schema N may serve on this one. */
export async function readMigrations(folder = migrationsFolder): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file)).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), "utf8");
      const number = Number(file.slice(0, 4));
      const declared = /^-- compatible_with: (\d+)/m.exec(text);
      return {
        number,
        name: file.slice(5, -4),
        checksum: createHash("sha256").update(text).digest("hex"),
        compatibleWith: declared ? Number(declared[1]) : number,
        text,
      };
    }),
  );
}

/**
 * Applies what is missing in one transaction under an advisory lock: whole, or not at all.
 * @throws with one sentence when the database is not ours to change, or when a migration fails
 */
export async function migrate(sql: postgres.Sql, options: MigrateOptions): Promise<Migrated> {
  const migrations = await readMigrations(options.folder);
  const waitMs = options.waitMs ?? defaultWaitMs;
  const begun = sql.begin(async (tx) => {
    await tx.unsafe(`set local lock_timeout = ${Math.max(1, Math.round(waitMs))}`);
    await waitForOthers(tx, waitMs);
    await tx.unsafe("set local statement_timeout = 0");
    const state = await judgeDatabase(tx as unknown as postgres.Sql, migrations, options.environment);
    const goesOn = ["ok", "older", "missing", ...(options.finishesRestore ? ["restoring"] : [])];
    if (state.state !== "ok" && !goesOn.includes(state.state)) throw new Error(state.sentence);
    await tx`create table if not exists schema_migrations (number integer primary key, name text not null,
      checksum text not null, compatible_with integer not null, applied_at timestamptz not null default now())`;
    const pending = migrations.filter(({ number }) => number > state.version);
    for (const migration of pending) await applyOne(tx, migration, options.onApplied);
    await tx`insert into deployment (environment) values (${options.environment}) on conflict (one) do nothing`;
    const absent = await grant(tx, options.grantTo);
    return {
      applied: pending.length,
      version: Math.max(state.version, migrations.at(-1)?.number ?? 0),
      environment: options.environment,
      absent_logins: absent,
    };
  });
  return begun as Promise<Migrated>;
}

/** What `migrate` would apply, by name; it changes nothing. @throws as `migrate` does */
export async function pendingMigrations(
  sql: postgres.Sql,
  options: { environment: string; folder?: string },
): Promise<Migration[]> {
  const migrations = await readMigrations(options.folder);
  const state = await judgeDatabase(sql, migrations, options.environment);
  if (state.state !== "ok" && state.state !== "older" && state.state !== "missing")
    throw new Error(state.sentence);
  return migrations.filter(({ number }) => number > state.version);
}

/**
 * What stands between this code and the database: what servers and commands ask before they touch it, and readiness on
 * every call.
 */
export async function schemaState(
  sql: postgres.Sql,
  environment: string | null,
  folder?: string,
): Promise<SchemaState> {
  return judgeDatabase(sql, await readMigrations(folder), environment);
}

/**
 * Lets a command go on only with a database of this environment whose schema this code may serve on.
 * @throws with one sentence
 */
export async function requireOurDatabase(
  database: { read: Database["read"] },
  environment: string,
): Promise<void> {
  const migrations = await readMigrations();
  const state = await database
    .read({}, (tx) => judgeDatabase(tx as unknown as postgres.Sql, migrations, environment))
    .catch((error: unknown) => {
      throw new Error(doesNotAnswer(error), { cause: error });
    });
  if (state.state !== "ok") throw new Error(state.sentence);
}

/** Drops everything that is ours, as its owner; an empty schema is left. For development alone. */
export async function dropSchema(sql: postgres.Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.unsafe(`set local lock_timeout = ${defaultWaitMs}`);
    await waitForOthers(tx, defaultWaitMs);
    await tx.unsafe(`drop schema if exists graphile_worker cascade; drop schema public cascade;
      create schema public; grant usage on schema public to public`);
  });
}

/** What a person is told when a connection could not be made. */
export function doesNotAnswer(error: unknown): string {
  const { message, errors, code } = error as { message?: string; errors?: Error[]; code?: string };
  // Where a name has several addresses, Node gives one failure for each and no words of its own.
  return `the database does not answer: ${message || errors?.[0]?.message || code || "no reason was given"}`;
}

async function waitForOthers(tx: postgres.TransactionSql, waitMs: number): Promise<void> {
  try {
    await tx`select pg_advisory_xact_lock(${lockKey})`;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "55P03") throw error;
    const seconds = Math.ceil(waitMs / 1_000);
    throw new Error(
      `another migration of this database has been running for ${seconds} s: wait for it, or give --wait more seconds`,
      { cause: error },
    );
  }
}

async function applyOne(
  tx: postgres.TransactionSql,
  migration: Migration,
  onApplied: MigrateOptions["onApplied"],
): Promise<void> {
  const started = performance.now();
  try {
    await tx.unsafe(migration.text);
  } catch (error) {
    const cause = error as Error;
    throw new Error(
      `migration ${migration.number} (${migration.name}) failed and nothing was changed: ${cause.message}`,
      { cause },
    );
  }
  await tx`insert into schema_migrations (number, name, checksum, compatible_with)
    values (${migration.number}, ${migration.name}, ${migration.checksum}, ${migration.compatibleWith})`;
  onApplied?.(migration, performance.now() - started);
}

/** Grants the schema to the logins that are there; gives the names of the others. */
async function grant(tx: postgres.TransactionSql, to: MigrateOptions["grantTo"]): Promise<string[]> {
  const wanted = [to.runtime, to.reader].filter((name) => name !== null);
  const rows = await tx<{ rolname: string }[]>`select rolname from pg_roles where rolname = any(${wanted})`;
  const known = (name: string | null): string | null =>
    rows.some(({ rolname }) => rolname === name) ? name : null;
  await tx`call mf_grant(${known(to.runtime)}::name, ${known(to.reader)}::name)`;
  return wanted.filter((name) => known(name) === null);
}
