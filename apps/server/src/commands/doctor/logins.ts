import { openDatabase, type Tx } from "../../lib/db.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Who signs in with what rights: owner, servers and readers are three. */
export async function loginFindings(patient: Patient): Promise<Finding[]> {
  const runtime = await patient.database.read({}, factsOf);
  return [
    ...powerFindings(runtime),
    ...(await grantFindings(patient, runtime)),
    ...(await readerFindings(patient, runtime)),
  ];
}

type Facts = {
  login: string;
  /** Row security does not hold for it. */
  unbound: boolean;
  /** Tables of ours that are its own. */
  owns: number;
  /** Tables of ours that it may write. */
  writes: number;
  /** Tables that are only ever added to, and that it may change all the same. */
  changes: number;
};

const onlyAddedTo = ["usage_events", "transfers", "audit_logs", "feature_versions", "price_versions"];

async function factsOf(tx: Tx): Promise<Facts> {
  const [row] = await tx<Facts[]>`
    select current_user as login, (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as unbound,
      count(*) filter (where pg_has_role(t.relowner, 'usage'))::int as owns,
      count(*) filter (where has_table_privilege(t.oid, 'insert') or has_table_privilege(t.oid, 'update')
        or has_table_privilege(t.oid, 'delete'))::int as writes,
      count(*) filter (where t.relname = any (${onlyAddedTo})
        and (has_table_privilege(t.oid, 'update') or has_table_privilege(t.oid, 'delete')))::int as changes
    from pg_class t where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p')`;
  return row!;
}

function powerFindings({ login, unbound, owns, changes }: Facts): Finding[] {
  if (unbound) {
    return [
      fail(
        "logins",
        `the servers' login "${login}" is above row security: tenants are kept apart by nothing`,
        "give DATABASE_URL a login that is neither superuser nor BYPASSRLS",
      ),
    ];
  }
  if (owns > 0 || changes > 0) {
    return [
      warn(
        "logins",
        `the servers' login "${login}" may change what is only ever added to: triggers alone protect it`,
        "give DATABASE_URL a login of its own, DATABASE_MIGRATION_URL the owner's, and run `pnpm db:migrate`",
      ),
    ];
  }
  return [ok("logins", `the servers' login "${login}" owns nothing and is bound by row security`)];
}

/** What the schema promises to the servers' login, asked of the schema's owner: nobody else may read the promise. */
async function grantFindings({ config }: Patient, { login, owns }: Facts): Promise<Finding[]> {
  const { url, migrationUrl } = config.database;
  if (owns > 0 || migrationUrl === url) return [];
  const lacks = await signedIn(config, migrationUrl!, async (tx) => {
    const rows = await tx<{ name: string }[]>`
      select name from granted_tables where not has_table_privilege(${login}, name, 'select')
        or (rights in ('append_only', 'changing') and not has_table_privilege(${login}, name, 'insert'))
        or (rights = 'changing' and not (has_table_privilege(${login}, name, 'update') and has_table_privilege(${login}, name, 'delete')))
      order by name`;
    return rows.map(({ name }) => name);
  });
  if (lacks.length === 0) return [ok("grants", `"${login}" may do what the servers do`)];
  return [
    fail(
      "grants",
      `"${login}" lacks rights on ${lacks.slice(0, 5).join(", ")}${lacks.length > 5 ? " and more" : ""}`,
      "run `pnpm db:migrate`, which grants the schema to the login of DATABASE_URL",
    ),
  ];
}

async function readerFindings({ config }: Patient, runtime: Facts): Promise<Finding[]> {
  const { url, readonlyUrl } = config.database;
  if (readonlyUrl === url) {
    return [
      warn(
        "readers",
        `books and isolation are read as "${runtime.login}", which can write`,
        "give DATABASE_READONLY_URL a login of its own, and run `pnpm db:migrate`",
      ),
    ];
  }
  const reader = await signedIn(config, readonlyUrl!, factsOf);
  if (reader.writes === 0 && reader.owns === 0 && !reader.unbound) {
    return [ok("readers", `"${reader.login}" cannot write`)];
  }
  return [
    fail(
      "readers",
      `DATABASE_READONLY_URL signs in as "${reader.login}", which can write`,
      "give it a login that was granted SELECT alone",
    ),
  ];
}

async function signedIn<T>(config: Patient["config"], url: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  const database = openDatabase({
    ...config.database,
    url,
    poolMax: 1,
    applicationName: "modelfaucet doctor",
    behindPooler: true,
  });
  try {
    return await database.read({}, work);
  } finally {
    await database.close();
  }
}
