import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { chat, fundedSession, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Pooler, startPooler } from "@modelfaucet/testkit/pooler.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let pooler: Pooler;
let product: Product;

beforeAll(async () => {
  const postgres = inject("postgres");
  pooler = await startPooler(postgres.runtimeUrl);
  product = await startProduct({
    postgres,
    // The pooler lends ten connections to all processes together.
    env: (database) => ({
      DATABASE_URL: pooler.through(database.runtimeUrl),
      DATABASE_DIRECT_URL: database.runtimeUrl,
    }),
  });
});
afterAll(async () => {
  await product?.stop();
  await pooler?.stop();
});

describe("behind a transaction pooler, with DATABASE_DIRECT_URL past it", () => {
  it("serves, holds and settles many requests at once, and hears of changes", async () => {
    const ground = await layGround(product);
    const sessions = await Promise.all(
      Array.from({ length: 4 }, () => fundedSession(product, ground, "1.00")),
    );
    const answers = await Promise.all(
      sessions.flatMap(({ token }) =>
        Array.from({ length: 10 }, () => chat(product, token, { model: "stub-flat" })),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    for (const { token } of sessions) expect((await wallet(product, token)).balance_usd).toMatch(/^0\.9\d+$/);
    const logins = await product.sql`select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name like 'modelfaucet%'`;
    expect(logins[0]!.count).toBeGreaterThan(0);
    await expectBooksClean(product);
  });
});
