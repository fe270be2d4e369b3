import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  fundedSession,
  type Ground,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("overspend", () => {
  it("A032 in 10 of the 50 rounds: of 200 parallel calls exactly those are admitted that the wallet pays for", async () => {
    let sampled = 0;
    for (let round = 0; round < 10; round++) {
      product.stub.reset();
      // While the admitted ones wait here, the others are refused because of what these hold.
      product.stub.script("stub-flat", { headersAfterMs: round % 2 === 0 ? 400 : 0 });
      const session = await fundedSession(product, ground, "0.01250000");
      const sampler = await sampleAvailable(session.userId);
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, call) =>
          chat(product, session.token, { model: "stub-flat" }, { gateway: call % 2 }),
        ),
      );
      const { samples, lowest } = await sampler.stop();
      sampled += samples;
      // Every fund of the wallet by itself, so also the test fund when it is spent to the last unit.
      expect(lowest).toBe("0.00000000");
      expect(countOf(answers, 200)).toBe(10);
      expect(countOf(answers, 402)).toBe(190);
      expect(product.stub.billableCalls).toBe(10);
      for (const refused of answers.filter(({ status }) => status === 402)) expectTrueReason(refused);
      const heldWhileRunning = answers.filter(({ body }) => body.error?.details.reason === "held").length;
      if (round % 2 === 0) expect(heldWhileRunning).toBeGreaterThan(0);
      expect(await wallet(product, session.token)).toMatchObject({
        balance_usd: "0.00000000",
        held_usd: "0.00000000",
      });
      expect(await closedCount(product, session.userId)).toBe(10);
      await expectBooksClean(product);
    }
    expect(sampled).toBeGreaterThan(50);
  });

  it("M10: a session's cap admits exactly what it pays for, whatever the wallet has", async () => {
    const session = await fundedSession(product, ground, "1.00", { max_spend_usd: "0.0125" });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, call) =>
        chat(product, session.token, { model: "stub-flat" }, { gateway: call % 2 }),
      ),
    );
    expect(countOf(answers, 200)).toBe(10);
    const refused = answers.filter(({ status }) => status === 402);
    expect(refused).toHaveLength(90);
    for (const { body } of refused) {
      expect(body.error.code).toBe("price_above_maximum");
      expect(body.error.details).toMatchObject({ limit: "session", required_usd: "0.00125000" });
    }
    expect(product.stub.billableCalls).toBe(10);
    expect((await wallet(product, session.token)).balance_usd).toBe("0.98750000");
  });

  it("A033: the very first calls of an unknown user with an empty purse reach nothing", async () => {
    for (let round = 0; round < 5; round++) {
      const user = `first-${round}`;
      const answers = await Promise.all(
        Array.from({ length: 8 }, async (_, call) => {
          const session = await ground.openSession(user);
          return chat(product, session.token, { model: "stub-flat" }, { gateway: call % 2 });
        }),
      );
      for (const { status, body } of answers) {
        expect([status, body.error.code]).toEqual([402, "insufficient_balance"]);
        expect(body.error.details).toMatchObject({
          reason: "balance",
          balance_usd: "0.00000000",
          held_usd: "0.00000000",
          required_usd: "0.00125000",
        });
      }
      const { userId } = await ground.openSession(user);
      const [rows] = await product.sql<{ wallets: number; funds: number }[]>`
        select (select count(*) from wallets where owner_id = ${userId})::int as wallets,
          (select count(distinct fund) - count(*) from accounts where owner_id = ${userId} and kind = 'wallet')::int as funds`;
      expect(rows).toEqual({ wallets: 1, funds: 0 });
    }
    expect(product.stub.calls).toBe(0);
  });
});

/** `held` exactly where the balance would pay but for what runs; the figures say it. */
function expectTrueReason({ body }: HttpAnswer): void {
  const { reason, balance_usd, held_usd, required_usd } = body.error.details;
  expect(body.error.code).toBe("insufficient_balance");
  expect(required_usd).toBe("0.00125000");
  expect(units(balance_usd) - units(held_usd)).toBeLessThan(units(required_usd));
  expect(reason).toBe(units(balance_usd) >= units(required_usd) ? "held" : "balance");
}

/**
 * Reads balance − held of a wallet again and again, in a session of its own and inside the database, so that the test's
 * own load does not slow it down.
 */
async function sampleAvailable(
  userId: string,
): Promise<{ stop(): Promise<{ samples: number; lowest: string }> }> {
  const sql = postgres(product.database.superuserUrl, { max: 1, onnotice: () => {} });
  await sql`create table if not exists sampling (user_id uuid)`;
  await sql`insert into sampling values (${userId})`;
  await sql.unsafe(`create or replace function sample_available(wallet uuid) returns table (samples int, lowest numeric(20,8))
    language plpgsql volatile as $$ begin
      samples := 0; lowest := 1000;
      while exists (select 1 from sampling where user_id = wallet) loop
        select least(lowest, min(balance_usd - held_usd)) into lowest from accounts where owner_id = wallet;
        samples := samples + 1;
        perform pg_sleep(0.001);
      end loop;
      return next;
    end $$`);
  const sampled = sql<{ samples: number; lowest: string }[]>`
    select samples, lowest::text from sample_available(${userId})`.execute();
  return {
    stop: async () => {
      await product.sql`delete from sampling where user_id = ${userId}`;
      const [found] = await sampled;
      await sql.end();
      return found!;
    },
  };
}

const countOf = (answers: readonly HttpAnswer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;
const units = (text: string): bigint => BigInt(text.replace(".", ""));
