// On Debian's PostgreSQL 15: what backs up and restores, and at the same time the oldest server that the product runs on.
import { readFileSync } from "node:fs";
import { openDatabase } from "@modelfaucet/server/lib/db.ts";
import { createSecretBox } from "@modelfaucet/server/lib/secret-box.ts";
import { allProjectors, projectBatch } from "@modelfaucet/server/projectors/projectors.ts";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type DebianPostgres, startDebianPostgres } from "@modelfaucet/testkit/debian-postgres.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct, testSecrets } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { emptyDatabase, look, makeFolder } from "./backup-tools.ts";
import { type Ended, serverCommand, threeLogins } from "./server-command.ts";

const folder = makeFolder();
let server: DebianPostgres;
let product: Product;
let ground: Ground;
let session: GroundSession;
let source: Record<string, string>;

beforeAll(async () => {
  server = await startDebianPostgres();
  product = await startProduct({ postgres: server, env: { LOG_LEVEL: "warn" } });
  source = threeLogins(product.database);
  ground = await layGround(product);
  await product.admin("POST", "/v1/admin/providers/stub/keys", { api_key: storedKey, reason: "test" });
  session = await fundedSession(product, ground, "5.00");
  const kept = { headers: { "idempotency-key": "kept-answer" } };
  expect((await chat(product, session.token, { model: "stub/stub-text" }, kept)).status).toBe(200);
});
afterAll(async () => {
  await product.stop();
  await server.stop();
  folder.remove();
});

const storedKey = "sk-stored-4f1d8a2c";
function answerOf({ stdout, stderr }: Ended): Json {
  expect(stdout, stderr).not.toBe("");
  return JSON.parse(stdout);
}

it("serves, settles and keeps its books on PostgreSQL 15", async () => {
  const answers = await Promise.all(
    Array.from({ length: 19 }, () => chat(product, session.token, { model: "stub/stub-text" })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(19).fill(200));
  await expectBooksClean(product);
  const [row] = await product.sql<{ version: number }[]>`
    select current_setting('server_version_num')::int / 10000 as version`;
  expect(row!.version).toBe(15);
  for (const command of [["books"], ["hosted", "check-isolation"]]) {
    const { code, stdout, stderr } = await serverCommand(command, source);
    expect([command, code, stderr, stdout]).toEqual([command, 0, "", expect.not.stringContaining("FAIL")]);
  }
});

it("A132: a backup with open holds comes back with the holds void and the wallets right to the cent", async () => {
  product.stub.script("stub-text", { tokenMs: 60_000 });
  const leaving = new AbortController();
  const running = Array.from({ length: 5 }, () =>
    chat(product, session.token, { model: "stub/stub-text", stream: true }, { signal: leaving.signal }).catch(
      () => null,
    ),
  );
  await expect
    .poll(async () => (await product.sql`select count(*)::int as open from holds`)[0]!.open)
    .toBe(5);

  const taken = await serverCommand(["backup", "--to", folder.path("a132"), "--json"], source);
  expect([taken.code, taken.stderr]).toEqual([0, expect.stringContaining("dumping")]);
  const before = await walletsOf(product.database.superuserUrl);
  const { env, superuserUrl } = await emptyDatabase(server, "restored");
  const restored = await serverCommand(["restore", "--from", folder.path("a132"), "--json"], env);
  expect([restored.code, answerOf(restored).steps.filter((step: Json) => !step.ok)]).toEqual([0, []]);

  // Asked of the tables themselves, not of what the restore says.
  expect(await walletsOf(superuserUrl)).toEqual(before.map((row) => ({ ...row, held: "0.00000000" })));
  expect(before.some((row) => row.held !== "0.00000000")).toBe(true);
  const facts = await look(superuserUrl, async (sql) => ({
    holds: (await sql`select count(*)::int as count from holds`)[0]!.count,
    flagged: await sql`select outcome, charge_usd, error_code, epoch from usage_events where epoch > 1`,
    served: (await sql`select count(*)::int as count from usage_events where outcome = 'succeeded'`)[0]!
      .count,
    balance: (await sql`select sum(amount_usd) as total from entries`)[0]!.total,
    epoch: (await sql`select epoch from deployment`)[0]!.epoch,
    mark: (await sql`select to_regclass('restore_unfinished') as mark`)[0]!.mark,
    audited: (await sql`select actor_scope, action from audit_logs where action like 'backup.%'`).map(
      (row) => [row.actor_scope, row.action],
    ),
  }));
  expect(facts).toMatchObject({ holds: 0, served: 20, balance: "0.00000000", epoch: 2, mark: null });
  expect(facts.audited).toEqual([["bootstrap", "backup.restore"]]);
  expect(facts.flagged).toHaveLength(5);
  for (const row of facts.flagged) {
    expect(row).toMatchObject({
      outcome: "flagged",
      charge_usd: "0.00000000",
      error_code: "interrupted",
      epoch: 2,
    });
  }
  await expectEverySealedValueOpened(superuserUrl, answerOf(restored));
  await expectSameRights(product.database.superuserUrl, superuserUrl);
  await servesOn(env, superuserUrl);
  leaving.abort();
  await Promise.all(running);
}, 60_000);

it("a backup under load is of one instant; a passed drill marks it as tested, here and in its manifest", async () => {
  product.stub.reset();
  await look(server.superuserUrl, (sql) => sql.unsafe("alter role mf_owner createdb"));
  const sessions = await Promise.all(Array.from({ length: 6 }, () => fundedSession(product, ground, "2.00")));
  let isOver = false;
  const load = sessions.map(async ({ token }) => {
    let served = 0;
    while (!isOver) if ((await chat(product, token, { model: "stub/stub-text" })).status === 200) served += 1;
    return served;
  });
  const taken = await serverCommand(["backup", "--to", folder.path("load"), "--json"], source);
  const drilled = await serverCommand(
    ["restore", "--from", folder.path("load"), "--drill", "--json"],
    source,
  );
  isOver = true;
  const served = (await Promise.all(load)).reduce((sum, count) => sum + count, 0);
  expect([taken.code, taken.stderr]).toEqual([0, expect.stringContaining("reading the dump back")]);
  expect(served).toBeGreaterThan(20);
  const { id, sha256 } = answerOf(taken);
  const report = answerOf(drilled);
  expect([drilled.code, report.error]).toEqual([0, undefined]);
  expect(report.steps.map(({ name }: Json) => name)).toContain("compare the wallets");

  const manifest = JSON.parse(readFileSync(`${folder.path("load")}/manifest.json`, "utf8"));
  expect([manifest.tested_at, manifest.sha256]).toEqual([report.tested_at, sha256]);
  const listed = (await product.admin("GET", "/v1/admin/backups")).body.items;
  expect(listed.map((item: Json) => [item.id, item.tested_at])).toEqual([
    [id, report.tested_at],
    [expect.any(String), undefined],
  ]);
  const page = (await product.admin("GET", "/v1/admin/backups?limit=1")).body;
  const next = await product.admin("GET", `/v1/admin/backups?limit=1&cursor=${page.next_cursor}`);
  expect([page.items, next.body.items]).toEqual([[listed[0]], [listed[1]]]);
  expect((await product.call("GET", "/v1/admin/backups", undefined, { token: session.token })).status).toBe(
    403,
  );
  const left = await look(
    server.superuserUrl,
    (sql) => sql`select 1 from pg_database where datname like '%drill%'`,
  );
  expect(left).toHaveLength(0);
  const metrics = await (await fetch(`${product.worker}/metrics`)).text();
  expect(metrics).toMatch(/modelfaucet_backup_age_seconds \d/);
}, 60_000);

it("a drill fails when a wallet is not what its entries say, and the backup stays untested", async () => {
  await expectBooksClean(product);
  const [account] = await product.sql<{ id: string }[]>`
    update accounts set balance_usd = balance_usd + 0.00000001 where kind = 'wallet' and balance_usd > 0
      and id = (select id from accounts where kind = 'wallet' and balance_usd > 0 limit 1) returning id`;
  const taken = await serverCommand(["backup", "--to", folder.path("wrong"), "--json"], source);
  const drilled = await serverCommand(
    ["restore", "--from", folder.path("wrong"), "--drill", "--json"],
    source,
  );
  await product.sql`update accounts set balance_usd = balance_usd - 0.00000001 where id = ${account!.id}`;
  expect([taken.code, drilled.code]).toEqual([0, 1]);
  const failed = answerOf(drilled).steps.filter((step: Json) => !step.ok);
  expect(failed.map(({ name }: Json) => name)).toEqual(["check the books"]);
  expect(failed[0].detail).toContain("stored_balance_equals_last_entry");
  const manifest = JSON.parse(readFileSync(`${folder.path("wrong")}/manifest.json`, "utf8"));
  expect([manifest.tested_at, answerOf(drilled).tested_at]).toEqual([null, null]);
  await expectBooksClean(product);
});

type Wallet = { owner_id: string; fund: string; balance: string; held: string };

function walletsOf(url: string): Promise<Wallet[]> {
  return look(url, async (sql) => [
    ...(await sql<Wallet[]>`select owner_id, fund, balance_usd::text as balance, held_usd::text as held
      from accounts where kind = 'wallet' order by 1, 2`),
  ]);
}

/** Every column of any kind is searched, so that none with a sealed value in it goes unopened. */
async function expectEverySealedValueOpened(url: string, report: Json): Promise<void> {
  const box = createSecretBox([testSecrets.SECRET_ENCRYPTION_KEY]);
  await look(url, async (sql) => {
    const columns = await sql<{ table: string; column: string }[]>`
      select c.relname as table, a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`;
    let sealed = 0;
    for (const { table, column } of columns) {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::int as count from ${sql(table)} where ${sql(column)}::text like '%mfenc:v2:%'`;
      sealed += row!.count;
    }
    const step = report.steps.find(({ name }: Json) => name === "open every sealed value");
    expect([sealed > 4, step.detail]).toEqual([true, `${sealed} values`]);
    const [credential] = await sql`select id, sealed_secret from provider_credentials`;
    const place = {
      table: "provider_credentials",
      column: "sealed_secret",
      rowId: credential!.id,
      owner: "platform",
    };
    expect(box.open(credential!.sealed_secret, place)).toBe(storedKey);
  });
}

/** Grants are not in a backup: they are those of the deployment that it comes to. */
async function expectSameRights(from: string, to: string): Promise<void> {
  const rights = (url: string) =>
    look(url, async (sql) => [
      ...(await sql<{ name: string; rights: string }[]>`
        select c.relname as name, (select string_agg(a.grantee::regrole || ' ' || a.privilege_type, ',' order by a.grantee::regrole::text, a.privilege_type)
          from aclexplode(c.relacl) a) as rights
        from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and relname <> 'mf_test_clock'
        order by 1`),
    ]);
  expect(await rights(to)).toEqual(await rights(from));
}

/** The restored deployment takes up its work: the same session, the next number of the wallet, the new epoch. */
async function servesOn(env: Record<string, string>, superuserUrl: string): Promise<void> {
  // The test's clock is a table of its own, which no migration grants.
  await look(superuserUrl, (sql) => sql.unsafe("grant select on mf_test_clock to mf_runtime, mf_read"));
  product.stub.reset();
  const gateway = await product.addGateway(env);
  const answer = await chat(product, session.token, { model: "stub/stub-text" }, { gateway: 1 });
  expect(answer.status).toBe(200);
  const rows = await look(
    superuserUrl,
    (sql) => sql`
    select outcome, epoch from usage_events order by epoch desc, xid8 desc limit 1`,
  );
  expect([...rows]).toEqual([{ outcome: "succeeded", epoch: 2 }]);
  await expectProjected(env.DATABASE_URL!, superuserUrl);
  await gateway.end("SIGTERM");
}

/** A cursor of the epoch before the restore goes on: what it has not read is read, and nothing twice. */
async function expectProjected(url: string, superuserUrl: string): Promise<void> {
  const limits = {
    poolMax: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    idleTransactionTimeoutMs: 5_000,
  };
  const database = openDatabase({ url, ...limits, applicationName: "test" });
  for (const projector of allProjectors) {
    while ((await projectBatch({ database }, projector, "live")) === "more");
  }
  await database.close();
  const [row] = await look(
    superuserUrl,
    (sql) => sql`
    select (select sum(requests)::int from usage_rollups where grain = 1440) as projected,
      (select count(*)::int from usage_events) as logged, (select count(*)::int from usage_events where epoch = 2) as since`,
  );
  expect(row).toEqual({ projected: row!.logged, logged: 26, since: 6 });
}
