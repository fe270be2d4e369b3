import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { chat, credit, type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

const registered = "https://crm.example.com";
const second = "chrome-extension://abcdefghijklmnop";
const foreign = "https://evil.example.com";

let product: Product;
let ground: Ground;
/** Opened from the registered origin, and by the app's backend. */
let page: GroundSession;
let backend: GroundSession;
let poor: GroundSession;
/** A gateway that fails at every hold. */
let broken: string;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  broken = `${(await product.addGateway({ MODELFAUCET_FAILPOINT: "before_hold:throw" })).url}/v1`;
  await setApp({ allowed_origins: [registered, second], identity_mode: "demo" });
  [page, poor] = [await openFrom(registered), await openFrom(registered)];
  backend = await ground.openSession();
  for (const { userId } of [page, backend]) await credit(product, userId, "1.00");
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

async function setApp(change: Record<string, unknown>): Promise<void> {
  const answer = await product.developer("PATCH", `/v1/developer/apps/${ground.publicAppId}`, change);
  expect(answer.status).toBe(200);
}

async function openFrom(origin: string): Promise<GroundSession> {
  const user = Math.random().toString(36);
  const { body, status } = await product.call(
    "POST",
    "/v1/sessions",
    { public_app_id: ground.publicAppId, external_user_id: user },
    { token: null, headers: { origin } },
  );
  expect(status).toBe(200);
  return { token: body.session_token, userId: body.end_user_id, user, answer: body };
}

/** What the official clients send from a page. */
const asked = [
  "authorization",
  "content-type",
  "idempotency-key",
  ...["arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version", "timeout"].map(
    (name) => `x-stainless-${name}`,
  ),
  "x-modelfaucet-feature",
  "anthropic-version",
];
const preflight = (
  url: string,
  origin: string,
  method = "POST",
  headers = asked.join(","),
): Promise<HttpAnswer> =>
  send(url, "OPTIONS", undefined, {
    origin,
    "access-control-request-method": method,
    "access-control-request-headers": headers,
  });

const body = { model: "stub-flat" };
const from = (origin: string) => ({ headers: { origin } });
const allowed = ({ headers }: HttpAnswer): string | null => headers.get("access-control-allow-origin");

describe("A165: pages of registered origins", () => {
  it("A165: preflights pass on both services, for every method and header in use, without credentials", async () => {
    const targets: [string, string][] = [
      [`${product.gateways[0]}/chat/completions`, "POST"],
      [`${product.gateways[0]}/models`, "GET"],
      [`${product.api}/v1/sessions`, "POST"],
      [`${product.api}/v1/user/wallet`, "GET"],
      [`${product.api}/v1/sessions/current`, "DELETE"],
    ];
    for (const [url, method] of targets) {
      for (const origin of [registered, second]) {
        const answer = await preflight(url, origin, method);
        expect({ url, status: answer.status, origin: allowed(answer) }).toEqual({ url, status: 204, origin });
        expect(answer.text).toBe("");
        const methods = answer.headers.get("access-control-allow-methods")?.split(", ") ?? [];
        for (const used of ["GET", "POST", "PUT", "PATCH", "DELETE"]) expect(methods).toContain(used);
        const headers = answer.headers.get("access-control-allow-headers")?.split(", ") ?? [];
        expect([...headers].sort()).toEqual([...asked].sort());
        expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
        expect(answer.headers.get("vary")).toContain("Origin");
      }
    }
  });

  it("A165: an unregistered origin, `null` and a near miss get no allow header, on preflight and answer", async () => {
    for (const origin of [
      foreign,
      "null",
      "https://crm.example.com.evil.example",
      "http://crm.example.com",
      "https://crm.example.com:8443",
      "https://CRM.example.com",
      "file://",
    ]) {
      const answers = [
        await preflight(`${product.gateways[0]}/chat/completions`, origin),
        await preflight(`${product.api}/v1/sessions`, origin),
        await chat(product, backend.token, body, from(origin)),
        await chat(product, page.token, body, from(origin)),
        await chat(product, "mf_sess_nothing", body, from(origin)),
        await product.call(
          "POST",
          "/v1/sessions",
          { public_app_id: ground.publicAppId, external_user_id: "x" },
          { token: null, headers: { origin } },
        ),
      ];
      for (const answer of answers) {
        expect(allowed(answer)).toBeNull();
        expect(answer.headers.get("access-control-allow-headers")).toBeNull();
      }
      expect(answers[2]!.body.error).toMatchObject({ code: "forbidden", details: { reason: "origin" } });
      expect(answers[3]!.body.error).toMatchObject({ code: "forbidden", details: { reason: "origin" } });
      expect(answers[5]!.body.error).toMatchObject({ code: "forbidden", details: { reason: "origin" } });
    }
    expect(product.stub.calls).toBe(0);
  });

  it("A165: success, stream and every error can be read by the page, with cost and request id", async () => {
    const large = { ...body, messages: [{ role: "user", content: "x".repeat(33 * 1_048_576) }] };
    const at = (gateway: string, token: string) =>
      send(
        `${gateway}/chat/completions`,
        "POST",
        { ...body, messages: [{ role: "user", content: "hello" }] },
        { authorization: `Bearer ${token}`, origin: registered },
      );
    product.stub.script("stub-dear", { status: 500 });
    const answers: [number, HttpAnswer][] = [
      [200, await chat(product, page.token, body, from(registered))],
      [200, await chat(product, page.token, { ...body, stream: true }, from(registered))],
      [401, await chat(product, "mf_sess_nothing", body, from(registered))],
      [402, await chat(product, poor.token, body, from(registered))],
      [402, await chat(product, poor.token, { ...body, stream: true }, from(registered))],
      [404, await chat(product, page.token, { model: "nothing" }, from(registered))],
      [404, await send(`${product.gateways[0]}/nowhere`, "GET", undefined, from(registered).headers)],
      [405, await send(`${product.gateways[0]}/models`, "POST", {}, from(registered).headers)],
      [413, await chat(product, page.token, large, from(registered))],
      [400, await send(`${product.gateways[0]}/models/%252e`, "GET", undefined, from(registered).headers)],
      [502, await chat(product, page.token, { model: "stub-dear" }, from(registered))],
      [500, await at(broken, page.token)],
      [
        200,
        await product.call("GET", "/v1/user/wallet", undefined, { token: page.token, ...from(registered) }),
      ],
      [401, await product.call("GET", "/v1/user/wallet", undefined, { token: null, ...from(registered) })],
      [
        403,
        await product.call("GET", "/v1/developer/me", undefined, {
          token: product.developerAdminToken,
          ...from(registered),
        }),
      ],
    ];
    for (const [status, answer] of answers) {
      expect({ wanted: status, status: answer.status, origin: allowed(answer) }).toEqual({
        wanted: status,
        status,
        origin: registered,
      });
      expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
      const exposed = answer.headers.get("access-control-expose-headers")?.split(", ") ?? [];
      for (const name of [
        "x-request-id",
        "retry-after",
        "x-should-retry",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
      ])
        expect(exposed).toContain(name);
      // Whatever of ours the answer carries, the page may read.
      for (const [name] of answer.headers)
        if (name.startsWith("x-modelfaucet-") || name.startsWith("x-ratelimit-"))
          expect(exposed).toContain(name);
      if (status >= 400) expect(answer.body.error.code).toEqual(expect.any(String));
      expect(answer.headers.get("vary")).toMatch(/Origin/);
    }
    await product.stub.reset();
  });
});

describe("where a session works", () => {
  it("one from a page works from that origin alone; one from a backend without any, or where it was named", async () => {
    expect((await chat(product, page.token, body, from(registered))).status).toBe(200);
    for (const headers of [{}, { origin: second }, { origin: foreign }] as Record<string, string>[]) {
      expect((await chat(product, page.token, body, { headers })).status).toBe(403);
    }
    expect((await chat(product, backend.token, body)).status).toBe(200);
    expect((await chat(product, backend.token, body, from(registered))).status).toBe(403);
    const named = await ground.openSession(backend.user, { origins: [second] });
    expect((await chat(product, named.token, body, from(second))).status).toBe(200);
    expect((await chat(product, named.token, body)).status).toBe(200);
    expect((await chat(product, named.token, body, from(registered))).status).toBe(403);
  });

  it("an origin that the app takes back is refused within two seconds, preflight and session", async () => {
    await setApp({ allowed_origins: [second] });
    await expect
      .poll(async () => (await chat(product, page.token, body, from(registered))).status, { timeout: 2_000 })
      .toBe(403);
    await expect
      .poll(async () => allowed(await preflight(`${product.gateways[0]}/models`, registered)), {
        timeout: 2_000,
      })
      .toBeNull();
    await setApp({ allowed_origins: [registered, second] });
    await expect
      .poll(async () => (await chat(product, page.token, body, from(registered))).status, { timeout: 2_000 })
      .toBe(200);
  });

  it("developer and operator tokens are refused from a page", async () => {
    for (const token of [product.developerAdminToken, product.adminToken]) {
      const path = token === product.adminToken ? "/v1/admin/settings" : "/v1/developer/apps";
      const answer = await product.call("GET", path, undefined, { token, ...from(registered) });
      expect({ status: answer.status, ...answer.body.error }).toMatchObject({
        status: 403,
        code: "forbidden",
        details: { reason: "browser" },
      });
    }
  });
});
