import type { Tx } from "../../lib/db.ts";
import { catalogueChecks } from "./catalogue.ts";
import { rowChecks } from "./checks.ts";

export type IsolationResult = {
  name: string;
  /** Rows that were compared, for a check of the catalogue tables and views. */
  rows: number;
  mismatches: number;
  /** Of a check of the catalogue: the tables that break it. Rows are never named. */
  tables: string[];
};

export const checkNames: readonly string[] = [...rowChecks, ...catalogueChecks].map(({ name }) => name);

/** Every owned row against its owner, and every owned table against what the schema promises. Purpose `isolation`. */
export async function runIsolationChecks(tx: Tx): Promise<IsolationResult[]> {
  const results: IsolationResult[] = [];
  for (const check of rowChecks) {
    const [counted] = await tx.unsafe<{ rows: string; mismatches: string }[]>(
      `select count(*) as rows, count(*) filter (where ${check.foreign}) as mismatches from ${check.from}`,
    );
    const { rows, mismatches } = counted!;
    results.push({ name: check.name, rows: Number(rows), mismatches: Number(mismatches), tables: [] });
  }
  const checked = rowChecks.flatMap(({ tables }) => tables);
  for (const { name, query } of catalogueChecks) {
    const asked = query.includes("$1") ? [checked] : [];
    const found = await tx.unsafe<{ name: string; broken: boolean }[]>(query, asked);
    const broken = found.filter((row) => row.broken).map((row) => row.name);
    results.push({ name, rows: found.length, mismatches: broken.length, tables: broken.sort() });
  }
  return results;
}

export type ReadingLogin = { name: string; can_write: boolean; bypasses_row_security: boolean };

/** Which login asks, and what it could do besides reading. */
export async function readLogin(tx: Tx): Promise<ReadingLogin> {
  const [login] = await tx<ReadingLogin[]>`
    select current_user::text as name, has_table_privilege('transfers', 'insert') as can_write,
      rolsuper or rolbypassrls as bypasses_row_security from pg_roles where rolname = current_user`;
  return login!;
}
