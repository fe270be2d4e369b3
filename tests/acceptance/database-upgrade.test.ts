import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { migrate, migrationsFolder } from "@modelfaucet/server/lib/migrations.ts";
import { withDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { serverCommand } from "./server-command.ts";

const fixture = join(dirname(fileURLToPath(import.meta.url)), "fixtures/schema-6.json");
const released = 6;
const lastRelease = 12;
const name = `mf_upgrade_${process.pid}`;
let superuser: postgres.Sql;
let rows: postgres.Sql;
let logins: Record<string, string>;

/** A database as package 1 left it: its migrations, and what its platform and demo had written. */
beforeAll(async () => {
  const server = inject("postgres");
  superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`create database ${name} owner mf_owner`);
  logins = {
    DATABASE_URL: withDatabase(server.runtimeUrl, name),
    DATABASE_MIGRATION_URL: withDatabase(server.ownerUrl, name),
    DATABASE_READONLY_URL: withDatabase(server.readUrl, name),
  };
  const folder = await mkdtemp(join(tmpdir(), "modelfaucet-schema-6-"));
  for (const file of await readdir(migrationsFolder))
    if (Number(file.slice(0, 4)) <= released) await cp(join(migrationsFolder, file), join(folder, file));
  const owner = postgres(logins.DATABASE_MIGRATION_URL!, { max: 1, onnotice: () => {} });
  const done = await migrate(owner, {
    environment: "local",
    grantTo: { runtime: "mf_runtime", reader: "mf_read" },
    folder,
  });
  expect(done).toMatchObject({ applied: released, version: released });
  await owner.end();
  await rm(folder, { recursive: true });
  rows = postgres(withDatabase(server.superuserUrl, name), { max: 1, onnotice: () => {} });
  await loadFixture();
});
afterAll(async () => {
  await rows.end();
  await superuser.unsafe(`drop database ${name} with (force)`);
  await superuser.end();
});

async function loadFixture(): Promise<void> {
  const { tables } = JSON.parse(await readFile(fixture, "utf8")) as {
    tables: Record<string, Record<string, unknown>[]>;
  };
  await rows`set session_replication_role = replica`;
  for (const [table, content] of Object.entries(tables)) {
    await rows.unsafe(`delete from ${table}`);
    for (const row of content) {
      const columns = Object.keys(row)
        .map((column) => `"${column}"`)
        .join(", ");
      await rows.unsafe(
        `insert into ${table} (${columns}) overriding system value
          select ${columns} from jsonb_populate_record(null::${table}, $1::text::jsonb)`,
        [JSON.stringify(row)],
      );
    }
  }
  await addOpenRequest();
  await rows`set session_replication_role = origin`;
}

/** A request that is on its way while the schema moves on. */
async function addOpenRequest(): Promise<void> {
  await rows`insert into holds (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version,
    price_version, route_mode, provider, model, endpoint, hold_usd, leg_accounts, leg_amounts_usd, lease_until, instance_id,
    idempotency_caller, idempotency_route, idempotency_key)
    select app_id, ${uuidV7()}, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version, price_version,
      route_mode, provider, model, endpoint, 0, '{}', '{}', mf_now() + interval '1 hour', gen_random_uuid(),
      'end_user:' || end_user_id, 'POST /v1/chat/completions', 'open' from usage_events limit 1`;
  await rows`insert into idempotency_keys (app_id, caller, route, key, fingerprint, state, request_id)
    select app_id, idempotency_caller, idempotency_route, idempotency_key, 'x', 'running', id from holds`;
}

/** Every row of every table of the old schema, by the columns that it had. */
async function digestOf(columns: { table: string; columns: string }[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const { table, columns: names } of columns) {
    const [digest] = await rows.unsafe(
      `select count(*) || ' ' || coalesce(md5(string_agg(r::text, '' order by r::text)), '') as rows from (select ${names} from ${table}) r`,
    );
    digests[table] = digest!.rows;
  }
  return digests;
}

it("a database of schema 6 with data goes up: every row is as it was, and books and isolation hold", async () => {
  const columns = await rows<{ table: string; columns: string }[]>`
    select c.relname as table, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> 'schema_migrations' group by 1`;
  const before = await digestOf(columns);
  expect(Number.parseInt(before.usage_events!, 10)).toBeGreaterThan(0);

  const older = await serverCommand(["books"], logins);
  expect([older.code, older.stderr.trim()]).toEqual([
    1,
    expect.stringMatching(/^the database's schema is 6, this code wants \d+: run `pnpm db:migrate`$/),
  ]);
  const migrated = await serverCommand(["migrate", "--json"], logins);
  expect(migrated.code, migrated.stderr).toBe(0);
  expect(await digestOf(columns)).toEqual(before);

  const checks = await Promise.all(
    [["books"], ["hosted", "check-isolation"]].map((args) => serverCommand(args, logins)),
  );
  expect(checks.map(({ code, stdout }) => [code, stdout.match(/^FAIL.*$/gm)])).toEqual([
    [0, null],
    [0, null],
  ]);
  // Servers of the last release go on beside the new ones while a deploy lasts.
  const undeclared = await rows`select number from schema_migrations
    where number > ${released} and compatible_with > case when number > ${lastRelease} then ${lastRelease}::int else ${released} end`;
  expect(undeclared).toEqual([]);
});
