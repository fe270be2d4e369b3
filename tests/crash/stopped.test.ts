import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { ask } from "./asking.ts";
import { openHolds, until, usageRows } from "./closed-requests.ts";
import { openWallets } from "./load.ts";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: { HOLD_TTL_SECONDS: "5", LOG_LEVEL: "warn" },
  });
  ground = await layGround(product);
});
afterAll(async () => {
  product.gatewayProcesses[0]!.child.kill("SIGCONT");
  await product.stop();
});

it("T-11 M12: a gateway that wakes up after recovery was there charges nothing and books the late cost", async () => {
  const sessions = await openWallets(product, ground, 3);
  const [streaming, waiting, done] = sessions;
  product.stub.script("stub-text", { tokenMs: 20, outputTokens: 100 });
  product.stub.script("stub-claude", { headersAfterMs: 2_000 });
  const url = product.gateways[0]!;
  const child = product.gatewayProcesses[0]!.child;
  const claude = { model: "stub/stub-claude" };
  expect((await ask(url, done!.token, {}, { "x-request-id": "done" })).status).toBe(200);

  const streamed = ask(url, streaming!.token, { stream: true }, { "x-request-id": "streamed" });
  const whole = ask(url, waiting!.token, claude, { "x-request-id": "whole" });
  await until("both are noted as sent", async () => (await sentHolds()) === 2, 5_000);
  child.kill("SIGSTOP");
  await until("recovery closes both", async () => (await openHolds(product)) === 0, 30_000);
  const flagged = (await usageRows(product)).filter(({ client_request_id }) => client_request_id !== "done");
  expect(flagged).toHaveLength(2);
  for (const row of flagged) {
    expect(row).toMatchObject({ outcome: "flagged", error_code: "interrupted", charge_usd: "0.00000000" });
  }

  child.kill("SIGCONT");
  const answers = await Promise.all([streamed, whole]);
  // Each is free: it either says so in its price, or ended as our failure before it had one.
  for (const { text } of answers) {
    expect(text).toMatch(/"charge_usd":"0\.00000000"|"code":"service_unavailable"/);
    expect(text).not.toMatch(/"charge_usd":"0\.0*[1-9]/);
  }
  await until(
    "the gateway works again",
    async () => (await ask(url, done!.token, {})).status === 200,
    10_000,
  );
  expect(await usageRows(product)).toHaveLength(4);
  for (const { token } of [streaming!, waiting!]) {
    expect(await wallet(product, token)).toMatchObject({
      balance_usd: "50.00000000",
      held_usd: "0.00000000",
    });
  }
  const late =
    await product.sql`select from_scope, amount_usd::text from transfers where kind = 'cost_correction'`;
  expect(late.length).toBeGreaterThan(0);
  await expectBooksClean(product);
}, 90_000);

async function sentHolds(): Promise<number> {
  const [row] = await product.sql<{ sent: number }[]>`
    select count(*)::int as sent from holds where (progress ->> 'sent')::boolean`;
  return row!.sent;
}
