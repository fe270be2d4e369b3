import { randomBytes, randomUUID } from "node:crypto";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { startWebhookReceiver, type WebhookReceiver } from "@modelfaucet/testkit/webhook-receiver.ts";
import postgres from "postgres";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

const secret = `whsec_${randomBytes(32).toString("base64")}`;
const day = 86_400_000;
let receiver: WebhookReceiver;
let product: Product;
let ground: Ground;

beforeAll(async () => {
  receiver = await startWebhookReceiver();
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      MODELFAUCET_MINUTE_MS: "200",
      ALERT_WEBHOOK_URL: receiver.url,
      ALERT_WEBHOOK_SECRET: secret,
      PROVIDER_MAX_RETRIES: "0",
    },
  });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterAll(async () => {
  await expectBooksClean(product);
  await product.stop();
  await receiver.close();
});

const listed = async (query: string): Promise<Json[]> =>
  (await product.admin("GET", `/v1/admin/alerts?limit=200&${query}`)).body.items;
const openUnder = async (rule: string): Promise<Json[]> =>
  (await listed("state=open")).filter((alert) => alert.rule === rule);

async function opens(rule: string, count = 1): Promise<Json> {
  await expect.poll(async () => (await openUnder(rule)).length, { timeout: 15_000 }).toBe(count);
  return (await openUnder(rule))[0];
}
const closes = (rule: string): Promise<Json> => opens(rule, 0);

/** What the operators' webhook was told of an alert, each message verified. */
const toldOf = (id: string): string[] =>
  receiver.received
    .map(({ body, headers }) => new Webhook(secret).verify(body, headers) as Json)
    .filter(({ data }) => data.id === id)
    .map(({ type }) => type);

describe("alerts", () => {
  it("A182: an invariant broken on purpose is told within a minute, and its end too", async () => {
    const { userId } = await fundedSession(product, ground, "1.00");
    const change = (sign: "+" | "-") =>
      product.sql.unsafe(
        `update accounts set held_usd = held_usd ${sign} 0.00000001 where owner_id = $1 and fund = 'test'`,
        [userId],
      );
    await change("+");
    await expect
      .poll(async () => (await openUnder("books_drift")).map(({ target }) => target).sort(), {
        timeout: 15_000,
      })
      .toEqual(["held_equals_open_holds", "stopped_accounts"]);
    const alert = (await openUnder("books_drift")).find(({ target }) => target === "held_equals_open_holds");
    expect(alert).toMatchObject({
      kind: "page",
      title: expect.any(String),
      remedy: expect.stringContaining("books"),
    });
    expect(JSON.stringify(alert.details)).toContain("0.00000001");
    await change("-");
    await closes("books_drift");
    await expect.poll(() => toldOf(alert.id), { timeout: 10_000 }).toEqual(["alert.opened", "alert.closed"]);
    const [closed] = (await listed("state=closed")).filter(({ id }) => id === alert.id);
    expect(closed.closed_at >= closed.opened_at).toBe(true);
  });

  it("A182: a hold that recovery cannot close is told when it is a minute beyond its lease", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const gateway = product.gatewayProcesses[0]!;
    product.stub.script(() => ({ headersAfterMs: 60_000 }));
    const leaving = new AbortController();
    const answer = chat(
      product,
      session.token,
      { model: "stub/stub-text" },
      { signal: leaving.signal },
    ).catch(() => null);
    const held = async () => (await product.sql`select id, app_id from holds`)[0];
    await expect.poll(held).toBeDefined();
    const { id } = (await held())!;
    const other = postgres(product.database.superuserUrl, { max: 1, onnotice: () => {} });
    // Whoever holds the hold's row keeps recovery from it; the gateway that stands still does not renew the lease.
    gateway.child.kill("SIGSTOP");
    try {
      await other.begin(async (tx) => {
        await tx`select 1 from holds where id = ${id} for update`;
        await product.database.setClockOffset(150_000);
        const alert = await opens("hold_past_lease");
        expect(alert).toMatchObject({ kind: "page", details: { holds: 1, request_ids: [`req_${id}`] } });
      });
    } finally {
      await other.end();
      gateway.child.kill("SIGCONT");
    }
    leaving.abort();
    await answer;
    await closes("hold_past_lease");
  });

  it("A005 A011 A066: what upstream leaves out, what is beyond a hold, and another model's answer", async () => {
    const session = await fundedSession(product, ground, "5.00");
    const ask = async (body: Record<string, unknown>): Promise<string> => {
      const { status, headers, text } = await chat(product, session.token, {
        model: "stub/stub-text",
        ...body,
      });
      expect(status, text).toBe(200);
      return headers.get("x-modelfaucet-request-id")!;
    };
    product.stub.script(() => ({ model: "stub-text-2026-01-15" }));
    await ask({});
    for (const rule of ["estimated_usage", "charge_capped", "other_model_answered"]) {
      expect(await openUnder(rule)).toEqual([]);
    }
    product.stub.script(() => ({ usage: "none" }));
    await ask({});
    expect(await opens("estimated_usage")).toMatchObject({
      kind: "ticket",
      details: { estimated: 1, by_provider: { stub: 1 } },
    });
    product.stub.script(() => ({ outputTokens: 200 }));
    const capped = await ask({ max_tokens: 20 });
    expect(await opens("charge_capped")).toMatchObject({
      kind: "page",
      target: "stub/stub-text",
      details: { requests: 1, request_ids: [capped] },
    });
    product.stub.script(() => ({ model: "stub-dear" }));
    await ask({});
    expect(await opens("other_model_answered")).toMatchObject({
      target: "stub/stub-text",
      details: { answered: ["stub-dear"] },
    });
  });
});

describe("the routes", () => {
  it("a model without a price is listed, filtered and paged", async () => {
    await ground.setFeature({
      models: ["stub/stub-text", "stub/unpriced-1", "stub/unpriced-2", "stub/unpriced-3"],
    });
    await opens("price_missing", 3);
    const first = (await product.admin("GET", "/v1/admin/alerts?state=open&kind=ticket&limit=2")).body;
    expect(first.items).toHaveLength(2);
    const seen = [...first.items];
    for (let cursor = first.next_cursor; cursor !== null; ) {
      const page = (
        await product.admin("GET", `/v1/admin/alerts?state=open&kind=ticket&limit=2&cursor=${cursor}`)
      ).body;
      seen.push(...page.items);
      cursor = page.next_cursor;
    }
    const all = await listed("state=open&kind=ticket");
    expect(seen.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(all.every(({ kind }) => kind === "ticket")).toBe(true);
    expect((await product.admin("GET", "/v1/admin/alerts?state=loud")).status).toBe(400);
  });

  it("is acknowledged once, by name and with an audit row; the rest is refused", async () => {
    const [alert] = await openUnder("price_missing");
    const path = `/v1/admin/alerts/${alert.id}/acknowledge`;
    const taken = await product.admin("POST", path, {});
    expect(taken.status, taken.text).toBe(200);
    expect(taken.body).toMatchObject({ id: alert.id, acknowledged_by: expect.any(String) });
    const again = await product.admin("POST", path, {});
    expect(again.body).toEqual(taken.body);
    const audits =
      await product.sql`select resource_id, metadata from audit_logs where action = 'alert.acknowledge'`;
    expect(audits).toEqual([
      { resource_id: alert.id, metadata: { rule: "price_missing", target: alert.target } },
    ]);
    expect((await product.admin("POST", `/v1/admin/alerts/${randomUUID()}/acknowledge`, {})).status).toBe(
      404,
    );
    expect((await product.admin("POST", path, { note: "x" })).status).toBe(400);
    expect((await product.developer("GET", "/v1/admin/alerts")).status).toBe(403);
    expect((await product.developer("POST", path, {})).status).toBe(403);
    await ground.setFeature({ models: ["stub/stub-text"] });
    await closes("price_missing");
    await ground.setFeature({});
  });
});

describe("time passing", () => {
  it("A016: an old price book is told, and calls go on at its prices until a new one comes", async () => {
    expect(await openUnder("price_book_old")).toEqual([]);
    await product.database.setClockOffset(46 * day);
    expect(await opens("price_book_old")).toMatchObject({ kind: "ticket", details: { max_age_days: 45 } });
    const session = await fundedSession(product, ground, "1.00");
    const answer = await chat(product, session.token, { model: "stub/stub-flat" });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers.get("x-modelfaucet-charge-usd")).toBe("0.00125000");
    await publishPrices(product, [priceEntry(["stub-new", "1.00", "0", "0", "2.00", "0"])]);
    await closes("price_book_old");
  });
});
