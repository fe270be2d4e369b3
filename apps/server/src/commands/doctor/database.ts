import postgres from "postgres";
import type { Config } from "../../config.ts";
import { doesNotAnswer, schemaState } from "../../lib/migrations.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Whether each configured address answers, and what stands there. */
export async function connectionFindings(config: Config): Promise<Finding[]> {
  const addresses = [
    ["DATABASE_URL", config.database.url],
    ["DATABASE_MIGRATION_URL", config.database.migrationUrl],
    ["DATABASE_READONLY_URL", config.database.readonlyUrl],
    ["DATABASE_DIRECT_URL", config.database.directUrl],
  ] as const;
  const asked = new Set<string>();
  const findings: Finding[] = [];
  for (const [name, url] of addresses) {
    if (url === null || asked.has(url)) continue;
    asked.add(url);
    findings.push(await withConnection(url, config, (sql) => serverFinding(name, sql, config)));
  }
  if (config.database.url === null) {
    const remedy = "set DATABASE_URL, or start the platform with `npm start`";
    findings.push(fail("database", "there is none", remedy));
  }
  return findings;
}

/** The schema that the servers find, as they judge it at their start. */
export async function schemaFindings({ config }: Patient): Promise<Finding[]> {
  const finding = await withConnection(config.database.url!, config, async (sql) => {
    const state = await schemaState(sql, config.hosted.environment);
    if (state.state === "ok") {
      return ok("schema", `schema ${state.version} of environment "${config.hosted.environment}"`);
    }
    const [says, remedy = "use the database that belongs to this code and environment"] =
      state.sentence.split(": ");
    return fail("schema", says!, remedy);
  });
  return [finding];
}

const skewWarnMs = 1_000;
const skewFailMs = 5_000;

/** Every time of ours is the database's; tokens of others carry the time of whoever made them. */
export async function clockFindings({ database }: Patient): Promise<Finding[]> {
  let skewMs = Number.POSITIVE_INFINITY;
  // The quickest of three answers says most.
  for (let round = 0; round < 3; round++) {
    const asked = Date.now();
    const [row] = await database.read(
      {},
      (tx) => tx<{ ms: number }[]>`select (extract(epoch from mf_now()) * 1000)::float8 as ms`,
    );
    const skew = row!.ms - (asked + Date.now()) / 2;
    if (Math.abs(skew) < Math.abs(skewMs)) skewMs = skew;
  }
  const says = `this machine's clock and the database's are ${Math.abs(Math.round(skewMs))} ms apart`;
  const remedy = "synchronise both clocks by NTP: signed user tokens are judged by the database's";
  if (Math.abs(skewMs) > skewFailMs) return [fail("clock", says, remedy)];
  return [Math.abs(skewMs) > skewWarnMs ? warn("clock", says, remedy) : ok("clock", says)];
}

/**
 * The books and LISTEN keep a session. Behind a pooler that lends a connection for one transaction, what one session has
 * set another one sees.
 */
export async function poolerFindings({ config }: Patient): Promise<Finding[]> {
  const { url, directUrl } = config.database;
  if (!(await lendsConnections(directUrl!, config))) return [ok("pooler", "sessions are kept")];
  const name = directUrl === url ? "DATABASE_URL" : "DATABASE_DIRECT_URL";
  return [
    fail(
      "pooler",
      `${name} goes through a pooler that lends connections by the transaction`,
      "set DATABASE_DIRECT_URL to the server itself, past the pooler",
    ),
  ];
}

async function lendsConnections(url: string, config: Config): Promise<boolean> {
  const connect = () => postgres(url, optionsOf(config));
  const [one, other] = [connect(), connect()];
  try {
    return await lendsSessions(one, other);
  } finally {
    await Promise.all([one.end({ timeout: 1 }), other.end({ timeout: 1 })]);
  }
}

/**
 * True where what the first connection sets for its session is gone afterwards, as behind a pooler that clears up, or is
 * what the second one finds in its own, as behind one that does not.
 */
export async function lendsSessions(one: postgres.Sql, other: postgres.Sql): Promise<boolean> {
  const mark = `doctor-${process.pid}`;
  await one`select set_config('mf.doctor', ${mark}, false)`;
  try {
    const isMarked = async (sql: postgres.Sql) => {
      const [row] = await sql<{ seen: string | null }[]>`select current_setting('mf.doctor', true) as seen`;
      return row?.seen === mark;
    };
    return (await isMarked(other)) || !(await isMarked(one));
  } finally {
    await one`select set_config('mf.doctor', '', false)`;
  }
}

async function serverFinding(name: string, sql: postgres.Sql, config: Config): Promise<Finding> {
  const [row] = await sql<{ number: number; shown: string; encrypted: boolean; local: boolean }[]>`
    select current_setting('server_version_num')::int as number, current_setting('server_version') as shown,
      coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
      coalesce(inet_server_addr() <<= '127.0.0.0/8' or inet_server_addr() = '::1', true) as local`;
  const { number, shown, encrypted, local } = row!;
  if (number < 150_000) {
    return fail("database", `${name} is PostgreSQL ${shown}`, "use PostgreSQL 15 or newer");
  }
  const says = `${name} is PostgreSQL ${shown}`;
  if (!config.production || encrypted || local) return ok("database", says);
  return warn(
    "database",
    `${says}, and not encrypted on the way`,
    "let its URL ask for TLS: sslmode=verify-full",
  );
}

async function withConnection(
  url: string,
  config: Config,
  work: (sql: postgres.Sql) => Promise<Finding>,
): Promise<Finding> {
  const sql = postgres(url, optionsOf(config));
  try {
    return await work(sql);
  } catch (error) {
    const [says, ...why] = doesNotAnswer(error).split(": ");
    return fail("database", `${says}: ${why.join(": ")}`, "check address, login and network of the database");
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function optionsOf(config: Config): postgres.Options<Record<string, never>> {
  return {
    max: 1,
    // A strict pooler takes neither prepared statements nor settings at the start of a session.
    prepare: false,
    onnotice: () => {},
    connect_timeout: Math.ceil(config.database.connectTimeoutMs / 1000),
    connection: { application_name: "modelfaucet doctor" },
  };
}
