import { randomBytes, randomUUID } from "node:crypto";
import { openEverySealedValue } from "@modelfaucet/server/flows/backup/sealed-values.ts";
import { openDatabase } from "@modelfaucet/server/lib/db.ts";
import { createSecretBox } from "@modelfaucet/server/lib/secret-box.ts";
import { listSealedColumns } from "@modelfaucet/server/modules/backup/backup.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, startProduct, testSecrets } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { made } from "./isolation-tenants.ts";

// The one place beside kept answers that holds content: because a developer asked for it, for an hour at most, sealed, told
// in every answer, gone after a day.

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { MODELFAUCET_MINUTE_MS: "500" },
  });
  ground = await layGround(product);
  session = await fundedSession(product, ground, "5.00");
});
afterAll(() => product.stop());
afterEach(async () => {
  await product.database.setClockOffset(0);
  await log("DELETE");
});

const log = (method: string, body?: unknown, at = ""): Promise<HttpAnswer> =>
  product.developer(method, `/v1/developer/apps/${ground.publicAppId}/debug-log${at}`, body);
const start = async (minutes = 60) => made(await log("POST", { minutes, reason: "answers are cut" }));
const ask = (body: Record<string, unknown> = {}, options = {}) =>
  chat(product, session.token, { model: "stub-text", ...body }, options);
const told = (answer: HttpAnswer): string | null => answer.headers.get("x-modelfaucet-debug-log");

/** The record of a call, once it is written. */
async function recorded(requestId: string): Promise<HttpAnswer["body"]> {
  await expect.poll(async () => (await log("GET", undefined, `/${requestId}`)).status).toBe(200);
  return made(await log("GET", undefined, `/${requestId}`));
}

const countRows = async (): Promise<number> => {
  const [row] = await product.sql`select count(*)::int as count from debug_logs`;
  return row!.count;
};
const actions = async (): Promise<string[]> => {
  const rows = await product.sql`select action from audit_logs where action like 'debug_log.%' order by id`;
  return rows.map((row) => row.action as string);
};

describe("an app's debug log", () => {
  it("is off unless somebody asks for it: nothing is told, nothing is kept", async () => {
    expect(made(await log("GET"))).toEqual({ on: false, items: [] });
    const answer = await ask();
    expect(answer.body.modelfaucet.debug_log).toBeUndefined();
    expect(told(answer)).toBeNull();
    expect(await countRows()).toBe(0);
    for (const minutes of [0, 61, 1.5, "5", undefined]) {
      expect((await log("POST", { minutes, reason: "x" })).body.error).toMatchObject({
        code: "invalid_request",
        param: "minutes",
      });
    }
    expect((await log("POST", { minutes: 5 })).body.error.param).toBe("reason");
    expect(made(await log("DELETE"))).toEqual({ on: false, items: [] });
    expect(await actions()).toEqual([]);
  });

  it("records both bodies sealed, on every instance, and says so in every answer of that time", async () => {
    const on = await start(5);
    expect(on).toMatchObject({ on: true, items: [] });
    expect(Date.parse(on.until) - Date.now()).toBeGreaterThan(4 * 60_000);
    const question = `the question ${randomUUID()}`;
    const messages = [{ role: "user", content: question }];
    product.stub.script("stub-text", { tokens: ["an", " answer"] });
    for (const gateway of [0, 1]) {
      const whole = await ask({ messages }, { gateway });
      expect(whole.body.modelfaucet.debug_log).toBe(true);
      expect(told(whole)).toBe("on");
      const { request_id: id } = whole.body.modelfaucet;
      const record = await recorded(id);
      expect(JSON.parse(record.request.text)).toMatchObject({ model: "stub-text", messages });
      expect(JSON.parse(record.answer.text)).toEqual(whole.body);
      expect(record.answer).toMatchObject({ truncated: false, bytes: Buffer.byteLength(whole.text) });
      expect(made(await log("GET")).items[0].request_id).toBe(id);
    }
    const stream = await ask({ messages, stream: true }, { gateway: 1 });
    expect(told(stream)).toBe("on");
    const chunks = stream.text
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice("data: ".length)));
    const priced = chunks.at(-1).modelfaucet;
    expect(priced.debug_log).toBe(true);
    const record = await recorded(priced.request_id);
    expect(record.answer.text.split("\n").map((line: string) => JSON.parse(line))).toEqual(chunks);
    for (const row of await product.sql`select sealed_bodies from debug_logs`) {
      expect(row.sealed_bodies).toMatch(/^mfenc:v2:/);
      expect(row.sealed_bodies).not.toContain(question);
    }
  });

  it("records failures too, and tells refusals that it is on", async () => {
    await start();
    product.stub.script("stub-text", { status: 500 });
    const failed = await ask();
    expect(failed.status).toBe(502);
    expect(told(failed)).toBe("on");
    const record = await recorded(failed.body.error.request_id);
    expect(JSON.parse(record.answer.text)).toEqual(failed.body);
    product.stub.reset();
    const refused = await ask({ model: "nowhere" });
    expect([refused.status, told(refused)]).toEqual([404, "on"]);
  });

  it("takes the first mebibyte of a body, and two hundred calls of an app", async () => {
    await start();
    const big = await ask({ passed_through: "é".repeat(600 * 1024) });
    expect(big.status, big.text).toBe(200);
    const { request } = await recorded(big.body.modelfaucet.request_id);
    expect(request.truncated).toBe(true);
    expect(request.bytes).toBeGreaterThan(1_200_000);
    expect(Buffer.byteLength(request.text)).toBeLessThanOrEqual(1024 * 1024);
    expect(request.text).not.toContain("\ufffd");
    await product.sql`insert into debug_logs (app_id, request_id, developer_id, end_user_id, sealed_bodies, created_at)
      select app_id, gen_random_uuid(), developer_id, end_user_id, 'mfenc:v2:x', created_at - interval '1 minute'
      from (select * from debug_logs limit 1) one, generate_series(1, 220)`;
    const last = await ask();
    await recorded(last.body.modelfaucet.request_id);
    expect(await countRows()).toBe(200);
    expect(made(await log("GET")).items).toHaveLength(200);
    await product.sql`delete from debug_logs where sealed_bodies = 'mfenc:v2:x'`;
  });

  it("ends by itself, or when it is switched off; what is under way then is not kept", async () => {
    await start(1);
    await product.database.setClockOffset(61_000);
    await expect.poll(async () => told(await ask())).toBeNull();
    expect(made(await log("GET")).on).toBe(false);
    await product.database.setClockOffset(0);
    await start();
    product.stub.script("stub-text", { tokens: ["a", "b", "c"], headersAfterMs: 500 });
    const calls = product.stub.calls;
    const running = ask();
    await expect.poll(() => product.stub.calls).toBeGreaterThan(calls);
    const before = await countRows();
    const off = made(await log("DELETE"));
    expect(off).toMatchObject({ on: false, changed_by: expect.any(String) });
    const answer = await running;
    // It was told that it would be recorded, and that is the most that can happen to it.
    expect(answer.body.modelfaucet.debug_log).toBe(true);
    await expectNotRecorded(answer.body.modelfaucet.request_id);
    expect(await countRows()).toBe(before);
    expect(told(await ask())).toBeNull();
  });

  it("is gone after a day: refused at once, removed by the worker", async () => {
    await start();
    const answer = await ask();
    const id = answer.body.modelfaucet.request_id;
    await recorded(id);
    await product.sql`update debug_logs set created_at = created_at - interval '25 hours'`;
    expect((await log("GET", undefined, `/${id}`)).body.error.code).toBe("not_found");
    expect(made(await log("GET")).items).toEqual([]);
    await expect.poll(countRows, { timeout: 10_000 }).toBe(0);
  });

  it("audits who switched it and who read", async () => {
    const before = (await actions()).length;
    await start(7);
    const answer = await ask();
    const id = answer.body.modelfaucet.request_id;
    await recorded(id);
    await log("DELETE");
    expect(new Set((await actions()).slice(before))).toEqual(
      new Set(["debug_log.start", "debug_log.read", "debug_log.stop"]),
    );
    const [row] = await product.sql`select reason, app_id, metadata, after::text from audit_logs
      where action = 'debug_log.start' order by id desc limit 1`;
    expect(row).toMatchObject({ reason: "answers are cut", app_id: expect.any(String) });
    const [read] = await product.sql`select metadata from audit_logs where action = 'debug_log.read'
      order by id desc limit 1`;
    expect(`req_${read!.metadata.read_request_id}`).toBe(id);
  });

  it("opens to nobody but the app's developer, and from its own row alone", async () => {
    await start();
    const [one, two] = [await ask(), await ask()];
    const [first, second] = [one, two].map(({ body }) => body.modelfaucet.request_id as string);
    await recorded(first!);
    await recorded(second!);
    const asUser = await product.call(
      "GET",
      `/v1/developer/apps/${ground.publicAppId}/debug-log/${first}`,
      undefined,
      { token: session.token },
    );
    expect(asUser.status).toBe(403);
    for (const id of [`req_${randomUUID()}`, `req_${"-".repeat(36)}`, "req_x"]) {
      expect((await log("GET", undefined, `/${id}`)).status).toBe(404);
    }
    // A row of another call does not open, however it came there.
    await product.sql`update debug_logs set sealed_bodies = (select sealed_bodies from debug_logs
      where request_id = ${second!.slice(4)}) where request_id = ${first!.slice(4)}`;
    expect((await log("GET", undefined, `/${first}`)).status).toBe(500);
  });

  it("is among the values that a restore opens and a rotation seals anew", async () => {
    await start();
    await recorded((await ask()).body.modelfaucet.request_id);
    const database = openDatabase({
      url: product.database.ownerUrl,
      poolMax: 1,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 30_000,
      idleTransactionTimeoutMs: 30_000,
      applicationName: "debug-log",
    });
    try {
      await product.sql`delete from debug_logs where request_id not in
        (select request_id from debug_logs order by created_at desc limit 1)`;
      const box = createSecretBox([testSecrets.SECRET_ENCRYPTION_KEY]);
      const check = await database.read({ purpose: "backup" }, (tx) => openEverySealedValue(tx, box));
      expect(check).toEqual({ opened: expect.any(Number), faults: [] });
      expect(await database.read({ purpose: "backup" }, listSealedColumns)).toContainEqual({
        schema: "public",
        name: "debug_logs",
        column: "sealed_bodies",
      });
    } finally {
      await database.close();
    }
  });

  it("keeps no header: a key that came with the request is in no record", async () => {
    await start();
    const key = `sk-proj-${randomBytes(20).toString("hex")}`;
    const user = await fundedSession(product, ground, "1.00");
    const answer = await chat(
      product,
      user.token,
      { model: "stub-text" },
      { headers: { "x-canary": key, "idempotency-key": key } },
    );
    const record = await recorded(answer.body.modelfaucet.request_id);
    expect(JSON.stringify(record)).not.toContain(key);
  });
});

/** Whoever looks after a later call was written has waited long enough: rows are written one after another. */
async function expectNotRecorded(id: string): Promise<void> {
  await start();
  const later = await ask();
  await recorded(later.body.modelfaucet.request_id);
  await product.sql`delete from debug_logs where request_id = ${later.body.modelfaucet.request_id.slice(4)}`;
  await log("DELETE");
  expect((await log("GET", undefined, `/${id}`)).status).toBe(404);
}
