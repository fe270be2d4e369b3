import type { Migration } from "@modelfaucet/server/lib/migrations-state.ts";
import type postgres from "postgres";

/** The first lines of the snapshot name the migrations it was made from. */
export function snapshotHeader(migrations: readonly Migration[]): string {
  return [
    "-- The schema after all migrations, for reading and for diffs; written by `pnpm generate`, never edited.",
    ...migrations.map(
      ({ number, name, checksum }) =>
        `-- ${String(number).padStart(4, "0")}_${name} ${checksum.slice(0, 16)}`,
    ),
    "",
    "",
  ].join("\n");
}

/** Tables with columns and constraints, indexes, triggers, policies, grants, views and functions, in a fixed order. */
export async function describeSchema(sql: postgres.Sql): Promise<string> {
  const parts = [
    ...(await tablesOf(sql)),
    ...(await definitionsOf(sql)),
    ...(await policiesOf(sql)),
    ...(await grantsOf(sql)),
    ...(await functionsOf(sql)),
  ];
  return `${parts.join("\n\n")}\n`;
}

// Partitions are named after months, so the snapshot leaves them out.
const notAPartition = "not c.relispartition";

async function tablesOf(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql.unsafe(`
    select c.relname as name, c.relkind as kind,
      (select string_agg('  ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
          || case when a.attnotnull then ' not null' else '' end
          || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), e',\n' order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      (select string_agg('  constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), e',\n' order by k.conname)
        from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n') as constraints,
      case when c.relrowsecurity then case when c.relforcerowsecurity then 'forced' else 'enabled' end else 'none' end as security,
      array_to_string(c.reloptions, ', ') as options
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and ${notAPartition}
    order by c.relname`);
  return rows.map(
    (row) =>
      `create table ${row.name} (\n${[row.columns, row.constraints].filter(Boolean).join(",\n")}\n)${row.options ? ` with (${row.options})` : ""}; -- row security ${row.security}`,
  );
}

async function definitionsOf(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql.unsafe(`
    select 1 as rank, i.relname as name, pg_get_indexdef(i.oid) as definition
    from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
    where c.relnamespace = 'public'::regnamespace and ${notAPartition} and c.relkind in ('r', 'p')
    union all
    select 2, t.tgname || ' ' || c.relname, pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace = 'public'::regnamespace and not t.tgisinternal and ${notAPartition}
    union all
    select 3, c.relname, 'create view ' || c.relname || ' with (' || array_to_string(c.reloptions, ', ') || ') as' || pg_get_viewdef(c.oid)
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
    order by 1, 2`);
  return rows.map((row) => `${String(row.definition).replace(/;$/, "")};`);
}

async function policiesOf(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql`
    select tablename, policyname, cmd, qual, with_check from pg_policies where schemaname = 'public' order by tablename, policyname`;
  return rows.map(
    (row) =>
      `create policy ${row.policyname} on ${row.tablename} for ${String(row.cmd).toLowerCase()}${row.qual ? `\n  using ${row.qual}` : ""}${row.with_check ? `\n  with check ${row.with_check}` : ""};`,
  );
}

async function grantsOf(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql`
    select g.grantee, g.table_name, string_agg(lower(g.privilege_type), ', ' order by g.privilege_type) as verbs
    from information_schema.role_table_grants g join pg_class c on c.oid = ('public.' || quote_ident(g.table_name))::regclass
    where g.table_schema = 'public' and g.grantee in ('mf_runtime', 'mf_read') and not c.relispartition
    group by 1, 2 order by 1, 2`;
  return rows.map((row) => `grant ${row.verbs} on ${row.table_name} to ${row.grantee};`);
}

async function functionsOf(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql`
    select pg_get_functiondef(p.oid) as definition from pg_proc p
    where p.pronamespace = 'public'::regnamespace order by p.proname`;
  return rows.map((row) => `${String(row.definition).trim()};`);
}
