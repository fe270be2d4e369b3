import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { seedSettlementLog } from "@modelfaucet/testkit/settlement-log.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Database, openDatabase } from "../../lib/db.ts";
import { allProjectors, projectBatch } from "../../projectors/projectors.ts";
import { readSeries, readSummary, readTrialBalance, type SeriesQuery } from "./analytics.ts";

let cloned: TestDatabase;
let owner: postgres.Sql;
let database: Database;
let developerId: string;

// Over both changes of the clock in Europe, and the change of the year.
const until = new Date("2026-11-05T13:20:00Z");
const days = 230;

beforeAll(async () => {
  cloned = await createTestDatabase(inject("postgres"));
  owner = postgres(cloned.superuserUrl, { max: 2, onnotice: () => {} });
  database = openDatabase({
    url: cloned.runtimeUrl,
    poolMax: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "analytics-test",
  });
  const log = await seedSettlementLog(owner, { requests: 6_000, days, until, usersPerApp: 30 });
  developerId = log.developerIds[0]!;
  for (const projector of allProjectors) {
    while ((await projectBatch({ database }, projector, "live")) === "more");
  }
});
afterAll(async () => {
  await owner.end();
  await database.close();
  await cloned.drop();
});

const series = (query: Partial<SeriesQuery>, publicAppIds: string[] | null = null) =>
  database.read({ developerId }, (tx) =>
    readSeries(
      tx,
      { developerId, publicAppIds },
      {
        metric: "requests",
        interval: "day",
        from: "2026-10-20T00:00:00Z",
        to: "2026-11-01T00:00:00Z",
        timeZone: "UTC",
        ...query,
      },
    ),
  );

describe("intervals", () => {
  const bounds: [zone: string, interval: SeriesQuery["interval"], from: string, to: string, at: string[]][] =
    [
      // The clock goes back on the 25th, a day of 25 hours, and forward on the 29th of March, one of 23.
      [
        "Europe/Berlin",
        "day",
        "2026-10-24T10:00:00Z",
        "2026-10-26T10:00:00Z",
        ["2026-10-23T22:00", "2026-10-24T22:00", "2026-10-25T23:00"],
      ],
      [
        "Europe/Berlin",
        "day",
        "2026-03-28T10:00:00Z",
        "2026-03-30T10:00:00Z",
        ["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00"],
      ],
      [
        "Europe/Berlin",
        "hour",
        "2026-10-25T00:00:00Z",
        "2026-10-25T03:00:00Z",
        ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
      ],
      [
        "Asia/Kathmandu",
        "day",
        "2026-10-24T10:00:00Z",
        "2026-10-25T10:00:00Z",
        ["2026-10-23T18:15", "2026-10-24T18:15"],
      ],
      [
        "Asia/Kathmandu",
        "hour",
        "2026-10-24T10:20:00Z",
        "2026-10-24T12:00:00Z",
        ["2026-10-24T10:15", "2026-10-24T11:15"],
      ],
      [
        "America/New_York",
        "week",
        "2026-10-28T00:00:00Z",
        "2026-11-04T00:00:00Z",
        ["2026-10-26T04:00", "2026-11-02T05:00"],
      ],
      [
        "America/New_York",
        "month",
        "2026-10-28T00:00:00Z",
        "2026-11-04T00:00:00Z",
        ["2026-10-01T04:00", "2026-11-01T04:00"],
      ],
      // Midnight comes twice there on the first of November: the first one begins the day.
      [
        "America/Havana",
        "day",
        "2026-10-31T12:00:00Z",
        "2026-11-01T12:00:00Z",
        ["2026-10-31T04:00", "2026-11-01T04:00"],
      ],
      // And here it does not come at all on the 6th of September: the day begins with the jump.
      [
        "America/Santiago",
        "day",
        "2026-09-05T12:00:00Z",
        "2026-09-06T12:00:00Z",
        ["2026-09-05T04:00", "2026-09-06T04:00"],
      ],
      [
        "Australia/Lord_Howe",
        "hour",
        "2026-10-03T13:40:00Z",
        "2026-10-03T16:00:00Z",
        ["2026-10-03T13:30", "2026-10-03T14:30"],
      ],
    ];
  it.each(bounds)("of %s by %s begin where its calendar says", async (timeZone, interval, from, to, at) => {
    const found = await series({ timeZone, interval, from, to });
    expect(found.series[0]!.points.map((point) => point.at.slice(0, 16))).toEqual(at);
  });

  it.each([
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/New_York",
    "Australia/Lord_Howe",
  ])("of %s hold exactly the requests that began in them, whatever the interval", async (timeZone) => {
    for (const [interval, from] of [
      ["hour", "2026-10-24T03:10:00Z"],
      ["day", "2026-09-01T03:10:00Z"],
      ["week", "2026-04-01T03:10:00Z"],
      ["month", "2026-03-25T03:10:00Z"],
    ] as const) {
      const found = await series({ timeZone, interval, from, to: "2026-11-01T11:50:00Z" });
      const { points } = found.series[0]!;
      const starts = points.map(({ at }) => at);
      const derived = await owner`
          select width_bucket(opened_at, ${starts}::timestamptz[]) - 1 as point, count(*)::int as requests from usage_events
          where developer_id = ${developerId} and opened_at >= ${starts[0]!}
            and opened_at < (date_trunc(${interval}, ${starts.at(-1)!}::timestamptz at time zone ${timeZone}) + ${`1 ${interval}`}::interval) at time zone ${timeZone}
          group by 1`;
      const wanted = points.map((_, point) => derived.find((row) => row.point === point)?.requests ?? 0);
      expect(points.map(({ value }) => value)).toEqual(wanted);
      expect(found.series[0]!.total).toBe(wanted.reduce((sum, one) => sum + one, 0));
    }
  });

  it("are refused when there are too many, with the one to use instead", async () => {
    const year = { from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z" };
    await expect(series({ interval: "hour", ...year })).rejects.toMatchObject({
      code: "invalid_request",
      param: "interval",
      details: { interval: "day", maximum: 1000 },
    });
    await expect(
      series({ interval: "day", from: "2020-01-01T00:00:00Z", to: "2030-01-01T00:00:00Z" }),
    ).rejects.toMatchObject({
      details: { interval: "week" },
    });
    await expect(series({ from: year.to, to: year.from })).rejects.toMatchObject({ param: "to" });
    await expect(series({ from: "0001-01-01T00:00:00Z" })).rejects.toMatchObject({ param: "from" });
    const most = await series({ interval: "hour", from: "2026-09-01T00:00:00Z", to: "2026-10-12T14:00:00Z" });
    expect(most.series[0]!.points).toHaveLength(998);
  });
});

describe("metrics", () => {
  it.each([
    "charge_usd",
    "fee_usd",
    "upstream_cost_usd",
    "developer_share_usd",
    "platform_share_usd",
    "input_tokens",
    "output_tokens",
  ] as const)("sum %s as the log does, for every group and filter", async (metric) => {
    for (const [groupBy, column] of [
      ["feature", "feature_key"],
      ["model", "model"],
      ["provider", "provider"],
      ["route_mode", "route_mode"],
      ["app", "public_app_id"],
    ] as const) {
      const found = await series({
        metric,
        groupBy,
        timeZone: "Europe/Berlin",
        from: "2026-09-01T00:00:00Z",
      });
      const derived = await owner`
          select ${groupBy === "feature" ? owner`public_app_id || '/' || feature_key` : owner(column)} as key, sum(${owner(metric)})::text as total
          from usage_events u join apps a on a.id = u.app_id
          where u.developer_id = ${developerId} and opened_at >= '2026-08-31T22:00:00Z' and opened_at < '2026-11-01T23:00:00Z' group by 1`;
      const totals = Object.fromEntries(found.series.map(({ key, total }) => [key, String(total)]));
      expect(totals).toEqual(Object.fromEntries(derived.map(({ key, total }) => [key, total])));
    }
    const filtered = await series({ metric, model: "model-1", status: "succeeded", featureKey: "feature_1" });
    const [row] = await owner`
        select sum(${owner(metric)})::text as total from usage_events
        where developer_id = ${developerId} and model = 'model-1' and outcome = 'succeeded' and feature_key = 'feature_1'
          and opened_at >= '2026-10-20' and opened_at < '2026-11-01'`;
    expect(String(filtered.series[0]!.total)).toBe(row!.total);
  });

  it("count errors, fallbacks and users, and tell rates and percentiles within a slot", async () => {
    const range = { from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z", interval: "month" as const };
    const [row] = await owner`
      select count(*) filter (where outcome in ('failed', 'flagged'))::int as errors, count(*)::int as requests,
        count(*) filter (where jsonb_array_length(attempts) > 1)::int as fallbacks, count(distinct end_user_id)::int as users,
        percentile_disc(0.5) within group (order by first_byte_ms) as p50, percentile_disc(0.95) within group (order by first_byte_ms) as p95
      from usage_events where developer_id = ${developerId} and opened_at >= ${range.from} and opened_at < ${range.to}`;
    const [made] = await owner`
      select count(*)::int as users from end_users where developer_id = ${developerId} and created_at >= ${range.from} and created_at < ${range.to}`;
    const valueOfMetric = async (metric: SeriesQuery["metric"]) =>
      (await series({ metric, ...range })).series[0]!.points[0]!.value;
    expect(await valueOfMetric("errors")).toBe(row!.errors);
    expect(row!.errors).toBeGreaterThan(0);
    expect(await valueOfMetric("fallbacks")).toBe(row!.fallbacks);
    expect(await valueOfMetric("active_users")).toBe(row!.users);
    expect(await valueOfMetric("new_users")).toBe(made!.users);
    expect(await valueOfMetric("error_rate")).toBeCloseTo(row!.errors / row!.requests, 5);
    for (const [metric, exact] of [
      ["first_byte_p50_ms", row!.p50],
      ["first_byte_p95_ms", row!.p95],
    ] as const) {
      const told = Number(await valueOfMetric(metric));
      expect(Math.abs(told - exact) / exact).toBeLessThan(0.08);
    }
    const none = await series({
      metric: "first_byte_p95_ms",
      interval: "day",
      from: "2020-01-01T00:00:00Z",
      to: "2020-01-02T00:00:00Z",
    });
    expect(none.series[0]!.points).toEqual([{ at: "2020-01-01T00:00:00.000Z" }]);
  });

  it("are refused with what they are not kept by", async () => {
    await expect(series({ metric: "active_users", status: "failed" })).rejects.toMatchObject({
      param: "status",
    });
    await expect(series({ metric: "new_users", groupBy: "model" })).rejects.toMatchObject({
      param: "group_by",
    });
    await expect(series({ metric: "new_users", model: "model-1" })).rejects.toMatchObject({
      param: "metric",
    });
  });

  it("show twenty groups and put the others together", async () => {
    const apps = await owner`select id, developer_id from apps where developer_id = ${developerId}`;
    await owner`insert into usage_rollups select r.app_id, r.generation, r.grain, r.bucket, r.feature_key, r.route_mode, r.provider,
        'extra-' || n, r.outcome, r.developer_id, r.requests * n, 0, 0, 0, 0, 0, 0, 0, 0, 0
      from (select * from usage_rollups where grain = 1440 and app_id = ${apps[0]!.id} and bucket = '2026-10-22' limit 1) r, generate_series(1, 30) n`;
    const found = await series({ groupBy: "model" });
    expect(found.series).toHaveLength(21);
    expect(found.series.at(-1)).toMatchObject({ key: "other", label: "Other" });
    const all = (await series({})).series[0]!.total;
    expect(found.series.reduce((sum, { total }) => sum + Number(total), 0)).toBe(all);
    await owner`delete from usage_rollups where model like 'extra-%'`;
  });

  it("keep to the apps that a token is kept to, and to the caller's own", async () => {
    const [app] =
      await owner`select public_app_id, id from apps where developer_id = ${developerId} order by id limit 1`;
    const [row] = await owner`
      select count(*)::int as requests from usage_events where app_id = ${app!.id} and opened_at >= '2026-10-20' and opened_at < '2026-11-01'`;
    expect((await series({}, [app!.public_app_id])).series[0]!.total).toBe(row!.requests);
    const foreign = await database.read({ developerId }, (tx) =>
      readSeries(
        tx,
        { developerId: null, publicAppIds: null },
        {
          metric: "requests",
          interval: "day",
          from: "2026-10-20T00:00:00Z",
          to: "2026-11-01T00:00:00Z",
          timeZone: "UTC",
        },
      ),
    );
    expect(foreign.series[0]!.total).toBe((await series({})).series[0]!.total);
    expect((await series({ publicAppId: "nobodys" })).series[0]!.total).toBe(0);
  });
});

describe("the summary", () => {
  it("agrees with the series, and with the range before it", async () => {
    const range = { from: "2026-10-20T00:00:00Z", to: "2026-10-25T00:00:00Z" };
    const before = { from: "2026-10-15T00:00:00Z", to: "2026-10-20T00:00:00Z" };
    const summary = await database.read({ developerId }, (tx) =>
      readSummary(tx, { developerId, publicAppIds: null }, { ...range, comparesPrevious: true }),
    );
    expect(summary.items).toHaveLength(15);
    for (const { metric, value, previous } of summary.items) {
      expect([metric, value]).toEqual([metric, (await series({ metric, ...range })).series[0]!.total]);
      expect([metric, previous]).toEqual([metric, (await series({ metric, ...before })).series[0]!.total]);
    }
    expect(summary.completeUntil.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it("says until when it is complete: not beyond a request that is not rolled up", async () => {
    const at = new Date("2026-11-05T13:00:00.000Z");
    await owner`insert into usage_events select (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid(), 'epoch', d.epoch,
        'xid8', pg_current_xact_id(), 'opened_at', ${at}::timestamptz))).*
      from deployment d, (select u from usage_events u where developer_id = ${developerId} limit 1) as one`;
    expect((await series({})).completeUntil).toEqual(at);
  });
});

describe("the trial balance", () => {
  it("agrees with the entries over any period, and opens as the one before closed", async () => {
    const cuts = [
      null,
      "2026-04-01T00:00:00Z",
      "2026-10-03T07:31:12.345Z",
      "2026-10-03T07:44:00Z",
      "2026-11-05T13:01:00Z",
      null,
    ];
    for (let at = 0; at < cuts.length - 1; at++) {
      const [from, to] = [cuts[at]!, cuts[at + 1]!];
      const found = await database.read({ purpose: "operator" }, (tx) => readTrialBalance(tx, from, to));
      const derived = await owner`
        select scope, coalesce(-sum(amount_usd) filter (where amount_usd < 0 and created_at >= f), 0)::numeric(38,8)::text as debits,
          coalesce(sum(amount_usd) filter (where amount_usd > 0 and created_at >= f), 0)::numeric(38,8)::text as credits,
          coalesce(sum(amount_usd) filter (where created_at < f), 0)::numeric(38,8) as opening, sum(amount_usd)::numeric(38,8) as closing
        from entries, (select coalesce(${from}::timestamptz, '-infinity') as f) as f
        where created_at < coalesce(${to}::timestamptz, 'infinity') group by scope order by scope`;
      const told = found.scopes.map(({ scope, side, opening_usd, closing_usd, debits_usd, credits_usd }) => ({
        scope,
        debits: debits_usd,
        credits: credits_usd,
        opening: side === "debit" ? negated(opening_usd) : opening_usd,
        closing: side === "debit" ? negated(closing_usd) : closing_usd,
      }));
      expect(told.sort((a, b) => (a.scope < b.scope ? -1 : 1))).toEqual([...derived]);
      expect(found.sums_to_zero).toBe(true);
    }
  });

  it("tells what use brought in the period", async () => {
    const range = ["2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"] as const;
    const { income } = await database.read({ purpose: "operator" }, (tx) => readTrialBalance(tx, ...range));
    const [row] = await owner`
      select sum(charge_usd)::text as charge, sum(upstream_cost_usd)::text as cost, sum(developer_share_usd)::text as developer,
        sum(platform_share_usd)::text as platform
      from usage_events where created_at >= ${range[0]} and created_at < ${range[1]}`;
    expect(income).toEqual({
      charge_usd: row!.charge,
      provider_cost_usd: row!.cost,
      developer_share_usd: row!.developer,
      platform_share_usd: row!.platform,
      absorbed_cost_usd: "0.00000000",
    });
  });
});

const negated = (amount: string): string =>
  /^0\.0+$/.test(amount) ? amount : amount.startsWith("-") ? amount.slice(1) : `-${amount}`;
