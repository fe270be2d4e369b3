import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream } from "@modelfaucet/testkit/sse.ts";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), env: { HOLD_TTL_SECONDS: "5" } });
  ground = await layGround(product);
  // The vendor of own keys, and of the developer's, is the same stub under a vendor's name.
  await product.admin("PUT", "/v1/admin/providers/openai", {
    base_url: product.stub.url,
    reason: "stand-in",
  });
  await publishPrices(product, [priceEntry(["stub-claude", "3.00", "0.30", "3.75", "15.00", "0"], "openai")]);
  for (const payer of ["byok", "developer_key"]) {
    await ground.setFeature(
      { models: ["openai/stub-claude"], route_preference: [payer] },
      { byok_fee_usd: "0.00050000" },
      payer,
    );
  }
  product.stub.script("stub-text", { outputTokens: 100, tokenMs: 20 });
  product.stub.script("stub-claude", { endless: true, tokenMs: 100 });
});
afterAll(async () => {
  await expectBooksClean(product);
  await product.stop();
});

// Lease 5 s, 15 s of grace, a poll every second; the rest is for a busy machine.
const recoveredWithinMs = 25_000;
const busyMs = 5_000;

// All wait for the same recovery, so they do it side by side.
describe("what a crash leaves", () => {
  it.concurrent("A039: twenty holds of a gateway that is gone are each closed once, at no charge", async () => {
    const bystander = await fundedSession(product, ground, "0.50");
    const held = await openStream(product, bystander.token, { model: "stub-claude" });
    await held.pieces(1);
    const before = await wallet(product, bystander.token);
    const session = await fundedSession(product, ground, "20.00");
    const gateway = await addGateway();
    const streams = await Promise.all(
      Array.from({ length: 20 }, () =>
        openStream(product, session.token, { model: "stub-claude" }, { gateway }),
      ),
    );
    await Promise.all(streams.map((stream) => stream.pieces(3)));
    await vi.waitFor(async () =>
      expect(await holdsOf(session)).toEqual(Array.from({ length: 20 }, () => ({ is_sent: true }))),
    );
    product.gatewayProcesses[gateway]!.child.kill("SIGKILL");
    await Promise.all(streams.map((stream) => stream.end().catch(() => {})));
    const killedAt = performance.now();
    expect(units((await wallet(product, session.token)).held_usd)).toBeGreaterThan(0n);
    const events = await flagged(session, 20);
    expect(performance.now() - killedAt).toBeLessThan(recoveredWithinMs + busyMs);
    for (const event of events) expect(event).toMatchObject(interrupted);
    expect(await wallet(product, session.token)).toMatchObject({
      balance_usd: "20.00000000",
      held_usd: "0.00000000",
      available_usd: "20.00000000",
    });
    expect(await wallet(product, bystander.token)).toMatchObject({
      balance_usd: before.balance_usd,
      held_usd: before.held_usd,
    });
    expect(await holdsOf(bystander)).toHaveLength(1);
    held.leave();
  });

  it.concurrent("a crash takes nothing of an own key's budget, nor of the developer's, and nothing of the wallet", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const { items } = (await product.call("GET", "/v1/user/modes?feature_key=byok", undefined, session)).body;
    const key = {
      provider: "openai",
      api_key: "sk-proj-0123456789abcdefghijklmnop",
      budget_limit_usd: "0.50",
    };
    const own = await product.call(
      "POST",
      "/v1/user/provider-keys",
      { ...key, disclosure_version: items[2].disclosure_version },
      session,
    );
    const theirs = await product.developer("POST", "/v1/developer/provider-keys", {
      ...key,
      public_app_id: ground.publicAppId,
    });
    expect([own.status, theirs.status], own.text + theirs.text).toEqual([201, 201]);
    const gateway = await addGateway();
    const streams = await Promise.all(
      ["byok", "developer_key"].map((payer) =>
        openStream(product, session.token, { model: `auto:${payer}` }, { gateway }),
      ),
    );
    await Promise.all(streams.map((stream) => stream.pieces(3)));
    const legs = () => product.sql`select kind, held_usd > 0 as held, balance_usd::text from accounts
      where kind = 'credential' and owner_id in (${own.body.id}, ${theirs.body.id})`;
    const heldLeg = { kind: "credential", held: true, balance_usd: "0.50000000" };
    expect([...(await legs())]).toEqual([heldLeg, heldLeg]);
    await vi.waitFor(async () =>
      expect(await holdsOf(session)).toEqual([{ is_sent: true }, { is_sent: true }]),
    );
    product.gatewayProcesses[gateway]!.child.kill("SIGKILL");
    await Promise.all(streams.map((stream) => stream.end().catch(() => {})));
    for (const event of await flagged(session, 2)) {
      expect(event).toMatchObject({
        ...interrupted,
        absorbed_cost_usd: "0.00000000",
        key_cost_usd: "0.00000000",
      });
    }
    const freeLeg = { ...heldLeg, held: false };
    expect([...(await legs())]).toEqual([freeLeg, freeLeg]);
    await expectWhole(session);
  });

  it.concurrent("A040: a stream killed in its middle costs its user nothing", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const gateway = await addGateway();
    const stream = await openStream(product, session.token, { model: "stub-text" }, { gateway });
    await stream.pieces(50);
    product.gatewayProcesses[gateway]!.child.kill("SIGKILL");
    await expect(stream.end()).rejects.toThrow();
    expect(stream.saidDone).toBe(false);
    const [event] = await flagged(session, 1);
    expect(event).toMatchObject(interrupted);
    // From the hold's progress, which is noted every third of its life: at most what was relayed.
    expect(units(event.absorbed_cost_usd)).toBeLessThanOrEqual(units("0.00010200") * 2n);
    await expectWhole(session);
  });

  it.concurrent("A041: a request that died between hold and call is flagged as never sent; the next is admitted", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const gateway = await addGateway({ MODELFAUCET_FAILPOINT: "after_hold:kill" });
    await expect(
      chat(product, session.token, { model: "stub-text", user: "u" }, { gateway }),
    ).rejects.toThrow();
    expect(await holdsOf(session)).toEqual([{ is_sent: false }]);
    const next = await chat(product, session.token, { model: "stub-flat", user: "u" });
    expect([next.status, next.body.modelfaucet.charge_usd]).toEqual([200, "0.00125000"]);
    const [event] = await flagged(session, 1);
    expect(event).toMatchObject({
      ...interrupted,
      error_code: "never_sent",
      absorbed_cost_usd: "0.00000000",
    });
    expect(product.stub.requests.filter(({ body }) => body?.user === session.userId)).toHaveLength(1);
    expect(await wallet(product, session.token)).toMatchObject({
      balance_usd: "0.99875000",
      held_usd: "0.00000000",
    });
  });
});

const interrupted = { outcome: "flagged", error_code: "interrupted", charge_usd: "0.00000000" };

async function addGateway(env: Record<string, string> = {}): Promise<number> {
  const added = await product.addGateway(env);
  return product.gatewayProcesses.indexOf(added);
}

/** The open holds of a user, and whether they say that upstream has their requests. */
async function holdsOf({ userId }: GroundSession): Promise<{ is_sent: boolean }[]> {
  const rows = await product.sql<{ is_sent: boolean }[]>`
    select coalesce((progress ->> 'sent')::boolean, false) as is_sent from holds where end_user_id = ${userId}`;
  return [...rows];
}

/** The flagged requests of a user, as soon as there are so many. */
function flagged({ userId }: GroundSession, count: number): Promise<Json[]> {
  return vi.waitFor(
    async () => {
      const rows = await product.sql<Json[]>`
        select * from usage_events where end_user_id = ${userId} and outcome = 'flagged'`;
      expect(rows).toHaveLength(count);
      return rows;
    },
    { timeout: recoveredWithinMs + 2 * busyMs, interval: 100 },
  );
}

async function expectWhole(session: GroundSession): Promise<void> {
  expect(await wallet(product, session.token)).toMatchObject({
    balance_usd: "1.00000000",
    held_usd: "0.00000000",
  });
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
