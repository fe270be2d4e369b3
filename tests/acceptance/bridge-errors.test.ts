import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { findCanaries } from "@modelfaucet/testkit/canary.ts";
import {
  type BridgeAnswer,
  type RunningBridge,
  startBridge,
} from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

// Every code that the bridge answers with, what it keeps of usage reports, and that no prompt is ever written.

const origin = "https://app.example";
const canary = { name: "prompt", text: "zq7-wandering-heron-84613-below-the-lamp" };
const secretAnswer = { name: "answer", text: "kx2-patient-lantern-55102-over-the-pond" };
const messages = [{ role: "user", content: `Tell me about ${canary.text}.` }];
const model = "ollama:qwen3:8b";
let models: LocalServer;
let elsewhere: Server;
let elsewhereCalls = 0;
let bridge: RunningBridge;
let token: string;

beforeAll(async () => {
  models = await startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 4096, isLoaded: true }], {
    apiKey: "local-secret-key",
  });
  elsewhere = createServer((_request, response) => {
    elsewhereCalls += 1;
    response.end("{}");
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  bridge = await startBridge({
    env: { OLLAMA_KEY: "local-secret-key" },
    config: [
      "version: 1",
      "endpoints:",
      `  - { id: ollama, kind: ollama, base_url: "${models.baseUrl}", api_key: "env:OLLAMA_KEY", max_concurrency: 1 }`,
      '  - { id: down, kind: vllm, base_url: "http://127.0.0.1:9/v1" }',
      "limits: { body_mib: 1, first_byte_s: 1, idle_s: 1 }",
      "usage_queue: { max_reports: 3, keep_days: 30 }",
      "log: { level: debug }",
      "",
    ].join("\n"),
  });
  token = await bridge.pair(origin);
});

afterAll(async () => {
  await bridge?.stop();
  await models?.close();
  elsewhere?.close();
});

beforeEach(() => models.script({ pieces: ["Here is ", secretAnswer.text] }));

const send = (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<BridgeAnswer> =>
  bridge.send({ method, path, headers: { origin, authorization: `Bearer ${token}`, ...headers }, body });
const chat = (body: object = {}, headers: Record<string, string> = {}) =>
  send("POST", "/v1/chat/completions", { model, messages, ...body }, headers);

describe("what is refused before anything is sent", () => {
  test.each([
    ["not_found", 404, "GET", "/v1/nothing", undefined],
    ["method_not_allowed", 405, "DELETE", "/models", undefined],
    ["method_not_allowed", 405, "GET", "/v1/embeddings", undefined],
    ["missing_model", 400, "POST", "/v1/chat/completions", { messages }],
    ["invalid_request", 400, "POST", "/v1/chat/completions", "{"],
    ["invalid_request", 400, "POST", "/v1/chat/completions", "[]"],
    ["invalid_request", 400, "POST", "/v1/chat/completions", { model, messages: [] }],
    ["invalid_request", 400, "POST", "/v1/chat/completions", { model, messages, stream: "yes" }],
    ["invalid_request", 400, "POST", "/v1/chat/completions", { model, messages, max_tokens: 0.5 }],
    ["invalid_request", 400, "POST", "/v1/embeddings", { model }],
    ["invalid_request", 400, "POST", "/pair/complete", { pairing_id: "pair_1" }],
    ["invalid_request", 400, "POST", "/pair/start", { app_name: "two\nlines" }],
    ["invalid_request", 400, "POST", "/usage/ack", { request_ids: "all" }],
    ["invalid_usage_report", 400, "POST", "/usage/report", { request_id: "req_1" }],
    [
      "payload_too_large",
      413,
      "POST",
      "/v1/chat/completions",
      { model, messages: [{ role: "user", content: "x".repeat(1_100_000) }] },
    ],
  ])("%s (%i): %s %s", async (code, status, method, path, body) => {
    const calls = models.modelCalls.length;
    const answer = await send(method, path, body);
    expect(answer).toMatchObject({
      status,
      headers: { "access-control-allow-origin": origin, "x-should-retry": "false" },
      body: {
        error: {
          code,
          request_id: answer.headers["x-request-id"],
          message: expect.any(String),
          type: expect.any(String),
        },
      },
    });
    expect(models.modelCalls.length).toBe(calls);
  });

  test.each(["api_base", "base_url", "api_key", "headers", "extra_body"])(
    "a request cannot say %s",
    async (field) => {
      expect(await chat({ [field]: "https://evil.example" })).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request", param: field } },
      });
    },
  );

  test("a request for another payer is not answered here", async () => {
    expect((await chat({ metadata: { route_mode: "byok" } })).body.error).toMatchObject({
      code: "invalid_request",
      param: "route_mode",
    });
    expect((await chat({}, { "x-modelfaucet-route": "platform" })).status).toBe(400);
    const local = await chat({ metadata: { route_mode: "local", feature_key: "reply" } });
    expect(local.status).toBe(200);
    expect(models.modelCalls.at(-1)!.body).not.toHaveProperty("metadata");
  });

  test("the key of the user's file goes to its server, and the page's token does not", async () => {
    await chat();
    const { headers } = models.modelCalls.at(-1)!;
    expect(headers.authorization).toBe("Bearer local-secret-key");
    expect(JSON.stringify(headers)).not.toContain(token);
    expect(headers.origin).toBeUndefined();
  });
});

describe("one at a time", () => {
  test("rate_limited: the second call of a server that takes one", async () => {
    const first = await heldCall();
    expect(await chat()).toMatchObject({
      status: 429,
      headers: { "retry-after": "1", "x-should-retry": "true" },
      body: { error: { code: "rate_limited", details: { endpoint_id: "ollama" } } },
    });
    expect((await first.finish()).status).toBe(200);
    expect((await chat()).status).toBe(200);
  });

  test("idempotency_in_progress: the same key while it runs, and not after", async () => {
    const first = await heldCall({ "idempotency-key": "once" });
    expect(await chat({}, { "idempotency-key": "once" })).toMatchObject({
      status: 409,
      headers: { "retry-after": "1" },
      body: { error: { code: "idempotency_in_progress" } },
    });
    await first.finish();
    expect((await chat({}, { "idempotency-key": "once" })).status).toBe(200);
  });

  test("a caller that leaves, or stops reading for too long, gives its place back", async () => {
    for (const way of ["leaves", "stops reading"]) {
      const calls = models.modelCalls.length;
      models.script({ pieces: Array.from({ length: 2000 }, () => "x".repeat(65_536)) });
      const leaving = new AbortController();
      const open = await fetch(`${bridge.url}/v1/chat/completions`, {
        method: "POST",
        headers: { origin, authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages, stream: true }),
        signal: leaving.signal,
      });
      expect(open.status).toBe(200);
      expect((await chat()).status).toBe(429);
      if (way === "leaves") leaving.abort();
      await expect.poll(() => models.modelCalls[calls]!.wasCancelled, { timeout: 5000 }).toBe(true);
      models.script({});
      expect((await chat()).status).toBe(200);
      if (way !== "leaves") await expect(open.text()).rejects.toThrow();
    }
  });

  async function heldCall(headers: Record<string, string> = {}) {
    let release = (): void => {};
    const calls = models.modelCalls.length;
    models.script({ before: () => new Promise<void>((resolve) => (release = resolve)) });
    const answer = chat({}, headers);
    await expect.poll(() => models.modelCalls.length).toBe(calls + 1);
    return {
      finish() {
        models.script({});
        release();
        return answer;
      },
    };
  }
});

describe("local_model_unavailable and invalid_model_response", () => {
  test("a server that is down, with its id and without its address", async () => {
    const answer = await chat({ model: "down:anything" });
    expect(answer).toMatchObject({
      status: 503,
      body: {
        error: { code: "local_model_unavailable", details: { endpoint_id: "down", reason: "unreachable" } },
      },
    });
    expect(answer.text).not.toMatch(/127\.0\.0\.1|:9\b/);
  });

  test("no first byte in time, whole and streamed", async () => {
    for (const stream of [false, true]) {
      let release = (): void => {};
      models.script({ before: () => new Promise<void>((resolve) => (release = resolve)) });
      const answer = await chat({ stream });
      expect(answer).toMatchObject({
        status: 503,
        body: { error: { code: "local_model_unavailable", details: { reason: "timeout" } } },
      });
      release();
    }
  });

  test.each<[string, number, string, { status: number; body: unknown; headers?: Record<string, string> }]>([
    [
      "a failure",
      503,
      "local_model_unavailable",
      {
        status: 500,
        body: { error: { message: "llama runner process has terminated: /usr/lib/ollama/runner" } },
      },
    ],
    ["a refused key", 503, "local_model_unavailable", { status: 401, body: {} }],
    [
      "a model that has gone",
      404,
      "model_not_found",
      { status: 404, body: { error: { message: "model not found" } } },
    ],
    ["a busy server", 429, "rate_limited", { status: 429, body: {}, headers: { "retry-after": "7" } }],
    [
      "a page",
      502,
      "invalid_model_response",
      { status: 200, body: "<html>Welcome</html>", headers: { "content-type": "text/html" } },
    ],
    ["an object of another kind", 502, "invalid_model_response", { status: 200, body: { hello: "world" } }],
    [
      "llama.cpp's overflow",
      400,
      "context_length_exceeded",
      {
        status: 400,
        body: {
          error: {
            code: 400,
            message:
              "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
            type: "exceed_context_size_error",
            n_prompt_tokens: 9412,
            n_ctx: 8192,
          },
        },
      },
    ],
    [
      "vLLM's overflow",
      400,
      "context_length_exceeded",
      {
        status: 400,
        body: {
          error: {
            message:
              "This model's maximum context length is 8192 tokens. However, you requested 9512 tokens (9412 in the messages, 100 in the completion).",
            code: 400,
          },
        },
      },
    ],
  ])("%s", async (_name, status, code, refuse) => {
    for (const stream of [false, true]) {
      models.script({ refuse });
      const answer = await chat({ stream });
      expect(answer).toMatchObject({ status, body: { error: { code } } });
      if (code === "context_length_exceeded")
        expect(answer.body.error.details).toMatchObject({ context_length: 8192, prompt_tokens: 9412 });
      if (status === 429) expect(answer.headers["retry-after"]).toBe("7");
      expect(answer.text).not.toContain("/usr/lib");
    }
  });

  test("a refusal is told without what names a place of this computer", async () => {
    models.script({
      refuse: {
        status: 400,
        body: {
          error: {
            message: "qwen3 does not support tools, see /home/me/models/x.gguf at http://127.0.0.1:11434/api",
          },
        },
      },
    });
    const { body } = await chat();
    expect(body.error).toMatchObject({
      code: "invalid_request",
      details: { upstream_message: "qwen3 does not support tools, see … at …" },
    });
  });

  test("a redirect is not followed", async () => {
    const { port } = elsewhere.address() as AddressInfo;
    for (const status of [301, 302, 307, 308]) {
      models.script({
        refuse: { status, body: "", headers: { location: `http://127.0.0.1:${port}/v1/chat/completions` } },
      });
      expect(await chat()).toMatchObject({
        status: 502,
        body: { error: { code: "invalid_model_response" } },
      });
    }
    expect(elsewhereCalls).toBe(0);
  });

  test.each([
    ["breaks off", { breakAfter: 1 }, "invalid_model_response"],
    ["fails in the middle", { errorAfter: 1 }, "local_model_unavailable"],
    ["falls silent", { between: () => new Promise<void>(() => {}) }, "local_model_unavailable"],
  ] as const)(
    "a stream that %s ends with one error event and without [DONE]",
    async (_name, behaviour, code) => {
      models.script({ pieces: ["one ", "two "], ...behaviour });
      const { status, text } = await chat({ stream: true });
      expect(status).toBe(200);
      const events = text.trim().split("\n\n");
      expect(JSON.parse(events.at(-1)!.slice("data: ".length))).toMatchObject({
        error: { code, details: { endpoint_id: "ollama" } },
      });
      expect(text).not.toContain("[DONE]");
      expect(text).not.toMatch(/finish_reason":"/);
    },
  );
});

describe("usage reports that could not be delivered (A163)", () => {
  const report = (at: number, extra: object = {}) => ({
    request_id: `req_local_0199f0a0-7b1c-7d6e-8f10-0000000000${String(at).padStart(2, "0")}`,
    app_id: "app_pub_demo",
    end_user_id_hash: `sha256:${"ab".repeat(32)}`,
    feature_key: "customer_reply",
    route_mode: "local",
    provider: "ollama",
    model: "qwen3:8b",
    input_tokens: 12,
    output_tokens: 34,
    created_at: "2026-11-25T09:00:00.000Z",
    usage_source: "estimated",
    ...extra,
  });
  const file = () => join(bridge.home, "usage.ndjson");

  test("are kept on disk until they are acknowledged, one line each, the same twice once", async () => {
    expect((await send("POST", "/usage/report", report(1))).body).toEqual({ ok: true, pending: 1 });
    expect((await send("POST", "/usage/report", report(1, { output_tokens: 99 }))).body).toEqual({
      ok: true,
      pending: 1,
    });
    const lines = readFileSync(file(), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { v: 1, origin, received_at: expect.any(String), report: report(1) },
    ]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect((await send("GET", "/usage/report")).body).toEqual({ items: [report(1)] });
    expect(JSON.parse((await bridge.command("status", "--json")).stdout)).toMatchObject({
      running: true,
      waiting_usage_reports: 1,
    });
  });

  test("belong to their origin alone", async () => {
    const other = "https://other.example";
    const otherToken = await bridge.pair(other);
    const headers = { origin: other, authorization: `Bearer ${otherToken}` };
    expect((await bridge.send({ path: "/usage/report", headers })).body).toEqual({ items: [] });
    const acked = await bridge.send({
      method: "POST",
      path: "/usage/ack",
      headers,
      body: { request_ids: [report(1).request_id] },
    });
    expect(acked.body).toEqual({ removed: 0, pending: 0 });
  });

  test("beyond the bound the oldest goes, and is counted", async () => {
    for (const at of [2, 3, 4]) await send("POST", "/usage/report", report(at));
    const { items } = (await send("GET", "/usage/report")).body;
    expect(items.map((item: { request_id: string }) => item.request_id)).toEqual(
      [2, 3, 4].map((at) => report(at).request_id),
    );
    expect((await send("GET", "/diagnostics")).body.usage_queue).toEqual({ pending: 3, dropped: 1 });
    const acked = await send("POST", "/usage/ack", {
      request_ids: items.map((item: { request_id: string }) => item.request_id),
    });
    expect(acked.body).toEqual({ removed: 3, pending: 0 });
    expect(
      readFileSync(file(), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([{ v: 1, origin, dropped: 1 }]);
  });

  test.each([
    ["prompt", { prompt: "hello" }],
    ["permit", { permit: "x" }],
    ["input_tokens", { input_tokens: -1 }],
    ["route_mode", { route_mode: "platform" }],
    ["end_user_id_hash", { end_user_id_hash: "user@example.com" }],
  ])("have no room for %s", async (param, extra) => {
    expect((await send("POST", "/usage/report", report(9, extra))).body.error).toMatchObject({
      code: "invalid_usage_report",
      param,
    });
  });
});

test("a canary in prompts and answers is in no file and no line of the bridge", async () => {
  expect((await chat()).text).toContain(secretAnswer.text);
  expect((await chat({ stream: true })).text).toContain(secretAnswer.text);
  expect((await chat({ model: canary.text })).status).toBe(404);
  expect((await send("POST", `/v1/${canary.text}`, { model, messages })).status).toBe(404);
  expect((await send("POST", "/v1/chat/completions", `{"model": "${canary.text}`)).status).toBe(400);
  models.script({ refuse: { status: 400, body: { error: { message: `cannot read ${canary.text}` } } } });
  expect((await chat()).status).toBe(400);
  await bridge.command("status");
  const sinks = [
    ["output", bridge.output()] as const,
    ...readdirSync(bridge.home).map((name) => [name, readFileSync(join(bridge.home, name), "utf8")] as const),
  ];
  expect(sinks.map(([name]) => name)).toEqual(
    expect.arrayContaining(["output", "grants.json", "pairings.json", "bridge.lock", "usage.ndjson"]),
  );
  const secrets = [
    canary,
    secretAnswer,
    { name: "token", text: token },
    { name: "key", text: "local-secret-key" },
  ];
  expect(findCanaries(secrets, sinks)).toEqual([]);
  expect(bridge.output()).toContain('"route":"/v1/chat/completions"');
});
