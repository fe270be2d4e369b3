import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  closedRecord,
  fundedSession,
  type Ground,
  layGround,
  priceEntry,
  publishPrices,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { readEventLines } from "./event-lines.ts";
import { type RawUpstream, startRawUpstream } from "./raw-upstream.ts";

/** How a fault is told: as a status of its own, as an error event within a stream, or not at all. */
type Told = { status: 502 | 504 } | { event: "provider_error" | "provider_timeout" } | "served";
type Fault = {
  send(socket: Socket, stream: boolean): void | Promise<void>;
  whole?: Told;
  streamed?: Told;
  /** How often upstream may be asked where nothing has been told to the client; default once. */
  calls?: number;
};

const usage = { prompt_tokens: 100, completion_tokens: 2, total_tokens: 102 };
const chunk = (delta: object, finish: string | null = null): Json => ({
  id: "c",
  created: 1,
  model: "raw-text",
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const event = (data: unknown): string =>
  `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
const first = event(chunk({ role: "assistant", content: "one" }));
const rest = event(chunk({ content: " two" }, "stop")) + event({ ...chunk({}), choices: [], usage });
const done = event("[DONE]");
const whole = JSON.stringify({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "raw-text",
  choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }],
  usage,
});
const typeOf = (stream: boolean): string => (stream ? "text/event-stream" : "application/json");
/** The beginning of an answer whose end is the end of the connection. */
const open = (stream: boolean, more = ""): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${typeOf(stream)}\r\nconnection: close\r\n${more}\r\n`;
const sized = (stream: boolean, length: number): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${typeOf(stream)}\r\ncontent-length: ${length}\r\n\r\n`;
const chunked = (stream: boolean): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${typeOf(stream)}\r\ntransfer-encoding: chunked\r\n\r\n`;
const piece = (text: string | Buffer): string => {
  const bytes = Buffer.from(text);
  return `${bytes.length.toString(16)}\r\n${bytes.toString("latin1")}\r\n`;
};
/** What an answer begins with, in either form, so that its end can be spoiled. */
const begun = (stream: boolean): string => (stream ? first : whole.slice(0, 60));

const broken = { whole: { status: 502 }, streamed: { event: "provider_error" } } as const;
const refused = { whole: { status: 502 }, streamed: { status: 502 } } as const;
const late = { whole: { status: 504 }, streamed: { status: 504 } } as const;

const faults: Record<string, Fault> = {
  "resets the connection instead of an answer": {
    ...refused,
    calls: 2,
    send: (socket) => void socket.resetAndDestroy(),
  },
  "closes the connection instead of an answer": { ...refused, calls: 2, send: (socket) => void socket.end() },
  "speaks no HTTP": { ...refused, calls: 2, send: (socket) => void socket.end("220 mail ready\r\n") },
  "sends headers without end": {
    ...refused,
    calls: 2,
    send: (socket, stream) => void socket.write(open(stream, `x-flood: ${"x".repeat(65_536)}\r\n`)),
  },
  "never answers": { ...late, calls: 2, send: () => {} },
  "says 100 again and again": {
    ...refused,
    calls: 2,
    send: async (socket) => {
      while (socket.writable) {
        socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        await wait(50);
      }
    },
  },
  "sends a byte at a time": {
    whole: { status: 504 },
    streamed: { event: "provider_timeout" },
    send: async (socket, stream) => {
      socket.write(open(stream));
      if (stream) socket.write(first);
      for (const byte of `${stream ? "data: " : ""}${" ".repeat(1_000)}`) {
        if (!socket.writable) return;
        socket.write(byte);
        await wait(50);
      }
    },
  },
  "never ends": {
    whole: { status: 504 },
    streamed: { event: "provider_timeout" },
    send: async (socket, stream) => {
      socket.write(open(stream));
      while (socket.writable) {
        socket.write(stream ? first : " ");
        await wait(20);
      }
    },
  },
  "sends events that say nothing": {
    ...late,
    send: async (socket, stream) => {
      socket.write(open(stream));
      while (socket.writable) {
        socket.write(stream ? event({ object: "ping" }) : " ");
        await wait(20);
      }
    },
  },
  "ends inside a character": {
    ...broken,
    calls: 2,
    send: (socket, stream) => {
      socket.write(open(stream) + begun(stream));
      if (stream) socket.write('data: {"choices":[{"index":0,"delta":{"content":"');
      socket.end(Buffer.from("你").subarray(0, 2));
    },
  },
  "ends inside its JSON": {
    ...broken,
    calls: 2,
    send: (socket, stream) =>
      void socket.end(open(stream) + begun(stream) + (stream ? 'data: {"choices":[{"ind' : "")),
  },
  "resets the connection inside its answer": {
    ...broken,
    send: async (socket, stream) => {
      socket.write(chunked(stream) + piece(begun(stream)));
      await wait(100);
      socket.resetAndDestroy();
    },
  },
  "promises a longer body": {
    ...broken,
    send: (socket, stream) => void socket.end(sized(stream, 10_000) + begun(stream)),
  },
  "promises a shorter body": {
    ...broken,
    calls: 2,
    send: (socket, stream) => {
      const text = stream ? first + rest + done : whole;
      socket.write(sized(stream, stream ? first.length + 20 : 60) + text);
    },
  },
  "breaks its own chunks": {
    ...broken,
    send: (socket, stream) => void socket.write(`${chunked(stream)}${piece(begun(stream))}zz\r\n${rest}`),
  },
  "says gzip and sends none": {
    ...refused,
    calls: 2,
    send: (socket, stream) => void socket.end(open(stream, "content-encoding: gzip\r\n") + begun(stream)),
  },
  "says an encoding that nobody knows": {
    ...refused,
    calls: 2,
    send: (socket, stream) => void socket.end(open(stream, "content-encoding: rot13\r\n") + begun(stream)),
  },
  "sends a bomb": {
    ...refused,
    send: (socket, stream) => {
      socket.write(open(stream, "content-encoding: gzip\r\n"));
      socket.end(bomb);
    },
  },
  "sends a line of ten megabytes": {
    whole: { status: 502 },
    streamed: { event: "provider_error" },
    calls: 2,
    send: (socket, stream) => {
      socket.write(open(stream) + begun(stream));
      socket.end(`${stream ? "data: " : ""}${"x".repeat(10_000_000)}\n\n`);
    },
  },
  "redirects elsewhere": {
    ...refused,
    send: (socket) =>
      void socket.end(
        `HTTP/1.1 307 Temporary Redirect\r\nlocation: ${trapUrl()}\r\ncontent-length: 0\r\n\r\n`,
      ),
  },
  "answers HTML": {
    ...refused,
    calls: 2,
    send: (socket) =>
      void socket.end("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>Please sign in</html>"),
  },
  "answers under a wrong type": {
    ...refused,
    calls: 2,
    send: (socket, stream) =>
      void socket.end(
        `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n${stream ? first + rest + done : whole}`,
      ),
  },
  "answers nothing": {
    ...refused,
    calls: 2,
    send: (socket, stream) => void socket.write(sized(stream, 0)),
  },
  "leaves out [DONE]": {
    whole: "served",
    streamed: "served",
    send: (socket, stream) => void socket.end(open(stream) + (stream ? first + rest : whole)),
  },
  "goes on behind [DONE]": {
    whole: "served",
    streamed: "served",
    send: (socket, stream) =>
      void socket.end(open(stream) + (stream ? first + rest + done + first + rest : whole)),
  },
  "sends a second answer that nobody asked for": {
    whole: "served",
    streamed: "served",
    send: (socket, stream) => {
      const text = stream ? first + rest + done : whole;
      const poison = text.replaceAll("one", "poison");
      socket.write(sized(stream, text.length) + text + sized(stream, poison.length) + poison);
    },
  },
};

const bomb = gzipSync(Buffer.alloc(80_000_000, " "));
const cases = Object.entries(faults).flatMap(([name, fault]) => [
  { name, stream: false, fault, told: fault.whole! },
  { name, stream: true, fault, told: fault.streamed! },
]);
const promptOf = (name: string, stream: boolean): string => `${name}, ${stream ? "streamed" : "whole"}`;

type Outcome = { answer: HttpAnswer; wallet: Json; record: Json };

let product: Product;
let ground: Ground;
let upstream: RawUpstream;
let trap: Server;
let trapped = 0;
const outcomes = new Map<string, Outcome>();

const trapUrl = (): string =>
  `http://127.0.0.1:${(trap.address() as { port: number }).port}/v1/chat/completions`;

beforeAll(async () => {
  trap = createServer(() => trapped++);
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  upstream = await startRawUpstream((socket, { prompt, stream }) =>
    faults[prompt.split(",")[0]!]!.send(socket, stream),
  );
  product = await startProduct({
    postgres: inject("postgres"),
    gatewayEnv: {
      GATEWAY_RATE_LIMIT_MAX_REQUESTS: "0",
      PROVIDER_MAX_RETRIES: "1",
      PROVIDER_CONNECT_TIMEOUT_MS: "600",
      PROVIDER_TIMEOUT_MS: "800",
      PROVIDER_UNSTREAMED_TIMEOUT_MS: "800",
      PROVIDER_IDLE_TIMEOUT_MS: "800",
      PROVIDER_TOTAL_TIMEOUT_MS: "2500",
      SSE_EVENT_LIMIT_BYTES: "262144",
      STREAM_USAGE_WAIT_MS: "500",
    },
  });
  ground = await layGround(product);
  await product.admin("PUT", "/v1/admin/providers/raw", { base_url: upstream.url, reason: "test upstream" });
  await publishPrices(product, [priceEntry(["raw-text", "1.00", "0.10", "1.25", "2.00", "0"], "raw")]);
  await ground.setFeature({ models: ["raw/raw-text"] });
  // By sixes: what is measured here is what becomes of them, not how many there may be.
  const waiting = [...cases];
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one; one = waiting.shift()) await provoke(one.name, one.stream);
  };
  await Promise.all(Array.from({ length: 6 }, work));
});
afterAll(async () => {
  await product.stop();
  await upstream.close();
  await new Promise((resolve) => trap.close(resolve));
});

async function provoke(name: string, stream: boolean): Promise<void> {
  const session = await fundedSession(product, ground, "1.00");
  const prompt = promptOf(name, stream);
  const answer = await chat(product, session.token, {
    model: "raw-text",
    stream,
    messages: [{ role: "user", content: prompt }],
  });
  const record = await closedRecord(product, answer.headers.get("x-request-id")!);
  outcomes.set(prompt, { answer, record, wallet: await wallet(product, session.token) });
}

describe("T-27: an upstream that", () => {
  it.each(cases.map((one) => [promptOf(one.name, one.stream), one] as const))(
    "%s",
    (prompt, { fault, stream, told }) => {
      const { answer, record, wallet: purse } = outcomes.get(prompt)!;
      expect(answer.text).not.toContain("poison");
      expect(purse.held_usd).toBe("0.00000000");
      if (told === "served") {
        expect(answer.status, answer.text).toBe(200);
        expect(record).toMatchObject({ status: "succeeded", charge_usd: "0.00013000" });
        expect(purse.balance_usd).toBe("0.99987000");
        const content = stream ? readEventLines(answer.text).text : answer.body.choices[0].message.content;
        expect(content).toBe("one two");
        expect(upstream.callsOf(prompt)).toBe(1);
        return;
      }
      expect(record).toMatchObject({ status: "failed", charge_usd: "0.00000000" });
      expect(purse.balance_usd).toBe("1.00000000");
      if ("status" in told) {
        expect([answer.status, answer.body.error?.code]).toEqual([
          told.status,
          told.status === 502 ? "provider_error" : "provider_timeout",
        ]);
        expect(upstream.callsOf(prompt)).toBeLessThanOrEqual(fault.calls ?? 1);
        return;
      }
      // Bytes have been told, so nothing is tried again, and nothing can be taken for a whole answer.
      const events = readEventLines(answer.text);
      expect(answer.status).toBe(200);
      expect(events.chunks.at(-1).error).toMatchObject({ code: told.event });
      expect(events.isDone).toBe(false);
      expect(answer.text).not.toMatch(/"finish_reason":"/);
      expect(upstream.callsOf(prompt)).toBe(1);
    },
  );

  it("leaves clean books, and nobody has followed a redirect", async () => {
    expect(trapped).toBe(0);
    await expectBooksClean(product);
  });
});
