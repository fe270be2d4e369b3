import { connect, type Socket } from "node:net";
import { Writable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBodyMemory, parseJson, readBody } from "./body-memory.ts";
import { ApiError } from "./errors.ts";
import { createHttpServer, type HttpServer } from "./http.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";

const lines: string[] = [];
const log = createLog({
  level: "info",
  format: "json",
  service: "test",
  instance: "1",
  version: "1",
  destination: new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  }),
});
const memory = createBodyMemory(4096);
let server: HttpServer;
let base: string;
let port: number;
let ready = true;
/** More than every buffer between two sockets takes. */
const large = "x".repeat(40_000_000);

beforeAll(async () => {
  server = createHttpServer({
    service: "@modelfaucet/api",
    log,
    metrics: createMetrics({ version: "1", schema: "1" }),
    cors: {
      origins: ["https://console.example"],
      credentialsOrigins: ["https://console.example"],
      isAppOrigin: (origin) => origin === "https://app.example",
    },
    trustedProxyCidrs: [],
    readiness: async () => ({ database: ready }),
    notFoundHint: (_, path) => (path.startsWith("/v1/v1") ? "the base URL already ends in /v1" : undefined),
    monitoring: {
      token: "metrics-token",
      allowedCidrs: ["127.0.0.0/8"],
      isOperatorToken: (token) => token === "op",
    },
    timeouts: { headersMs: 300, requestMs: 600, stalledMs: 1_000 },
  });
  server.app.post("/v1/echo", async (request, reply) =>
    parseJson(await readBody(request.raw, reply.raw, { limitBytes: 1024, memory })),
  );
  server.app.get("/v1/things/:id", async () => {
    throw new Error("secret inner text postgres://u:p@h/d");
  });
  server.app.get("/v1/large", async () => large);
  server.app.get("/v1/paid", async () => {
    throw new ApiError("insufficient_balance", "Top up.", { details: { reason: "balance" } });
  });
  base = await server.app.listen({ host: "127.0.0.1", port: 0 });
  port = Number(new URL(base).port);
});
afterAll(() => server.app.close());

type Told = {
  error: {
    message: string;
    type: string;
    code: string;
    param: string | null;
    request_id: string;
    details?: Record<string, unknown>;
  };
};

async function refused(
  path: string,
  init: RequestInit = {},
): Promise<{ answer: Response; error: Told["error"] }> {
  const answer = await fetch(base + path, init);
  const { error } = (await answer.json()) as Told;
  expect(answer.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(error.request_id).toBe(answer.headers.get("x-request-id"));
  expect(answer.headers.get("cache-control")).toBe("private, no-store");
  expect(answer.headers.get("vary")).toContain("Authorization");
  expect(answer.headers.has("x-should-retry")).toBe(true);
  return { answer, error };
}

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body,
  headers: { "content-type": "application/json", ...headers },
});

/** Sends bytes as they are and answers everything that comes back until the connection ends. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let told = "";
    socket.on("data", (chunk) => {
      told += String(chunk);
    });
    socket.on("close", () => resolve(told));
    socket.on("error", reject);
  });
}

test.each<[string, string, RequestInit, number, string]>([
  ["malformed JSON", "/v1/echo", post("{"), 400, "invalid_request"],
  ["invalid UTF-8", "/v1/echo", post(Uint8Array.from([0x22, 0xff, 0x22])), 400, "invalid_request"],
  ["a foreign encoding", "/v1/echo", post("{}", { "content-encoding": "zstd" }), 400, "invalid_request"],
  [
    "a body that does not decode",
    "/v1/echo",
    post("{}", { "content-encoding": "gzip" }),
    400,
    "invalid_request",
  ],
  ["a large body", "/v1/echo", post(`"${"x".repeat(1100)}"`), 413, "payload_too_large"],
  ["an unknown route", "/v1/nothing", {}, 404, "not_found"],
  ["a malformed path", "/v1/%zz", {}, 400, "invalid_request"],
  ["a wrong method", "/v1/echo", { method: "DELETE" }, 405, "method_not_allowed"],
  ["an empty purse", "/v1/paid", {}, 402, "insufficient_balance"],
  ["a fault of ours", "/v1/things/1", {}, 500, "internal_error"],
])("%s is told in one envelope", async (_, path, init, status, code) => {
  const { answer, error } = await refused(path, init);
  expect(answer.status).toBe(status);
  expect(error.code).toBe(code);
  expect(error.message).not.toContain("secret");
});

test("413 says the limit, 405 the methods, 402 that trying again is no use", async () => {
  expect((await refused("/v1/echo", post("x".repeat(2000)))).error.details).toEqual({ limit_bytes: 1024 });
  expect((await refused("/v1/echo", {})).answer.headers.get("allow")).toBe("POST");
  expect((await refused("/v1/paid", {})).answer.headers.get("x-should-retry")).toBe("false");
  expect((await refused("/v1/v1/echo", {})).error.message).toContain("already ends in /v1");
});

test("a compressed bomb is cut at the limit", async () => {
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(1_000_000, 32)));
  expect((await refused("/v1/echo", post(bomb, { "content-encoding": "gzip" }))).answer.status).toBe(413);
  const fine = new Uint8Array(gzipSync('{"a":1}'));
  const answer = await fetch(`${base}/v1/echo`, post(fine, { "content-encoding": "gzip" }));
  expect(await answer.json()).toEqual({ a: 1 });
});

test("a full body memory is 503 with Retry-After, and every byte comes back", async () => {
  expect(memory.inUseBytes()).toBe(0);
  memory.take(4090);
  const { answer } = await refused("/v1/echo", post('{"a":"bcdefgh"}'));
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  memory.give(4090);
  await (await fetch(`${base}/v1/echo`, post('{"a":1}'))).json();
  await expect.poll(() => memory.inUseBytes()).toBe(0);
});

test("deep nesting is refused before anybody walks it", () => {
  expect(() => parseJson(Buffer.from("[".repeat(600) + "]".repeat(600)))).toThrow("nested");
  expect(parseJson(Buffer.from(JSON.stringify(`${"[".repeat(2000)}\\"`)))).toContain("[[");
});

test.each([
  ["two Authorization headers", "Host: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n"],
  ["a hostile Host", "Host: localhost/#@evil.example\r\n"],
  ["no Host", ""],
  ["two Hosts", "Host: a\r\nHost: b\r\n"],
])("%s is 400", async (_, headers) => {
  const told = await raw(`GET /v1/paid HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`);
  expect(told).toMatch(/^HTTP\/1.1 400 /);
  expect(told).toContain('"code":"invalid_request"');
});

test("headers beyond 16 KiB are 431, garbage is 400, each in the envelope", async () => {
  const large = await raw(`GET / HTTP/1.1\r\nHost: a\r\nx-large: ${"x".repeat(20_000)}\r\n\r\n`);
  expect(large).toMatch(/^HTTP\/1.1 431 /);
  expect(large).toContain('"code":"invalid_request"');
  expect(await raw("BREW / COFFEE\r\n\r\n")).toMatch(/^HTTP\/1.1 400 .*"request_id":"req_/s);
});

test("a client that is too slow is cut off", async () => {
  expect(await raw("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Len")).toMatch(/^HTTP\/1.1 408 /);
  const body = await raw("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
  expect(body).toMatch(/^HTTP\/1.1 408 /);
  await expect.poll(() => memory.inUseBytes()).toBe(0);
});

test("a client that stops reading its answer is cut off, one that reads slowly is not", async () => {
  const ask = "GET /v1/large HTTP/1.1\r\nHost: a\r\n\r\n";
  const accepted = new Promise<Socket>((resolve) => server.app.server.once("connection", resolve));
  const stalled = connect(port, "127.0.0.1", () => stalled.write(ask));
  stalled.once("data", () => stalled.pause());
  const served = await accepted;
  await expect.poll(() => served.destroyed, { timeout: 4_000 }).toBe(true);
  stalled.destroy();

  const slow = connect(port, "127.0.0.1", () => slow.write(ask));
  let bytes = 0;
  for await (const piece of slow) {
    bytes += piece.length;
    if (bytes < 4_000_000) await new Promise((resolve) => setTimeout(resolve, 10));
    if (bytes > large.length) break;
  }
  expect(bytes).toBeGreaterThan(large.length);
}, 15_000);

test("allowed origins pass the preflight and can read errors, others get nothing", async () => {
  const ask = (origin: string) =>
    fetch(`${base}/v1/echo`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type, x-stainless-os, x-evil",
      },
    });
  const good = await ask("https://app.example");
  expect(good.status).toBe(204);
  expect(good.headers.get("access-control-allow-origin")).toBe("https://app.example");
  expect(good.headers.get("access-control-allow-headers")).toBe(
    "authorization, content-type, x-stainless-os",
  );
  expect(good.headers.get("access-control-allow-credentials")).toBeNull();
  expect((await ask("https://console.example")).headers.get("access-control-allow-credentials")).toBe("true");
  for (const origin of ["https://evil.example", "null"]) {
    expect((await ask(origin)).headers.get("access-control-allow-origin")).toBeNull();
  }
  for (const path of ["/v1/paid", "/v1/things/1", "/v1/nothing"]) {
    const { answer } = await refused(path, { headers: { origin: "https://app.example" } });
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(answer.headers.get("access-control-expose-headers")).toContain("x-request-id");
  }
});

test("metrics are for the operator's network, a token or an operator", async () => {
  const ask = (headers: Record<string, string>) => fetch(`${base}/metrics`, { headers });
  expect((await ask({})).status).toBe(200);
  expect((await ask({ "x-forwarded-for": "127.0.0.1" })).status).toBe(401);
  expect((await ask({ authorization: "Bearer wrong" })).status).toBe(401);
  expect((await ask({ authorization: "Bearer op", "x-forwarded-for": "1.2.3.4" })).status).toBe(200);
  const text = await (await ask({ authorization: "Bearer metrics-token" })).text();
  expect(text).toContain(
    'modelfaucet_http_requests_total{service="@modelfaucet/api",method="GET",route="/v1/things/:id",status="500"}',
  );
  expect(text).toContain('route="unmatched"');
});

test("each request leaves one line with its pattern, without query or body", async () => {
  lines.length = 0;
  await refused("/v1/things/77?canary=q1w2e3", { headers: { "x-request-id": "mine-1" } });
  await expect.poll(() => lines.filter((line) => line.includes('"msg":"request"')).length).toBe(1);
  const line = JSON.parse(lines.find((text) => text.includes('"msg":"request"'))!);
  expect(line).toMatchObject({
    route: "/v1/things/:id",
    status: 500,
    client_request_id: "mine-1",
    error_code: "internal_error",
    address_prefix: "127.0.0.0/24",
  });
  expect(lines.join("")).not.toContain("q1w2e3");
  expect(lines.join("")).not.toContain("u:p@");
});

test("readiness follows its checks; a draining server takes no new work", async () => {
  expect((await fetch(`${base}/ready`)).status).toBe(200);
  ready = false;
  const answer = await fetch(`${base}/ready`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toEqual({
    ok: false,
    service: "@modelfaucet/api",
    checks: { database: "down" },
  });
  ready = true;
  server.drain();
  expect((await fetch(`${base}/ready`)).status).toBe(503);
  expect((await refused("/v1/paid", {})).answer.status).toBe(503);
  expect((await fetch(`${base}/health`)).status).toBe(200);
});
