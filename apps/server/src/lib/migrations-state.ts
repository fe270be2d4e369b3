import type postgres from "postgres";

export type Migration = {
  number: number;
  name: string;
  checksum: string;
  compatibleWith: number;
  text: string;
};
export type AppliedMigration = { number: number; name: string; checksum: string; compatible_with: number };

/**
 * What stands between this code and the database, in one sentence; `ok` when nothing does. `missing` and `older` are
 * what `migrate` is for; everything else is not ours to change.
 */
export type SchemaState =
  | { state: "ok"; version: number }
  | {
      state:
        | "older"
        | "newer"
        | "changed"
        | "missing"
        | "foreign"
        | "environment"
        | "server"
        | "forbidden"
        | "restoring";
      version: number;
      sentence: string;
    };

/** The oldest PostgreSQL that is served: views that obey row security, and what the schema says, begin with it. */
const oldestServer = 150_000;
/** Stands in a database from the first step of a restore until the last check has passed. */
export const unfinishedTable = "restore_unfinished";
const ownColumns = "applied_at,checksum,compatible_with,name,number";

/**
 * Judges a database: its server, whose schema it holds, of which deployment it is, and which version. `environment`
 * null leaves the deployment unasked. Writes nothing, and works for every role that the schema is granted to.
 */
export async function judgeDatabase(
  sql: postgres.Sql,
  migrations: readonly Migration[],
  environment: string | null,
): Promise<SchemaState> {
  try {
    const facts = await readFacts(sql);
    const refused = refuseForeign(facts);
    if (refused && !facts.restoring) return refused;
    if (facts.restoring) return await refuseUnfinished(sql, facts);
    if (facts.columns === null) return compareSchema(migrations, []);
    const applied = await sql<
      AppliedMigration[]
    >`select number, name, checksum, compatible_with from schema_migrations order by number`;
    const stamped = facts.stamped ? await readEnvironment(sql) : null;
    if (environment !== null && stamped !== null && stamped !== environment)
      return refuseEnvironment(stamped, environment, applied.at(-1)?.number ?? 0);
    return compareSchema(migrations, applied);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "42501") throw error;
    const sentence = `this login may not read the schema: run \`pnpm db:migrate\`, which grants it to the users of DATABASE_URL and DATABASE_READONLY_URL`;
    return { state: "forbidden", version: 0, sentence };
  }
}

/** Compares the schema with this code by number and content. */
export function compareSchema(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): SchemaState {
  const wanted = migrations.at(-1)?.number ?? 0;
  const version = applied.at(-1)?.number ?? 0;
  if (version === 0) {
    const sentence = "the database has no schema yet: run `pnpm db:migrate`";
    return { state: "missing", version, sentence };
  }
  for (const [index, row] of applied.entries()) {
    const known = migrations[index];
    if (known && (known.number !== row.number || known.checksum !== row.checksum)) {
      const sentence = `migration ${row.number} (${row.name}) was applied with another content: restore the file, or use another database`;
      return { state: "changed", version, sentence };
    }
  }
  if (version > wanted) {
    // Each of the migrations that this code does not know may exclude it, whatever the newest of them says.
    const least = Math.max(
      ...applied.filter(({ number }) => number > wanted).map((row) => row.compatible_with),
    );
    if (least <= wanted) return { state: "ok", version };
    const sentence = `the database's schema is ${version}, this code knows ${wanted}: start the version of the code that belongs to it, or use another database`;
    return { state: "newer", version, sentence };
  }
  if (version < wanted) {
    const sentence = `the database's schema is ${version}, this code wants ${wanted}: run \`pnpm db:migrate\``;
    return { state: "older", version, sentence };
  }
  return { state: "ok", version };
}

type Facts = {
  server: number;
  shown: string;
  /** Columns of `schema_migrations`, sorted; `null`: there is no such table. */
  columns: string | null;
  /** Tables and views in schema `public` that no extension made. */
  tables: number;
  stamped: boolean;
  /** Whether a restore has begun here and did not end with every check passed. */
  restoring: boolean;
  /** Whether there is a `schema_migrations` that this login may read. */
  readable: boolean;
};

async function readFacts(sql: postgres.Sql): Promise<Facts> {
  const [facts] = await sql<Facts[]>`
    select current_setting('server_version_num')::int as server, current_setting('server_version') as shown,
      (select string_agg(attname, ',' order by attname) from pg_attribute
        where attrelid = to_regclass('public.schema_migrations') and attnum > 0 and not attisdropped) as columns,
      (select count(*)::int from pg_class c where c.relnamespace = to_regnamespace('public')
        and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      ) as tables,
      to_regclass('public.deployment') is not null as stamped,
      to_regclass(${`public.${unfinishedTable}`}) is not null as restoring,
      coalesce(has_table_privilege(to_regclass('public.schema_migrations'), 'select'), false) as readable`;
  return facts!;
}

function refuseForeign(facts: Facts): SchemaState | null {
  if (facts.server < oldestServer) {
    const sentence = `PostgreSQL ${facts.shown} is older than 15: use a newer server`;
    return { state: "server", version: 0, sentence };
  }
  if (facts.columns === null && facts.tables > 0) {
    const sentence = `the database holds ${facts.tables} tables that are not ours, and no schema of ModelFaucet: use an empty database`;
    return { state: "foreign", version: 0, sentence };
  }
  if (facts.columns !== null && (facts.columns !== ownColumns || (!facts.stamped && facts.tables > 1))) {
    const sentence =
      "the database's table schema_migrations is another product's: use an empty database, or the one that belongs here";
    return { state: "foreign", version: 0, sentence };
  }
  return null;
}

/** What is half restored must not be served: indexes, policies and rows may be missing, and nothing else would say so. */
async function refuseUnfinished(sql: postgres.Sql, facts: Facts): Promise<SchemaState> {
  const sentence =
    "a restore into this database did not end with every check passed: make a new empty database and restore into that";
  // A login that the schema is not granted to yet may not ask for the version, and does not need it.
  if (!facts.readable) return { state: "restoring", version: 0, sentence };
  const [row] = await sql<{ version: number | null }[]>`select max(number) as version from schema_migrations`;
  return { state: "restoring", version: row?.version ?? 0, sentence };
}

async function readEnvironment(sql: postgres.Sql): Promise<string | null> {
  const [row] = await sql<{ environment: string }[]>`select environment from deployment`;
  return row?.environment ?? null;
}

function refuseEnvironment(stamped: string, environment: string, version: number): SchemaState {
  const sentence = `the database belongs to the environment "${stamped}", not to "${environment}": use the database of this environment, or correct HOSTED_ENVIRONMENT`;
  return { state: "environment", version, sentence };
}
