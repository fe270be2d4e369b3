import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { findCanaries } from "@modelfaucet/testkit/canary.ts";
import {
  chat,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import {
  type CollectedSpan,
  type OtlpCollector,
  startOtlpCollector,
} from "@modelfaucet/testkit/otlp-collector.ts";
import { type Product, type ServerProcess, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream } from "@modelfaucet/testkit/sse.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

const watching = {
  NODE_OPTIONS: `--import=${fileURLToPath(new URL("tracing-loaded.mjs", import.meta.url))}`,
};
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callerSpan = "00f067aa0ba902b7";
const traceparent = `00-${traceId}-${callerSpan}-01`;

let collector: OtlpCollector;
let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  collector = await startOtlpCollector();
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      ...watching,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=held%20back",
      OTEL_RESOURCE_ATTRIBUTES: "team=payments",
      OTEL_TRACES_SAMPLER: "always_on",
      PROVIDER_MAX_RETRIES: "0",
    },
  });
  ground = await layGround(product);
  const litellm = await product.admin("PUT", "/v1/admin/providers/litellm", {
    base_url: product.stub.url,
    reason: "test upstream",
  });
  expect(litellm.status, litellm.text).toBe(200);
  await publishPrices(product, [priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "litellm")]);
  session = await fundedSession(product, ground, "5.00");
});
beforeEach(() => {
  product.stub.reset();
  collector.answer(200);
});
afterAll(async () => {
  await product.stop();
  await collector.close();
});

/** The spans of one request, once both are there. */
async function spansOf(requestId: string, count = 2): Promise<CollectedSpan[]> {
  const found = () =>
    collector.spans.filter(({ attributes }) => attributes["modelfaucet.request_id"] === requestId);
  await expect.poll(() => found().length, { timeout: 10_000 }).toBe(count);
  return found().sort((one, other) => one.kind - other.kind);
}

const requestIdOf = (headers: Headers): string => headers.get("x-modelfaucet-request-id") ?? "";

describe("a traced call", () => {
  it("streamed: a span of the route with the caller's as its parent, and below it one of the attempt", async () => {
    product.stub.script(() => ({ outputTokens: 5, tokenMs: 20, model: "stub-text-2026-01-15" }));
    const stream = await openStream(
      product,
      session.token,
      { model: "stub/stub-text", stream: true, max_tokens: 40 },
      { headers: { traceparent } },
    );
    await stream.end();
    const [server, client] = await spansOf(requestIdOf(stream.headers));
    expect(server).toMatchObject({
      name: "POST /v1/chat/completions",
      kind: 2,
      status: 0,
      traceId,
      parentSpanId: callerSpan,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "modelfaucet.feature_key": "chat",
        "modelfaucet.route_mode": "platform",
        "modelfaucet.charge_usd": stream.price.charge_usd,
      },
      resource: { "service.name": "modelfaucet-gateway", team: "payments" },
    });
    expect(client).toMatchObject({
      name: "chat stub-text",
      kind: 3,
      status: 0,
      traceId,
      parentSpanId: server!.spanId,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "stub",
        "gen_ai.request.model": "stub-text",
        "gen_ai.request.stream": true,
        "gen_ai.request.max_tokens": 40,
        "gen_ai.response.model": "stub-text-2026-01-15",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "server.address": "127.0.0.1",
        "server.port": product.stub.port,
        "modelfaucet.attempt": 1,
        "modelfaucet.charge_usd": stream.price.charge_usd,
      },
    });
    // It lasts until the stream's end, not until its beginning.
    expect(client!.durationMs).toBeGreaterThan(60);
    const line = logLineOf(requestIdOf(stream.headers));
    expect(line).toMatchObject({ trace_id: traceId, span_id: server!.spanId });
  });

  it("failed: both spans say what went wrong, in our words; each attempt has a span of its own", async () => {
    await ground.setFeature({ models: ["stub/stub-text", "stub/stub-claude"] });
    product.stub.script(() => ({ status: 500, body: { error: { message: "secret words of upstream" } } }));
    const answer = await chat(product, session.token, { model: "auto:chat" });
    expect(answer.status).toBe(502);
    const [server, first, second] = await spansOf(answer.headers.get("x-request-id")!, 3);
    expect(server).toMatchObject({ status: 2, attributes: { "error.type": "provider_error" } });
    expect([first, second].map((span) => span!.attributes["modelfaucet.attempt"]).sort()).toEqual([1, 2]);
    for (const span of [first, second]) {
      expect(span).toMatchObject({
        status: 2,
        parentSpanId: server!.spanId,
        attributes: { "error.type": "status", "http.response.status_code": 500 },
      });
    }
    await ground.setFeature({});
  });

  it("broken off in mid-stream: the attempt failed although its status was 200", async () => {
    product.stub.script(() => ({ outputTokens: 10, errorAfter: 3 }));
    const stream = await openStream(product, session.token, { model: "stub/stub-text", stream: true });
    await stream.end();
    expect(stream.error).toBeDefined();
    const [server, client] = await spansOf(requestIdOf(stream.headers));
    expect(server).toMatchObject({ status: 2, attributes: { "http.response.status_code": 200 } });
    expect(client).toMatchObject({ status: 2, attributes: { "error.type": "provider_error" } });
  });

  it("goes on at LiteLLM, and nowhere else", async () => {
    await ground.setFeature({ models: ["stub/stub-text", "litellm/stub-text"] });
    const told = async (model: string) => {
      product.stub.reset();
      const answer = await chat(product, session.token, { model }, { headers: { traceparent } });
      expect(answer.status, answer.text).toBe(200);
      return { sent: product.stub.requests.at(-1)!.headers, id: requestIdOf(answer.headers) };
    };
    const stranger = await told("stub/stub-text");
    expect(Object.keys(stranger.sent).filter((name) => /trace|baggage|b3/.test(name))).toEqual([]);
    const own = await told("litellm/stub-text");
    const [, client] = await spansOf(own.id);
    expect(own.sent.traceparent).toBe(`00-${traceId}-${client!.spanId}-01`);
    await ground.setFeature({});
  });
});

describe("what is told", () => {
  it("a span of every route by its pattern, with no id in its name and no line for health", async () => {
    const user = await fundedSession(product, ground, "1.00");
    await product.call("GET", `/v1/admin/wallets/${user.userId}`);
    await product.call("GET", `/v1/nothing/${user.userId}?prompt=1`);
    await fetch(`${product.api}/health`);
    await expect
      .poll(() => collector.spans.map(({ name }) => name), { timeout: 10_000 })
      .toEqual(expect.arrayContaining(["GET /v1/admin/wallets/:id", "GET"]));
    expect(collector.spans.filter(({ name }) => /health|ready|metrics/.test(name))).toEqual([]);
    expect(collector.spans.filter(({ name }) => name.includes(user.userId))).toEqual([]);
    const api = collector.spans.find(({ name }) => name === "GET /v1/admin/wallets/:id")!;
    expect(api.resource["service.name"]).toBe("modelfaucet-api");
  });

  it("never content, tokens or the key of an upstream, in any form", async () => {
    const canaries = ["prompt", "answer", "tool", "user", "system"].map((name) => ({
      name,
      text: `canary-${name}-${randomUUID()}`,
    }));
    const [prompt, answer, tool, user, system] = canaries.map(({ text }) => text);
    const own = await fundedSession(product, ground, "1.00");
    product.stub.script(() => ({ tokens: [answer!], finishReason: answer! }));
    const served = await openStream(product, own.token, {
      model: "stub/stub-text",
      stream: true,
      user,
      tools: [{ type: "function", function: { name: "look", description: tool, parameters: {} } }],
      messages: [
        { role: "system", content: system },
        { role: "user", content: prompt },
      ],
    });
    await served.end();
    const [, client] = await spansOf(requestIdOf(served.headers));
    expect(client!.attributes).not.toHaveProperty("gen_ai.response.finish_reasons");
    const everything = collector.received.map((text, index) => [`body ${index}`, text] as const);
    const secrets = [
      { name: "session token", text: own.token },
      { name: "admin token", text: product.adminToken },
    ];
    expect(findCanaries([...canaries, ...secrets], everything)).toEqual([]);
    expect(
      collector.received.some((text) => text.includes("x-collector-key") && text.includes("held back")),
    ).toBe(true);
  });
});

describe("a collector that fails", () => {
  it("hurts no request: answers are as before, and the server ends in time", async () => {
    collector.answer(503);
    expect((await chat(product, session.token, { model: "stub/stub-text" })).status).toBe(200);
    await expect
      .poll(() => product.gatewayProcesses[0]!.output(), { timeout: 10_000 })
      .toContain("traces could not be sent");
    const gateway = await product.addGateway();
    collector.answer("silence");
    const answer = await chat(product, session.token, { model: "stub/stub-text" }, { gateway: 1 });
    expect(answer.status).toBe(200);
    const began = performance.now();
    expect(await gateway.end("SIGTERM")).toBe(0);
    expect(performance.now() - began).toBeLessThan(6_000);
    product.gatewayProcesses.pop();
    expect((await closedRecord(product, requestIdOf(answer.headers))).status).toBe("succeeded");
  });
});

describe("without a collector", () => {
  it("no tracing code is loaded; with one it is", async () => {
    const gateway = await product.addGateway({ OTEL_SDK_DISABLED: "true" });
    const answer = await chat(
      product,
      session.token,
      { model: "stub/stub-text" },
      { gateway: product.gatewayProcesses.length - 1, headers: { traceparent } },
    );
    expect(answer.status).toBe(200);
    expect(product.stub.requests.at(-1)!.headers).not.toHaveProperty("traceparent");
    expect(loadedBy(gateway).filter((url) => !url.includes(interfaceOfMetrics))).toEqual([]);
    expect(loadedBy(product.gatewayProcesses[0]!).join()).toMatch(
      /sdk-trace.*otlp-transformer|otlp-transformer.*sdk-trace/,
    );
    await gateway.end("SIGTERM");
    product.gatewayProcesses.pop();
  });
});

/** prom-client brings the types of OpenTelemetry's interface along, which do nothing by themselves. */
const interfaceOfMetrics = "/@opentelemetry/api/";

function loadedBy(server: ServerProcess): string[] {
  return [...server.output().matchAll(/^loaded (\S+)$/gm)].map(([, url]) => url!);
}

// biome-ignore lint/suspicious/noExplicitAny: a log line has whatever it has.
function logLineOf(requestId: string): any {
  const line = product.gatewayProcesses[0]!.output()
    .split("\n")
    .find((text) => text.includes(`"${requestId}"`) && text.includes('"msg":"request"'));
  return line === undefined ? null : JSON.parse(line);
}
