import { createHash, randomBytes } from "node:crypto";
import { migrate, readMigrations } from "@modelfaucet/server/lib/migrations.ts";
import postgres from "postgres";

/** URLs of one server; the database in each path is exchanged. */
export type PostgresServer = { superuserUrl: string; ownerUrl: string; runtimeUrl: string; readUrl: string };

export type TestDatabase = {
  ownerUrl: string;
  runtimeUrl: string;
  readUrl: string;
  superuserUrl: string;
  /** Moves `mf_now()`, the database's clock, by so many milliseconds from the real one. */
  setClockOffset(ms: number): Promise<void>;
  drop(): Promise<void>;
};

/** A database of one test file: cloned in milliseconds from a template that is migrated once per schema. */
export async function createTestDatabase(server: PostgresServer): Promise<TestDatabase> {
  const template = await ensureTemplate(server);
  const name = `mf_test_${randomBytes(6).toString("hex")}`;
  await asSuperuser(server, "postgres", async (sql) => {
    await sql.unsafe(`create database ${name} template ${template} owner mf_owner`);
  });
  const superuserUrl = withDatabase(server.superuserUrl, name);
  return {
    ownerUrl: withDatabase(server.ownerUrl, name),
    runtimeUrl: withDatabase(server.runtimeUrl, name),
    readUrl: withDatabase(server.readUrl, name),
    superuserUrl,
    setClockOffset: (ms) =>
      asSuperuser(server, name, async (sql) => {
        await sql`update mf_test_clock set shift = make_interval(secs => ${ms / 1000})`;
      }),
    drop: () =>
      asSuperuser(server, "postgres", async (sql) => {
        await sql.unsafe(`drop database if exists ${name} with (force)`);
      }),
  };
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}

async function ensureTemplate(server: PostgresServer): Promise<string> {
  const migrations = await readMigrations();
  const content = migrations.map((migration) => migration.checksum).join("");
  const name = `mf_template_${createHash("sha256").update(`clock1${content}`).digest("hex").slice(0, 16)}`;
  await asSuperuser(server, "postgres", async (sql) => {
    // Test files start side by side; the first one makes the template, the others wait for it.
    await sql`select pg_advisory_lock(7146229032)`;
    const [there] = await sql`select 1 from pg_database where datname = ${name}`;
    if (there) return;
    const making = `${name}_new`;
    await sql.unsafe(`drop database if exists ${making} with (force)`);
    await sql.unsafe(`create database ${making} owner mf_owner`);
    const owner = postgres(withDatabase(server.ownerUrl, making), { max: 1, onnotice: () => {} });
    await migrate(owner, { environment: "local", grantTo: { runtime: "mf_runtime", reader: "mf_read" } });
    await owner.unsafe(`
      create table mf_test_clock (shift interval not null);
      insert into mf_test_clock values ('0');
      grant select on mf_test_clock to mf_runtime, mf_read;
      create or replace function mf_now() returns timestamptz language sql stable parallel safe
        as $$ select now() + (select shift from mf_test_clock) $$;`);
    await owner.end();
    await sql.unsafe(`alter database ${making} rename to ${name}`);
  });
  return name;
}

async function asSuperuser(
  server: PostgresServer,
  database: string,
  work: (sql: postgres.Sql) => Promise<void>,
): Promise<void> {
  const sql = postgres(withDatabase(server.superuserUrl, database), { max: 1, onnotice: () => {} });
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}
