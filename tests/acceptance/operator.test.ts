import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { chat, credit, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let operator: Record<string, string>;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: { OPENROUTER_API_KEY: "sk-or-v1-nobody-is-called" },
  });
  operator = { authorization: `Bearer ${product.adminToken}` };
});
afterAll(() => product.stop());

describe("a probe that an operator asks for", () => {
  it("is one real call, capped, and booked as the operator's own cost", async () => {
    await layGround(product);
    product.stub.reset();
    const probe = (body: Record<string, unknown>) =>
      product.admin("POST", "/v1/admin/providers/stub/probe", { reason: "is it well?", ...body });
    const well = (await probe({ model: "stub-text" })).body;
    expect(well).toMatchObject({ ok: true, provider: "stub", model: "stub-text", cost_usd: "0.00020000" });
    expect(product.stub.requests[0]!.body).toMatchObject({ model: "stub-text", max_tokens: 16 });
    const entries = (await product.admin("GET", `/v1/admin/books/transactions/probe_${well.transaction_id}`))
      .body;
    expect(entries).toMatchObject({ kind: "probe" });
    expect(entries.entries.map(({ scope, amount_usd }: Json) => [scope, amount_usd])).toEqual(
      expect.arrayContaining([
        ["absorbed_cost", "0.00020000"],
        ["provider_cost", "0.00020000"],
      ]),
    );
    product.stub.script("*", { status: 503 });
    expect((await probe({})).body).toMatchObject({
      ok: false,
      error: "status",
      status_code: 503,
      cost_usd: "0.00000000",
    });
    product.stub.reset();
    const unpriced = await probe({ model: "stub-none" });
    expect([unpriced.status, unpriced.body.error.code]).toEqual([400, "model_not_priced"]);
    const unknown = await product.admin("POST", "/v1/admin/providers/nobody/probe", { reason: "r" });
    expect(unknown.status).toBe(404);
    expect(product.stub.calls).toBe(0);
    await expectBooksClean(product);
  });
});

describe("A172: probes are free", () => {
  it("A172: 3,600 polls of liveness, readiness and provider health within a minute make no billable call", async () => {
    const ground = await layGround(product);
    const session = await ground.openSession();
    await credit(product, session.userId, "1.00");
    await product.admin("POST", "/v1/admin/providers/stub/keys", {
      api_key: "sk-test-0123456789",
      reason: "test",
    });
    const gateway = product.gatewayProcesses[0]!.url;
    const probes: [string, Record<string, string>][] = [
      [`${gateway}/health`, {}],
      [`${gateway}/ready`, {}],
      [`${gateway}/health/providers`, {}],
      [`${gateway}/health/providers`, operator],
      [`${product.api}/health`, {}],
      [`${product.api}/ready`, {}],
      [`${product.worker}/health`, {}],
      [`${product.worker}/ready`, {}],
      [`${product.api}/v1/admin/providers`, operator],
    ];
    let left = 3_600;
    const startedAt = performance.now();
    const poll = async (): Promise<void> => {
      while (left > 0) {
        const [url, headers] = probes[left-- % probes.length]!;
        const answer = await fetch(url, { headers });
        expect({ url, status: answer.status }).toEqual({ url, status: 200 });
        await answer.arrayBuffer();
      }
    };
    await Promise.all(Array.from({ length: 24 }, poll));
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    expect(product.stub.billableCalls).toBe(0);
    const [rows] =
      await product.sql`select (select count(*) from usage_events)::int + (select count(*) from holds)::int as requests`;
    expect(rows!.requests).toBe(0);
    await expectBooksClean(product);
  }, 90_000);

  it("A172: provider health follows traffic: well, failing, well again; details for operators alone", async () => {
    const ground = await layGround(product);
    const session = await ground.openSession();
    await credit(product, session.userId, "1.00");
    const url = `${product.gatewayProcesses[0]!.url}/health/providers`;
    const stub = async (): Promise<Json> =>
      (await send(url, "GET", undefined, operator)).body.providers.find(
        ({ provider }: Json) => provider === "stub",
      );
    expect((await chat(product, session.token, { model: "stub-flat" })).status).toBe(200);
    expect(await stub()).toEqual({
      ok: true,
      provider: "stub",
      statusCode: 200,
      latencyMs: expect.any(Number),
      circuit: "closed",
      last_success_at: expect.stringMatching(/Z$/),
    });
    // What clients do wrong says nothing about the provider.
    product.stub.script("stub-flat", { status: 400 });
    for (let call = 0; call < 12; call++) await chat(product, session.token, { model: "stub-flat" });
    expect(await stub()).toMatchObject({ ok: true, statusCode: 200 });
    product.stub.script("stub-flat", { status: 500 });
    for (let call = 0; call < 12; call++) await chat(product, session.token, { model: "stub-flat" });
    expect(await stub()).toMatchObject({ ok: false, statusCode: 500, error: "status" });
    product.stub.reset();
    await chat(product, session.token, { model: "stub-flat" });
    expect(await stub()).toMatchObject({ ok: true, statusCode: 200 });
    expect((await send(url, "GET", undefined, {})).body).toEqual({ ok: true });
    for (const token of [session.token, product.developerAdminToken, "nothing"]) {
      expect([401, 403]).toContain(
        (await send(url, "GET", undefined, { authorization: `Bearer ${token}` })).status,
      );
    }
    const billable = product.stub.billableCalls;
    await stub();
    expect(product.stub.billableCalls).toBe(billable);
  });

  it("metrics are labelled by pattern, never by a user, key, app or URL", async () => {
    const ground = await layGround(product);
    const session = await ground.openSession();
    await product.call("GET", `/v1/developer/apps/${ground.publicAppId}`, undefined, {
      token: product.developerAdminToken,
    });
    await chat(product, session.token, { model: "stub-flat" });
    await send(`${product.gateways[0]}/some/where/${session.userId}?key=1`, "GET", undefined, {});
    for (const base of [product.api, product.gatewayProcesses[0]!.url]) {
      const text = await (await fetch(`${base}/metrics`)).text();
      expect(text).toMatch(/route="/);
      for (const id of [
        ground.publicAppId,
        session.userId,
        session.token,
        session.user,
        "127.0.0.1",
        "some/where",
      ])
        expect(text).not.toContain(id);
      expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}/);
    }
  });
});
