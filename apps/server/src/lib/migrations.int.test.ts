import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { describeSchema, snapshotHeader } from "../../../../scripts/schema-snapshot.ts";
import { migrate, migrationsFolder, pendingMigrations, readMigrations, schemaState } from "./migrations.ts";

const name = `mf_migrations_${process.pid}`;
const grantTo = { runtime: "mf_runtime", reader: "mf_read" };
let superuser: postgres.Sql;
let owner: postgres.Sql;

beforeAll(async () => {
  const server = inject("postgres");
  superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`create database ${name} owner mf_owner`);
  owner = postgres(withDatabase(server.ownerUrl, name), { max: 4, onnotice: () => {} });
});

afterAll(async () => {
  await owner.end();
  await superuser.unsafe(`drop database ${name} with (force)`);
  await superuser.end();
});

describe("migrate", () => {
  it("leaves nothing behind when a migration fails half way", async () => {
    const folder = await copyOfMigrations();
    await writeFile(
      join(folder, "9999_broken.sql"),
      "create table half_done (id int); select no_such_function();",
    );
    await expect(migrate(owner, { environment: "local", grantTo, folder })).rejects.toThrow(
      /migration 9999 \(broken\) failed and nothing was changed/,
    );
    const [row] = await owner`select to_regclass('half_done') as half, to_regclass('accounts') as accounts`;
    expect(row).toEqual({ half: null, accounts: null });
  });

  it("is done once by many at the same time", async () => {
    const results = await Promise.all(
      Array.from({ length: 4 }, () => migrate(owner, { environment: "local", grantTo })),
    );
    expect(results.filter(({ applied }) => applied > 0).length).toBe(1);
    expect(await schemaState(owner, "local")).toMatchObject({ state: "ok" });
  });

  it("refuses a changed migration, a newer schema and another environment's database, each in a sentence", async () => {
    const changed = await copyOfMigrations();
    const first = join(changed, "0001_foundation.sql");
    await writeFile(first, `${await readFile(first, "utf8")}\n-- edited`);
    await expect(migrate(owner, { environment: "local", grantTo, folder: changed })).rejects.toThrow(
      /was applied with another content/,
    );
    await expect(migrate(owner, { environment: "staging", grantTo })).rejects.toThrow(
      /belongs to the environment "local", not to "staging"/,
    );
    await owner`insert into schema_migrations (number, name, checksum, compatible_with) values (9000, 'future', 'x', 9000)`;
    expect(await schemaState(owner, "local")).toMatchObject({
      state: "newer",
      sentence: expect.stringContaining("9000"),
    });
    await owner`update schema_migrations set compatible_with = 1 where number = 9000`;
    expect(await schemaState(owner, "local")).toMatchObject({ state: "ok" });
    await owner`insert into schema_migrations (number, name, checksum, compatible_with) values (8999, 'breaking', 'x', 8999)`;
    expect(await schemaState(owner, "local")).toMatchObject({ state: "newer" });
    await owner`delete from schema_migrations where number > 8000`;
  });

  it("says whose database it is for every login, and asks nothing of a deployment when none is named", async () => {
    const server = inject("postgres");
    for (const url of [server.runtimeUrl, server.readUrl]) {
      const login = postgres(withDatabase(url, name), { max: 1, onnotice: () => {} });
      expect(await schemaState(login, "staging")).toMatchObject({ state: "environment" });
      expect(await schemaState(login, null)).toMatchObject({ state: "ok" });
      await login.end();
    }
  });

  it("names what it would apply, and changes nothing", async () => {
    const folder = await copyOfMigrations();
    await writeFile(join(folder, "9999_later.sql"), "create table later (id int);");
    const pending = await pendingMigrations(owner, { environment: "local", folder });
    expect(pending.map(({ number, name }) => [number, name])).toEqual([[9999, "later"]]);
    const [row] = await owner`select to_regclass('later') as later`;
    expect(row).toEqual({ later: null });
  });

  it("does not wait for another migration for longer than it was told", async () => {
    const other = await owner.reserve();
    await other`select pg_advisory_lock(7146229031)`;
    const waiting = migrate(owner, { environment: "local", grantTo, waitMs: 100 });
    await expect(waiting).rejects.toThrow(/another migration of this database has been running/);
    await other`select pg_advisory_unlock(7146229031)`;
    other.release();
  });

  it("grants nothing to a login that does not exist, and says which", async () => {
    const done = await migrate(owner, {
      environment: "local",
      grantTo: { runtime: "mf_nobody", reader: "mf_read" },
    });
    expect(done.absent_logins).toEqual(["mf_nobody"]);
  });
});

describe("the schema", () => {
  it("is the one that the snapshot shows", async () => {
    const snapshot = await readFile(join(migrationsFolder, "schema.snapshot.sql"), "utf8");
    expect(snapshot).toBe(snapshotHeader(await readMigrations()) + (await describeSchema(owner)));
  });

  it("has forced row security on every table of an owner, and lets nobody update what is append-only", async () => {
    const open = await owner`
      select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relforcerowsecurity
      order by relname`;
    expect(open.map((row) => row.relname)).toEqual([
      "change_head",
      "changes",
      "deployment",
      "detached_months",
      "granted_tables",
      "instances",
      "model_prices",
      "price_publications",
      "price_versions",
      "priced_models",
      "projectors",
      "providers",
      "schema_migrations",
      "settings",
    ]);
    for (const table of [
      "usage_events",
      "transfers",
      "audit_logs",
      "feature_versions",
      "price_versions",
      "model_prices",
    ]) {
      const [row] = await owner`select has_table_privilege('mf_runtime', ${table}, 'update') as up,
        has_table_privilege('mf_runtime', ${table}, 'delete') as del, has_table_privilege('mf_runtime', ${table}, 'truncate') as trunc`;
      expect({ table, ...row }).toEqual({ table, up: false, del: false, trunc: false });
    }
  });

  it("begins every unique key of an app's table with the app", async () => {
    const keys = await owner`
      select c.relname as table, i.relname as index, a.attname as first
      from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
      where c.relnamespace = 'public'::regnamespace and x.indisunique and c.relkind in ('r', 'p') and not c.relispartition
        and exists (select 1 from pg_attribute o where o.attrelid = c.oid and o.attname = 'app_id' and o.attnotnull and not o.attisdropped)
        and a.attname <> 'app_id'`;
    expect(keys).toEqual([]);
  });
});

async function copyOfMigrations(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "modelfaucet-migrations-"));
  await cp(migrationsFolder, folder, { recursive: true });
  return folder;
}
