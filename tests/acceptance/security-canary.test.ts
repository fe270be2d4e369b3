import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:net";
import { type Canary, everythingWritten, findCanaries } from "@modelfaucet/testkit/canary.ts";
import { chat, credit, type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import type { StubBehaviour } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

const secret = (prefix: string): string => `${prefix}${randomBytes(24).toString("base64url")}`;
const storedKey: Canary = { name: "stored provider key", text: secret("sk-proj-") };
const environmentKey: Canary = { name: "provider key of the environment", text: secret("sk-or-v1-") };
const prompt: Canary = { name: "prompt", text: `Zoë's canary "prompt" ${secret("")} & more` };
const answer: Canary = { name: "answer", text: `canary answer ${secret("")} über <alles>` };
const keys = [storedKey, environmentKey];

let product: Product;
let ground: Ground;
let session: GroundSession;
/** Accepts connections and speaks no TLS. */
let plain: Server;
/** What clients were told. */
const told: [where: string, text: string][] = [];

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      OPENROUTER_API_KEY: environmentKey.text,
      LOG_LEVEL: "trace",
      PROVIDER_CONNECT_TIMEOUT_MS: "400",
      PROVIDER_TIMEOUT_MS: "700",
      PROVIDER_UNSTREAMED_TIMEOUT_MS: "700",
      PROVIDER_IDLE_TIMEOUT_MS: "700",
    },
  });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "50.00");
  plain = createServer((socket) => socket.on("error", () => {}).end("no TLS here\r\n"));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  await heard(
    "POST key",
    product.admin("POST", "/v1/admin/providers/stub/keys", { api_key: storedKey.text, reason: "test" }),
  );
});
afterAll(async () => {
  plain.close();
  await product.stop();
});

/** Remembers body and headers of what a client was told. */
async function heard(where: string, asked: Promise<HttpAnswer>): Promise<HttpAnswer> {
  const got = await asked;
  told.push([where, `${got.text}\n${JSON.stringify([...got.headers])}`]);
  return got;
}

/** What goes wrong upstream: each of it may repeat the key. */
const failures: Record<string, StubBehaviour> = {
  "echo 400": { status: 400, echoAuthorization: true },
  "echo 401": { status: 401, echoAuthorization: true },
  "echo 403": { status: 403, echoAuthorization: true },
  "echo 404": { status: 404, echoAuthorization: true },
  "echo 422": { status: 422, echoAuthorization: true },
  "echo 429": { status: 429, echoAuthorization: true, headers: { "retry-after": "0" } },
  "echo 500": { status: 500, echoAuthorization: true },
  "echo HTML": { status: 502, body: "<html>Bad gateway", echoAuthorization: true },
  "echo in 200": { body: "not json ", echoAuthorization: true },
  "key as param": {
    status: 400,
    body: {
      error: { message: storedKey.text, code: storedKey.text, param: storedKey.text, type: storedKey.text },
    },
  },
  "key in headers": {
    status: 500,
    headers: {
      "x-request-id": storedKey.text,
      "www-authenticate": `Bearer ${storedKey.text}`,
      "openai-organization": storedKey.text,
    },
  },
  redirect: { status: 302, headers: { location: `http://127.0.0.1:1/?key=${storedKey.text}` } },
  "broken JSON": { body: `{"choices": [{"message": {"content": "${storedKey.text}` },
  "in-band error": {
    chunks: [{ error: { message: `Incorrect API key provided: ${storedKey.text}`, code: storedKey.text } }],
  },
  "dies inside": { outputTokens: 20, dieAfter: 5 },
  "empty answer": { tokens: [] },
  silence: { hang: "accept" },
  "silence after headers": { hang: "headers" },
  "a gap": { outputTokens: 4, gaps: [{ before: 2, ms: 1_500 }] },
  "false gzip": { headers: { "content-encoding": "gzip" } },
  "false type": { contentType: "text/plain" },
};

describe("A136: provider keys", () => {
  it("A136: the key reaches the upstream, and it alone", async () => {
    expect((await heard("success", chat(product, session.token, { model: "stub-text" }))).status).toBe(200);
    expect(product.stub.requests.at(-1)!.headers.authorization).toBe(`Bearer ${storedKey.text}`);
  });

  it("A136: twenty failures, streamed and not, and every read of providers show none of it", async () => {
    for (const [name, behaviour] of Object.entries(failures)) {
      for (const stream of [false, true]) {
        product.stub.script("stub-text", behaviour);
        await heard(
          `${name}, stream ${stream}`,
          chat(product, session.token, { model: "stub-text", stream }),
        );
      }
    }
    product.stub.reset();
    await throughBrokenTls();
    const at = product.gatewayProcesses[0]!.url;
    const operator = { authorization: `Bearer ${product.adminToken}` };
    await heard("health", send(`${at}/health/providers`, "GET", undefined, operator));
    for (const path of [
      "/v1/admin/providers",
      "/v1/admin/providers/stub",
      "/v1/admin/providers/openrouter",
      "/v1/admin/settings",
    ]) {
      expect((await heard(path, product.admin("GET", path))).status).toBe(200);
    }
    for (const path of ["/v1/developer/requests?limit=200"])
      await heard(path, product.developer("GET", path));
    for (const path of ["/v1/user/usage?limit=200", "/v1/user/receipts"])
      await heard(path, product.call("GET", path, undefined, { token: session.token }));
    expect(Object.keys(failures).length).toBeGreaterThanOrEqual(20);
    expect(told.length).toBeGreaterThan(45);
    expect(findCanaries(keys, told)).toEqual([]);
    expect(findCanaries(keys, await everythingWritten(product))).toEqual([]);
  });

  it("A136: a key that is refused, or sent to the wrong place, is not repeated", async () => {
    for (const body of [
      { api_key: `${storedKey.text} with spaces`, reason: "test" },
      { api_key: storedKey.text },
      { api_key: [storedKey.text], reason: "test" },
      { api_key: "x", reason: "test", [storedKey.text]: 1 },
    ].slice(0, 3)) {
      expect(
        (await heard("refused key", product.admin("POST", "/v1/admin/providers/stub/keys", body))).status,
      ).toBe(400);
    }
    await heard(
      "unknown provider",
      product.admin("POST", "/v1/admin/providers/nowhere/keys", { api_key: storedKey.text, reason: "test" }),
    );
    await heard(
      "in a URL",
      product.admin("PUT", "/v1/admin/providers/other", {
        base_url: `https://user:${storedKey.text}@example.com/v1`,
        reason: "test",
      }),
    );
    await heard("as a token", chat(product, storedKey.text, { model: "stub-text" }));
    await heard("in a path", product.admin("GET", `/v1/nowhere/${storedKey.text}?key=${storedKey.text}`));
    // An unknown path is not repeated and not logged, nor is a query.
    expect(findCanaries(keys, told)).toEqual([]);
    expect(findCanaries(keys, await everythingWritten(product))).toEqual([]);
  });
});

describe("A147: prompts and completions", () => {
  it("A147: neither stands in a log, a table or a metric, after success and failure", async () => {
    const words = answer.text.split(/(?= )/);
    const body = {
      model: "stub-text",
      messages: [
        { role: "system", content: prompt.text },
        { role: "user", content: [{ type: "text", text: prompt.text }] },
      ],
      tools: [
        {
          type: "function",
          function: { name: "look_up", description: prompt.text, parameters: { type: "object" } },
        },
      ],
      stop: [prompt.text.slice(0, 30)],
      user: prompt.text,
      metadata: { note: prompt.text },
    };
    const behaviours: StubBehaviour[] = [
      { tokens: words },
      { tokens: words, usage: "none" },
      { toolCalls: [{ name: "look_up", arguments: JSON.stringify({ query: answer.text }) }] },
      { refusal: answer.text },
      { reasoning: words, tokens: words },
      { status: 400, body: { error: { message: prompt.text, param: "messages", code: prompt.text } } },
      { status: 500, body: { error: { message: prompt.text + answer.text } } },
      { tokens: words, dieAfter: 2 },
      { tokens: words, errorAfter: 2 },
      { body: `${answer.text}{` },
      { tokens: words, usage: { prompt_tokens: -1, completion_tokens: answer.text } },
      { tokens: words, model: "stub-text-2026-01-15", id: "chatcmpl-other" },
    ];
    let shown = 0;
    for (const behaviour of behaviours) {
      for (const stream of [false, true]) {
        product.stub.script("stub-text", behaviour);
        const got = await chat(
          product,
          session.token,
          { ...body, stream },
          { headers: { "idempotency-key": randomBytes(9).toString("hex") } },
        );
        if (got.text.includes("canary answer")) shown += 1;
        if (got.status >= 400) expect(findCanaries([prompt, answer], [["an error", got.text]])).toEqual([]);
      }
    }
    expect(shown).toBeGreaterThan(8);
    // Refusals before upstream, and a client that leaves.
    const refused = [
      chat(product, session.token, { ...body, model: prompt.text }),
      chat(product, session.token, { ...body, n: prompt.text }),
      chat(product, session.token, { ...body, service_tier: prompt.text }),
      send(`${product.gateways[0]}/chat/completions`, "POST", `{"messages":"${prompt.text}`, {
        authorization: `Bearer ${session.token}`,
      }),
    ];
    for (const got of await Promise.all(refused)) expect(got.status).toBeGreaterThanOrEqual(400);
    product.stub.script("stub-text", { tokens: words, tokenMs: 50 });
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 120);
    await chat(product, session.token, { ...body, stream: true }, { signal: leaving.signal }).catch(() => {});
    await expect.poll(() => product.stub.stats.open, { timeout: 3_000 }).toBe(0);
    expect(findCanaries([prompt, answer], await everythingWritten(product))).toEqual([]);
  });

  it("the search finds what is there: in a table, in a log, and encoded", async () => {
    const mark = `visible-${randomBytes(12).toString("hex")}`;
    await product.developer("PATCH", `/v1/developer/apps/${ground.publicAppId}`, { name: mark });
    await chat(product, session.token, { model: "stub-flat" }, { headers: { "x-request-id": mark } });
    const found = findCanaries([{ name: "mark", text: mark }], await everythingWritten(product));
    expect(found.map(({ where }) => where)).toEqual(
      expect.arrayContaining(["table apps", "table usage_events", "output of gateway 1"]),
    );
    const hidden = Buffer.from(`{"a":"${mark}"}`).toString("base64");
    expect(
      findCanaries(
        [{ name: "mark", text: mark }],
        [
          ["x", hidden],
          ["y", `q=${encodeURIComponent(mark)}`],
        ],
      ),
    ).toHaveLength(2);
  });
});

async function throughBrokenTls(): Promise<void> {
  const { port } = plain.address() as { port: number };
  for (const base_url of [
    `https://127.0.0.1:${port}/v1`,
    "http://127.0.0.1:1/v1",
    "https://nowhere.invalid/v1",
  ]) {
    const put = { base_url, reason: "test" };
    expect((await heard(base_url, product.admin("PUT", "/v1/admin/providers/stub", put))).status).toBe(200);
    const got = await heard(base_url, chat(product, session.token, { model: "stub-text" }));
    expect(got.body.error.code).toBe("provider_error");
  }
  await product.admin("PUT", "/v1/admin/providers/stub", { base_url: product.stub.url, reason: "test" });
}
