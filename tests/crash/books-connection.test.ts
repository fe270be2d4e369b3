import { type Database, openDatabase } from "@modelfaucet/server/lib/db.ts";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { parseUsd, type Usd, zeroUsd } from "@modelfaucet/server/lib/money.ts";
import { type Books, createBooks, readEpoch } from "@modelfaucet/server/modules/books/books.ts";
import { credits, type RequestFacts, type Settlement } from "@modelfaucet/server/modules/books/items.ts";
import { walletSpec } from "@modelfaucet/server/modules/books/rules.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { insertEndUser, insertTenant, type TestTenant } from "@modelfaucet/testkit/tenant.ts";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type BreakingProxy, type Fate, startBreakingProxy } from "./breaking-proxy.ts";

const usd = (text: string): Usd => parseUsd(text)!;
let test: TestDatabase;
let superuser: postgres.Sql;
let tenant: TestTenant;
let user: string;
let proxy: BreakingProxy;
let database: Database;
let books: Books;

beforeAll(async () => {
  test = await createTestDatabase(inject("postgres"));
  superuser = postgres(test.superuserUrl, { max: 1, onnotice: () => {} });
  tenant = await insertTenant(superuser);
});
afterAll(async () => {
  await superuser.end();
  await test.drop();
});
beforeEach(async () => {
  const { hostname, port } = new URL(test.runtimeUrl);
  proxy = await startBreakingProxy({ host: hostname, port: Number(port) });
  const url = new URL(test.runtimeUrl);
  url.host = `127.0.0.1:${proxy.port}`;
  database = openDatabase({
    url: url.toString(),
    poolMax: 2,
    connectTimeoutMs: 1_000,
    statementTimeoutMs: 500,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "books connection test",
  });
  books = createBooks({
    database,
    maxBatch: 256,
    maxQueued: 4_000,
    statementTimeoutMs: 500,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 30 },
    onBatch: () => {},
    onError: () => {},
  });
  user = await insertEndUser(superuser, tenant);
  await superuser`update accounts set balance_usd = 1 where owner_id = ${user} and fund = 'paid'`;
});
afterEach(async () => {
  proxy.decide(() => "pass");
  await books.stop();
  await database.close();
  await proxy.close();
});

/** The bytes of each place at which a connection breaks in these tests. */
const places: Record<string, string> = {
  "while it reads the types": "pg_catalog.pg_type",
  "at its first statement, with the others behind it": "begin",
  "in the lock phase": "for update",
  "in the write phase": "insert into holds",
  "at the commit": "commit",
};

const fates: Record<string, Fate> = {
  "is cut": "cut",
  "falls silent": "swallow",
  "no longer answers": "deafen",
};

describe.each(Object.entries(fates))("a connection that %s", (_, fate) => {
  it.each(Object.entries(places))(
    "%s costs no request and does nothing twice",
    async (_, words) => {
      let left = fate === "cut" ? 3 : 1;
      const breaks = left;
      proxy.decide((bytes) => (left > 0 && bytes.includes(words) && left-- > 0 ? fate : "pass"));
      const ids = await Promise.all([1, 2, 3].map(() => open()));
      await Promise.all(ids.map(close));
      expect(proxy.broken).toBe(breaks);
      const [account] = await superuser`
        select balance_usd::text, held_usd::text from accounts where owner_id = ${user} and fund = 'paid'`;
      expect(account).toEqual({ balance_usd: "0.99925000", held_usd: "0.00000000" });
      const [events] = await superuser`
        select count(*)::int as count from usage_events where end_user_id = ${user} and charge_usd = 0.00025`;
      expect(events!.count).toBe(3);
    },
    30_000,
  );
});

it("tells an open in time that the database is away, also behind a close that is repeated", async () => {
  const earlier = await open();
  proxy.decide(() => "swallow");
  const closing = close(earlier);
  const askedAt = performance.now();
  const late = await Promise.allSettled([1, 2, 3].map(() => open(500)));
  expect(performance.now() - askedAt).toBeLessThan(1_000);
  for (const outcome of late) expect(outcome).toMatchObject({ status: "rejected" });
  proxy.decide(() => "pass");
  await closing;
  expect(await openHolds()).toBe(0);
}, 30_000);

it("tells an open whose commit nobody saw that its outcome is unknown; a close finds the hold", async () => {
  await close(await open());
  await renewConnection();
  proxy.decide((bytes) => (bytes.includes("commit") ? "deafen" : "pass"));
  const id = uuidV7();
  await expect(open(500, id)).rejects.toThrow("not held: unknown");
  proxy.decide(() => "pass");
  expect(await openHolds()).toBe(1);
  await close(id);
  expect(await openHolds()).toBe(0);
}, 30_000);

/** On a new connection statements travel with their words again. */
async function renewConnection(): Promise<void> {
  await superuser`
    select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'books connection test'`;
}

async function openHolds(): Promise<number> {
  const [row] = await superuser<{ open: number }[]>`
    select count(*)::int as open from holds where end_user_id = ${user}`;
  return row!.open;
}

async function open(deadlineMs = 25_000, requestId = uuidV7()): Promise<string> {
  const facts: RequestFacts = {
    requestId,
    appId: tenant.appId,
    developerId: tenant.developerId,
    endUserId: user,
    sessionId: uuidV7(),
    featureId: tenant.featureId,
    featureKey: tenant.featureKey,
    featureVersion: 1,
    priceVersion: tenant.priceVersion,
    routeMode: "platform",
    provider: "stub",
    model: "stub-text",
    endpoint: "chat/completions",
    clientRequestId: null,
  };
  const least = usd("0.001");
  const item = { facts, minUsd: least, maxUsd: least, accounts: [walletSpec(user)] };
  const result = await books.open({ ...item, spendsTest: false, claim: null, isFinal: true }, deadlineMs);
  if (result.outcome !== "held") throw new Error(`not held: ${result.outcome}`);
  return requestId;
}

async function close(requestId: string): Promise<void> {
  const settlement: Settlement = {
    outcome: "succeeded",
    errorCode: null,
    provider: "stub",
    model: "stub-text",
    servedModel: "stub-text",
    payer: credits,
    tokens: { input: 100, cachedInput: 0, cacheWrite: 0, output: 50, reasoning: 0 },
    requests: 1,
    usageSource: "provider",
    simulated: false,
    lines: [],
    pricing: { mode: "usage_markup", markup_percent: "25.00", developer_share_bps: 4000 },
    costUsd: usd("0.0002"),
    chargeUsd: usd("0.00025"),
    feeUsd: zeroUsd,
    developerShareBps: 4000,
    failedCostsUsd: [],
    attempts: [],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: 12,
    durationMs: 34,
  };
  const result = await books.close({ appId: tenant.appId, requestId, settlement, key: null });
  expect(result.outcome).toBe("settled");
}
