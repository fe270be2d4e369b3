import { withDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { migrate, requireOurDatabase, schemaState } from "./migrations.ts";

const grantTo = { runtime: "mf_runtime", reader: "mf_read" };
const name = `mf_foreign_${process.pid}`;
let superuser: postgres.Sql;
let owner: postgres.Sql;

beforeEach(async () => {
  const server = inject("postgres");
  superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`create database ${name} owner mf_owner`);
  owner = postgres(withDatabase(server.ownerUrl, name), { max: 1, onnotice: () => {} });
});
afterEach(async () => {
  await owner.end();
  await superuser.unsafe(`drop database ${name} with (force)`);
  await superuser.end();
});

const relations = () =>
  owner`select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') order by 1`;

describe("a database that is not ours", () => {
  it.each([
    ["tables of another product", "create table orders (id int)", /holds 1 tables that are not ours/],
    ["views of another product", "create view report as select 1 as one", /holds 1 tables that are not ours/],
    [
      "another product's list of migrations",
      "create table schema_migrations (version varchar primary key)",
      /schema_migrations is another product's/,
    ],
    [
      "a list of migrations like ours beside tables that are not",
      `create table schema_migrations (number int, name text, checksum text, compatible_with int, applied_at timestamptz);
       create table orders (id int)`,
      /schema_migrations is another product's/,
    ],
  ])("is refused and left as it is: %s", async (_, made, sentence) => {
    await owner.unsafe(made);
    const before = await relations();
    await expect(migrate(owner, { environment: "local", grantTo })).rejects.toThrow(sentence);
    expect(await relations()).toEqual(before);
    expect(await schemaState(owner, "local")).toMatchObject({ state: "foreign" });
  });

  it("is refused when its server is older than 15", async () => {
    // Stands before the server's own word in the search path, as no managed database would.
    await owner.unsafe(`create schema older;
      create function older.current_setting(text) returns text language sql
        as $$ select case $1 when 'server_version_num' then '140011' when 'server_version' then '14.11'
          else pg_catalog.current_setting($1) end $$;`);
    await owner`set search_path = older, pg_catalog, public`;
    await expect(migrate(owner, { environment: "local", grantTo })).rejects.toThrow(
      "PostgreSQL 14.11 is older than 15: use a newer server",
    );
    expect(await relations()).toEqual([]);
  });

  it("is told from one that an extension has put its own tables into", async () => {
    const asSuperuser = postgres(withDatabase(inject("postgres").superuserUrl, name), {
      max: 1,
      onnotice: () => {},
    });
    // What a managed server puts beside ours, without an extension's files: a view that an extension owns.
    await asSuperuser`create view stats as select 1 as one`;
    await asSuperuser`insert into pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
      select 'pg_class'::regclass, 'stats'::regclass, 0, 'pg_extension'::regclass, oid, 0, 'e' from pg_extension limit 1`;
    await asSuperuser.end();
    expect(await schemaState(owner, "local")).toMatchObject({ state: "missing" });
  });

  it("keeps a command from its work, in one sentence, also when nothing answers", async () => {
    const read = ((_: unknown, work: (tx: never) => Promise<unknown>) => work(owner as never)) as never;
    await expect(requireOurDatabase({ read }, "local")).rejects.toThrow(
      /no schema yet: run `pnpm db:migrate`/,
    );
    await migrate(owner, { environment: "pilot", grantTo });
    await expect(requireOurDatabase({ read }, "local")).rejects.toThrow(
      /belongs to the environment "pilot", not to "local"/,
    );
    await expect(requireOurDatabase({ read }, "pilot")).resolves.toBeUndefined();
    const away = postgres("postgres://nobody@127.0.0.1:9/none", {
      max: 1,
      connect_timeout: 1,
      onnotice: () => {},
    });
    const readAway = ((_: unknown, work: (tx: never) => Promise<unknown>) => work(away as never)) as never;
    await expect(requireOurDatabase({ read: readAway }, "pilot")).rejects.toThrow(
      /the database does not answer: /,
    );
    await away.end();
  });
});
