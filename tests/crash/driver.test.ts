import { openDatabase } from "@modelfaucet/server/lib/db.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, expect, inject, it } from "vitest";
import { type BreakingProxy, startBreakingProxy } from "./breaking-proxy.ts";
import { until } from "./closed-requests.ts";

// What the patch of the PostgreSQL driver promises (docs/decisions/0001): each of these fails without it.

let test: TestDatabase;
let superuser: postgres.Sql;
let proxy: BreakingProxy;
let database: ReturnType<typeof openDatabase>;

beforeAll(async () => {
  test = await createTestDatabase(inject("postgres"));
  superuser = postgres(test.superuserUrl, { max: 1, onnotice: () => {} });
  const { hostname, port } = new URL(test.runtimeUrl);
  proxy = await startBreakingProxy({ host: hostname, port: Number(port) });
  const url = new URL(test.runtimeUrl);
  url.host = `127.0.0.1:${proxy.port}`;
  database = openDatabase({
    url: url.toString(),
    poolMax: 1,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 5_000,
    idleTransactionTimeoutMs: 20_000,
    applicationName: "driver test",
  });
});
afterEach(() => proxy.decide(() => "pass"));
afterAll(async () => {
  await database.close();
  await proxy.close();
  await superuser.end();
  await test.drop();
});

const cutAll = () =>
  superuser`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'driver test'`;

it("a statement that comes after its transaction was lost never runs inside another's", async () => {
  let resume = (): void => {};
  const paused = new Promise<void>((resolve) => {
    resume = resolve;
  });
  let isOpen = false;
  let late: unknown = "not tried";
  const lost = database.write({}, async (tx) => {
    await tx`select 1`;
    isOpen = true;
    await paused;
    late = await tx`select pg_backend_pid() as pid`.catch((error: { code: string }) => error.code);
  });
  const told = lost.catch((error: { code: string }) => error.code);
  await until("the transaction is open", () => isOpen, 2_000);
  await cutAll();
  expect(await told).toMatch(/^(CONNECTION_CLOSED|57P01)$/);
  // The pool's only connection is taken again, by somebody else's transaction, when the late statement comes.
  const [seen] = await database.write({ appId: "00000000-0000-0000-0000-0000000000a1" }, async (tx) => {
    resume();
    await until("the late statement is answered", () => late !== "not tried", 2_000);
    return tx`select current_setting('mf.app_id') as app, pg_current_xact_id_if_assigned() as wrote`;
  });
  expect(late).toBe("CONNECTION_CLOSED");
  expect(seen).toMatchObject({ app: "00000000-0000-0000-0000-0000000000a1" });
});

it("a refusal to connect is told at once, also after a connection was lost with a statement in flight", async () => {
  const running = database
    .read({}, (tx) => tx`select pg_sleep(5)`)
    .catch((error: { code: string }) => error.code);
  await until("it runs", async () => (await sleepers()).length === 1, 2_000);
  const outside = postgres(inject("postgres").superuserUrl, { max: 1, onnotice: () => {} });
  const name = new URL(test.runtimeUrl).pathname.slice(1);
  try {
    await outside.unsafe(`alter database ${name} allow_connections false`);
    await cutAll();
    await running;
    const askedAt = performance.now();
    await expect(database.read({}, (tx) => tx`select 1`)).rejects.toMatchObject({ severity: "FATAL" });
    expect(performance.now() - askedAt).toBeLessThan(1_500);
  } finally {
    await outside.unsafe(`alter database ${name} allow_connections true`);
    await outside.end();
  }
  expect(await database.isUp()).toBe(true);
});

it("a peer that takes connections and closes them is told after a few, and the next try may succeed", async () => {
  await cutAll();
  proxy.decide(() => "cut");
  await expect(database.read({}, (tx) => tx`select 1`)).rejects.toMatchObject({
    code: expect.stringMatching(/^(CONNECTION_CLOSED|ECONNRESET)$/),
  });
  proxy.decide(() => "pass");
  expect(await database.isUp()).toBe(true);
});

const sleepers = () =>
  superuser`select 1 from pg_stat_activity where application_name = 'driver test' and query like '%pg_sleep%'`;
