import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { startPostgres } from "@modelfaucet/platform/postgres.ts";
import { migrate, readMigrations } from "@modelfaucet/server/lib/migrations.ts";
import postgres from "postgres";
import { describeSchema, snapshotHeader } from "../schema-snapshot.ts";

export const snapshotPath = "apps/server/migrations/schema.snapshot.sql";

/**
 * The schema after all migrations. A snapshot whose header names these very migrations is taken as it is: a database is
 * started only when one has changed. (An integration test holds the snapshot against a real schema every time.)
 */
export async function renderSchemaSnapshot(): Promise<string> {
  const header = snapshotHeader(await readMigrations());
  const present = await readFile(new URL(`../../${snapshotPath}`, import.meta.url), "utf8").catch(() => "");
  if (present.startsWith(header)) return present;
  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-schema-"));
  const server = await startPostgres({ dataDir, durable: false });
  const sql = postgres(server.url("mf_owner"), { max: 1, onnotice: () => {} });
  try {
    await migrate(sql, { environment: "local", grantTo: { runtime: "mf_runtime", reader: "mf_read" } });
    return header + (await describeSchema(sql));
  } finally {
    await sql.end();
    await server.stop();
    deleteDataFolder(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  }
}
