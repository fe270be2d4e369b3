import type { Tx } from "../../lib/db.ts";

export type SealedColumnName = { schema: string; name: string; column: string };

/** A sealed value, and by what its row is found again. */
export type SealedFound = { key: string[]; value: string; row: Record<string, unknown> };

/** How one table is read by its primary key. Names are quoted by the database. */
export type SealedTable = {
  table: string;
  column: string;
  /** The key's columns with their types, in order. */
  keys: readonly { name: string; type: string }[];
  /** The column that repeats by which key the value is sealed; `null` where there is none. */
  keyIdColumn: string | null;
};

const batchRows = 200;
const batchBytes = 8 * 1024 * 1024;

export async function readSealedTable(
  tx: Tx,
  { schema, name, column }: SealedColumnName,
): Promise<SealedTable> {
  const keys = await tx<{ name: string; type: string }[]>`
    select quote_ident(a.attname) as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    cross join lateral unnest(i.indkey) with ordinality k (attnum, place)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    where i.indisprimary and n.nspname = ${schema} and c.relname = ${name} order by k.place`;
  if (keys.length === 0)
    throw new Error(`${schema}.${name} has no primary key, so nothing of it can be sealed anew`);
  const [names] = await tx<{ table: string; column: string; keyId: boolean }[]>`
    select quote_ident(${schema}) || '.' || quote_ident(${name}) as table, quote_ident(${column}) as column,
      exists (select 1 from pg_attribute where attrelid = (quote_ident(${schema}) || '.' || quote_ident(${name}))::regclass
        and attname = 'key_id' and not attisdropped) as "keyId"`;
  return {
    table: names!.table,
    column: names!.column,
    keys,
    keyIdColumn: names!.keyId ? "key_id" : null,
  };
}

/** True for a value that the key has not sealed. Only the value's beginning is read, however long it is. */
const sealedByAnother = ({ column }: SealedTable): string => `left(t.${column}, 17) <> 'mfenc:v2:' || $1`;

/** What has been asked for anew already is not waited for. */
const isStillWanted = ({ table, column }: SealedTable): string =>
  table === "public.provider_credentials" && column === "sealed_secret"
    ? "t.status <> 'needs_reentry'"
    : "true";

/** All values of the column, and those that still need another key. */
export async function countSealedBy(
  tx: Tx,
  sealed: SealedTable,
  keyId: string,
): Promise<{ total: number; left: number }> {
  const [row] = await tx.unsafe<{ total: number; left: number }[]>(
    `select count(*)::int as total, (count(*) filter (where ${sealedByAnother(sealed)}))::int as "left"
     from ${sealed.table} t where t.${sealed.column} is not null and ${isStillWanted(sealed)}`,
    [keyId],
  );
  return row!;
}

/**
 * The next values that another key has sealed, in the order of the primary key, with their rows locked against other
 * writers. Rows that somebody else holds are passed over: nobody waits, so nothing can wait in a circle.
 */
export async function lockSealedByAnother(
  tx: Tx,
  sealed: SealedTable,
  keyId: string,
  after: readonly string[] | null,
): Promise<SealedFound[]> {
  const { table, column, keys } = sealed;
  const list = keys.map(({ name }) => `t.${name}`).join(", ");
  const bare = keys.map(({ name }) => name).join(", ");
  const beyond = after
    ? `and (${list}) > (${keys.map(({ type }, place) => `$${place + 2}::text::${type}`).join(", ")})`
    : "";
  return tx.unsafe<SealedFound[]>(
    `select array[${keys.map(({ name }) => `t.${name}::text`).join(", ")}] as key, t.${column} as value, to_jsonb(t) as row
     from ${table} t where (${list}) in (
       select ${bare} from (
         select ${bare}, sum(bytes) over (order by ${bare}) - bytes as before from (
           select ${list}, octet_length(t.${column}) as bytes from ${table} t
           where t.${column} is not null and ${sealedByAnother(sealed)} and ${isStillWanted(sealed)} ${beyond}
           order by ${list} limit ${batchRows}) next) sized
       where before < ${batchBytes})
       and ${sealedByAnother(sealed)}
     order by ${list} for no key update skip locked`,
    [keyId, ...(after ?? [])],
  );
}

/** Puts the fresh values in the place of the ones they were made of, and of nothing that has changed since. */
export async function replaceSealed(
  tx: Tx,
  { table, column, keys, keyIdColumn }: SealedTable,
  keyId: string,
  values: readonly { key: readonly string[]; old: string; fresh: string }[],
): Promise<number> {
  if (values.length === 0) return 0;
  const rows = values.map(({ key, old, fresh }) => ({
    ...Object.fromEntries(key.map((part, place) => [`k${place}`, part])),
    old,
    fresh,
  }));
  const shape = [...keys.map(({ type }, place) => `k${place} ${type}`), "old text", "fresh text"].join(", ");
  const same = keys.map(({ name }, place) => `t.${name} = v.k${place}`).join(" and ");
  const parameters = [JSON.stringify(rows), ...(keyIdColumn ? [keyId] : [])];
  const replaced = await tx.unsafe(
    `update ${table} t set ${column} = v.fresh ${keyIdColumn ? `, ${keyIdColumn} = $2` : ""}
     from jsonb_to_recordset($1::text::jsonb) as v (${shape}) where ${same} and t.${column} = v.old returning 1`,
    parameters,
  );
  return replaced.length;
}
