import { chat, closedRecord, fundedSession, type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { serverCommand, threeLogins } from "./server-command.ts";

let product: Product;
let ground: Ground;
let runtime: postgres.Sql;
let reader: postgres.Sql;
let tables: { name: string; rights: "append_only" | "changing" | "readable"; view: boolean }[];

// Three logins: the owner's migrates and seeds, the servers' serves, the reading one checks.
beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  const seeded = await serverCommand(["seed", "--demo"], threeLogins(product.database));
  expect(seeded.code, seeded.stderr).toBe(0);
  ground = await layGround(product);
  const login = (url: string) => postgres(url, { max: 1, onnotice: () => {} });
  [runtime, reader] = [login(product.database.runtimeUrl), login(product.database.readUrl)];
  // As wide as a purpose opens: what is refused now is refused by rights alone.
  for (const sql of [runtime, reader]) await sql`select set_config('mf.purpose', 'operator', false)`;
  tables = await product.sql`select g.name, g.rights, c.relkind = 'v' as view from granted_tables g
    join pg_class c on c.oid = g.name::regclass order by g.name`;
});
afterAll(async () => {
  await runtime.end();
  await reader.end();
  await product.stop();
});

const refusal = async (statement: Promise<unknown>): Promise<string> => {
  try {
    await statement;
    return "it was done";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};
/** A column that a statement may set: an identity says so before it asks for rights. */
const columnOf = async (table: string): Promise<string> => {
  const [column] =
    await product.sql`select quote_ident(attname) as name from pg_attribute where attrelid = ${table}::regclass
    and attnum > 0 and attidentity = '' and attgenerated = '' and not attisdropped order by attnum limit 1`;
  return column!.name;
};
const forbidden = "42501";

describe("three logins", () => {
  it("serve the whole product: a paid call, its receipt, its books", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const answer = await chat(product, session.token, { model: "stub-flat" });
    expect(answer.status, answer.text).toBe(200);
    const closed = await closedRecord(product, answer.body.modelfaucet.request_id);
    expect(closed.charge_usd).toBe(answer.body.modelfaucet.charge_usd);
    const { code, stdout } = await serverCommand(["books", "--json"], threeLogins(product.database));
    expect([code, JSON.parse(stdout).ok]).toEqual([0, true]);
    const logins = await product.sql`select distinct usename from pg_stat_activity
      where datname = current_database() and application_name like 'modelfaucet%'`;
    expect(logins.map(({ usename }) => usename)).toEqual(["mf_runtime"]);
  });

  it("are no superusers and bypass no row security", async () => {
    const rows =
      await product.sql`select rolname, rolsuper or rolbypassrls or rolcreaterole as powerful from pg_roles
      where rolname in ('mf_owner', 'mf_runtime', 'mf_read') order by rolname`;
    expect(rows.map(({ powerful }) => powerful)).toEqual([false, false, false]);
  });

  it("let the servers' login add to append-only tables, and neither change nor take away", async () => {
    const appendOnly = tables.filter(({ rights }) => rights === "append_only").map(({ name }) => name);
    expect(appendOnly).toEqual(
      expect.arrayContaining([
        "audit_logs",
        "feature_versions",
        "model_prices",
        "price_versions",
        "transfers",
        "usage_events",
      ]),
    );
    for (const name of appendOnly) {
      const column = await columnOf(name);
      const update = `update ${name} set ${column} = ${column}`;
      for (const statement of [update, `delete from ${name}`, `truncate ${name}`])
        expect([statement, await refusal(runtime.unsafe(statement))]).toEqual([statement, forbidden]);
    }
  });

  it("bind even the owner to what is append-only, by triggers", async () => {
    const owner = postgres(product.database.ownerUrl, { max: 1, onnotice: () => {} });
    await owner`select set_config('mf.purpose', 'operator', false)`;
    for (const statement of [
      "update transfers set line = line",
      "delete from usage_events",
      "truncate audit_logs",
    ])
      expect([statement, await refusal(owner.unsafe(statement))]).toEqual([statement, "23001"]);
    await owner.end();
  });

  it("let nobody but the owner change the schema or lend rights", async () => {
    const statements = [
      "alter table transfers disable trigger append_only",
      "alter table wallets no force row level security",
      "alter table accounts add column mine int",
      "drop policy reading on wallets",
      "drop table holds",
      "create table public.mine (id int)",
      "grant update on transfers to mf_runtime",
      "create or replace function mf_purpose() returns text language sql as $$ select 'operator' $$",
      "alter table usage_events detach partition usage_events_default",
      "set session_replication_role = replica",
      "call mf_grant('mf_runtime', 'mf_read')",
      "set role mf_owner",
    ];
    for (const statement of statements) {
      // A grant of what one does not have is answered with a warning and grants nothing.
      const refused = statement.startsWith("grant") ? ["it was done", forbidden] : [forbidden];
      for (const sql of [runtime, reader]) {
        const was = await refusal(sql.unsafe(statement));
        expect(refused, `${statement}: ${was}`).toContain(was);
      }
    }
    const [rights] =
      await product.sql`select has_table_privilege('mf_runtime', 'transfers', 'update') as may`;
    expect(rights).toEqual({ may: false });
  });

  it("let the reading login write nothing, whatever the table, and read every one that is granted", async () => {
    expect(tables.length).toBeGreaterThan(30);
    for (const { name } of tables) {
      const column = await columnOf(name);
      expect([name, await refusal(reader.unsafe(`select 1 from ${name} limit 1`))]).toEqual([
        name,
        "it was done",
      ]);
      const statements = [
        `insert into ${name} default values`,
        `update ${name} set ${column} = ${column}`,
        `delete from ${name}`,
      ];
      for (const statement of statements) {
        const was = await refusal(reader.unsafe(statement));
        // A view that nobody can write to says so before it asks for rights.
        expect([forbidden, "55000"], `${statement}: ${was}`).toContain(was);
      }
    }
  });

  it("lend the owner's rights to the servers' login alone, for the months of the log", async () => {
    const lent =
      await product.sql`select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace`;
    expect(lent.map(({ proname }) => proname)).toEqual(["mf_ensure_usage_partitions"]);
    expect(await refusal(runtime`select mf_ensure_usage_partitions()`)).toBe("it was done");
    expect(await refusal(reader`select mf_ensure_usage_partitions()`)).toBe(forbidden);
  });

  it("declare what every table of the schema is granted for", async () => {
    const undeclared =
      await product.sql`select relname from pg_class c where relnamespace = 'public'::regnamespace
      and relkind in ('r', 'p', 'v') and not relispartition and relname not in (select name from granted_tables) order by 1`;
    // The testkit's clock is no part of the schema.
    expect(undeclared.map(({ relname }) => relname)).toEqual(["granted_tables", "mf_test_clock"]);
  });
});
