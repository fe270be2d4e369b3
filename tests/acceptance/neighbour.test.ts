import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";

// A130: one app's flood is that app's own affair. How little the other one feels is a figure of the bench; here it is
// only held that it is served, and not held up by as much as a human would notice.

let product: Product;
let flooding: Ground;
let steady: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  [flooding, steady] = [await layGround(product), await layGround(product)];
  const path = `/v1/developer/apps/${flooding.publicAppId}`;
  await product.developer("PATCH", path, { rate_limits: { app_rpm: 60 } });
});
afterAll(() => product.stop());

it("A130: an app at ten times its limit is told to wait, and another app is served as before", async () => {
  const quiet = await fundedSession(product, steady, "10.00");
  const loud = await fundedSession(product, flooding, "10.00");
  const alone = await pace(quiet, 40);
  let goesOn = true;
  const flood = Promise.all(
    Array.from({ length: 8 }, async () => {
      const answers: HttpAnswer[] = [];
      while (goesOn && answers.length < 75) answers.push(await flat(loud));
      return answers;
    }),
  );
  const beside = await pace(quiet, 40);
  goesOn = false;
  const answers = (await flood).flat();
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(60);
  expect(refused[0]!.body.error.details).toMatchObject({ level: "app", limit: 60 });
  expect(middle(beside)).toBeLessThan(middle(alone) + 150);
  await expectBooksClean(product);
});

const flat = (session: GroundSession): Promise<HttpAnswer> =>
  chat(product, session.token, { model: "stub-flat" });

/** Milliseconds that calls one after the other take; each has to be served. */
async function pace(session: GroundSession, calls: number): Promise<number[]> {
  const taken: number[] = [];
  for (let call = 0; call < calls; call++) {
    const startedAt = performance.now();
    expect((await flat(session)).status).toBe(200);
    taken.push(performance.now() - startedAt);
  }
  return taken;
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
