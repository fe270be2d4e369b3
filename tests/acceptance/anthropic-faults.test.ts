import { expectBooksClean, openHolds } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedCount,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { type ChatStream, openStream, streamChat } from "@modelfaucet/testkit/sse.ts";
import type { StubBehaviour } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { model, speakAnthropic } from "./anthropic-ground.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      PROVIDER_TIMEOUT_MS: "700",
      PROVIDER_UNSTREAMED_TIMEOUT_MS: "700",
      PROVIDER_IDLE_TIMEOUT_MS: "700",
    },
  });
  ground = await layGround(product);
  await speakAnthropic(product, ground);
  await warmTokenizer();
});
beforeEach(async () => {
  product.stub.reset();
  session = await fundedSession(product, ground, "1.00");
});
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

const hundredTokens = [{ role: "user", content: `word${" word".repeat(99)}` }];
const slow = { outputTokens: 100, tokenMs: 40 };

/** Where a client leaves: how upstream answers until then, when that is, and what is charged. */
type Leaving = {
  behaviour: StubBehaviour;
  until(stream: ChatStream): Promise<void>;
  /** Output tokens that are paid for, by our own count; `"reported"`: upstream's 100 and 50. */
  output: readonly [number, number] | "reported";
};

const leavings: Record<string, Leaving> = {
  "within its thoughts": {
    behaviour: { reasoning: Array<string>(100).fill(" word"), tokenMs: 40 },
    until: (stream) => thoughts(stream, 10),
    output: [10, 60],
  },
  "after the first word": { behaviour: slow, until: (stream) => stream.pieces(1), output: [1, 50] },
  "within the text": { behaviour: slow, until: (stream) => stream.pieces(30), output: [30, 80] },
  "within a tool's arguments": {
    behaviour: { toolCalls: [{ name: "f", arguments: `{"a":"${"word ".repeat(60)}"}` }], tokenMs: 40 },
    until: (stream) => argumentsOf(stream, 10),
    output: [8, 120],
  },
  "behind the last word, before upstream's usage": {
    behaviour: { usageAfterMs: 500 },
    until: (stream) => stream.pieces(50),
    output: [50, 50],
  },
};

describe("T-09: a client that leaves an answer in Anthropic's dialect", () => {
  it.each(Object.entries(leavings))(
    "%s pays for what it got, once",
    async (_point, { behaviour, until, output }) => {
      product.stub.script("stub-claude", behaviour);
      const stream = await openStream(product, session.token, { model, messages: hundredTokens });
      await until(stream);
      stream.leave();
      const leftAt = Date.now();
      await expect.poll(() => product.stub.stats.cancelled, { timeout: 2_000, interval: 10 }).toBe(1);
      expect(product.stub.requests[0]!.closedAt! - leftAt).toBeLessThan(1_000);
      const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
      expect(record).toMatchObject({ status: "aborted", usage_source: "estimated", input_tokens: 100 });
      expect(record.output_tokens).toBeGreaterThanOrEqual(output[0] as number);
      expect(record.output_tokens).toBeLessThanOrEqual(output[1] as number);
      const cost = 100n * 300n + BigInt(record.output_tokens) * 1_500n;
      expect(units(record.charge_usd)).toBe((cost * 5n) / 4n);
      await expectCharged(record.charge_usd);
    },
  );

  it("before any byte pays nothing", async () => {
    product.stub.script("stub-claude", { hang: "accept" });
    const leaving = new AbortController();
    const asked = chat(product, session.token, { model, stream: true }, { signal: leaving.signal }).catch(
      (error: unknown) => error,
    );
    await expect.poll(() => product.stub.billableCalls).toBe(1);
    leaving.abort();
    expect(await asked).toBeInstanceOf(Error);
    await expect.poll(() => product.stub.stats.cancelled, { timeout: 2_000, interval: 10 }).toBe(1);
    await expect.poll(() => closedCount(product, session.userId)).toBe(1);
    await expectCharged("0.00000000");
  });

  it("pays by upstream's own count where that came", async () => {
    product.stub.script("stub-claude", {
      ...slow,
      cumulativeUsage: [{ input_tokens: 100, output_tokens: 7 }],
    });
    const stream = await openStream(product, session.token, { model });
    await stream.pieces(10);
    stream.leave();
    const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
    expect(record).toMatchObject({ status: "aborted", usage_source: "provider", charge_usd: "0.00050625" });
    await expectCharged("0.00050625");
  });
});

/** A fault, how often upstream may be asked for it, and what its client is told, whole and streamed. */
type Fault = { behaviour: StubBehaviour; calls: number; whole: number; streamed: number | "event" };

const words = { type: "error", error: { type: "invalid_request_error", message: "x" } };
const invalid = (message: string) => ({ ...words, error: { ...words.error, message } });
const sse = { contentType: "text/event-stream" };
const faults: Record<string, Fault> = {
  "401": { behaviour: { status: 401 }, calls: 1, whole: 502, streamed: 502 },
  "403": { behaviour: { status: 403 }, calls: 1, whole: 502, streamed: 502 },
  "402": { behaviour: { status: 402 }, calls: 1, whole: 502, streamed: 502 },
  "429 with a short Retry-After": {
    behaviour: { status: 429, headers: { "retry-after": "0" } },
    calls: 2,
    whole: 502,
    streamed: 502,
  },
  "429 without one": { behaviour: { status: 429 }, calls: 2, whole: 502, streamed: 502 },
  "500": { behaviour: { status: 500 }, calls: 2, whole: 502, streamed: 502 },
  "529 overloaded": { behaviour: { status: 529 }, calls: 2, whole: 502, streamed: 502 },
  "an account without money, told as a bad request": {
    behaviour: { status: 400, body: invalid("Your credit balance is too low to access the Anthropic API.") },
    calls: 1,
    whole: 502,
    streamed: 502,
  },
  "a prompt that is too long": {
    behaviour: { status: 400, body: invalid("prompt is too long: 3 tokens > 2 maximum") },
    calls: 1,
    whole: 400,
    streamed: 400,
  },
  "a redirect": {
    behaviour: { status: 302, headers: { location: "http://127.0.0.1:1/" } },
    calls: 1,
    whole: 502,
    streamed: 502,
  },
  "no answer at all": { behaviour: { hang: "accept" }, calls: 2, whole: 504, streamed: 504 },
  "a page of HTML with 200": {
    behaviour: { body: "<html>busy</html>" },
    calls: 2,
    whole: 502,
    streamed: 502,
  },
  "another content type": {
    behaviour: { contentType: "application/octet-stream" },
    calls: 2,
    whole: 502,
    streamed: 502,
  },
};

/** What can only befall a stream: told as an event where the answer had begun. */
const streamFaults: Record<string, Pick<Fault, "behaviour" | "streamed" | "calls">> = {
  "headers and no body": { behaviour: { hang: "headers" }, calls: 2, streamed: 504 },
  "a connection that dies": { behaviour: { dieAfter: 5 }, calls: 1, streamed: "event" },
  "an end without the message's": { behaviour: { closeAfter: 5 }, calls: 1, streamed: "event" },
  "an error event": { behaviour: { errorAfter: 5 }, calls: 1, streamed: "event" },
  "silence amid the answer": {
    behaviour: { gaps: [{ before: 5, ms: 3_000 }] },
    calls: 1,
    streamed: "event",
  },
  "an event without end": { behaviour: { floodBytes: 10_000_000 }, calls: 1, streamed: 502 },
  "an error event before the message": {
    behaviour: { body: `event: error\ndata: ${JSON.stringify(words)}\n\n`, ...sse },
    calls: 1,
    streamed: 502,
  },
  "an event that is cut within a character": {
    behaviour: {
      ...sse,
      body: 'data: {"type":"message_start","message":{}}\n\ndata: {"type":"content_block_delta","index":0,"del',
    },
    calls: 1,
    streamed: "event",
  },
};

describe("T-27: a fault of an upstream of Anthropic's dialect is free for the user", () => {
  it.each(Object.entries(faults))("%s, not streamed", async (_name, { behaviour, calls, whole }) => {
    product.stub.script("stub-claude", { ...behaviour, echoAuthorization: true });
    const answer = await chat(product, session.token, { model });
    expect(answer.status, answer.text).toBe(whole);
    expectOwnWords(answer.body.error);
    await expectFree(calls);
  });

  it.each(Object.entries({ ...faults, ...streamFaults }))(
    "%s, streamed",
    async (_name, { behaviour, calls, streamed }) => {
      product.stub.script("stub-claude", { ...behaviour, echoAuthorization: true });
      const stream = await streamChat(product, session.token, { model });
      if (streamed === "event") {
        expect(stream.status, stream.text).toBe(200);
        expect(stream.saidDone).toBe(false);
        expectOwnWords(stream.error);
        expect(stream.chunks.every((chunk) => chunk.choices[0]?.finish_reason == null)).toBe(true);
      } else {
        expect(stream.status, stream.text).toBe(streamed);
        expectOwnWords(stream.body.error);
      }
      await expectFree(calls);
    },
  );

  it("an answer of nothing is a failure, which a stream finds out too late for another try", async () => {
    product.stub.script("stub-claude", { tokens: [], usage: { input_tokens: 100, output_tokens: 1 } });
    const whole = await chat(product, session.token, { model });
    expect(whole.status, whole.text).toBe(502);
    const streamed = await streamChat(product, session.token, { model });
    expect(streamed.error).toMatchObject({ code: "provider_error" });
    expect(product.stub.billableCalls).toBe(3);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });

  it("what upstream took of an answer that it broke off is the operator's loss", async () => {
    product.stub.script("stub-claude", { closeAfter: 5 });
    const stream = await streamChat(product, session.token, { model, messages: hundredTokens });
    expect(stream.error).toMatchObject({ code: "provider_error" });
    const record = await closedRecord(product, stream.headers.get("x-modelfaucet-request-id")!);
    expect(record).toMatchObject({ status: "failed", charge_usd: "0.00000000" });
    expect(record.absorbed_cost_usd).toBe("0.00037500");
  });

  it("an overloaded upstream is asked again, and the second answer is charged alone", async () => {
    product.stub.queue("stub-claude", { status: 529 });
    const answer = await chat(product, session.token, { model });
    expect(answer.body.modelfaucet).toMatchObject({ attempts: 2, charge_usd: "0.00131250" });
    expect(product.stub.billableCalls).toBe(2);
  });
});

function expectOwnWords(error: Json): void {
  expect(error).toMatchObject({ message: expect.any(String), code: expect.any(String) });
  expect(JSON.stringify(error)).not.toMatch(/stub|balance is too low|overloaded/i);
}

async function expectFree(calls: number): Promise<void> {
  expect(product.stub.billableCalls).toBe(calls);
  await expect.poll(() => openHolds(product), { timeout: 5_000 }).toMatchObject({ count: 0 });
  await expectCharged("0.00000000");
}

async function expectCharged(chargeUsd: string): Promise<void> {
  expect(await closedCount(product, session.userId)).toBe(1);
  const { balance_usd } = await wallet(product, session.token);
  expect(units(balance_usd)).toBe(units("1.00000000") - units(chargeUsd));
}

/** The tokenizer's thread may still be starting when the gateway is ready; until it has, bytes are counted instead. */
async function warmTokenizer(): Promise<void> {
  product.stub.script("stub-claude", { usage: "none" });
  const { token } = await fundedSession(product, ground, "1.00");
  await vi.waitFor(
    async () => {
      const { body } = await chat(product, token, { model });
      expect(body.usage.completion_tokens).toBe(50);
    },
    { timeout: 20_000 },
  );
}

const thoughts = (stream: ChatStream, count: number): Promise<void> =>
  until(stream, count, (delta) => delta.reasoning_content !== undefined);

const argumentsOf = (stream: ChatStream, count: number): Promise<void> =>
  until(stream, count, (delta) => delta.tool_calls !== undefined);

/** Reads on until so many deltas of a kind have come. */
async function until(stream: ChatStream, count: number, isMeant: (delta: Json) => boolean): Promise<void> {
  const seen = (): number =>
    stream.chunks.filter(({ choices: [choice] }) => choice && isMeant(choice.delta)).length;
  while (seen() < count) await stream.more();
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
