import { connect } from "node:http2";
import { type RequestOptions, request } from "node:https";
import { credit, type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Ingress, startIngress } from "@modelfaucet/testkit/ingress.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { readEventLines } from "./event-lines.ts";

let product: Product;
let ground: Ground;
let session: GroundSession;
let ingress: Ingress;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: { TRUSTED_PROXY_CIDRS: "127.0.0.0/8" },
    gatewayEnv: { MODEL_BODY_LIMIT_BYTES: "65536" },
  });
  [ground, ingress] = await Promise.all([
    layGround(product),
    startIngress({ gateways: product.gateways, api: product.api }),
  ]);
  session = await ground.openSession();
  await credit(product, session.userId, "10.00");
});
afterEach(() => product.stub.reset());
afterAll(async () => {
  await ingress?.stop();
  await product?.stop();
});

const firstByteAfterMs = 300;
const slowStream = { firstByteAfterMs, outputTokens: 5, tokenMs: 120 };

describe("A118: streams through the reference ingress", () => {
  it("A118: the first chunk comes at once, every read is one event, and nothing is compressed", async () => {
    product.stub.script("stub-text", slowStream);
    // The first exchange opens the connections.
    await streamByHttp1();
    const answer = await streamByHttp1();
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(answer.headers["content-type"]).toMatch(/^text\/event-stream/);
    expectEventPerRead(answer.reads);
  });

  it("A118: the same by HTTP/2, as browsers speak it", async () => {
    product.stub.script("stub-text", slowStream);
    await streamByHttp2();
    const answer = await streamByHttp2();
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expectEventPerRead(answer.reads);
  });

  it("A118: a client that leaves is seen by the gateway, which stops upstream", async () => {
    product.stub.script("stub-text", { endless: true, tokenMs: 20 });
    await new Promise<void>((resolve, reject) => {
      const leaving = request(`${ingress.gateway}/chat/completions`, chatOptions(), (response) => {
        response.once("data", () => {
          leaving.destroy();
          resolve();
        });
      });
      leaving.once("error", reject);
      leaving.end(chatBody);
    });
    await expect.poll(() => product.stub.stats.open, { timeout: 3_000 }).toBe(0);
    expect(product.stub.stats.cancelled).toBe(1);
  });

  function expectEventPerRead(reads: readonly Read[]): void {
    const sentAt = product.stub.requests.at(-1)!.at + firstByteAfterMs;
    const content = reads.filter(({ text }) => /"content":"[^"]/.test(text));
    expect(content[0]!.at - sentAt).toBeLessThanOrEqual(200);
    expect(content).toHaveLength(slowStream.outputTokens);
    for (const { text } of content) expect(text).toMatch(/^data: [^\n]*\n\n$/);
    expect(readEventLines(reads.map(({ text }) => text).join(""))).toMatchObject({
      text: "word".concat(" word".repeat(slowStream.outputTokens - 1)),
      isDone: true,
      strange: [],
    });
  }
});

describe("what the ingress adds and hides", () => {
  it("names itself secure, on answers and on refusals, and sends plain requests to TLS", async () => {
    for (const base of [ingress.api, ingress.gateway]) {
      const answer = await ask(`${new URL(base).origin}/health`);
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject(secureHeaders);
      expect((await ask(`${new URL(base).origin}/v1/nowhere`)).headers).toMatchObject(secureHeaders);
    }
    const plain = await fetch(`${ingress.plain}/v1/models?x=1`, { redirect: "manual" });
    expect(plain.status).toBe(308);
    expect(plain.headers.get("location")).toMatch(/^https:\/\/127\.0\.0\.1\/v1\/models\?x=1$/);
  });

  it("shows no metrics, however the path is spelled, and lets the servers judge a token", async () => {
    for (const base of [ingress.api, ingress.gateway]) {
      const { origin } = new URL(base);
      for (const path of ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/METRICS", "/metrics?x=1"]) {
        const answer = await ask(`${origin}${path}`);
        expect({ path, status: answer.status }).toEqual({ path, status: 404 });
        expect(answer.headers).toMatchObject({ ...secureHeaders, "x-should-retry": "false" });
        expect(JSON.parse(answer.text).error).toMatchObject({
          code: "not_found",
          type: "not_found_error",
          request_id: answer.headers["x-request-id"],
        });
      }
      const wrong = await ask(`${origin}/metrics`, { authorization: "Bearer mf_admin_wrong" });
      expect(wrong.status).toBe(401);
      const told = await ask(`${origin}/metrics`, { authorization: `Bearer ${product.adminToken}` });
      expect(told.status).toBe(200);
      expect(told.text).toContain("modelfaucet_build_info");
    }
  });

  it("says who the client is, whatever the client says", async () => {
    await ask(`${new URL(ingress.api).origin}/health`, {
      "x-forwarded-for": "203.0.113.7",
      forwarded: "for=203.0.113.7",
      "x-request-id": "spoof-1",
    });
    await expect.poll(() => lineOf("spoof-1")?.address_prefix).toBe("127.0.0.0/24");
    // Straight to the server, a trusted peer is believed: so the ingress must not pass on what it was told.
    await fetch(`${product.api}/health`, {
      headers: { "x-forwarded-for": "203.0.113.7", "x-request-id": "spoof-2" },
    });
    await expect.poll(() => lineOf("spoof-2")?.address_prefix).toBe("203.0.113.0/24");
  });

  it("leaves bodies that are too large to the servers, and refuses the rest in the same envelope", async () => {
    const headers = { authorization: `Bearer ${session.token}`, "content-type": "application/json" };
    const byGateway = await ask(`${ingress.gateway}/chat/completions`, headers, "x".repeat(70_000));
    expect(byGateway.status).toBe(413);
    expect(JSON.parse(byGateway.text).error.details.limit_bytes).toBe(65_536);
    const byIngress = await ask(`${ingress.api}/v1/sessions`, headers, "x".repeat(2_200_000));
    expect(byIngress.status).toBe(413);
    expect(JSON.parse(byIngress.text).error).toMatchObject({ code: "payload_too_large" });
  });

  it("answers for servers that are gone, retryable, and keeps no text of a request in its log", async () => {
    const gone = await startIngress({ gateways: ["http://127.0.0.1:9"], api: "http://127.0.0.1:9" });
    try {
      const answer = await ask(
        `${gone.gateway}/models?secret=canary-query`,
        {
          authorization: "Bearer canary-token",
        },
        undefined,
        gone.ca,
      );
      expect(answer.status).toBe(503);
      expect(answer.headers).toMatchObject({
        ...secureHeaders,
        "retry-after": "1",
        "x-should-retry": "true",
      });
      expect(JSON.parse(answer.text).error).toMatchObject({ code: "service_unavailable", type: "api_error" });
      await expect.poll(() => gone.log()).toContain('"path":"/v1/models"');
      expect(gone.log().match(/.*"path".*/)![0]).not.toMatch(/canary/);
    } finally {
      await gone.stop();
    }
  });
});

const secureHeaders = {
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
};

type Read = { at: number; text: string };
type Answer = { status: number; headers: Record<string, unknown>; reads: Read[]; text: string };

const chatBody = JSON.stringify({
  model: "stub-text",
  stream: true,
  messages: [{ role: "user", content: "hello" }],
});

function chatOptions(): RequestOptions {
  return {
    method: "POST",
    ca: ingress.ca,
    headers: {
      authorization: `Bearer ${session.token}`,
      "content-type": "application/json",
      "accept-encoding": "gzip, deflate, br",
    },
  };
}

/** Every read of the body with its time; Node gives one `data` for each chunk that came in by itself. */
function streamByHttp1(): Promise<Answer> {
  return exchange(`${ingress.gateway}/chat/completions`, chatOptions(), chatBody);
}

function ask(
  url: string,
  headers: Record<string, string> = {},
  body?: string,
  ca = ingress.ca,
): Promise<Answer> {
  return exchange(url, { method: body === undefined ? "GET" : "POST", ca, headers }, body);
}

function exchange(url: string, options: RequestOptions, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      const reads: Read[] = [];
      response.on("data", (bytes: Buffer) => reads.push({ at: Date.now(), text: bytes.toString("utf8") }));
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          reads,
          text: reads.map(({ text }) => text).join(""),
        }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

function streamByHttp2(): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = new URL(`${ingress.gateway}/chat/completions`);
    const client = connect(url.origin, { ca: ingress.ca });
    client.once("error", reject);
    const stream = client.request({
      ":method": "POST",
      ":path": url.pathname,
      ...(chatOptions().headers as Record<string, string>),
    });
    const reads: Read[] = [];
    let headers: Record<string, unknown> = {};
    stream.once("response", (given) => (headers = given));
    stream.on("data", (bytes: Buffer) => reads.push({ at: Date.now(), text: bytes.toString("utf8") }));
    stream.once("error", reject);
    stream.once("end", () => {
      client.close();
      resolve({ status: Number(headers[":status"]), headers, reads, text: "" });
    });
    stream.end(chatBody);
  });
}

// biome-ignore lint/suspicious/noExplicitAny: a log line, read field by field
function lineOf(clientRequestId: string): any {
  const line = product.control
    .output()
    .split("\n")
    .find((text) => text.includes(clientRequestId));
  return line === undefined ? undefined : JSON.parse(line);
}
