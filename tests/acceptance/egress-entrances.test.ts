import { type DnsServer, startDnsServer } from "@modelfaucet/testkit/dns-server.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpStub, startStubServer } from "@modelfaucet/testkit/http-stub.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { startTraps, type Traps } from "@modelfaucet/testkit/traps.ts";
import { generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

// A135: whatever makes the product connect somewhere asks the guard first, and says which field was wrong.

const vendor = "llm.stub.test";
const turned = "turned.attacker.example.com";
const foreign = "words-of-a-foreign-body-5a1e";
const apiKey = "key-of-a-tenant-4410-77c2";

let dns: DnsServer;
let traps: Traps;
let upstream: HttpStub;
let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  dns = await startDnsServer();
  traps = await startTraps();
  upstream = await startStubServer((request, response) => {
    if (request.url?.startsWith("/redirect")) {
      response.writeHead(302, { location: `http://127.0.0.1:${traps.port}/` }).end(foreign);
    } else {
      response.writeHead(200, { "content-type": "application/json" }).end(`{"data": [{"id": "model-a"}]}`);
    }
  });
  dns.answer("inside.attacker.example.com", ["127.0.0.1", "::1"]);
  dns.answer(turned, ["127.0.0.1"]);
  // Public when it is saved, and this machine when the key is tried a moment later.
  dns.answer("turning.attacker.example.com", ["93.184.216.34"], ["127.0.0.1"]);
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      MODELFAUCET_NAME_SERVER: dns.address,
      MODELFAUCET_HOST_MAP: `${vendor}=127.0.0.1:${upstream.port}!`,
    },
  });
  ground = await layGround(product);
  await ground.setFeature({
    route_preference: ["byok", "platform"],
    models: ["openai_compatible/model-a", "stub/stub-text"],
  });
  session = await fundedSession(product, ground, "5.00");
});
afterAll(async () => {
  const sprung = [...traps.sprung];
  await product.stop();
  await Promise.all([dns.close(), traps.close(), upstream.close()]);
  expect(sprung).toEqual([]);
});

/** Five of the list, at the port of the traps. */
const closed: readonly [string, (port: number) => string][] = [
  ["this machine", (port) => `https://127.0.0.1:${port}/v1`],
  ["this machine over IPv6", (port) => `https://[::1]:${port}/v1`],
  ["this machine as one number", (port) => `https://2130706433:${port}/v1`],
  ["a metadata service", () => "http://169.254.169.254/latest/meta-data/"],
  ["a name that leads to this machine", (port) => `https://inside.attacker.example.com:${port}/v1`],
];

const keys = "/v1/user/provider-keys";
const asUser = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  product.call(method, path, body, { token: session.token });
const app = (): string => `/v1/developer/apps/${ground.publicAppId}`;

function expectRefusal(answer: HttpAnswer, param: string): void {
  expect(answer.status, answer.text).toBe(400);
  expect(answer.body.error).toMatchObject({ code: "base_url_not_allowed", param });
  expect(answer.body.error.message).toContain(param);
  expect(answer.body.error.details).toEqual({ reason: expect.stringMatching(/^[a-z_]+$/) });
  expect(answer.text).not.toMatch(/127\.0\.0\.1|::1|169\.254/);
  expect(answer.text).not.toContain(apiKey);
}

describe.each(closed)("%s is refused", (_, spell) => {
  const body = () => ({ provider: "openai_compatible", api_key: apiKey, base_url: spell(traps.port) });

  it("as the address of a user's key", async () => {
    expectRefusal(await asUser("POST", keys, body()), "base_url");
  });

  it("as the address of a developer's key", async () => {
    const key = { public_app_id: ground.publicAppId, ...body() };
    expectRefusal(await product.developer("POST", "/v1/developer/provider-keys", key), "base_url");
  });

  it("as the key set of an app", async () => {
    const identity = { jwks_url: spell(traps.port) };
    expectRefusal(await product.developer("PATCH", app(), { identity }), "identity.jwks_url");
  });

  it("as an image that a model is to see: nobody here fetches it", async () => {
    const image = { type: "image_url", image_url: { url: spell(traps.port) } };
    const content = [{ type: "text", text: "what is this?" }, image];
    const answer = await chat(
      product,
      session.token,
      { model: "stub/stub-text", messages: [{ role: "user", content }] },
      { headers: { "x-modelfaucet-route": "platform" } },
    );
    expect(answer.status, answer.text).toBe(200);
    expect(product.stub.requests.at(-1)!.body.messages[0].content).toEqual(content);
  });
});

it("a name that turns between two looks is refused in the middle of saving", async () => {
  const base_url = `https://turning.attacker.example.com:${traps.port}/v1`;
  expectRefusal(
    await asUser("POST", keys, { provider: "openai_compatible", api_key: apiKey, base_url }),
    "base_url",
  );
  expect(dns.asked.filter((name) => name === "turning.attacker.example.com")).toHaveLength(2);
});

it("a key set whose name has turned since it was saved is not fetched: no session", async () => {
  const host = "keys.attacker.example.com";
  dns.answer(host, ["93.184.216.34"], ["127.0.0.1"]);
  const made = await product.developer("POST", "/v1/developer/apps", {
    public_app_id: "keyset",
    name: "With a key set",
    developer_id: ground.developerId,
    identity: { jwks_url: `https://${host}:${traps.port}/jwks.json` },
  });
  expect(made.status, made.text).toBe(201);
  const { privateKey } = await generateKeyPair("ES256");
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: "ES256", kid: "one" })
    .setSubject("ada")
    .setAudience("keyset")
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(privateKey);
  const body = { public_app_id: "keyset", user_token: token };
  const opened = await product.call("POST", "/v1/sessions", body, { token: null });
  expect(opened.status, opened.text).toBeGreaterThanOrEqual(400);
  expect(opened.body.error.details.reason).toBe("jwks_unavailable");
  expect(dns.asked.filter((name) => name === host)).toHaveLength(2);
});

it("nothing of what was refused is stored, and each refusal is counted by entrance and class", async () => {
  const [row] = await product.sql`select count(*)::int as keys from provider_credentials
    where app_id is not null and base_url is not null`;
  expect(row!.keys).toBe(0);
  const metrics = await product.call("GET", "/metrics");
  const counted = (entrance: string, reason: string): boolean =>
    new RegExp(
      `^modelfaucet_egress_refused_total\\{entrance="${entrance}",reason="${reason}"\\} [1-9]`,
      "m",
    ).test(metrics.text);
  for (const entrance of ["key", "jwks"]) {
    for (const reason of ["special_address", "spelling", "no_public_address"]) {
      expect(counted(entrance, reason), `${entrance} ${reason}`).toBe(true);
    }
  }
});

describe("a key whose address has changed its meaning since it was saved", () => {
  let id: string;

  /** Saved at a good address; then the row says another, as if the name of it had turned. */
  async function saveThenTurn(baseUrl: string): Promise<void> {
    const saved = await asUser("POST", keys, {
      provider: "openai_compatible",
      api_key: apiKey,
      base_url: `https://${vendor}/v1`,
    });
    expect(saved.status, saved.text).toBe(201);
    id = saved.body.id;
    await product.sql`update provider_credentials set base_url = ${baseUrl} where id = ${id}`;
    // Whatever is changed of a key is announced to every instance.
    const named = await asUser("PATCH", `${keys}/${id}`, { name: `at ${baseUrl.length}` });
    expect(named.status, named.text).toBe(200);
  }

  it.each([
    ["leads to this machine", () => `https://${turned}:${traps.port}/v1`],
    ["answers with a redirect to this machine", () => `https://${vendor}/redirect/v1`],
  ])("%s: neither the test nor a call connects, and nothing of an answer is told", async (_, baseUrl) => {
    await saveThenTurn(baseUrl());
    const tested = await asUser("POST", `${keys}/${id}/test`, {});
    expect(tested.status, tested.text).toBe(200);
    expect(tested.body).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^(base_url|unreachable)$/),
    });
    const called = await chat(
      product,
      session.token,
      { model: "openai_compatible/model-a" },
      { headers: { "x-modelfaucet-route": "byok" } },
    );
    if (baseUrl().includes(turned)) expectRefusal(called, "base_url");
    else expect(called.status, called.text).toBe(502);
    for (const { text } of [tested, called]) {
      expect(text).not.toContain(foreign);
      expect(text).not.toContain(apiKey);
      expect(text).not.toMatch(/127\.0\.0\.1|::1/);
    }
    if (baseUrl().includes(turned)) {
      const metrics = await send(product.gateways[0]!.replace(/v1$/, "metrics"), "GET", undefined, {});
      expect(metrics.text).toMatch(
        /^modelfaucet_egress_refused_total\{entrance="byok",reason="no_public_address"\} [1-9]/m,
      );
    }
    expect((await asUser("DELETE", `${keys}/${id}`)).status).toBe(200);
  });
});
