import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { everythingWritten, findCanaries } from "@modelfaucet/testkit/canary.ts";
import {
  chat,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

/** Stands in every bad body: no log, table or metric may repeat it. */
const content = { name: "content", text: "bad-input-canary-7Qw3ZkV9xT" };

let product: Product;
let ground: Ground;
let session: GroundSession;
let before: Json;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "5.00");
  before = await wallet(product, session.token);
});
/** Whatever was sent: no upstream call, nothing charged, nothing held, nothing repeated. */
afterEach(async () => {
  expect(product.stub.calls).toBe(0);
  expect(await wallet(product, session.token)).toEqual(before);
  await expectBooksClean(product);
  expect(findCanaries([content], await everythingWritten(product))).toEqual([]);
});
afterAll(() => product.stop());

const messages = [{ role: "user", content: content.text }];
const good = { model: "stub-text", messages };
const ask = (body: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
  chat(product, session.token, body as Json, { headers });

function expectBad(answer: HttpAnswer, param: string | null, status = 400): void {
  expect({ status: answer.status, ...answer.body.error }).toMatchObject({
    status,
    param,
    message: expect.stringMatching(/^[^\n]{8,400}\.$/),
  });
  expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
  expect(answer.headers.get("x-should-retry")).toBe("false");
}

describe("fields of a model body", () => {
  const absurd = [0, -1, -0.5, 1.5, 1e21, 1e308, 2 ** 53, "7", "", [], {}, true, "1e9"];
  it.each(["max_tokens", "max_completion_tokens", "n"])(
    "%s as an absurd number, a text or an object is 400 by name",
    async (name) => {
      for (const value of absurd) expectBad(await ask({ ...good, [name]: value }), name);
    },
  );

  it.each([
    ["model", [undefined, null, "", 7, [], {}, "x".repeat(401)]],
    ["messages", [undefined, null, "", 7, {}, []]],
    ["stream", ["true", 1, {}, []]],
    ["stream_options", ["yes", 7, []]],
    ["metadata", ["yes", 7, []]],
  ] as const)("%s of another kind is 400 by name", async (name, values) => {
    for (const value of values) expectBad(await ask({ ...good, [name]: value }), name);
  });

  it.each([
    ["messages[0]", { messages: [7] }],
    ["messages[1]", { messages: [messages[0], null] }],
    ["stream_options.include_usage", { stream: true, stream_options: { include_usage: "yes" } }],
    ["metadata.feature_key", { metadata: { feature_key: 7 } }],
    ["metadata.max_price_usd", { metadata: { max_price_usd: "1" } }],
    ["metadata.quote_id", { metadata: { quote_id: "quote_1" } }],
    ["route_mode", { metadata: { route_mode: "byok" } }],
    ["route_mode", { metadata: { route_mode: "free" } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["audio", { audio: { voice: "alloy" } }],
    ["service_tier", { service_tier: "priority" }],
    ["web_search_options", { web_search_options: {} }],
    ["tools[0].type", { tools: [{ type: "web_search" }] }],
    [
      "messages[0].content[0].type",
      {
        messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: content.text } }] }],
      },
    ],
    [
      "messages[0].content[0].type",
      { messages: [{ role: "user", content: [{ type: "file", file: { file_data: content.text } }] }] },
    ],
  ])("%s: what is not offered is 400 by name", async (param, fields) => {
    expectBad(await ask({ ...good, ...fields }), param);
  });

  it("headers that ask for what is not built, or contradict the body, are 400 by name", async () => {
    for (const name of [
      "x-modelfaucet-max-price-usd",
      "x-modelfaucet-quote",
      "x-modelfaucet-provider",
      "x-modelfaucet-provider-key",
      "x-modelfaucet-user",
    ]) {
      expectBad(await ask(good, { [name]: "x" }), name);
    }
    expectBad(await ask(good, { "x-modelfaucet-route": "local" }), "route_mode");
    expectBad(
      await ask({ ...good, metadata: { feature_key: "chat" } }, { "x-modelfaucet-feature": "other" }),
      "x-modelfaucet-feature",
    );
    expectBad(await ask({ ...good, model: "auto:chat" }, { "x-modelfaucet-feature": "other" }), "model");
    expectBad(await ask(good, { "idempotency-key": "x".repeat(256) }), "Idempotency-Key");
  });
});

describe("bytes", () => {
  const bearer = () => ({ authorization: `Bearer ${session.token}`, "content-type": "application/json" });
  const post = async (
    body: Uint8Array | string,
    headers: Record<string, string> = {},
  ): Promise<HttpAnswer> => {
    const answer = await fetch(`${product.gateways[0]}/chat/completions`, {
      method: "POST",
      headers: { ...bearer(), ...headers },
      body: body as BodyInit,
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, body: JSON.parse(text) };
  };
  const text = JSON.stringify(good);

  it.each([
    ["cut off", text.slice(0, -4)],
    ["two values", `${text}${text}`],
    ["single quotes", text.replaceAll('"', "'")],
    ["a comment", `/* x */${text}`],
    ["NaN", text.replace('"stub-text"', "NaN")],
    ["a byte order mark alone", "\ufeff"],
    ["nothing but blanks", "   "],
    ["a bare text", '"hello"'],
    ["null", "null"],
    ["a list", `[${text}]`],
    ["ten thousand levels", `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
  ])("malformed JSON, %s, is 400", async (_, body) => {
    expectBad(await post(body), null);
  });

  it("invalid UTF-8 is 400 wherever it stands, and never replaced in silence", async () => {
    for (const bytes of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
      const broken = Buffer.concat([
        Buffer.from(text.slice(0, -4)),
        Buffer.from(bytes),
        Buffer.from(text.slice(-4)),
      ]);
      expectBad(await post(broken), null);
    }
  });

  it("33 MiB are 413, announced or not, plain or compressed; a body of zeros is no bomb", async () => {
    const large = Buffer.alloc(33 * 1_048_576, " ");
    expectBad(await post(large), null, 413);
    expectBad(await post(gzipSync(large), { "content-encoding": "gzip" }), null, 413);
    const chunked = new ReadableStream({
      start: (controller) => {
        for (let sent = 0; sent < 33; sent++) controller.enqueue(new Uint8Array(1_048_576).fill(32));
        controller.close();
      },
    });
    const answer = await fetch(`${product.gateways[0]}/chat/completions`, {
      method: "POST",
      headers: bearer(),
      body: chunked,
      duplex: "half",
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect(((await answer.json()) as Json).error.details.limit_bytes).toBe(33_554_432);
  });

  it("a wrong or unknown content-encoding is 400", async () => {
    expectBad(await post(text, { "content-encoding": "gzip" }), null);
    expectBad(await post(text, { "content-encoding": "zstd" }), "content-encoding");
    expectBad(await post(gzipSync(text).subarray(0, -9), { "content-encoding": "gzip" }), null);
  });
});

describe("clients", () => {
  const head = (length: number): string =>
    [
      "POST /v1/chat/completions HTTP/1.1",
      `Host: ${new URL(product.gateways[0]!).host}`,
      `Authorization: Bearer ${session.token}`,
      "Content-Type: application/json",
      `Content-Length: ${length}`,
      "",
      "",
    ].join("\r\n");

  it("that vanish inside headers or body cost nothing and stop nobody", async () => {
    const body = JSON.stringify(good);
    for (const sent of [
      head(10).slice(0, 40),
      head(body.length),
      head(body.length) + body.slice(0, -1),
      head(40_000_000),
    ]) {
      for (let time = 0; time < 5; time++) {
        const socket = await dial();
        socket.write(sent);
        await new Promise((resolve) => setTimeout(resolve, 20));
        socket.destroy();
      }
    }
    expect((await ask({ ...good, model: "nothing" })).status).toBe(404);
    // The memory of what they had begun to send is free again.
    const metrics = await (await fetch(`${product.gatewayProcesses[0]!.url}/metrics`)).text();
    const inUse = /^modelfaucet_\w*body\w*_bytes(?:\{[^}]*\})? (\d+)$/m.exec(metrics);
    if (inUse) expect(inUse[1]).toBe("0");
  });

  it("that send a byte now and then are answered 408 and cut, in our words", async () => {
    const slow = await product.addGateway();
    const socket = connect(Number(new URL(slow.url).port), "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    let got = "";
    socket.on("data", (piece) => (got += piece));
    const dripping = setInterval(() => socket.writable && socket.write("X"), 300);
    socket.write("POST /v1/chat/completions HTTP/1.1\r\nX-Slow: ");
    await once(socket, "close");
    clearInterval(dripping);
    expect(got).toMatch(/^HTTP\/1\.1 408 /);
    expect(JSON.parse(got.slice(got.indexOf("{"))).error).toMatchObject({
      code: "invalid_request",
      request_id: expect.stringMatching(/^req_/),
    });
  }, 30_000);

  it("that speak no HTTP are told so in JSON", async () => {
    for (const bytes of [
      "hello\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]) {
      const socket = await dial();
      socket.write(bytes);
      let got = "";
      socket.on("data", (piece) => (got += piece));
      await once(socket, "close");
      expect(got).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(JSON.parse(got.slice(got.indexOf("{"))).error.code).toBe("invalid_request");
    }
  });
});

async function dial(): Promise<Socket> {
  const { hostname, port } = new URL(product.gateways[0]!);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
