import type { Tx } from "../../lib/db.ts";
import type { WalletSums } from "./manifest.ts";
import type { RowCounts } from "./rules.ts";

export type ServerFacts = { version: string; major: number; database: string };

export async function readServer(tx: Tx): Promise<ServerFacts> {
  const [row] = await tx<ServerFacts[]>`select current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major, current_database() as database`;
  return { ...row!, version: row!.version.split(" ")[0]! };
}

export type SnapshotFacts = { takenAt: string; environment: string; epoch: number; schemaVersion: number };

export async function readDeployment(tx: Tx): Promise<SnapshotFacts> {
  const [row] = await tx<{ now: Date; environment: string; epoch: number; version: number }[]>`
    select mf_now() as now, environment, epoch, (select max(number) from schema_migrations) as version from deployment`;
  return {
    takenAt: row!.now.toISOString(),
    environment: row!.environment,
    epoch: row!.epoch,
    schemaVersion: row!.version,
  };
}

/** Lets `pg_dump` read what this transaction sees, for as long as it is open. */
export async function exportSnapshot(tx: Tx): Promise<string> {
  const [row] = await tx<{ snapshot: string }[]>`select pg_export_snapshot() as snapshot`;
  return row!.snapshot;
}

export type Table = { schema: string; name: string };

/** Every table that holds rows of its own: partitions count, what is partitioned does not. Extensions keep theirs. */
async function listTables(tx: Tx): Promise<Table[]> {
  return tx<Table[]>`
    select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    order by 1, 2`;
}

export async function countRows(tx: Tx): Promise<RowCounts> {
  const rows: Record<string, number> = {};
  for (const { schema, name } of await listTables(tx)) {
    const [counted] = await tx<{ rows: string }[]>`select count(*) as rows from ${tx(schema)}.${tx(name)}`;
    rows[`${schema}.${name}`] = Number(counted!.rows);
  }
  return rows;
}

/**
 * Tables that purpose `backup` sees nothing of, although row security binds this login there: neither the dump nor a
 * count of it would show that rows are missing.
 */
export async function hiddenTables(tx: Tx): Promise<string[]> {
  const rows = await tx<{ name: string }[]>`
    select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relrowsecurity and n.nspname !~ '^pg_'
      and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'usage'))
      and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
      and (exists (select 1 from pg_policy p where p.polrelid = c.oid and not p.polpermissive)
        or not exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*')
          and pg_get_expr(p.polqual, p.polrelid) ~ 'mf_purpose' and pg_get_expr(p.polqual, p.polrelid) ~ '\\mbackup\\M'))
    order by 1`;
  return rows.map(({ name }) => name);
}

/** What stands in a database beside what every database has: one word per thing, `schema.name`. */
export async function listOwnObjects(tx: Tx): Promise<string[]> {
  const rows = await tx<{ name: string }[]>`
    with things as (
      select 'pg_class'::regclass as class, oid, relnamespace as space, relname as name from pg_class
        where relkind in ('r', 'p', 'v', 'm', 'S', 'f')
      union all select 'pg_proc'::regclass, oid, pronamespace, proname from pg_proc
      union all select 'pg_type'::regclass, oid, typnamespace, typname from pg_type where typtype in ('e', 'd'))
    select n.nspname || '.' || t.name as name from things t join pg_namespace n on n.oid = t.space
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select 1 from pg_depend d where d.classid = t.class and d.objid = t.oid and d.deptype = 'e')
    union all
    select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
    order by 1 limit 1000`;
  return rows.map(({ name }) => name);
}

export type SealedColumn = Table & { column: string };

/** The columns that only sealed values fit into, as their constraints say. */
export async function listSealedColumns(tx: Tx): Promise<SealedColumn[]> {
  return tx<SealedColumn[]>`
    select n.nspname as schema, c.relname as name, a.attname as column
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'c' and cardinality(k.conkey) = 1 and k.conparentid = 0
      and pg_get_constraintdef(k.oid) like '%mfenc:%' order by 1, 2, 3`;
}

/** How many values each key has sealed, by the key's id. */
export async function countSealed(tx: Tx): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { schema, name, column } of await listSealedColumns(tx)) {
    const rows = await tx<{ key: string; values: number }[]>`
      select split_part(${tx(column)}, ':', 3) as key, count(*)::int as values from ${tx(schema)}.${tx(name)}
      where ${tx(column)} is not null group by 1`;
    for (const { key, values } of rows) counts[key] = (counts[key] ?? 0) + values;
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A sealed value with the row that it stands in. */
export type SealedRow = { value: string; row: Record<string, unknown> };

const batchRows = 500;

/** Every sealed value of one column, some at a time. */
export async function eachSealed(
  tx: Tx,
  { schema, name, column }: SealedColumn,
  visit: (found: SealedRow) => void,
): Promise<void> {
  const query = tx<
    SealedRow[]
  >`select ${tx(column)} as value, to_jsonb(t) as row from ${tx(schema)}.${tx(name)} t
    where ${tx(column)} is not null`;
  await query.cursor(batchRows, (rows) => {
    for (const row of rows) visit(row);
  });
}

/** Sums of the wallets by fund, and a digest that changes when any one balance does. */
export async function sumWallets(tx: Tx): Promise<WalletSums> {
  const funds = await tx<WalletSums["funds"][number][]>`
    select fund, count(*)::int as wallets, sum(balance_usd)::text as balance_usd, sum(held_usd)::text as held_usd,
      sum(debt_usd)::text as debt_usd
    from accounts where kind = 'wallet' group by fund order by fund`;
  const [row] = await tx<{ digest: string }[]>`
    select coalesce(sum(('x' || left(md5(app_id || '/' || owner_id || '/' || fund || '=' || balance_usd), 15))::bit(60)::bigint), 0)::text
      as digest from accounts where kind = 'wallet'`;
  return { funds: [...funds], digest: row!.digest };
}

export async function countOpenHolds(tx: Tx): Promise<number> {
  const [row] = await tx<{ open: number }[]>`select count(*)::int as open from holds`;
  return row!.open;
}
