import { randomUUID } from "node:crypto";
import type postgres from "postgres";

/** What the seeded tenants are known by. */
export type Owner = {
  app: string;
  developer: string;
  user: string;
  feature: string;
  account: string;
};
export type Ids = { demo: Owner; other: Owner };

/** One way to break the isolation of a database, and to mend it again. Planted by a superuser as a replica would. */
export type Break = {
  check: string;
  what: string;
  plant: (sql: postgres.Sql, ids: Ids) => Promise<unknown>;
  mend: (sql: postgres.Sql, ids: Ids) => Promise<unknown>;
};

export async function readIds(sql: postgres.Sql): Promise<Ids> {
  const owner = async (publicAppId: string): Promise<Owner> => {
    const [row] = await sql<Owner[]>`
      select a.id as app, a.developer_id as developer, e.id as user, f.id as feature, c.id as account
      from apps a join end_users e on e.app_id = a.id join app_features f on f.app_id = a.id
        join accounts c on c.app_id = a.id and c.owner_id = e.id and c.fund = 'test'
      where a.public_app_id = ${publicAppId}`;
    return { ...row! };
  };
  return { demo: await owner("app_pub_demo"), other: await owner("app_pub_isolation") };
}

export type Row = Record<string, unknown>;
/** Every planted row that has an id has this one. */
export const planted = randomUUID();

/** Puts a row in, laid over an existing one where there is one. */
export async function put(sql: postgres.Sql, table: string, changes: Row, like = true): Promise<void> {
  const columns = await sql<{ name: string }[]>`select attname as name from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attgenerated = ''`;
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  const [base] = like ? await sql.unsafe(`select to_jsonb(t) as row from ${table} t limit 1`) : [];
  const row = JSON.stringify({ ...(base?.row as Row | undefined), ...changes });
  await sql.unsafe(
    `insert into ${table} (${names}) select ${names} from jsonb_populate_record(null::${table}, $1::text::jsonb)`,
    [row],
  );
}

/** A row of `table` that `made` describes; it is taken away by the columns that tell it. */
export function foreignRow(
  check: string,
  table: string,
  what: string,
  made: (ids: Ids) => Row,
  told: (ids: Ids) => Row = () => ({ id: planted }),
): Break {
  return {
    check,
    what,
    plant: (sql, ids) => put(sql, table, { ...made(ids), ...told(ids) }),
    mend: async (sql, ids) => {
      const mine = Object.entries(told(ids));
      const where = mine.map(([name], index) => `"${name}"::text = $${index + 1}`).join(" and ");
      await sql.unsafe(
        `delete from ${table} where ${where}`,
        mine.map(([, value]) => String(value)),
      );
    },
  };
}

export function schemaChange(check: string, what: string, change: string, back: string): Break {
  return { check, what, plant: (sql) => sql.unsafe(change), mend: (sql) => sql.unsafe(back) };
}

export const now = new Date().toISOString();
export const later = new Date(Date.now() + 3_600_000).toISOString();
export const epoch = "1970-01-01T00:00:00Z";
