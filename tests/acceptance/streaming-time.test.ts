import { connect, createServer, type Server, type Socket } from "node:net";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedRecord,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { streamText } from "ai";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { until, usageRows } from "./closed-rows.ts";
import { readEventLines } from "./event-lines.ts";

const keepaliveMs = 1_500;
/** A gateway that keeps lines alive often, one with the default keepalive, and one that waits for nobody. */
const [often, patient, hasty] = [0, 1, 2];

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gatewayEnv: { STREAM_KEEPALIVE_MS: String(keepaliveMs) },
  });
  await product.addGateway({ STREAM_KEEPALIVE_MS: "10000" });
  await product.addGateway({
    STREAM_KEEPALIVE_MS: "10000",
    PROVIDER_CONNECT_TIMEOUT_MS: "500",
    PROVIDER_TIMEOUT_MS: "700",
    PROVIDER_UNSTREAMED_TIMEOUT_MS: "1100",
    PROVIDER_IDLE_TIMEOUT_MS: "700",
    PROVIDER_TOTAL_TIMEOUT_MS: "2500",
  });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "50.00");
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

const fail = async (gateway: number, body: Record<string, unknown>) => {
  const before = (await wallet(product, session.token)).balance_usd;
  const startedAt = performance.now();
  const answer = await chat(product, session.token, { model: "stub-text", ...body }, { gateway });
  const after = await wallet(product, session.token);
  expect(after).toMatchObject({ balance_usd: before, held_usd: "0.00000000" });
  return { ...answer, tookMs: performance.now() - startedAt };
};

describe("slow upstreams", () => {
  it("A109: comments keep the line alive from admission on, none inside an event, and clients finish", async () => {
    await using proxy = await idleProxy(product.gateways[often]!, 2 * keepaliveMs);
    product.stub.script("stub-text", {
      firstByteAfterMs: 6_000,
      outputTokens: 3,
      gaps: [{ before: 1, ms: 4_500 }],
    });
    product.stub.script("stub-dear", { firstByteAfterMs: 10_500, outputTokens: 1 });
    const [first, raw, official, vercel] = await Promise.all([
      rawStream(product.gateways[patient]!, session.token, "stub-dear").then(([piece]) => piece),
      rawStream(proxy.url, session.token),
      officialStream(proxy.url, session.token),
      vercelStream(proxy.url, session.token),
    ]);
    // With the default of ten seconds as with any other.
    expect(first!.at).toBeLessThan(10_000);
    expect(first!.piece).toMatch(/^: /);
    expect(official).toBe("word word word");
    expect(vercel).toBe("word word word");
    const events = readEventLines(raw.map(({ piece }) => piece).join(""));
    expect(events).toMatchObject({ text: "word word word", isDone: true, strange: [] });
    expect(events.comments.length).toBeGreaterThanOrEqual(6);
    // Each write is whole: a comment stands between two events, never inside one.
    for (const { piece } of raw) expect(piece).toMatch(/^(: [^\n]*\n\n|data: [^\n]*\n\n)*$/);
    const gaps = raw.map(({ at }, index) => at - (raw[index - 1]?.at ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(keepaliveMs + 100);
    expect(product.stub.billableCalls).toBe(4);
  }, 90_000);

  it("A110: an error that upstream takes seconds to find is still the status of a streamed request", async () => {
    product.stub.script("stub-text", { headersAfterMs: 5_000, status: 400 });
    const answer = await fail(patient, { stream: true });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    expect(answer.body.error).toMatchObject({ code: "invalid_request", type: "invalid_request_error" });
    expect(product.stub.billableCalls).toBe(1);
  });

  it.each([
    ["streamed", { stream: true }, 700],
    ["not streamed", { stream: false }, 1_100],
  ] as const)(
    "A111: an upstream that accepts and never answers is 504 after its own limit: %s",
    async (_, body, limitMs) => {
      for (const hang of ["accept", "headers"] as const) {
        product.stub.reset();
        product.stub.script("stub-text", body.stream ? { hang } : { hang, firstByteAfterMs: 60_000 });
        const answer = await fail(hasty, body);
        expect(answer.status).toBe(504);
        expect(answer.body.error.code).toBe("provider_timeout");
        const record = await closedRecord(product, answer.headers.get("x-request-id")!);
        for (const attempt of record.attempts) expect(attempt.outcome).toBe("first_byte_timeout");
        // One more try at most, and only because no byte came.
        expect(product.stub.billableCalls).toBeLessThanOrEqual(2);
        expect(answer.tookMs).toBeGreaterThanOrEqual(limitMs);
        expect(answer.tookMs).toBeLessThan(2 * limitMs + 2_500);
      }
    },
  );

  it("A111: a gap beyond the idle limit, and a stream beyond the total one, end with an error event, free", async () => {
    product.stub.queue("stub-text", { outputTokens: 4, gaps: [{ before: 2, ms: 5_000 }] });
    const idle = readEventLines((await fail(hasty, { stream: true })).text);
    expect(idle.chunks.at(-1).error).toMatchObject({ code: "provider_timeout", type: "api_error" });
    product.stub.queue("stub-text", { endless: true, tokenMs: 100 });
    const endless = readEventLines((await fail(hasty, { stream: true })).text);
    expect(endless.chunks.at(-1).error.code).toBe("provider_timeout");
    for (const { isDone, chunks } of [idle, endless]) {
      expect(isDone).toBe(false);
      expect(
        chunks.some((chunk) =>
          chunk.choices?.some((choice: { finish_reason: unknown }) => choice.finish_reason),
        ),
      ).toBe(false);
    }
    const rows = (await usageRows(product)).slice(-2);
    expect(rows.map(({ outcome, charge_usd }) => `${outcome} ${charge_usd}`)).toEqual([
      "failed 0.00000000",
      "failed 0.00000000",
    ]);
  });
});

describe("clients that leave", () => {
  it("before a byte, in the middle and while it waits: upstream is cancelled, one settle, no hold stays", async () => {
    const before = product.stub.stats.cancelled;
    product.stub.script("stub-text", { firstByteAfterMs: 300, endless: true, tokenMs: 20 });
    for (const afterMs of [100, 700]) {
      const leaving = new AbortController();
      setTimeout(() => leaving.abort(), afterMs);
      await chat(
        product,
        session.token,
        { model: "stub-text", stream: true },
        { signal: leaving.signal },
      ).catch(() => {});
      await until("upstream is cancelled", () => product.stub.stats.open === 0, 1_000);
      await expectBooksClean(product);
    }
    expect(product.stub.stats.cancelled).toBe(before + 2);
    const rows = (await usageRows(product)).slice(-2);
    expect(rows.map((row) => row.outcome)).toEqual(["aborted", "aborted"]);
    expect(rows[0]!.charge_usd).toBe("0.00000000");
    expect(Number(rows[1]!.charge_usd)).toBeGreaterThan(0);
  });
});

describe("clients that read slowly", () => {
  it("get every byte in order, are charged once, and hold nobody else up", async () => {
    const tokens = Array.from({ length: 3_000 }, (_, index) => `${index} ${"x".repeat(1_000)} `);
    product.stub.script("stub-text", {
      tokens,
      usage: { prompt_tokens: 100, completion_tokens: 3_000, total_tokens: 3_100 },
    });
    const body = {
      model: "stub-text",
      stream: true,
      max_tokens: 4_000,
      messages: [{ role: "user", content: "hello" }],
    };
    const answer = await fetch(`${product.gateways[patient]}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${session.token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const reader = answer.body!.getReader();
    let text = "";
    const decoder = new TextDecoder();
    for (let read = 0; ; read++) {
      // Stops for so long that every buffer on the way is full, then reads on.
      if (read === 2) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        expect(
          (await chat(product, session.token, { model: "stub-flat" }, { gateway: patient })).status,
        ).toBe(200);
      }
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    const events = readEventLines(text);
    expect(events.text).toBe(tokens.join(""));
    expect(events.isDone).toBe(true);
    const [row] = (await usageRows(product)).filter(({ outcome }) => outcome === "succeeded").slice(-2);
    expect(row).toMatchObject({ outcome: "succeeded" });
  });
});

async function rawStream(
  url: string,
  token: string,
  model = "stub-text",
): Promise<{ at: number; piece: string }[]> {
  const startedAt = performance.now();
  const answer = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      model,
      stream: true,
      messages: [{ role: "user", content: "hello" }],
    }),
  });
  const pieces: { at: number; piece: string }[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of answer.body!)
    pieces.push({ at: performance.now() - startedAt, piece: decoder.decode(bytes, { stream: true }) });
  return pieces;
}

async function officialStream(baseURL: string, apiKey: string): Promise<string> {
  const client = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
  const chunks = await client.chat.completions.create({
    model: "stub-text",
    stream: true,
    messages: [{ role: "user", content: "hello" }],
  });
  let text = "";
  for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

function vercelStream(baseURL: string, apiKey: string): PromiseLike<string> {
  const provider = createOpenAICompatible({ name: "modelfaucet", apiKey, baseURL });
  return streamText({ model: provider("stub-text"), prompt: "hello", maxRetries: 0 }).text;
}

/** A proxy that hangs up on an answer which is silent for too long, as proxies in front of us do. */
async function idleProxy(target: string, idleMs: number): Promise<AsyncDisposable & { url: string }> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.setTimeout(idleMs, () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
