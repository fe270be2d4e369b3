import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openHolds, until } from "./closed-requests.ts";
import { createGateways, deathOf, type Gateways } from "./gateways.ts";
import { expectClosedOnce, isAnswered, load, openWallets, type Sent } from "./load.ts";

let product: Product;
let ground: Ground;
let gateways: Gateways;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: { HOLD_TTL_SECONDS: "5", LOG_LEVEL: "warn" },
  });
  ground = await layGround(product);
  gateways = await createGateways(product);
});
afterAll(async () => {
  gateways.close();
  await product.stop();
});

const rounds = 3;
const clients = 40;

it("T-06: kill -9 at random moments under forty clients leaves each request closed once", async () => {
  const sessions = await openWallets(product, ground, 8);
  product.stub.script("stub-text", { tokenMs: 4 });
  const sent: Sent[] = [];
  for (let round = 0; round < rounds; round++) {
    const gateway = await gateways.start();
    let isUp = true;
    // The first answers have to come through before a kill says anything.
    const answersBefore = product.stub.billableCalls + clients;
    const loading = load(`${gateway.url}/v1`, sessions, clients, `round${round}`, () => isUp);
    await until("the load runs", () => product.stub.billableCalls >= answersBefore, 15_000);
    const killAfterMs = Math.random() * 600;
    await new Promise((resolve) => setTimeout(resolve, killAfterMs));
    isUp = false;
    gateway.child.kill("SIGKILL");
    expect(await deathOf(gateway)).toBe("SIGKILL");
    const answers = await loading;
    // A kill that met nothing proves nothing.
    expect(
      answers.filter(({ asked }) => asked.wasCut).length,
      `killed after ${killAfterMs} ms`,
    ).toBeGreaterThan(0);
    sent.push(...answers);
  }
  await until("recovery closes every hold", async () => (await openHolds(product)) === 0, 40_000);
  const rows = await expectClosedOnce(product, sent);
  expect(sent.filter(isAnswered).length).toBeGreaterThan(0);
  const flagged = rows.filter(({ outcome }) => outcome === "flagged");
  expect(flagged.length).toBeGreaterThan(0);
  for (const { error_code } of flagged) expect(error_code).toMatch(/^(never_sent|interrupted)$/);
  await expectBooksClean(product);
  const after = await load(product.gateways[0]!, sessions, 8, "after", onceEach(8));
  expect(after.map(({ asked }) => asked.status)).toEqual(Array(8).fill(200));
}, 120_000);

function onceEach(count: number): () => boolean {
  let left = count;
  return () => left-- > 0;
}
