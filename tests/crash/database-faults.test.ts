import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, type ServerProcess, startProduct } from "@modelfaucet/testkit/product.ts";
import { sized } from "@modelfaucet/testkit/sizes.ts";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Asked, ask } from "./asking.ts";
import { type BreakingProxy, startBreakingProxy } from "./breaking-proxy.ts";
import { openHolds, until, usageRows } from "./closed-requests.ts";
import { chargeUsd, expectClosedOnce, isAnswered, load, openWallets } from "./load.ts";

const times = sized({ ci: 5, soak: 20 });
const rounds = Array.from({ length: times }, (_, index) => index);

let product: Product;
let ground: Ground;
let gateway: ServerProcess;
let url: string;
let sessions: GroundSession[];
let proxy: BreakingProxy;
/** A superuser on another database of the server. */
let outside: postgres.Sql;
let name: string;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 0,
    env: { LOG_LEVEL: "warn", SETTLE_WAIT_MS: "2000", GATEWAY_RATE_LIMIT_MAX_REQUESTS: "0" },
  });
  ground = await layGround(product);
  const { hostname, port } = new URL(product.database.runtimeUrl);
  proxy = await startBreakingProxy({ host: hostname, port: Number(port) });
  const through = new URL(product.database.runtimeUrl);
  through.host = `127.0.0.1:${proxy.port}`;
  gateway = await product.addGateway({
    DATABASE_URL: through.toString(),
    DATABASE_POOL_MAX: "2",
    DATABASE_STATEMENT_TIMEOUT_MS: "3000",
    DATABASE_CONNECT_TIMEOUT_MS: "2000",
  });
  url = `${gateway.url}/v1`;
  sessions = await openWallets(product, ground, 8);
  outside = postgres(inject("postgres").superuserUrl, { max: 1, onnotice: () => {} });
  name = new URL(product.database.runtimeUrl).pathname.slice(1);
  await outside.unsafe(`alter database ${name} set deadlock_timeout = '700ms'`);
  await layFaults();
});
beforeEach(async () => {
  await until("the gateway works", async () => (await call(0)).status === 200, 20_000);
});
afterAll(async () => {
  proxy.decide(() => "pass");
  await outside.unsafe(`alter database ${name} connection limit -1`);
  await outside.end();
  await product.stop();
  await proxy.close();
});

const call = (session: number, headers: Record<string, string> = {}): Promise<Asked> =>
  ask(url, sessions[session]!.token, {}, headers);

describe("T-26", () => {
  it("a deadlock reaches no client and settles nothing twice", async () => {
    // On new connections alone the short time until a deadlock is looked for holds.
    await cutConnections();
    await until("the gateway works again", async () => (await call(0)).status === 200, 10_000);
    const before = await deadlocks();
    let met = 0;
    let round = 0;
    for (; met < times && round < 4 * times; round++) {
      const { answers, waitedMs } = await deadlocked(round);
      expect(answers.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual([200, 200, 200]);
      // Where the two were not in one batch, nobody stood in anybody's way.
      if (waitedMs > 300) met++;
    }
    // A backend tells what it has counted at the end of a later transaction.
    const counted = async (): Promise<boolean> =>
      (await call(0)).status === 200 && (await deadlocks()) >= before + times;
    await until("the server has counted them", counted, 15_000);
    await expectAllSettled("deadlock.", 3 * round);
  });

  it.each(["40001", "40P01", "55P03", "57014"])(
    "SQLSTATE %s within a batch is tried again, and reaches no client",
    async (code) => {
      for (const table of ["holds", "usage_events"]) {
        await arm(table, code, times);
        const label = `${code}.${table}.`;
        const answers = await Promise.all(
          sessions.map((_, i) => call(i, { "x-request-id": `${label}${i}` })),
        );
        expect(answers.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual(
          sessions.map(() => 200),
        );
        expect(await faultsLeft()).toBe(0);
        await expectAllSettled(label, sessions.length);
      }
    },
  );

  it("a server that takes no more connections means 503, and work goes on when it does", async () => {
    for (const round of rounds) {
      await outside.unsafe(`alter database ${name} connection limit 0`);
      await cutConnections();
      expectRefused(await until503(() => call(round % sessions.length)));
      await outside.unsafe(`alter database ${name} connection limit -1`);
      await until("the gateway works again", async () => (await call(0)).status === 200, 10_000);
    }
  }, 90_000);

  it("a pool without a free connection means 503, never 401 or 402, and empties again", async () => {
    const strangers = await Promise.all(Array.from({ length: 10 }, () => ground.openSession()));
    const locker = postgres(product.database.superuserUrl, { max: 1, onnotice: () => {} });
    try {
      await locker.begin(async (tx) => {
        await tx`lock table virtual_sessions in access exclusive mode`;
        const asked = strangers.map(({ token }) => ask(url, token, {}));
        const known = await until503(() => call(0));
        expectRefused(known);
        for (const answer of await Promise.all(asked)) expectRefused(answer);
      });
      await until("the gateway works again", async () => (await call(0)).status === 200, 10_000);
      const judged = async () => {
        const answers = await Promise.all(strangers.map(({ token }) => ask(url, token, {})));
        const statuses = answers.map(({ status }) => status);
        expect(statuses.filter((status) => status !== 402 && status !== 503)).toEqual([]);
        return statuses.every((status) => status === 402);
      };
      await until("every stranger is judged by its wallet", judged, 10_000);
    } finally {
      await locker.end();
    }
  }, 60_000);

  it("connections that break before and after a commit under load lose nothing and do nothing twice", async () => {
    product.stub.script("stub-text", { tokenMs: 1 });
    let isOver = false;
    const loading = load(url, sessions, 12, "reset", () => !isOver);
    const before = proxy.broken;
    let seen = 0;
    const fates = ["cut", "deafen", "swallow"] as const;
    proxy.decide(() => {
      seen++;
      return seen % 150 === 0 ? fates[(seen / 150) % 3]! : "pass";
    });
    await until("enough is broken", () => proxy.broken >= before + times, 30_000 + 4_000 * times);
    proxy.decide(() => "pass");
    isOver = true;
    const sent = await loading;
    for (const one of sent) {
      expect([one.id, one.asked.wasCut]).toEqual([one.id, false]);
      if (one.asked.status !== 200) expectRefused(one.asked);
    }
    expect(sent.filter(isAnswered).length).toBeGreaterThan(24);
    await until("everything is settled", async () => (await openHolds(product)) === 0, 20_000);
    const rows = await expectClosedOnce(product, sent);
    expect(rows.filter(({ outcome }) => outcome === "flagged")).toEqual([]);
    await expectBooksClean(product);
    expect(gateway.child.exitCode).toBeNull();
  }, 120_000);
});

function expectRefused(refused: Asked): void {
  expect([refused.status, refused.text]).toEqual([503, expect.stringContaining("service_unavailable")]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
}

async function until503(asking: () => Promise<Asked>): Promise<Asked> {
  let last = await asking();
  await until(
    "it is refused",
    async () => {
      last = await asking();
      return last.status !== 200;
    },
    10_000,
  );
  return last;
}

async function expectAllSettled(label: string, count: number): Promise<void> {
  await until("everything is settled", async () => (await openHolds(product)) === 0, 10_000);
  const rows = (await usageRows(product)).filter((row) => row.client_request_id?.startsWith(label));
  expect(rows).toHaveLength(count);
  for (const row of rows) expect(row).toMatchObject({ outcome: "succeeded", charge_usd: chargeUsd });
  await expectBooksClean(product);
}

/**
 * Three requests. The first is kept waiting, so that the others share the next batch; that batch locks their wallets in
 * order, while somebody else holds the later one and wants the earlier.
 */
async function deadlocked(round: number): Promise<{ answers: Asked[]; waitedMs: number }> {
  const [earlier, later] = [1, 2].toSorted((a, b) =>
    sessions[a]!.userId < sessions[b]!.userId ? -1 : 1,
  ) as [number, number];
  const plug = postgres(product.database.superuserUrl, { max: 1, onnotice: () => {} });
  const other = postgres(product.database.superuserUrl, {
    max: 1,
    onnotice: () => {},
    connection: { deadlock_timeout: "60s" } as never,
  });
  try {
    await plug.unsafe("begin");
    await lockWallet(plug, 0);
    const answers = [call(0, { "x-request-id": `deadlock.${round}.0` })];
    await until("the first one waits", async () => (await waitingForLocks()) >= 1, 5_000);
    await other.unsafe("begin");
    await lockWallet(other, later);
    answers.push(...[1, 2].map((i) => call(i, { "x-request-id": `deadlock.${round}.${i}` })));
    await new Promise((resolve) => setTimeout(resolve, 150));
    await plug.unsafe("commit");
    await until("the batch waits for the later wallet", async () => (await waitingForLocks()) >= 1, 5_000);
    const askedAt = performance.now();
    await lockWallet(other, earlier);
    const waitedMs = performance.now() - askedAt;
    await other.unsafe("commit");
    return { answers: await Promise.all(answers), waitedMs };
  } finally {
    await plug.end({ timeout: 1 });
    await other.end({ timeout: 1 });
  }
}

async function lockWallet(sql: postgres.Sql, session: number): Promise<void> {
  await sql`select 1 from accounts where owner_id = ${sessions[session]!.userId} for update`;
}

async function waitingForLocks(): Promise<number> {
  const [row] = await outside<{ waiting: number }[]>`
    select count(*)::int as waiting from pg_stat_activity
    where datname = ${name} and wait_event_type = 'Lock' and application_name like 'modelfaucet%'`;
  return row!.waiting;
}

async function deadlocks(): Promise<number> {
  const [row] = await outside<{ count: number }[]>`
    select deadlocks::int as count from pg_stat_database where datname = ${name}`;
  return row!.count;
}

/** Triggers that fail so many times, counted outside of transactions; as long as nothing is armed they do nothing. */
async function layFaults(): Promise<void> {
  await product.sql.unsafe(`
    create sequence mf_test_faults minvalue 0 maxvalue 1000;
    create table mf_test_fault (table_name text, code text, until bigint);
    create function mf_test_fail() returns trigger language plpgsql security definer as $$
      declare fault mf_test_fault;
      begin
        select * into fault from mf_test_fault where table_name = tg_argv[0];
        if found and nextval('mf_test_faults') <= fault.until then
          raise exception 'a fault of the test' using errcode = fault.code;
        end if;
        return null;
      end $$;
    create trigger mf_test_fail after insert on holds for each statement execute function mf_test_fail('holds');
    create trigger mf_test_fail after insert on usage_events
      for each statement execute function mf_test_fail('usage_events');`);
}

async function arm(table: string, code: string, count: number): Promise<void> {
  await product.sql`delete from mf_test_fault`;
  await product.sql`select setval('mf_test_faults', 0)`;
  await product.sql`insert into mf_test_fault values (${table}, ${code}, ${count})`;
}

async function faultsLeft(): Promise<number> {
  const [row] = await product.sql<{ left: number }[]>`
    select greatest(0, max(f.until) - s.last_value)::int as left from mf_test_fault f, mf_test_faults s
    group by s.last_value`;
  await product.sql`delete from mf_test_fault`;
  return row!.left;
}

async function cutConnections(): Promise<void> {
  await outside`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = ${name} and application_name like 'modelfaucet gateway%'`;
}
