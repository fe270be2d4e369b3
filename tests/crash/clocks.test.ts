import { fileURLToPath } from "node:url";
import { expectBooksClean, openHolds } from "@modelfaucet/testkit/books.ts";
import { chat, fundedSession, type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from "vitest";

// A045: the clock of one process is wrong; the database's, which alone decides, is not.

let product: Product;
let ground: Ground;

const clock = fileURLToPath(import.meta.resolve("@modelfaucet/testkit/process-clock.mjs"));

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), env: { HOLD_TTL_SECONDS: "5" } });
  ground = await layGround(product);
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

it.each([
  ["ten minutes ahead", 600_000],
  ["an hour behind", -3_600_000],
])(
  "A045: an instance whose clock is %s holds, streams and keeps to a daily cap like any other",
  async (_name, ms) => {
    const gateway = await product.addGateway({
      NODE_OPTIONS: `--import=${clock}`,
      MODELFAUCET_TEST_CLOCK_MS: String(ms),
    });
    // Its log is written a moment later than it listens.
    await expect.poll(() => Math.abs(clockOf(gateway.output()) - Date.now() - ms)).toBeLessThan(30_000);
    const wrong = product.gatewayProcesses.indexOf(gateway);
    const session = await fundedSession(product, ground, "1.00");
    const cap = { window: "day", limit_usd: "0.00250000" };
    expect((await product.call("PUT", "/v1/user/limits", cap, { token: session.token })).status).toBe(200);

    // Longer than a lease: renewed by its own gateway, taken by nobody.
    product.stub.script(() => ({ headersAfterMs: 7_000 }));
    const slow = chat(product, session.token, { model: "stub-flat" }, { gateway: wrong });
    await expect.poll(async () => (await openHolds(product)).count).toBe(1);
    expect((await slow).status).toBe(200);
    product.stub.reset();
    expect((await chat(product, session.token, { model: "stub-flat" }, { gateway: 0 })).status).toBe(200);
    // Both gateways have spent from one and the same day, and say when it ends.
    const refusals = await Promise.all(
      [0, wrong].map((place) => chat(product, session.token, { model: "stub-flat" }, { gateway: place })),
    );
    const limits = refusals.map(({ body }) => body.error.details.limit);
    expect(limits[0]).toMatchObject({ level: "end_user", window: "day", used_usd: "0.00250000" });
    expect(limits[1]).toEqual(limits[0]);
    const [row] = await product.sql`select count(*)::int as future from usage_events
    where created_at > now() or opened_at > now()`;
    expect(row!.future).toBe(0);
    await gateway.end("SIGTERM");
  },
);

/** What an instance takes for the time, by its last log line; nothing that is near to any time before the first one. */
function clockOf(output: string): number {
  const line = output
    .trim()
    .split("\n")
    .findLast((text) => text.startsWith("{"));
  return line === undefined ? 0 : new Date((JSON.parse(line) as { time: string }).time).getTime();
}
