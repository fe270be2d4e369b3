import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Database, openDatabase } from "../../lib/db.ts";
import { readPartitionFaults } from "./usage-months.ts";

let made: TestDatabase;
let reader: Database;
let superuser: postgres.Sql;

beforeAll(async () => {
  made = await createTestDatabase(inject("postgres"));
  superuser = postgres(made.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser`set session_replication_role = replica`;
  reader = openDatabase({
    url: made.readUrl,
    poolMax: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    idleTransactionTimeoutMs: 5_000,
    applicationName: "usage-months",
  });
});
afterAll(async () => {
  await reader.close();
  await superuser.end();
  await made.drop();
});

const faults = () => reader.read({ purpose: "operator" }, readPartitionFaults);

it("finds nothing wrong with a log whose months are there", async () => {
  expect(await faults()).toEqual({ unplacedRequests: 0, missingNextMonth: null });
});

it("names next month's partition where it is missing, by the database's clock", async () => {
  // Four months on, and no worker has made anything since.
  await made.setClockOffset(125 * 24 * 3_600_000);
  expect(await faults()).toEqual({
    unplacedRequests: 0,
    missingNextMonth: expect.stringMatching(/^usage_events_\d{4}_\d{2}$/),
  });
  await superuser`select mf_ensure_usage_partitions()`;
  expect(await faults()).toMatchObject({ missingNextMonth: null });
});

it("counts requests that found no month of their own", async () => {
  const columns = await superuser<
    { name: string }[]
  >`select column_name as name from information_schema.columns
    where table_name = 'usage_events' and is_nullable = 'NO' and column_default is null and data_type = 'numeric'`;
  const zeroes = Object.fromEntries(columns.map(({ name }) => [name, 0]));
  const nobody = "00000000-0000-0000-0000-000000000000";
  await superuser`insert into usage_events ${superuser({
    ...zeroes,
    ...Object.fromEntries(
      ["id", "app_id", "developer_id", "end_user_id", "session_id", "feature_id"].map((name) => [
        name,
        nobody,
      ]),
    ),
    ...Object.fromEntries(
      ["feature_key", "provider", "model", "served_model", "endpoint"].map((name) => [name, "stub"]),
    ),
    ...Object.fromEntries(
      ["input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"].map(
        (name) => [name, 0],
      ),
    ),
    feature_version: 1,
    price_version: 1,
    route_mode: "platform",
    requests: 0,
    usage_source: "provider",
    simulated: false,
    lines: [],
    pricing: {},
    outcome: "failed",
    duration_ms: 0,
    opened_at: new Date(),
    epoch: 1,
  } as never)}`;
  expect(await faults()).toMatchObject({ unplacedRequests: 1 });
});
