import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { seedSettlementLog } from "@modelfaucet/testkit/settlement-log.ts";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { runProjectors } from "../commands/projectors.ts";
import { type Database, openDatabase } from "../lib/db.ts";
import { deepChecks, minuteChecks, runChecks } from "../modules/books/checks.ts";
import { readDeveloperMoney } from "../modules/books/developer-money.ts";
import { allProjectors, beginRebuild, projectBatch, readProjectors, removeRetired } from "./projectors.ts";
import { usageRollups } from "./usage-rollups.ts";

let cloned: TestDatabase;
let owner: postgres.Sql;
let database: Database;

beforeEach(async () => {
  cloned = await createTestDatabase(inject("postgres"));
  owner = postgres(cloned.superuserUrl, { max: 4, onnotice: () => {} });
  database = openDatabase({
    url: cloned.runtimeUrl,
    poolMax: 6,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "projectors-test",
  });
});
afterEach(async () => {
  await owner.end();
  await database.close();
  await cloned.drop();
});

describe("roll-ups", () => {
  it("hold exactly what the log holds, whatever the size of a batch, and the books agree", async () => {
    await seedSettlementLog(owner, { requests: 3_000, perTransaction: 7 });
    await projectAll(50);
    expect(await differences()).toEqual(nowhere);
    const checks = await database.read({ purpose: "operator" }, (tx) =>
      runChecks(tx, [...minuteChecks, ...deepChecks]),
    );
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.map(({ name }) => name)).toContain("rolled_up_wallets_equal_their_entries");
    await owner`update ledger_rollups set credits_usd = credits_usd + 1 where grain = 0 and scope = 'platform'`;
    const [drift] = await database.read({ purpose: "operator" }, (tx) =>
      runChecks(
        tx,
        deepChecks.filter(({ name }) => name === "rolled_up_wallets_equal_their_entries"),
      ),
    );
    expect(drift).toMatchObject({ ok: false, violations: 1, offUsd: 100_000_000n });
  });

  it("are read by several workers at once without a row lost or doubled", async () => {
    await seedSettlementLog(owner, { requests: 2_000, perTransaction: 3 });
    await Promise.all([projectAll(20), projectAll(30), projectAll(40)]);
    expect(await differences()).toEqual(nowhere);
  });

  it("lose and double nothing when their process is killed at any time", async () => {
    await seedSettlementLog(owner, { requests: 6_000, perTransaction: 5 });
    const workers = new Set<ChildProcess>();
    const kills = 8;
    for (let kill = 0; kill < kills; kill++) {
      while (workers.size < 2) workers.add(await startWorker());
      // Somewhere else in their work each time.
      await new Promise((resolve) => setTimeout(resolve, 20 + 35 * kill));
      for (const worker of workers) {
        worker.kill("SIGKILL");
        await once(worker, "exit");
      }
      workers.clear();
    }
    await projectAll();
    expect(await differences()).toEqual(nowhere);
  });

  it("leave nothing out that a slow transaction commits behind others", async () => {
    await seedSettlementLog(owner, { requests: 20 });
    await projectAll();
    let commit: () => void = () => {};
    let begun: () => void = () => {};
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    const slow = owner.begin(async (tx) => {
      await settleAnother(tx);
      begun();
      await new Promise<void>((resolve) => (commit = resolve));
    });
    await isBegun;
    await settleAnother(owner);
    await projectOnce();
    const meanwhile = { requests: await countRolledUp(), lag: await lagOf("usage_rollups") };
    commit();
    await slow;
    // The later one was committed, but the cursor must not pass the earlier one.
    expect(meanwhile.requests).toBe(20);
    expect(meanwhile.lag).toBeGreaterThan(0);
    await projectAll();
    expect(await countRolledUp()).toBe(22);
    expect(await differences()).toEqual(nowhere);
    expect(await lagOf("usage_rollups")).toBe(0);
  });

  it("take corrections in where their request counts", async () => {
    await seedSettlementLog(owner, { requests: 200, days: 3 });
    await projectAll();
    const [event] = await owner`select * from usage_events where outcome = 'succeeded' order by id limit 1`;
    const bucket = () => owner`
      select requests, charge_usd, upstream_cost_usd, absorbed_cost_usd, developer_share_usd from usage_rollups
      where grain = 15 and app_id = ${event!.app_id} and bucket = date_bin('15 minutes', ${event!.opened_at}, 'epoch')
        and feature_key = ${event!.feature_key} and model = ${event!.model} and outcome = 'succeeded'`;
    const [before] = await bucket();
    await correct(event!, "usage_reversal", "provider_cost", "end_user", "0.00000100", "usage_provider_cost");
    await correct(
      event!,
      "cost_correction",
      "absorbed_cost",
      "provider_cost",
      "0.00000300",
      "provider_cost_corrected",
    );
    await projectAll();
    const [after] = await bucket();
    const change = (column: string) => Math.round((Number(after![column]) - Number(before![column])) * 1e8);
    expect(
      ["charge_usd", "upstream_cost_usd", "absorbed_cost_usd", "developer_share_usd"].map(change),
    ).toEqual([-100, -100, 300, 0]);
    expect(after!.requests).toBe(before!.requests);
  });
});

describe("a rebuild", () => {
  it("keeps the old rows readable until the new ones have caught up, and then takes them away", async () => {
    await seedSettlementLog(owner, { requests: 500, perTransaction: 5 });
    await projectAll();
    await owner`update usage_rollups set fallbacks = fallbacks + 1 where grain = 180`;
    const generation = await beginRebuild({ database }, "usage_rollups");
    expect(await beginRebuild({ database }, "usage_rollups")).toBe(generation);
    expect(await projectBatch({ database }, usageRollups, "building", 100)).toBe("more");
    expect(await countRolledUp()).toBe(500);
    expect((await readStates()).map(({ state }) => state)).toEqual(["live", "live", "building"]);
    // The live one goes on meanwhile.
    await settleAnother(owner);
    await projectAll();
    expect(await countRolledUp()).toBe(501);
    while ((await projectBatch({ database }, usageRollups, "building", 100)) !== "done");
    expect(await differences()).toEqual(nowhere);
    await removeRetired({ database }, usageRollups);
    expect((await readStates()).map(({ generation }) => generation)).toEqual([1, generation]);
    const [old] =
      await owner`select count(*)::int as rows from usage_rollups where generation <> ${generation}`;
    expect(old!.rows).toBe(0);
  });

  it("is one command, beside living workers too", async () => {
    await seedSettlementLog(owner, { requests: 1_000, perTransaction: 5 });
    await projectAll();
    const worker = await startWorker();
    await owner`delete from ledger_rollups where grain = 0`;
    expect(await runProjectors(["rebuild", "ledger_rollups", "--json"], database)).toBe(0);
    worker.kill("SIGKILL");
    expect(await differences()).toEqual(nowhere);
    expect(await runProjectors(["rebuild", "nothing"], database)).toBe(2);
  });
});

describe("a restore", () => {
  it("is read on from its old cursor, though the numbers of its transactions begin again below it", async () => {
    await seedSettlementLog(owner, { requests: 300, perTransaction: 3 });
    // As a dump has them: numbers of a cluster that was far ahead of this one, a part of them not projected yet.
    await owner`set session_replication_role = replica`;
    const far = "900000000000";
    await owner`update usage_events set xid8 = (xid8::text::bigint + ${far}::bigint)::text::xid8`;
    await owner`update transfers set xid8 = (xid8::text::bigint + ${far}::bigint)::text::xid8`;
    await owner`reset session_replication_role`;
    expect(await projectBatch({ database }, usageRollups, "live", 50)).toBe("more");
    await settleAnother(owner);
    await projectAll(70);
    expect(await countRolledUp()).toBe(301);
    await settleAnother(owner);
    await projectAll();
    expect(await countRolledUp()).toBe(302);
    expect(await differences()).toEqual(nowhere);
  });

  it("whose epoch was not raised is refused instead of read wrongly", async () => {
    await seedSettlementLog(owner, { requests: 10 });
    await projectAll();
    await owner`update projectors set epoch = 2, xid8 = '900000000000' where name = 'usage_rollups'`;
    await expect(projectBatch({ database }, usageRollups, "live")).rejects.toThrow("epoch was not raised");
  });
});

describe("row security", () => {
  it("shows a developer its own roll-ups alone, and lets nobody but the projection write", async () => {
    const { developerIds } = await seedSettlementLog(owner, { requests: 400 });
    await projectAll();
    const [own] =
      await owner`select sum(charge_usd)::text as charge from usage_events where developer_id = ${developerIds[0]!}`;
    const seen = await database.read({ developerId: developerIds[0]! }, async (tx) => ({
      charge: (await tx`select sum(charge_usd)::text as charge from usage_rollups where grain = 1440`)[0]!
        .charge,
      owners: (await tx`select distinct developer_id from usage_active_users`).length,
      wallets: await tx`select distinct wallet_id from ledger_rollups`,
      money: await readDeveloperMoney(tx, developerIds),
    }));
    expect(seen.charge).toBe(own!.charge);
    expect(seen.owners).toBe(1);
    expect(seen.wallets).toEqual([{ wallet_id: developerIds[0] }]);
    expect([...seen.money.keys()]).toEqual([developerIds[0]]);
    const nothing = await database.read({}, (tx) => tx`select 1 from usage_rollups`);
    expect(nothing).toHaveLength(0);
    const written = await database.write(
      { purpose: "cache" },
      (tx) => tx`update usage_rollups set requests = 0`,
    );
    expect(written.count).toBe(0);
  });
});

/** Until nothing is left to read. Transactions of other databases of this server hold the horizon back for a while. */
async function projectAll(most?: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  do await projectOnce(most);
  while ((await isBehind()) && performance.now() < deadline);
}

async function projectOnce(most?: number): Promise<void> {
  for (const projector of allProjectors) {
    for (let batch = 0; (await projectBatch({ database }, projector, "live", most)) === "more"; batch++) {
      if (batch > 2_000) throw new Error("it does not end");
    }
  }
}

const isBehind = async (): Promise<boolean> =>
  (await readStates()).some(({ state, lag_seconds }) => state === "live" && lag_seconds > 0);

const lagOf = async (name: string): Promise<number> =>
  (await readStates()).find((found) => found.name === name)!.lag_seconds;

const readStates = () => database.read({ purpose: "projection" }, readProjectors);

async function startWorker(): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("./worker-testbed.ts", import.meta.url));
  const child = spawn(process.execPath, [script, cloned.runtimeUrl], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  return child;
}

/** One more request, as the newest of the log. */
const settleAnother = (sql: postgres.Sql | postgres.TransactionSql) => sql`
  insert into usage_events select (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid(), 'epoch', d.epoch,
    'xid8', pg_current_xact_id(), 'opened_at', mf_now(), 'created_at', mf_now()))).*
  from deployment d, (select u from usage_events u order by u.id limit 1) as first`;

const correct = (
  event: postgres.Row,
  kind: string,
  from: string,
  to: string,
  amountUsd: string,
  reason: string,
) => owner`
  insert into transfers (app_id, kind, source_id, line, developer_id, from_scope, from_id, to_scope, to_id, amount_usd, reason,
    fund, wallet_seq, epoch)
  select ${event.app_id}, ${kind}, ${event.id}, 0, ${event.developer_id}, ${from}, gen_random_uuid(), ${to}, gen_random_uuid(),
    ${amountUsd}::numeric, ${reason}, 'paid', ${to === "end_user" ? 99 : null}, epoch from deployment`;

async function countRolledUp(): Promise<number> {
  const [row] = await owner`
    select sum(requests)::int as requests from usage_rollups
    where grain = 180 and generation = (select generation from projections where name = 'usage_rollups')`;
  return row!.requests;
}

const nowhere = { requests: 0, latencies: 0, users: 0, ledger: 0, wallets: 0 };

/** How many rows the live roll-ups and the same sums over the whole log do not share. */
async function differences(): Promise<typeof nowhere> {
  const live = (name: string) => owner`(select generation from projections where name = ${name})`;
  const grains = owner`(values (15, interval '15 minutes'), (60, interval '1 hour'), (180, interval '3 hours'), (1440, interval '1 day')) g (grain, length)`;
  const count = async (kept: postgres.Fragment, derived: postgres.Fragment): Promise<number> => {
    const [row] = await owner`
      with kept as (${kept}), derived as (${derived})
      select count(*)::int as rows from (
        (select * from kept except all select * from derived) union all (select * from derived except all select * from kept)) d`;
    return row!.rows;
  };
  const facts = owner`u.feature_key, u.route_mode, u.provider, u.model`;
  return {
    requests: await count(
      owner`select app_id, grain, bucket, ${owner`feature_key, route_mode, provider, model`}, outcome, developer_id, requests, fallbacks,
          input_tokens, output_tokens, charge_usd, upstream_cost_usd, developer_share_usd, platform_share_usd
        from usage_rollups where generation = ${live("usage_rollups")}`,
      owner`select u.app_id, g.grain, date_bin(g.length, u.opened_at, 'epoch'), ${facts}, u.outcome, u.developer_id, count(*),
          count(*) filter (where jsonb_array_length(u.attempts) > 1), sum(u.input_tokens), sum(u.output_tokens), sum(u.charge_usd),
          sum(u.upstream_cost_usd), sum(u.developer_share_usd), sum(u.platform_share_usd)
        from usage_events u, ${grains} where g.grain <> 60 group by 1, 2, 3, 4, 5, 6, 7, 8, 9`,
    ),
    latencies: await count(
      owner`select app_id, grain, bucket, sum(requests) from usage_latencies where generation = ${live("usage_rollups")} group by 1, 2, 3`,
      owner`select u.app_id, g.grain, date_bin(g.length, u.opened_at, 'epoch'), count(*) from usage_events u, ${grains}
        where u.first_byte_ms is not null and g.grain <> 60 group by 1, 2, 3`,
    ),
    users: await count(
      owner`select app_id, grain, bucket, ${owner`feature_key, route_mode, provider, model`}, end_user_id from usage_active_users
        where generation = ${live("usage_rollups")}`,
      owner`select distinct u.app_id, g.grain, date_bin(g.length, u.opened_at, 'epoch'), ${facts}, u.end_user_id
        from usage_events u, ${grains} where g.grain in (15, 1440)`,
    ),
    ledger: await count(
      owner`select grain, bucket, scope, kind, reason, fund, debits_usd, credits_usd from ledger_rollups
        where grain <> 0 and generation = ${live("ledger_rollups")}`,
      owner`select g.grain, date_bin(g.length, created_at, 'epoch'), scope, t.kind, t.reason, fund,
          coalesce(-sum(e.amount) filter (where e.amount < 0), 0), coalesce(sum(e.amount) filter (where e.amount > 0), 0)
        from transfers t, lateral (values (from_scope, -amount_usd), (to_scope, amount_usd)) e (scope, amount), ${grains}
        where g.grain in (60, 1440) group by 1, 2, 3, 4, 5, 6`,
    ),
    wallets: await count(
      owner`select scope, wallet_id, fund, balance_usd from wallet_balances`,
      owner`select scope, wallet_id, fund, sum(amount_usd) from entries group by 1, 2, 3`,
    ),
  };
}
