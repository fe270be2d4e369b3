import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { sized } from "@modelfaucet/testkit/sizes.ts";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Asked, ask, askWallet, isWhole } from "./asking.ts";
import { openHolds, until, usageRows } from "./closed-requests.ts";
import { chargeUsd, expectClosedOnce, isAnswered, load, openWallets } from "./load.ts";
import { type OwnPostgres, startOwnPostgres } from "./own-postgres.ts";

const outageMs = sized({ ci: 15_000, soak: 60_000 });
const backWithinMs = 30_000;

let own: OwnPostgres;
let product: Product;
let ground: Ground;
let sessions: GroundSession[];
let stranger: GroundSession;

beforeAll(async () => {
  own = await startOwnPostgres();
  product = await startProduct({
    postgres: own.server,
    env: { LOG_LEVEL: "warn", SETTLE_WAIT_MS: "1000" },
  });
  ground = await layGround(product);
  sessions = await openWallets(product, ground, 8);
});
afterEach(() => own.resume());
afterAll(async () => {
  await product.stop();
  await own.remove();
});

it("A121 R1: a database that is stopped under load: 503 meanwhile, streams finish, back without a restart", async () => {
  stranger = await ground.openSession();
  product.stub.reset();
  product.stub.script("stub-text", { tokenMs: 2 });
  // Fifty tokens of these end in the middle of the outage.
  product.stub.script("stub-dear", { tokenMs: 100 });
  const running = sessions.map(({ token }, i) =>
    ask(product.gateways[0]!, token, { model: "stub-dear", stream: true }, { "x-request-id": `over.${i}` }),
  );
  let isOver = false;
  const loading = load(product.gateways[0]!, sessions, 16, "under", () => !isOver, 20);
  await until("the load runs", () => product.stub.billableCalls > 100, 10_000);

  const stoppedAt = performance.now();
  await own.stop();
  const during = await refusalsOf(stoppedAt + outageMs);
  const servedBefore = during.callsAtFirst;
  expect(product.stub.billableCalls).toBe(servedBefore);
  for (const refused of during.answers) expectRefused(refused);
  const streamed = await Promise.all(running);
  for (const stream of streamed) {
    expect(isWhole(stream)).toBe(true);
    expect(stream.text).toContain('"settlement":"pending"');
  }

  await own.start();
  const returnedAt = performance.now();
  await expectBack(returnedAt);
  await new Promise((resolve) => setTimeout(resolve, 500));
  isOver = true;
  const sent = await loading;
  for (const one of sent) {
    if (!isAnswered(one) && !one.asked.wasCut) expectRefused(one.asked);
    expect([one.id, one.asked.wasCut]).toEqual([one.id, false]);
  }
  await until("everything is settled", async () => (await openHolds(product)) === 0, 30_000);
  await expectClosedOnce(product, sent);
  await expectSettledOnce("over.", streamed.length, "0.00375000");
  expectNothingDied();
  await expectBooksClean(product);
}, 180_000);

it("A042: a database that stands still when streams end: pending, then booked exactly once", async () => {
  stranger = await ground.openSession();
  product.stub.reset();
  product.stub.script("stub-text", { tokenMs: 30 });
  const calls = product.stub.billableCalls;
  const running = sessions.map(({ token }, i) =>
    ask(product.gateways[0]!, token, { stream: true }, { "x-request-id": `still.${i}` }),
  );
  await until("the streams run", () => product.stub.billableCalls === calls + running.length, 5_000);
  await until("upstream is noted", async () => (await openHolds(product)) === running.length, 5_000);
  const pausedAt = performance.now();
  own.pause();
  const during = await refusalsOf(pausedAt + outageMs);
  for (const refused of during.answers) expectRefused(refused);
  for (const stream of await Promise.all(running)) {
    expect(isWhole(stream)).toBe(true);
    expect(stream.text).toContain('"settlement":"pending"');
  }
  expect(product.stub.billableCalls).toBe(during.callsAtFirst);

  own.resume();
  await expectBack(performance.now());
  await until("everything is settled", async () => (await openHolds(product)) === 0, 30_000);
  await expectSettledOnce("still.", running.length, chargeUsd);
  expectNothingDied();
  await expectBooksClean(product);
}, 180_000);

it.each(Array.from({ length: sized({ ci: 3, soak: 20 }) }, (_, round) => round))(
  "A043: PostgreSQL is killed during a hundred settlements, round %i: each is settled once or released once",
  async (round) => {
    product.stub.reset();
    product.stub.script("stub-text", { headersAfterMs: 800, outputTokens: 50 });
    const calls = product.stub.billableCalls;
    const asked = Array.from({ length: 100 }, (_, i) =>
      ask(
        product.gateways[0]!,
        sessions[i % sessions.length]!.token,
        { stream: i % 2 === 0 },
        { "x-request-id": `killed.${round}.${i}` },
      ),
    );
    await until("all are upstream", () => product.stub.billableCalls === calls + 100, 10_000);
    await until("upstream has answered some", () => product.stub.stats.open < 95, 5_000);
    const killedAt = Date.now();
    await own.kill();
    await own.start();
    const answers = await Promise.all(asked);
    await expectBack(performance.now());
    await until("everything is closed", async () => (await openHolds(product)) === 0, 60_000);
    const rows = (await usageRows(product)).filter((row) =>
      row.client_request_id?.startsWith(`killed.${round}.`),
    );
    expect(rows).toHaveLength(100);
    for (const row of rows) expect(row).toMatchObject({ outcome: "succeeded", charge_usd: chargeUsd });
    // A kill that interrupts no settlement proves nothing.
    const late = rows.filter((row) => row.created_at.getTime() > killedAt);
    expect(late.length).toBeGreaterThan(0);
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, wasCut: false });
    expectNothingDied();
    await expectBooksClean(product);
  },
  120_000,
);

it("ends on SIGTERM within its grace although the database does not answer", async () => {
  const gateway = await product.addGateway({ SHUTDOWN_GRACE_MS: "3000" });
  own.pause();
  await until("it notices", async () => (await fetch(`${gateway.url}/ready`)).status === 503, 5_000);
  const signalledAt = performance.now();
  expect(await gateway.end("SIGTERM")).toBe(0);
  expect(performance.now() - signalledAt).toBeLessThan(12_000);
}, 60_000);

/** Asks with a known and an unknown session again and again, from the moment at which the gateway must know. */
async function refusalsOf(untilMs: number): Promise<{ answers: Asked[]; callsAtFirst: number }> {
  // What was admitted before the outage is still on its way to upstream.
  await until("the gateway notices", async () => (await askWithin(sessions[0]!.token)).status === 503, 5_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const callsAtFirst = product.stub.billableCalls;
  const answers: Asked[] = [];
  while (performance.now() < untilMs) {
    const asked = [sessions[0]!, stranger].map(({ token }) => askWithin(token));
    asked.push(within(askWallet(product.control.url, sessions[0]!.token)));
    answers.push(...(await Promise.all(asked)));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(answers.length).toBeGreaterThan(10);
  return { answers, callsAtFirst };
}

const askWithin = (token: string): Promise<Asked> => within(ask(product.gateways[0]!, token, {}));

/** Nobody waits long for a refusal. */
async function within(asking: Promise<Asked>): Promise<Asked> {
  const startedAt = performance.now();
  const asked = await asking;
  expect(asked.endedAt - startedAt).toBeLessThan(7_000);
  return asked;
}

function expectRefused(refused: Asked): void {
  expect([refused.status, refused.text]).toEqual([503, expect.stringContaining("service_unavailable")]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
}

/** Gateway and control API work again. */
async function expectBack(returnedAt: number): Promise<void> {
  const { token } = sessions[0]!;
  const left = (): number => Math.max(0, backWithinMs - (performance.now() - returnedAt));
  const works = async (): Promise<boolean> => (await ask(product.gateways[0]!, token, {})).status === 200;
  await until("the gateway works again", works, left());
  await until(
    "the control API works again",
    async () => (await product.call("GET", "/v1/user/wallet", undefined, { token })).status === 200,
    left(),
  );
  for (const url of [product.gatewayProcesses[0]!.url, product.control.url, product.worker]) {
    await until(`${url} is ready`, async () => (await fetch(`${url}/ready`)).status === 200, left());
  }
  expect((await ask(product.gateways[0]!, stranger.token, {})).status).toBe(402);
}

async function expectSettledOnce(label: string, count: number, charge: string): Promise<void> {
  const rows = (await usageRows(product)).filter((row) => row.client_request_id?.startsWith(label));
  expect(rows).toHaveLength(count);
  for (const row of rows) expect(row).toMatchObject({ outcome: "succeeded", charge_usd: charge });
}

function expectNothingDied(): void {
  for (const { child } of [...product.gatewayProcesses, product.control]) {
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  }
}
