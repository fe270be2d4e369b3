import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { chat, credit, type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { until, usageRows } from "./closed-rows.ts";
import { readEventLines } from "./event-lines.ts";

const connections = 10;
const mostBytesEach = 8 * 1024 * 1024;
/** A reader is taken for gone after six times as long without reading. */
const keepaliveMs = 1_000;

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gatewayEnv: { STREAM_KEEPALIVE_MS: String(keepaliveMs), GATEWAY_RATE_LIMIT_MAX_REQUESTS: "0" },
  });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "500.00");
  await warmUp();
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

describe("A125 R3: memory is bounded for each connection", () => {
  it("of a reader that stalls on a stream without end, which is cut and pays for what it was sent", async () => {
    product.stub.script("stub-text", {
      endless: true,
      tokenMs: 0,
      tokens: ["word ".repeat(800)],
      usage: "none",
    });
    const before = await usageRows(product);
    const watch = watchMemory();
    const readers = await Promise.all(Array.from({ length: connections }, stalledReader));
    await until("all streams run", () => product.stub.stats.open === connections, 5_000);
    // Whoever reads is not held up by those who do not.
    product.stub.script("stub-claude", {});
    expect((await chat(product, session.token, { model: "stub-claude" })).status).toBe(200);
    await until("all are cut", () => product.stub.stats.open === 0, 10 * keepaliveMs);
    expect(await watch.end()).toBeLessThanOrEqual(connections * mostBytesEach);
    expect(product.stub.stats.cancelled).toBe(connections);
    for (const reader of readers) reader.destroy();
    await expectBooksClean(product);
    const rows = (await usageRows(product))
      .slice(before.length)
      .filter(({ outcome }) => outcome !== "succeeded");
    expect(rows).toHaveLength(connections);
    for (const row of rows) {
      expect(row).toMatchObject({ outcome: "aborted", error_code: "client_closed_request" });
      expect(Number(row.charge_usd)).toBeGreaterThan(0);
    }
  }, 60_000);

  it.each([
    ["one line", { floodBytes: 50_000_000 }],
    ["lines without a blank one", { floodBytes: 50_000_000, floodText: `data: ${"x".repeat(1_000)}\n` }],
    ["wide characters", { floodBytes: 50_000_000, floodText: "数".repeat(500) }],
  ])(
    "of an upstream that sends fifty megabytes as %s, which is cut and costs nothing",
    async (_, flood) => {
      product.stub.script("stub-text", flood);
      const watch = watchMemory();
      const answers = await Promise.all(
        Array.from({ length: connections }, () =>
          chat(product, session.token, { model: "stub-text", stream: true }),
        ),
      );
      const grown = await watch.end();
      console.log(grown / 1048576);
      expect(grown).toBeLessThanOrEqual(connections * mostBytesEach);
      for (const { text, headers } of answers) {
        const { chunks, isDone } = readEventLines(text);
        const error = chunks.at(-1)?.error ?? JSON.parse(text).error;
        expect(error).toMatchObject({ code: "provider_error" });
        expect(isDone).toBe(false);
        expect(headers.get("x-request-id")).toMatch(/^req_/);
      }
      await until("upstream is told", () => product.stub.stats.open === 0, 2_000);
      const rows = (await usageRows(product)).slice(-connections);
      for (const row of rows) expect(row).toMatchObject({ outcome: "failed", charge_usd: "0.00000000" });
    },
    60_000,
  );
});

/** Compiled code and full-grown heaps are no growth of a connection. */
async function warmUp(): Promise<void> {
  product.stub.script("stub-text", { outputTokens: 2_000 });
  for (let round = 0; round < 5; round++) {
    await Promise.all(
      Array.from({ length: connections }, () =>
        chat(product, session.token, { model: "stub-text", stream: true }),
      ),
    );
  }
}

/** A client that sends its request, and reads no more once an answer has begun. */
function stalledReader(): Promise<Socket> {
  const { hostname, port } = new URL(product.gateways[0]!);
  const body = JSON.stringify({
    model: "stub-text",
    stream: true,
    messages: [{ role: "user", content: "hello" }],
  });
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${session.token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return new Promise((resolve) => {
    socket.once("data", () => {
      socket.pause();
      resolve(socket);
    });
  });
}

/** Watches the gateway's resident memory; `end` gives by how many bytes it has grown at its highest. */
function watchMemory(): { end(): Promise<number> } {
  let isOver = false;
  const watching = (async () => {
    const first = await residentBytes();
    let most = first;
    while (!isOver) {
      most = Math.max(most, await residentBytes());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return most - first;
  })();
  return {
    end: () => {
      isOver = true;
      return watching;
    },
  };
}

async function residentBytes(): Promise<number> {
  const text = await readFile(`/proc/${product.gatewayProcesses[0]!.child.pid}/statm`, "utf8");
  return Number(text.split(" ")[1]) * 4096;
}
