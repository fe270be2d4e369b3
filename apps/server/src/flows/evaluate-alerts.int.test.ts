import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { insertEndUser, insertTenant, type TestTenant } from "@modelfaucet/testkit/tenant.ts";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Database, openDatabase } from "../lib/db.ts";
import { uuidV7 } from "../lib/ids.ts";
import { usdFromStore } from "../lib/money.ts";
import { alertRules, keepCheckResults } from "../modules/alert/alert.ts";
import { evaluateAlerts } from "./evaluate-alerts.ts";

let made: TestDatabase;
let superuser: postgres.Sql;
let database: Database;
let tenant: TestTenant;
let userId: string;
const errors: unknown[] = [];

beforeAll(async () => {
  made = await createTestDatabase(inject("postgres"));
  superuser = postgres(made.superuserUrl, { max: 1, onnotice: () => {} });
  // What an alert tells of cannot be written with the constraints that keep it from happening.
  await superuser`set session_replication_role = replica`;
  database = openDatabase({
    url: made.runtimeUrl,
    poolMax: 3,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "alerts test",
  });
  tenant = await insertTenant(superuser);
  userId = await insertEndUser(superuser, tenant);
  await superuser`insert into price_publications (version, published_by, reason) values (${tenant.priceVersion}, 'test', 'test')`;
});
beforeEach(async () => {
  errors.length = 0;
  await made.setClockOffset(0);
  await superuser`delete from alerts`;
  await superuser`update accounts set debt_usd = 0, balance_usd = 0, stopped_at = null`;
  for (const table of ["instances", "holds", "audit_logs", "backups"]) {
    await superuser`delete from ${superuser(table)}`;
  }
  await superuser`delete from usage_events`;
  await superuser`update projectors set xid8 = pg_current_xact_id()`;
  await checked([]);
});
afterAll(async () => {
  await database.close();
  await superuser.end();
  await made.drop();
});

const evaluate = (notifies = false) =>
  evaluateAlerts({ database, notifies, onError: (error) => errors.push(error) }, { priceBookMaxAgeDays: 45 });

/** Rules and targets that are open after one more evaluation. */
async function open(): Promise<string[]> {
  await evaluate();
  expect(errors).toEqual([]);
  const rows = await superuser<
    { rule: string; target: string }[]
  >`select rule, target from alerts where closed_at is null order by 1, 2`;
  return rows.map(({ rule, target }) => `${rule} ${target}`);
}

const detailsOf = async (rule: string) =>
  (await superuser`select details from alerts where rule = ${rule} and closed_at is null`)[0]?.details;

const checked = (results: Parameters<typeof keepCheckResults>[2]) =>
  database.write({ purpose: "operator" }, (tx) =>
    keepCheckResults(tx, "minute", [
      { name: "available_is_not_negative", violations: 0, offUsd: usdFromStore("0"), samples: [] },
      ...results,
    ]),
  );

async function instance(facts: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<string> {
  const id = uuidV7();
  await superuser`insert into instances ${superuser({
    id,
    roles: ["gateway"],
    version_seen: 0,
    facts: superuser.json(facts as never),
    ...more,
  })}`;
  return id;
}

/** A settled request whose charge and cost are USD; nothing else of it is money that somebody had. */
async function served({
  charge = 0.00125,
  cost = 0.001,
  ...row
}: Record<string, unknown> & { charge?: number; cost?: number } = {}): Promise<string> {
  const id = uuidV7();
  await superuser`insert into usage_events ${superuser({
    id,
    app_id: tenant.appId,
    developer_id: tenant.developerId,
    end_user_id: userId,
    session_id: uuidV7(),
    feature_id: tenant.featureId,
    feature_key: "chat",
    feature_version: 1,
    price_version: tenant.priceVersion,
    route_mode: "platform",
    provider: "stub",
    model: "stub-text",
    served_model: "stub-text",
    endpoint: "chat/completions",
    ...Object.fromEntries(
      ["input", "cached_input", "cache_write", "output", "reasoning"].map((kind) => [`${kind}_tokens`, 10]),
    ),
    requests: 1,
    usage_source: "provider",
    simulated: false,
    lines: superuser.json([{ unit: "output", amount_usd: "0.00100000" }]),
    pricing: superuser.json({ mode: "usage_markup", markup_percent: "25.00", developer_share_bps: 4000 }),
    hold_usd: "0.01",
    upstream_cost_usd: cost.toFixed(8),
    absorbed_cost_usd: "0",
    developer_share_usd: "0",
    platform_share_usd: (charge - cost).toFixed(8),
    fee_usd: "0",
    charge_usd: charge.toFixed(8),
    paid_usd: charge.toFixed(8),
    outcome: "succeeded",
    duration_ms: 5,
    opened_at: new Date(),
    epoch: 1,
    ...row,
  })}`;
  return id;
}

const hours = (count: number): Promise<void> => made.setClockOffset(count * 3_600_000);

it("finds nothing wrong with a deployment that is well", async () => {
  await instance({ answers: 1_000, failures: 2, calls: 100, slow_calls: 1, late_jobs: {} });
  await served();
  expect(await open()).toEqual([]);
});

describe("the books", () => {
  it("a failed check opens one alert of its name, which a good run closes", async () => {
    await checked([
      {
        name: "held_equals_open_holds",
        violations: 2,
        offUsd: usdFromStore("0.5"),
        samples: ["a off by 0.5"],
      },
      // A rule of its own tells this one.
      { name: "no_hold_outlives_its_lease", violations: 1, offUsd: usdFromStore("0"), samples: [] },
    ]);
    expect(await open()).toEqual(["books_drift held_equals_open_holds"]);
    expect(await detailsOf("books_drift")).toMatchObject({ violations: 2, samples: ["a off by 0.5"] });
    await open();
    const [count] = await superuser`select count(*)::int as count from alerts`;
    expect(count!.count).toBe(1);
    await checked([
      { name: "held_equals_open_holds", violations: 0, offUsd: usdFromStore("0"), samples: [] },
    ]);
    expect(await open()).toEqual([]);
  });

  it("an account that was stopped stays told until it is let go on", async () => {
    await superuser`update accounts set stopped_at = mf_now() where owner_id = ${userId} and fund = 'paid'`;
    expect(await open()).toEqual(["books_drift stopped_accounts"]);
    await superuser`update accounts set stopped_at = null`;
    expect(await open()).toEqual([]);
  });

  it("books that nobody checked for five minutes", async () => {
    await made.setClockOffset(4.9 * 60_000);
    expect(await open()).toEqual([]);
    await made.setClockOffset(5.1 * 60_000);
    expect(await open()).toEqual(["books_old platform"]);
  });

  it("A182: a hold that is a minute beyond its lease, named by its request", async () => {
    const id = uuidV7();
    await superuser`insert into holds (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version,
      price_version, route_mode, provider, model, endpoint, hold_usd, leg_accounts, leg_amounts_usd, lease_until, instance_id)
      values (${tenant.appId}, ${id}, ${tenant.developerId}, ${userId}, ${id}, ${tenant.featureId}, 'chat', 1,
      ${tenant.priceVersion}, 'platform', 'stub', 'stub-text', 'chat/completions', 0, '{}', '{}', mf_now(), ${id})`;
    await made.setClockOffset(59_000);
    expect(await open()).toEqual([]);
    await made.setClockOffset(61_000);
    expect(await open()).toEqual(["hold_past_lease platform"]);
    expect(await detailsOf("hold_past_lease")).toMatchObject({ holds: 1, request_ids: [`req_${id}`] });
  });

  it("a wallet in debt, and a projector that is a minute behind", async () => {
    await superuser`update accounts set debt_usd = 2, balance_usd = -2 where owner_id = ${userId} and fund = 'paid'`;
    expect(await open()).toEqual(["wallet_in_debt platform"]);
    expect(await detailsOf("wallet_in_debt")).toMatchObject({ debt_usd: "2.00000000", wallet_ids: [userId] });
    await superuser`update accounts set debt_usd = 0, balance_usd = 0 where owner_id = ${userId}`;
    await served();
    await made.setClockOffset(90_000);
    expect(await open()).toEqual(["projector_lag usage_rollups"]);
  });
});

describe("usage and prices", () => {
  it("A011: a charge that was capped, but none that merely came to its hold", async () => {
    await served({ hold_usd: "0.00125" });
    expect(await open()).toEqual([]);
    const id = await served({
      hold_usd: "0.0011",
      charge: 0.0011,
    });
    expect(await open()).toEqual(["charge_capped stub/stub-text"]);
    expect(await detailsOf("charge_capped")).toMatchObject({ requests: 1, request_ids: [`req_${id}`] });
    await hours(1.1);
    await checked([]);
    expect(await open()).not.toContain("charge_capped stub/stub-text");
  });

  it("cost that nobody is charged for: above 2 % of charges, or above 1 USD", async () => {
    await served({ outcome: "failed", charge: 0, cost: 0, absorbed_cost_usd: "0.009" });
    expect(await open()).toEqual([]);
    await served({ absorbed_cost_usd: "0.002" });
    expect(await open()).toEqual(["absorbed_cost platform"]);
    await served({ charge: 10, hold_usd: "20" });
    expect(await open()).toEqual([]);
    await served({ charge: 1000, hold_usd: "2000", absorbed_cost_usd: "1.01" });
    expect(await open()).toEqual(["absorbed_cost platform"]);
  });

  it("A005: usage that was counted here, above half a percent of an hour's requests", async () => {
    for (let count = 0; count < 200; count++) await served();
    await served({ usage_source: "estimated" });
    // A request that failed has no usage to report.
    await served({ usage_source: "estimated", requests: 0, outcome: "failed", charge: 0, cost: 0 });
    expect(await open()).toEqual([]);
    await served({ usage_source: "estimated" });
    expect(await open()).toEqual(["estimated_usage platform"]);
    expect(await detailsOf("estimated_usage")).toMatchObject({ estimated: 2, by_provider: { stub: 2 } });
  });

  it("A066: another model than asked, but no dated snapshot of it and no longer path to it", async () => {
    for (const answered of [
      "stub-text-2026-01-15",
      "stub-text-20260115",
      "stub-text-0115",
      "vendor/stub-text",
    ]) {
      await served({ served_model: answered });
    }
    expect(await open()).toEqual([]);
    for (const answered of ["stub-dear", "stub-text-large", "stub"]) await served({ served_model: answered });
    expect(await open()).toEqual(["other_model_answered stub/stub-text"]);
    expect(await detailsOf("other_model_answered")).toMatchObject({ requests: 3 });
  });

  it("a model that features list and nothing prices", async () => {
    const models = superuser.json({
      models: ["stub/priced", { provider: "stub", model: "bare" }, "stub/draft"],
    });
    const [draft] = await superuser<{ version: number }[]>`
      insert into price_versions (source, effective_from, imported_by) values ('entries', mf_now(), 'test') returning version`;
    for (const [version, model] of [
      [tenant.priceVersion, "priced"],
      [draft!.version, "draft"],
    ] as const) {
      await superuser`insert into priced_models (version, provider, model, context_length, max_output_tokens)
        values (${version}, 'stub', ${model}, 1000, 1000)`;
    }
    await superuser`update app_features set policy = ${models} where id = ${tenant.featureId}`;
    expect(await open()).toEqual(["price_missing stub/bare", "price_missing stub/draft"]);
    await superuser`update app_features set policy = '{}' where id = ${tenant.featureId}`;
    expect(await open()).toEqual([]);
  });

  it("A016: a price book that is older than it may be", async () => {
    await hours(44 * 24);
    expect(await open()).not.toContain("price_book_old platform");
    await hours(46 * 24);
    expect(await open()).toContain("price_book_old platform");
  });
});

describe("what instances tell of themselves", () => {
  it("failures of ours above 1 %, over all instances together, and not a single one", async () => {
    await instance({ answers: 50, failures: 2 });
    expect(await open()).toEqual([]);
    await instance({ answers: 50, failures: 1 });
    expect(await open()).toEqual(["server_errors platform"]);
    expect(await detailsOf("server_errors")).toEqual({ answers: 100, failures: 3 });
    // It flaps, so it closes only when it has been over for a minute.
    await superuser`update instances set facts = '{}'`;
    expect(await open()).toEqual(["server_errors platform"]);
    await made.setClockOffset(61_000);
    await superuser`update instances set heartbeat_at = mf_now()`;
    expect(await open()).toEqual([]);
  });

  it("overhead, a settlement, a secret, a job, the database, the store of rates", async () => {
    const slow = await instance({ calls: 100, slow_calls: 2 });
    const pending = await instance({ settlement_pending_seconds: 61 });
    const secret = await instance({ secret_failed_seconds_ago: 3_599 });
    await instance({ late_jobs: { retention: 601, gauges: 3 } });
    const back = await instance({ database_away_seconds: 60, database_back_seconds_ago: 5 });
    const alone = await instance({}, { rate_store: "away" });
    const around = await instance({
      open_circuits: { stub: 600, other: 599 },
      egress_refusals: 20,
      switch_seconds: 2.1,
    });
    expect(await open()).toEqual([
      "circuit_open stub",
      `database_unreachable ${back}`,
      "egress_refusals platform",
      "job_late retention",
      "overhead_slow platform",
      `redis_away ${alone}`,
      `secret_open_failed ${secret}`,
      `settlement_pending ${pending}`,
      `switch_late ${around}`,
    ]);
    // An instance that ended takes what it told of along.
    await superuser`delete from instances where id in ${superuser([slow, pending, secret, back, alone, around])}`;
    await superuser`update instances set facts = '{}'`;
    await made.setClockOffset(125_000);
    expect(await open()).toEqual([]);
  });

  it("an instance that fell silent beside others, until it is forgotten", async () => {
    const silent = await instance({});
    await made.setClockOffset(16_000);
    // Alone it is compared with nobody: while the database was away, nobody could tell anything.
    expect(await open()).toEqual([]);
    await instance({});
    expect(await open()).toEqual([`instance_silent ${silent}`]);
    await made.setClockOffset(11 * 60_000);
    await instance({});
    await checked([]);
    expect((await open()).filter((name) => name.includes(silent))).toEqual([]);
    expect(await superuser`select id from instances where id = ${silent}`).toEqual([]);
  });

  it("somebody who guesses at the console's door", async () => {
    await superuser`insert into audit_logs (id, actor_scope, action, resource_type, resource_id, address_prefix)
      values (${uuidV7()}, 'system', 'auth.failed_burst', 'console', 'sign-in', '203.0.113.0/24')`;
    expect(await open()).toEqual(["sign_in_failures platform"]);
    expect(await detailsOf("sign_in_failures")).toEqual({ bursts: 1, address_prefixes: ["203.0.113.0/24"] });
    await hours(0.3);
    await checked([]);
    expect(await open()).toEqual([]);
  });

  it("a secret that was reported as leaked, for a day", async () => {
    await superuser`insert into audit_logs (id, actor_scope, action, resource_type, resource_id, metadata)
      values (${uuidV7()}, 'system', 'token.revoke', 'developer_token', 'some-token', ${superuser.json({ leaked: true })})`;
    expect(await open()).toEqual(["secret_leaked developer_token some-token"]);
    await hours(24.1);
    await checked([]);
    expect(await open()).toEqual([]);
  });
});

describe("upkeep", () => {
  it("a backup of more than 26 hours, a drill of more than 35 days, and neither on the first day", async () => {
    await hours(27);
    expect((await open()).filter(isUpkeep)).toEqual(["backup_old platform"]);
    await hours(36 * 24);
    expect((await open()).filter(isUpkeep)).toEqual(["backup_old platform", "restore_untested platform"]);
    await superuser`insert into backups (id, taken_at, schema_version, environment, epoch, sha256, path, rows, bytes, tested_at)
      values (${uuidV7()}, mf_now(), 11, 'local', 1, ${"a".repeat(64)}, '/backups/1', 1, 1, mf_now())`;
    expect((await open()).filter(isUpkeep)).toEqual([]);
  });

  it("a month without its partition, and a request that found none", async () => {
    await hours(125 * 24);
    const opened = (await open()).filter((name) => name.startsWith("partition_missing"));
    expect(opened).toEqual([expect.stringMatching(/^partition_missing usage_events_\d{4}_\d{2}$/)]);
    await served({ id: "00000000-0000-7000-8000-000000000001" });
    expect(await open()).toContain("partition_missing usage_events_default");
  });
});

it("a rotation of the encryption key that nobody finishes", async () => {
  const id = uuidV7();
  await superuser`insert into key_rotations (id, key_id, old_key_ids, kind, status, total, done, reason, started_by)
    values (${id}, 'aaaaaaaa', '{bbbbbbbb}', 'encryption', 'overlap', 5, 5, 'test', 'test')`;
  const rotations = async () => (await open()).filter((name) => name.startsWith("key_rotation_open "));
  await hours(6 * 24);
  expect(await rotations()).toEqual([]);
  await hours(7 * 24 + 1);
  expect(await rotations()).toEqual([`key_rotation_open ${id}`]);
  await superuser`update key_rotations set status = 'finished', finished_at = mf_now()`;
  expect(await rotations()).toEqual([]);
});

const isUpkeep = (name: string): boolean => /^(backup_old|restore_untested) /.test(name);

describe("one evaluation", () => {
  it("of two workers at once one does it, and a rule that fails takes no other with it", async () => {
    await superuser`update accounts set stopped_at = mf_now() where owner_id = ${userId} and fund = 'paid'`;
    const results = await Promise.all([evaluate(true), evaluate(true), evaluate(true)]);
    expect(results.filter((result) => result?.opened.length === 1)).toHaveLength(1);
    const [counted] =
      await superuser`select count(*)::int as alerts, (select count(*)::int from alert_notices) as notices from alerts`;
    expect(counted).toEqual({ alerts: 1, notices: 1 });
    await superuser`update accounts set stopped_at = null`;
    await superuser`alter table backups rename to backups_gone`;
    try {
      await evaluate();
      expect(errors.map((error) => (error as Error).message)).toEqual([
        "the alert rule backup_old could not be judged",
        "the alert rule restore_untested could not be judged",
      ]);
      const [left] = await superuser`select count(*)::int as open from alerts where closed_at is null`;
      expect(left!.open).toBe(0);
    } finally {
      await superuser`alter table backups_gone rename to backups`;
    }
  });

  it("closes what an older version opened under a rule that is gone", async () => {
    await superuser`insert into alerts (id, rule, kind, target) values (${uuidV7()}, 'of_old', 'page', 'platform')`;
    expect(await open()).toEqual([]);
  });

  it("every rule of the list was seen to open in this file", async () => {
    const { readFile } = await import("node:fs/promises");
    const text = await readFile(new URL(import.meta.url), "utf8");
    expect(alertRules.map(({ name }) => name).filter((name) => !text.includes(`${name} `))).toEqual([]);
  });
});
