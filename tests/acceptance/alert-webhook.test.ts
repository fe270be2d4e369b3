import { randomBytes } from "node:crypto";
import { deliverNotices } from "@modelfaucet/server/flows/deliver-notices.ts";
import { type Database, openDatabase } from "@modelfaucet/server/lib/db.ts";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { createOutbound, type Outbound } from "@modelfaucet/server/lib/outbound.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { startWebhookReceiver, type WebhookReceiver } from "@modelfaucet/testkit/webhook-receiver.ts";
import postgres from "postgres";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, expect, inject, it } from "vitest";

const secret = `whsec_${randomBytes(32).toString("base64")}`;
let made: TestDatabase;
let superuser: postgres.Sql;
let database: Database;
let receiver: WebhookReceiver;
let outbound: Outbound;

beforeAll(async () => {
  made = await createTestDatabase(inject("postgres"));
  superuser = postgres(made.superuserUrl, { max: 1, onnotice: () => {} });
  database = openDatabase({
    url: made.runtimeUrl,
    poolMax: 3,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "webhook test",
  });
});
beforeEach(async () => {
  receiver = await startWebhookReceiver();
  const { origin } = new URL(receiver.url);
  outbound = createOutbound({
    connectTimeoutMs: 1_000,
    maxConnectionsPerOrigin: 2,
    isAllowedOrigin: (asked) => asked === origin,
  });
  await made.setClockOffset(0);
  await superuser`delete from alerts`;
  return async () => {
    await outbound.close();
    await receiver.close();
  };
});
afterAll(async () => {
  await database.close();
  await superuser.end();
  await made.drop();
});

const deliver = () => deliverNotices({ database, outbound, webhook: { url: receiver.url, secret } });

/** An alert, with a notice that it opened and, where it has closed, one that it did. */
async function notices(...events: string[]): Promise<void> {
  const alertId = uuidV7();
  await superuser`insert into alerts (id, rule, kind, target) values (${alertId}, 'test', 'page', ${alertId})`;
  for (const event of events) {
    await superuser`insert into alert_notices (id, alert_id, event, body)
      values (${uuidV7()}, ${alertId}, ${event}, ${JSON.stringify({ type: event, data: { id: alertId, text: "ü" } })})`;
  }
}

const rows = () =>
  superuser`select id, event, tries, delivered_at, given_up_at, last_failure from alert_notices order by id`;
const after = (seconds: number) => made.setClockOffset(seconds * 1_000);

it("is signed so that the standard's own library believes it, and refuses a changed one", async () => {
  await notices("alert.opened");
  expect(await deliver()).toBe(1);
  const [message] = receiver.received;
  const read = new Webhook(secret).verify(message!.body, message!.headers);
  expect(read).toMatchObject({ type: "alert.opened" });
  expect(message!.headers["webhook-id"]).toMatch(/^evt_[0-9a-f-]{36}$/);
  expect(message!.headers["content-type"]).toBe("application/json");
  expect(() => new Webhook(secret).verify(`${message!.body} `, message!.headers)).toThrow();
  expect(await deliver()).toBe(0);
  expect(receiver.received).toHaveLength(1);
});

it("is tried again with the same id and a new signature, later each time, until it is taken", async () => {
  await notices("alert.opened");
  receiver.answer(500);
  expect(await deliver()).toBe(0);
  expect(await deliver()).toBe(0);
  expect(receiver.received).toHaveLength(1);
  await after(6);
  expect(await deliver()).toBe(0);
  expect(await rows()).toEqual([
    expect.objectContaining({ tries: 2, last_failure: "status 500", delivered_at: null }),
  ]);
  receiver.answer(200);
  await after(20);
  expect(await deliver()).toBe(0);
  await after(45);
  expect(await deliver()).toBe(1);
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  for (const { body, headers } of receiver.received) new Webhook(secret).verify(body, headers);
});

it("is given up after ten tries", async () => {
  await notices("alert.opened");
  receiver.answer(503);
  for (let tries = 1; tries <= 10; tries++) {
    await after(tries * 100_000);
    await deliver();
  }
  expect(receiver.received).toHaveLength(10);
  expect(await rows()).toEqual([expect.objectContaining({ tries: 10, given_up_at: expect.any(Date) })]);
  await after(2_000_000);
  expect(await deliver()).toBe(0);
});

it("follows no redirect, and goes nowhere but to the configured origin", async () => {
  const elsewhere = await startWebhookReceiver();
  try {
    await notices("alert.opened");
    receiver.answer(307, elsewhere.url);
    expect(await deliver()).toBe(0);
    expect(elsewhere.received).toEqual([]);
    expect(await rows()).toEqual([expect.objectContaining({ last_failure: "status 307" })]);
    await after(60);
    await deliverNotices({ database, outbound, webhook: { url: elsewhere.url, secret } });
    expect(elsewhere.received).toEqual([]);
    expect(await rows()).toEqual([expect.objectContaining({ last_failure: "not_allowed" })]);
  } finally {
    await elsewhere.close();
  }
});

it("outlives the process that was sending it, and is sent by one of several workers", async () => {
  await notices("alert.opened");
  // Taken by a process that ends before it sends.
  await superuser`update alert_notices set tries = 1, next_at = mf_now() + interval '60 seconds'`;
  expect(await deliver()).toBe(0);
  await after(61);
  const taken = await Promise.all([deliver(), deliver(), deliver()]);
  expect(taken.sort()).toEqual([0, 0, 1]);
  expect(receiver.received).toHaveLength(1);
});

it("an alert's end is not told before its beginning", async () => {
  await notices("alert.opened", "alert.closed");
  receiver.answer(500);
  await deliver();
  await deliver();
  expect(receiver.received.map(({ body }) => JSON.parse(body).type)).toEqual(["alert.opened"]);
  receiver.answer(200);
  await after(6);
  await deliver();
  await deliver();
  expect(receiver.received.map(({ body }) => JSON.parse(body).type)).toEqual([
    "alert.opened",
    "alert.opened",
    "alert.closed",
  ]);
});
