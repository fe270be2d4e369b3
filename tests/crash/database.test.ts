import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, type ServerProcess, startProduct } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { ask, isWhole } from "./asking.ts";
import { openHolds, until, usageRows } from "./closed-requests.ts";
import { chargeUsd, expectClosedOnce, isAnswered, load, openWallets } from "./load.ts";

let product: Product;
let ground: Ground;
let gateway: ServerProcess;
let sessions: GroundSession[];
/** On another database of the server: it stays when the product's own is shut. */
let outside: postgres.Sql;
let name: string;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: { LOG_LEVEL: "warn", SETTLE_WAIT_MS: "1000" },
  });
  ground = await layGround(product);
  gateway = product.gatewayProcesses[0]!;
  sessions = await openWallets(product, ground, 8);
  outside = postgres(inject("postgres").superuserUrl, { max: 1, onnotice: () => {} });
  name = new URL(product.database.runtimeUrl).pathname.slice(1);
});
afterAll(async () => {
  await outside.unsafe(`alter database ${name} allow_connections true`);
  await outside.end();
  await product.stop();
});

it("T-26: connections that are cut under load lose no settlement and take no gateway with them", async () => {
  product.stub.script("stub-text", { tokenMs: 2 });
  let isOver = false;
  const loading = load(product.gateways[0]!, sessions, 24, "cut", () => !isOver);
  let cuts = 0;
  for (let turn = 0; turn < 12; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 150));
    cuts += await cutConnections("modelfaucet gateway%");
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  isOver = true;
  const sent = await loading;
  expect(cuts).toBeGreaterThan(12);
  expect(gateway.child.exitCode).toBeNull();
  // No answer breaks off, and what is refused is refused for the database's sake.
  for (const { id, asked } of sent) {
    expect([id, asked.wasCut]).toEqual([id, false]);
    if (asked.status !== 200) expect([id, asked.status, asked.text]).toEqual([id, 503, expect.any(String)]);
  }
  expect(sent.filter(isAnswered).length).toBeGreaterThan(24);
  await until("everything is settled", async () => (await openHolds(product)) === 0, 15_000);
  const rows = await expectClosedOnce(product, sent);
  expect(rows.filter(({ outcome }) => outcome === "flagged")).toEqual([]);
  await expectBooksClean(product);
}, 60_000);

it("R1: a database that is away means 503, finished streams, and recovery without a restart", async () => {
  const stranger = await ground.openSession();
  const { token } = sessions[0]!;
  product.stub.reset();
  product.stub.script("stub-text", { tokenMs: 40 });
  const calls = product.stub.billableCalls;
  const running = ask(product.gateways[0]!, token, { stream: true }, { "x-request-id": "over.away" });
  await until("a stream runs", () => product.stub.billableCalls === calls + 1, 5_000);

  await outside.unsafe(`alter database ${name} allow_connections false`);
  await cutConnections("modelfaucet%");
  const shutAt = performance.now();
  while (performance.now() - shutAt < 5_000) {
    for (const asking of [token, stranger.token]) {
      const refused = await ask(product.gateways[0]!, asking, {});
      expect([refused.status, refused.text]).toEqual([503, expect.stringContaining("service_unavailable")]);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    }
  }
  expect((await fetch(`${gateway.url}/ready`)).status).toBe(503);
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  const streamed = await running;
  expect(isWhole(streamed)).toBe(true);
  expect(streamed.text).toContain('"settlement":"pending"');
  expect(product.stub.billableCalls).toBe(calls + 1);

  await outside.unsafe(`alter database ${name} allow_connections true`);
  await until(
    "the gateway works again",
    async () => (await ask(product.gateways[0]!, token, {})).status === 200,
    30_000,
  );
  expect((await ask(product.gateways[0]!, stranger.token, {})).status).toBe(402);
  await until("the late settlement", async () => (await openHolds(product)) === 0, 10_000);
  const late = (await usageRows(product)).filter((row) => row.client_request_id === "over.away");
  expect(late).toEqual([expect.objectContaining({ outcome: "succeeded", charge_usd: chargeUsd })]);
  expect(gateway.child.exitCode).toBeNull();
  expect(product.control.child.exitCode).toBeNull();
  await expectBooksClean(product);
}, 90_000);

async function cutConnections(applications: string): Promise<number> {
  const cut = await outside`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = ${name} and application_name like ${applications}`;
  return cut.length;
}
