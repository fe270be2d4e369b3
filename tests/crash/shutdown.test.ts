import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, type ServerProcess, startProduct } from "@modelfaucet/testkit/product.ts";
import { sized } from "@modelfaucet/testkit/sizes.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Asked, ask, isWhole } from "./asking.ts";
import { openHolds, until, usageRows } from "./closed-requests.ts";
import { createGateways, type Gateways } from "./gateways.ts";
import { chargeUsd, openWallets } from "./load.ts";

let product: Product;
let ground: Ground;
let gateways: Gateways;
let sessions: GroundSession[];

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: { LOG_LEVEL: "warn", SHUTDOWN_GRACE_MS: "5000" },
  });
  ground = await layGround(product);
  gateways = await createGateways(product);
  sessions = await openWallets(product, ground, 6);
  product.stub.script("stub-text", { tokenMs: 20 });
  product.stub.script("stub-claude", { endless: true, tokenMs: 20 });
});
afterAll(async () => {
  gateways.close();
  await product.stop();
});

const finite = sized({ ci: 40, soak: 70 });
const endless = sized({ ci: 20, soak: 30 });
const rounds = Array.from({ length: sized({ ci: 3, soak: 20 }) }, (_, index) => index + 1);

describe("T-24 A131 R7: SIGTERM with sixty open streams, twenty of them endless", () => {
  it.each(rounds)(
    "round %i: no new work, what can end ends, the rest is free, exit 0",
    async (round) => {
      const gateway = await gateways.start();
      const calls = product.stub.billableCalls;
      const running = Array.from({ length: finite + endless }, (_, i) =>
        ask(
          `${gateway.url}/v1`,
          sessions[i % sessions.length]!.token,
          i < finite ? { stream: i % 5 !== 0 } : { stream: true, model: "stub/stub-claude" },
          { "x-request-id": `${round}.${i}` },
        ),
      );
      await until("all streams run", () => product.stub.billableCalls === calls + finite + endless, 10_000);
      const ending = gateway.end("SIGTERM");
      await expectNoNewWork(gateway);
      const answers = await Promise.all(running);
      expect(await ending).toBe(0);
      expectFinished(answers.slice(0, finite));
      expectCut(answers.slice(finite));
      expect(await openHolds(product)).toBe(0);
      const rows = (await usageRows(product)).filter((row) => row.client_request_id?.startsWith(`${round}.`));
      expect(rows).toHaveLength(finite + endless);
      for (const row of rows) {
        const isEndless = Number(row.client_request_id!.split(".")[1]) >= finite;
        expect(row).toMatchObject(
          isEndless
            ? { outcome: "failed", error_code: "service_unavailable", charge_usd: "0.00000000" }
            : { outcome: "succeeded", error_code: null, charge_usd: chargeUsd },
        );
        // What upstream took for a stream that we cut is the operator's.
        if (isEndless) expect(row.absorbed_cost_usd).not.toBe("0.00000000");
      }
      await expectBooksClean(product);
    },
    30_000,
  );

  it("answers for a moment where nothing runs, so that a balancer sees it go, and ends", async () => {
    const gateway = await gateways.start();
    const signalledAt = performance.now();
    const ending = gateway.end("SIGTERM");
    await expectNoNewWork(gateway);
    expect(await ending).toBe(0);
    expect(performance.now() - signalledAt).toBeLessThan(3_000);
  });

  it("ends at once and with 1 on a second signal", async () => {
    const gateway = await gateways.start();
    const calls = product.stub.billableCalls;
    const running = ask(`${gateway.url}/v1`, sessions[0]!.token, { stream: true, model: "stub/stub-claude" });
    await until("the stream runs", () => product.stub.billableCalls === calls + 1, 5_000);
    gateway.child.kill("SIGTERM");
    await until("not ready", async () => (await fetch(`${gateway.url}/ready`)).status === 503, 1_000);
    const signalledAt = performance.now();
    expect(await gateway.end("SIGTERM")).toBe(1);
    expect(performance.now() - signalledAt).toBeLessThan(1_000);
    expect((await running).wasCut).toBe(true);
  });
});

async function expectNoNewWork(gateway: ServerProcess): Promise<void> {
  const signalledAt = performance.now();
  await until("not ready", async () => (await fetch(`${gateway.url}/ready`)).status === 503, 1_000);
  expect(performance.now() - signalledAt).toBeLessThan(1_000);
  const refused = await ask(`${gateway.url}/v1`, sessions[0]!.token, {});
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("x-should-retry")).toBe("true");
  expect(JSON.parse(refused.text).error.code).toBe("service_unavailable");
}

function expectFinished(answers: readonly Asked[]): void {
  for (const [i, answer] of answers.entries()) {
    expect(answer).toMatchObject({ status: 200, wasCut: false });
    if (i % 5 !== 0) expect(isWhole(answer)).toBe(true);
    else expect(JSON.parse(answer.text).modelfaucet.charge_usd).toBe(chargeUsd);
  }
}

function expectCut(answers: readonly Asked[]): void {
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 200, wasCut: false });
    const last = answer.text.trimEnd().split("\n\n").at(-1)!;
    expect(JSON.parse(last.replace("data: ", "")).error).toMatchObject({ code: "service_unavailable" });
    expect(answer.text).not.toContain("[DONE]");
    expect(answer.text).not.toMatch(/"finish_reason":"/);
  }
}
