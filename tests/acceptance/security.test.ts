import { connect } from "node:net";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { type Canary, everythingWritten, findCanaries } from "@modelfaucet/testkit/canary.ts";
import {
  chat,
  credit,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  session = await ground.openSession();
  await credit(product, session.userId, "5.00");
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

const body = { model: "stub-flat", messages: [{ role: "user", content: "hello" }] };

describe("A137: a wrong key", () => {
  const wrong = [
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "mf_sess_abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "mf_dev_abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "mf_admin_abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "AKIAIOSFODNN7EXAMPLEqwertyuiopasdfgh",
  ];
  it.each(wrong)("A137: %s is 401 and at most its ends are shown", async (key) => {
    const tried = [
      await send(`${product.gateways[0]}/chat/completions`, "POST", body, { authorization: `Bearer ${key}` }),
      await send(`${product.gateways[0]}/models`, "GET", undefined, { authorization: `Bearer ${key}` }),
      await product.call("GET", "/v1/user/wallet", undefined, { token: key }),
      await product.call("GET", "/v1/developer/me", undefined, { token: key }),
      await product.call("GET", "/v1/admin/settings", undefined, { token: key }),
    ];
    for (const { status, text, headers } of tried) {
      expect(status).toBe(401);
      const shown = `${text} ${JSON.stringify([...headers])}`;
      for (let at = 8; at + 5 <= key.length; at++) expect(shown).not.toContain(key.slice(at, at + 5));
    }
    const secret = [{ name: "wrong key", text: key }];
    expect(findCanaries(secret, await everythingWritten(product))).toEqual([]);
  });

  it("A137: of tokens and secrets that are right only hashes and sealed forms are kept", async () => {
    const app = (
      await product.developer("POST", "/v1/developer/apps", {
        public_app_id: `kept_${Date.now()}`,
        name: "Kept",
      })
    ).body;
    const token = (await product.developer("POST", "/v1/developer/tokens", { name: "kept" })).body.token;
    const user = "a.user.of.the.app@mail.example";
    const opened = await ground.openSession(user);
    const canaries: Canary[] = [
      { name: "session token", text: opened.token },
      { name: "developer token", text: token },
      { name: "identity secret", text: app.identity_secret },
      { name: "external user id", text: user },
      { name: "admin token", text: product.adminToken },
    ];
    expect(canaries.every(({ text }) => text?.length > 20)).toBe(true);
    await product.call("GET", "/v1/developer/me", undefined, { token });
    const sightings = findCanaries(canaries, await everythingWritten(product));
    // The prefix of 15 characters is kept, to tell tokens apart in lists.
    const beyondPrefix = sightings.filter(
      ({ canary, form }) => !(canary.endsWith("token") || canary === "identity secret") || form !== "piece",
    );
    expect(beyondPrefix).toEqual([]);
  });
});

describe("A146: tricks of authentication", () => {
  const request = (lines: string[]): string => `${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`;
  const hosts = () => [new URL(product.gateways[0]!), new URL(product.api)];
  const paths = ["/v1/admin/developers", "/v1/models", "/v1/developer/apps"];

  it.each([
    ["a hostile Host", "Host: localhost/#@evil.example"],
    ["a Host with a space", "Host: local host"],
    ["a Host with credentials", "Host: admin@localhost"],
    ["no Host", "X-Nothing: 1"],
  ])("A146: %s is 400, with every token", async (_, line) => {
    for (const { port, hostname } of hosts()) {
      for (const path of paths) {
        for (const token of [null, product.adminToken, session.token]) {
          const lines = [`GET ${path} HTTP/1.1`, line, ...(token ? [`Authorization: Bearer ${token}`] : [])];
          const { status, error } = await raw(hostname, Number(port), request(lines));
          expect({ path, status, code: error?.code }).toEqual({ path, status: 400, code: "invalid_request" });
        }
      }
    }
  });

  it("A146: two Authorization headers are 400, whichever is right", async () => {
    for (const { port, hostname, host } of hosts()) {
      for (const [first, second] of [
        [product.adminToken, "nothing"],
        ["nothing", product.adminToken],
        [session.token, session.token],
      ]) {
        const lines = [
          "GET /v1/models HTTP/1.1",
          `Host: ${host}`,
          `Authorization: Bearer ${first}`,
          `authorization: Bearer ${second}`,
        ];
        const { status, error } = await raw(hostname, Number(port), request(lines));
        expect({ status, param: error?.param }).toEqual({ status: 400, param: "authorization" });
      }
    }
  });

  it.each([
    "' OR '1'='1",
    "mf_sess_' OR 1=1 --",
    'mf_dev_"; drop table apps; --',
    "mf_sess_\u00e9\u00ff",
    "mf_sess_%00",
    `mf_sess_${"x".repeat(8_000)}`,
  ])("A146: the bearer %s is 401, and no query fails", async (bearer) => {
    for (const { port, hostname, host } of hosts()) {
      for (const path of paths) {
        const { status, error } = await raw(
          hostname,
          Number(port),
          request([`GET ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${bearer}`]),
        );
        if (path === "/v1/models" && port === new URL(product.api).port) continue;
        if (path !== "/v1/models" && port !== new URL(product.api).port) continue;
        expect({ path, status, code: error?.code }).toEqual({ path, status: 401, code: "invalid_session" });
      }
    }
    for (const server of [product.control, ...product.gatewayProcesses])
      expect(server.output()).not.toMatch(/syntax error|PostgresError|22021|42601/);
  });

  it.each([
    "/v1%252Fadmin%252Fdevelopers",
    "/v1/%2561dmin/developers",
    "/v1/%25%36%31dmin/developers",
    "/v1/user/%252e%252e/admin/developers",
    "/v1/models/%252e%252e%252fadmin",
  ])("A146: the double-encoded path %s is 400 and opens nothing", async (path) => {
    for (const { port, hostname, host } of hosts()) {
      for (const token of [null, session.token, product.adminToken]) {
        const lines = [
          `GET ${path} HTTP/1.1`,
          `Host: ${host}`,
          ...(token ? [`Authorization: Bearer ${token}`] : []),
        ];
        const { status, error, text } = await raw(hostname, Number(port), request(lines));
        expect({ status, code: error?.code }).toEqual({ status: 400, code: "invalid_request" });
        expect(text).not.toMatch(/"items"|"data"/);
      }
    }
  });

  it("A146: encoded once it is the same route behind the same door; dots lead nowhere", async () => {
    const { port, hostname, host } = new URL(product.api);
    for (const [path, wanted] of [
      ["/v1/%61dmin/developers", 401],
      ["/v1//admin///developers", 401],
      ["/v1/admin/developers/", 401],
      ["/v1/user/../admin/developers", 404],
      ["/v1/user/%2e%2e/admin/developers", 404],
      ["/v1/ADMIN/developers", 404],
      ["/v1/admin;x=1/developers", 404],
      ["http://evil.example/v1/admin/developers", 401],
    ] as const) {
      const { status, text } = await raw(
        hostname,
        Number(port),
        request([`GET ${path} HTTP/1.1`, `Host: ${host}`]),
      );
      expect({ path, status }).toEqual({ path, status: wanted });
      expect(text).not.toContain('"items"');
    }
  });

  it("A146: headers that other servers believe change nothing", async () => {
    const believed: Record<string, string> = {
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": "admin.internal",
      "x-original-url": "/v1/admin/developers",
      "x-rewrite-url": "/v1/admin/developers",
      "x-http-method-override": "DELETE",
      "x-api-key": product.adminToken,
      "x-remote-user": "admin",
      cookie: `mf_console=${product.adminToken}; token=${product.adminToken}`,
      "proxy-authorization": `Bearer ${product.adminToken}`,
    };
    for (const [name, value] of Object.entries(believed)) {
      const answer = await send(`${product.api}/v1/admin/developers`, "GET", undefined, { [name]: value });
      expect({ name, status: answer.status }).toEqual({ name, status: 401 });
    }
    for (const query of [
      `access_token=${product.adminToken}`,
      `token=${product.adminToken}`,
      `api_key=${product.adminToken}`,
    ]) {
      expect((await send(`${product.api}/v1/admin/developers?${query}`, "GET", undefined, {})).status).toBe(
        401,
      );
    }
    // The operator's network may read metrics, but nobody who was forwarded.
    expect(
      (await send(`${product.api}/metrics`, "GET", undefined, { "x-forwarded-for": "127.0.0.1" })).status,
    ).toBe(401);
    expect(
      findCanaries([{ name: "admin token", text: product.adminToken }], await everythingWritten(product)),
    ).toEqual([]);
  });
});

describe("A148: who pays", () => {
  it("A148: user, app and wallet in body or headers change neither payer nor app", async () => {
    const other = await ground.openSession();
    await credit(product, other.userId, "1.00");
    const forged: [Record<string, unknown>, Record<string, string>][] = [
      [{ user: other.userId }, {}],
      [{ user: other.user }, { "x-user-id": other.userId }],
      [{ end_user_id: other.userId, user_id: other.userId, wallet_id: other.userId }, {}],
      [
        { public_app_id: "another", app_id: "another" },
        { "x-app-id": "another", "x-modelfaucet-app": "another" },
      ],
      [{ metadata: { user_id: other.userId, public_app_id: "another", end_user_id: other.userId } }, {}],
      [
        { session_token: other.token, modelfaucet: { charge_usd: "0" } },
        { "x-session-token": other.token, "x-forwarded-user": other.userId },
      ],
    ];
    const before = BigInt((await wallet(product, session.token)).balance_usd.replace(".", ""));
    for (const [fields, headers] of forged) {
      const answer = await chat(product, session.token, { ...body, ...fields }, { headers });
      expect(answer.status).toBe(200);
      const { request_id } = answer.body.modelfaucet;
      const [row] =
        await product.sql`select e.end_user_id, a.public_app_id from usage_events e join apps a on a.id = e.app_id where e.id = ${request_id.slice(4)}`;
      expect(row).toEqual({ end_user_id: session.userId, public_app_id: ground.publicAppId });
      const sent: Json = product.stub.requests.at(-1)!.body;
      // Upstream knows the payer by an opaque id alone.
      if ("user" in fields) expect([other.userId, other.user, session.user]).not.toContain(sent.user);
    }
    const after = BigInt((await wallet(product, session.token)).balance_usd.replace(".", ""));
    expect(before - after).toBe(125_000n * BigInt(forged.length));
    expect((await wallet(product, other.token)).balance_usd).toBe("1.00000000");
    const named = await chat(product, session.token, body, { headers: { "x-modelfaucet-user": other.user } });
    expect(named.body.error).toMatchObject({ code: "invalid_request", param: "x-modelfaucet-user" });
  });
});

/** One exchange byte by byte, for what no client library would send. */
async function raw(
  host: string,
  port: number,
  bytes: string,
): Promise<{ status: number; text: string; error?: Json }> {
  const text = await new Promise<string>((resolve, reject) => {
    let got = "";
    const socket = connect(port, host, () => socket.write(Buffer.from(bytes, "latin1")));
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
    socket.on("data", (piece) => (got += piece.toString("utf8")));
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
  });
  const answer = text.slice(text.indexOf("\r\n\r\n") + 4);
  const json = /\{.*\}/s.exec(answer)?.[0];
  return {
    status: Number(text.slice(9, 12)),
    text: answer,
    error: json ? JSON.parse(json).error : undefined,
  };
}
