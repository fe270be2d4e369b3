import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type postgres from "postgres";

export const migrationsFolder = fileURLToPath(new URL("../../migrations/", import.meta.url));

export type Migration = {
  number: number;
  name: string;
  checksum: string;
  compatibleWith: number;
  text: string;
};
type AppliedMigration = { number: number; name: string; checksum: string; compatible_with: number };

/** What stands between this code and the database's schema; `ok` when nothing does. */
export type SchemaState =
  | { state: "ok"; version: number }
  | { state: "older" | "newer" | "changed" | "missing"; version: number; sentence: string };

const lockKey = 7_146_229_031;

/** Reads the numbered files. A first line `-- compatible_with: N` says that code of schema N may serve on this one. */
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
 * @throws with one sentence when the schema is newer, changed, or PostgreSQL is older than 15.
 */
export async function migrate(
  sql: postgres.Sql,
  options: {
    environment: string;
    grantTo: { runtime: string | null; reader: string | null };
    folder?: string;
    waitMs?: number;
    onApplied?: (migration: Migration, ms: number) => void;
  },
): Promise<{ applied: number; version: number }> {
  const migrations = await readMigrations(options.folder);
  return sql.begin(async (tx) => {
    await refuseOldServer(tx);
    await tx.unsafe(`set local lock_timeout = ${options.waitMs ?? 60_000}`);
    await tx`select pg_advisory_xact_lock(${lockKey})`;
    await tx.unsafe("set local lock_timeout = 0; set local statement_timeout = 0");
    await tx`create table if not exists schema_migrations (number integer primary key, name text not null,
      checksum text not null, compatible_with integer not null, applied_at timestamptz not null default now())`;
    const applied = await tx<
      AppliedMigration[]
    >`select number, name, checksum, compatible_with from schema_migrations order by number`;
    const state = compareSchema(migrations, applied);
    if (state.state === "newer" || state.state === "changed") throw new Error(state.sentence);
    const pending = migrations.slice(applied.length);
    for (const migration of pending) {
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
      options.onApplied?.(migration, performance.now() - started);
    }
    await stampEnvironment(tx, options.environment);
    await tx`call mf_grant(${options.grantTo.runtime}::name, ${options.grantTo.reader}::name)`;
    return { applied: pending.length, version: migrations.at(-1)?.number ?? 0 };
  });
}

/** Compares the schema with this code: what servers ask before they serve, and readiness on every call. */
export async function schemaState(sql: postgres.Sql, folder?: string): Promise<SchemaState> {
  const migrations = await readMigrations(folder);
  const [table] = await sql<
    { present: boolean }[]
  >`select to_regclass('schema_migrations') is not null as present`;
  if (!table?.present) {
    return {
      state: "missing",
      version: 0,
      sentence: "the database has no schema yet: run `pnpm db:migrate`",
    };
  }
  const applied = await sql<
    AppliedMigration[]
  >`select number, name, checksum, compatible_with from schema_migrations order by number`;
  return compareSchema(migrations, applied);
}

export function compareSchema(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): SchemaState {
  const wanted = migrations.at(-1)?.number ?? 0;
  const version = applied.at(-1)?.number ?? 0;
  for (const [index, row] of applied.entries()) {
    const known = migrations[index];
    if (known && (known.number !== row.number || known.checksum !== row.checksum)) {
      return {
        state: "changed",
        version,
        sentence: `migration ${row.number} (${row.name}) was applied with another content: restore the file, or use another database`,
      };
    }
  }
  if (version > wanted) {
    const least = applied.at(-1)!.compatible_with;
    if (least <= wanted) return { state: "ok", version };
    return {
      state: "newer",
      version,
      sentence: `the database's schema is ${version}, this code knows ${wanted}: start the version of the code that belongs to it, or use another database`,
    };
  }
  if (version < wanted) {
    return {
      state: version === 0 ? "missing" : "older",
      version,
      sentence: `the database's schema is ${version}, this code wants ${wanted}: run \`pnpm db:migrate\``,
    };
  }
  return { state: "ok", version };
}

async function refuseOldServer(tx: postgres.TransactionSql): Promise<void> {
  const [row] = await tx<{ version: number }[]>`select current_setting('server_version_num')::int as version`;
  if (row!.version < 150_000) throw new Error("PostgreSQL is older than 15: use a newer server");
}

async function stampEnvironment(tx: postgres.TransactionSql, environment: string): Promise<void> {
  await tx`insert into deployment (environment) values (${environment}) on conflict (one) do nothing`;
  const [row] = await tx<{ environment: string }[]>`select environment from deployment`;
  if (row!.environment !== environment) {
    throw new Error(`the database belongs to the environment "${row!.environment}", not to "${environment}"`);
  }
}
