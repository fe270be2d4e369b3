import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DebianPostgres, debianPostgresBin } from "@modelfaucet/testkit/debian-postgres.ts";
import postgres from "postgres";

/** A temporary folder of one test file. */
export function makeFolder(): { path: (name: string) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-backup-"));
  return {
    path: (name) => join(folder, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * `pg_dump` and `pg_restore` in a folder for `--pg-bin`, one of them replaced where it does its work. The script knows the
 * real one as `$real` and ends with its parent when it waits by `wait_for_parent`.
 */
export function makeTools(folder: string, replaced: "pg_dump" | "pg_restore", script: string): string {
  for (const name of ["pg_dump", "pg_restore"]) {
    const work =
      name === replaced
        ? `case "$*" in *--jobs=*) ${script};; *) exec "$real" "$@";; esac`
        : 'exec "$real" "$@"';
    const text = `#!/bin/sh
real=${debianPostgresBin}/${name}
parent=$PPID
wait_for_parent() { while kill -0 "$parent" 2>/dev/null; do sleep 0.05; done; }
${work}
`;
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

/** A new database of the owner's with nothing in it, and the variables that name it. */
export async function emptyDatabase(
  server: DebianPostgres,
  name: string,
): Promise<{ env: Record<string, string>; superuserUrl: string }> {
  const sql = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create database ${name} owner mf_owner template template0`);
  await sql.end();
  return {
    superuserUrl: server.url("postgres", name),
    env: {
      DATABASE_URL: server.url("mf_runtime", name),
      DATABASE_MIGRATION_URL: server.url("mf_owner", name),
      DATABASE_READONLY_URL: server.url("mf_read", name),
    },
  };
}

/** One look into a database with a login that nothing is hidden from. */
export async function look<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** How many tables stand in a database. */
export function tablesIn(url: string): Promise<number> {
  return look(url, async (sql) => {
    const [row] = await sql<{ tables: number }[]>`
      select count(*)::int as tables from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`;
    return row!.tables;
  });
}
