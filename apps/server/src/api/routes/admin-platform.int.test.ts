// The operator's price book and upstreams over HTTP, every answer held against the contract.
import { Writable } from "node:stream";
import { withoutCredentialRate } from "@modelfaucet/testkit/rates.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openPricesBed, type PricesBed } from "../../flows/prices-testbed.ts";
import { createBodyMemory } from "../../lib/body-memory.ts";
import { createHttpServer, type HttpServer } from "../../lib/http.ts";
import { createLog } from "../../lib/log.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { mountRoutes } from "../harness.ts";
import { adminPriceBookRoutes } from "./admin-price-book.ts";
import { adminProviderRoutes } from "./admin-providers.ts";
import { type MoneyTestbed, openMoneyTestbed, served, usd } from "./money-testbed.ts";

const canary = "sk-ant-canary-0123456789abcdefWXYZ";

let bed: PricesBed;
let http: HttpServer;
let base: string;
let logged = "";
beforeAll(async () => {
  bed = await openPricesBed(inject("postgres"), [
    { name: "litellm", baseUrl: "http://litellm:4000/v1", keys: ["a-master-key-of-this-test"] },
  ]);
  const metrics = createMetrics({ version: "1", schema: "1" });
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      logged += String(chunk);
      done();
    },
  });
  http = createHttpServer({
    service: "@modelfaucet/api",
    log: createLog({
      level: "debug",
      format: "json",
      service: "t",
      instance: "1",
      version: "1",
      destination,
    }),
    metrics,
    cors: { origins: [], credentialsOrigins: [], isAppOrigin: () => true },
    trustedProxyCidrs: [],
    readiness: async () => ({}),
    monitoring: { token: null, allowedCidrs: [], isOperatorToken: () => false },
  });
  // No provider is called here: a probe is a case of the whole product.
  const nobody = {
    open: () => Promise.reject(new Error("called")),
    probe: () => Promise.reject(new Error("called")),
  };
  const calling = { prices: { find: () => null }, providers: { openai: nobody, anthropic: nobody } };
  const mounted = [...adminPriceBookRoutes(bed.deps), ...adminProviderRoutes({ ...bed.deps, ...calling })];
  mountRoutes(
    http,
    mounted,
    mounted.map(({ route }) => route),
    {
      authenticate: async (token) => ({
        class: "op",
        person: "operator@example.com",
        scopes: new Set([token === "platform" ? ("operator:platform" as const) : ("operator:read" as const)]),
      }),
      database: bed.database,
      bodyMemory: createBodyMemory(4e6),
      bodyLimitBytes: 1e6,
      console: null,
      metrics,
      checkAnswers: true,
      ...withoutCredentialRate,
    },
  );
  base = await http.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await http.app.close();
  await bed.close();
});

// biome-ignore lint/suspicious/noExplicitAny: the harness holds every answer against its schema.
type Answer = { status: number; body: any; text: string };

async function call(method: string, path: string, body?: unknown, token = "platform"): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text), text };
}

const entry = (model: string, input_usd: string, output_usd: string) => ({
  provider: "stub",
  model,
  per_million: { input_usd, output_usd },
});
const importing = (entries: unknown, more: object = {}) =>
  call("POST", "/v1/admin/price-book/import", { source: "entries", entries, reason: "test", ...more });
const publishing = (version: number, more: object = {}) =>
  call("POST", `/v1/admin/price-book/versions/${version}/publish`, { reason: "test", ...more });

describe("the price book", () => {
  it("goes from an import to a publication to what is in force, and keeps what was", async () => {
    const first = await importing([entry("a", "1", "2"), entry("b", "1", "2")]);
    expect(first).toMatchObject({ status: 201, body: { status: "draft", added: 2, changed: 0, removed: 0 } });
    expect((await call("GET", "/v1/admin/price-book?provider=stub")).body.items).toEqual([]);
    expect(await publishing(first.body.version)).toMatchObject({
      status: 200,
      body: { status: "published", added: 2 },
    });
    const between = new Date().toISOString();
    const second = await importing([entry("a", "2", "4")]);
    expect(second.body).toMatchObject({ changed: 1, removed: 1 });
    expect(second.body.diff[0]).toEqual({
      kind: "changed",
      provider: "stub",
      model: "a",
      unit: "input",
      before_usd: "1.00000000",
      after_usd: "2.00000000",
      change_percent: 100,
    });
    const refused = await publishing(second.body.version);
    expect(refused).toMatchObject({
      status: 409,
      body: { error: { code: "conflict", details: { reason: "large_changes" } } },
    });
    await publishing(second.body.version, { accept_large_changes: true });
    const now = (await call("GET", "/v1/admin/price-book?provider=stub")).body.items;
    expect(now).toMatchObject([
      {
        model: "a",
        per_million: { input_usd: "2.00000000", reasoning_usd: "4.00000000" },
        version: second.body.version,
      },
      { model: "b", per_million: { input_usd: "1.00000000" }, version: first.body.version },
    ]);
    const then = (await call("GET", `/v1/admin/price-book?model=a&at=${between}`)).body.items;
    expect(then).toMatchObject([
      {
        per_million: { input_usd: "1.00000000" },
        version: first.body.version,
        effective_until: now[0].effective_at,
      },
    ]);
  });

  it("is paged to its end without a gap or a repeat", async () => {
    const made = await importing(Array.from({ length: 7 }, (_, each) => entry(`page-${each}`, "1", "1")));
    await publishing(made.body.version);
    for (const [path, key] of [
      ["/v1/admin/price-book?q=page-&limit=3", "model"],
      ["/v1/admin/price-book/versions?limit=1", "version"],
    ] as const) {
      const seen: unknown[] = [];
      let cursor: string | null = null;
      do {
        const page: Answer = await call("GET", cursor === null ? path : `${path}&cursor=${cursor}`);
        seen.push(...page.body.items.map((item: Record<string, unknown>) => item[key]));
        cursor = page.body.next_cursor;
      } while (cursor !== null);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBeGreaterThanOrEqual(3);
      expect(seen).toEqual(
        [...seen].sort((a, b) => (key === "version" ? Number(b) - Number(a) : a! < b! ? -1 : 1)),
      );
    }
    for (const cursor of ["x", "W10", Buffer.from('["a","b","c"]').toString("base64url")]) {
      for (const path of ["price-book", "price-book/versions", "providers"]) {
        const answer = await call("GET", `/v1/admin/${path}?cursor=${cursor}`);
        expect(answer).toMatchObject({ status: 400, body: { error: { param: "cursor" } } });
      }
    }
  });

  it("writes nothing in a dry run, nor for anything that is wrong", async () => {
    const count = async () =>
      (
        await bed.database.read(
          { purpose: "operator" },
          (tx) => tx`
        select (select count(*) from price_versions) as versions, (select count(*) from audit_logs) as rows`,
        )
      )[0];
    const before = await count();
    const dry = await importing([entry("dry", "1", "1")], { dry_run: true });
    expect(dry).toMatchObject({ status: 201, body: { status: "draft", added: 1 } });
    expect(dry.body).not.toHaveProperty("version");
    const wrong: [unknown, object][] = [
      [[entry("a", "-1", "1")], {}],
      [[entry("a", "1.000000001", "1")], {}],
      [[{ ...entry("a", "1", "1"), per_million: { input_usd: "1" } }], {}],
      [[entry("a", "1", "1"), entry("a", "1", "1")], {}],
      [[entry("a", "1", "1")], { reason: "" }],
      [[entry("a", "1", "1")], { source: "openrouter" }],
      [[entry("a", "1", "1")], { effective_at: "2020-01-01T00:00:00Z" }],
      [undefined, {}],
    ];
    for (const [entries, more] of wrong) {
      expect(await importing(entries, more)).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request" } },
      });
    }
    expect(await publishing(4_000_000)).toMatchObject({ status: 404 });
    expect((await call("POST", "/v1/admin/price-book/import", {}, "reader")).status).toBe(403);
    expect(await count()).toEqual(before);
  });
});

describe("the upstreams", () => {
  it("are made, keyed, listed and unkeyed, and the key is never told", async () => {
    const put = await call("PUT", "/v1/admin/providers/stub", {
      base_url: "https://stub.example/v1",
      reason: "test",
    });
    expect(put).toMatchObject({
      status: 200,
      body: {
        provider: "stub",
        base_url: "https://stub.example/v1",
        dialect: "openai",
        priority: 100,
        weight: 1,
      },
    });
    expect(put.body).toMatchObject({ state: "on", circuit: "closed", keys: [] });
    expect(put.body.models).toContain("a");
    const added = await call("POST", "/v1/admin/providers/stub/keys", { api_key: canary, reason: "test" });
    expect(added).toMatchObject({
      status: 201,
      body: { keys: [{ masked: "sk-ant-…WXYZ", source: "stored" }] },
    });
    const listed = await call("GET", "/v1/admin/providers");
    expect(listed.body.items).toMatchObject([
      { provider: "litellm", keys: [{ masked: "…test", source: "environment" }] },
      { provider: "stub", keys: [{ masked: "sk-ant-…WXYZ" }] },
    ]);
    expect((await call("GET", "/v1/admin/providers?limit=1")).body).toMatchObject({
      items: [{ provider: "litellm" }],
      next_cursor: expect.any(String),
    });
    const keyPath = `/v1/admin/providers/stub/keys/${added.body.keys[0].id}`;
    expect((await call("DELETE", keyPath)).status).toBe(400);
    for (let twice = 0; twice < 2; twice++) {
      expect(await call("DELETE", `${keyPath}?reason=leaked`)).toMatchObject({
        status: 200,
        body: { ok: true },
      });
    }
    const read = await call("GET", "/v1/admin/providers/stub");
    expect(read.body.keys).toEqual([]);
    for (const { text } of [put, added, listed, read]) expect(text).not.toContain("canary");
    expect(logged).not.toContain("canary");
  });

  it("refuse what is wrong with the field's name and without its value", async () => {
    const wrong: [string, string, object, string][] = [
      ["PUT", "stub", { base_url: "http://stub.example/v1", reason: "r" }, "base_url"],
      ["PUT", "stub", { base_url: `https://u:${canary}@stub.example`, reason: "r" }, "base_url"],
      ["PUT", "stub", { base_url: "https://stub.example", dialect: "gemini", reason: "r" }, "dialect"],
      ["PUT", "stub", { base_url: "https://stub.example", weight: 0, reason: "r" }, "weight"],
      ["PUT", "stub", { base_url: "https://stub.example" }, "reason"],
      ["POST", "stub/keys", { api_key: `${canary} `, reason: "r" }, "api_key"],
      ["POST", "stub/keys", { api_key: "", reason: "r" }, "api_key"],
    ];
    for (const [method, path, body, param] of wrong) {
      const answer = await call(method, `/v1/admin/providers/${path}`, body);
      expect(answer).toMatchObject({ status: 400, body: { error: { param } } });
      expect(answer.text).not.toContain("canary");
    }
    expect((await call("GET", "/v1/admin/providers/none")).status).toBe(404);
    expect(
      (await call("POST", "/v1/admin/providers/none/keys", { api_key: canary, reason: "r" })).status,
    ).toBe(404);
    expect((await call("PUT", "/v1/admin/providers/stub", {}, "reader")).status).toBe(403);
  });
});

describe("the health of an upstream", () => {
  let money: MoneyTestbed;
  beforeAll(async () => {
    money = await openMoneyTestbed(inject("postgres"));
  });
  afterAll(() => money.close());

  it("comes from the last hour's attempts; a client that left is no failure", async () => {
    const { readProviderViews } = await import("../../modules/routing/routing.ts");
    const app = await money.makeApp("app_health");
    const user = await money.user(app, "u");
    const outcomes = ["ok", "status", "aborted", "ok", "ok"];
    const attempts = outcomes.map((outcome, index) => ({
      ...served.attempts[0]!,
      number: index + 1,
      provider: index === 4 ? "other" : "litellm",
      outcome,
    }));
    const request = await money.request(user, usd("0"));
    await request.close({ attempts, chargeUsd: usd("0"), costUsd: usd("0"), lines: [] });
    const views = await money.database.read({ purpose: "operator" }, (tx) =>
      readProviderViews(tx, [
        { name: "litellm", baseUrl: "https://litellm.example", dialect: "openai", masked: [] },
        { name: "silent", baseUrl: "https://silent.example", dialect: "openai", masked: [] },
      ]),
    );
    expect(views).toMatchObject([
      { name: "litellm", traffic: { attempts: 3, failed: 1, lastSuccessAt: expect.any(Date) } },
      { name: "silent", traffic: null },
    ]);
  });
});
