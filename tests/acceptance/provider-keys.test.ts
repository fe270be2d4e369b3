import { randomBytes } from "node:crypto";
import { type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type KeyVendors, startKeyVendors } from "./key-vendors.ts";

// Own provider keys as their owners meet them: sealed, masked, checked for free by their own vendor alone.

let vendors: KeyVendors;
let product: Product;
let ground: Ground;
let session: GroundSession;

const path = "/v1/user/provider-keys";
const feeUsd = "0.00050000";

beforeAll(async () => {
  vendors = await startKeyVendors();
  product = await startProduct({
    postgres: inject("postgres"),
    env: { MODELFAUCET_HOST_MAP: `${vendors.hostMap},turned.vendor.test=10.0.0.7` },
  });
  ground = await layGround(product);
  await ground.setFeature({ route_preference: ["byok", "platform"] }, { byok_fee_usd: feeUsd });
});
afterAll(async () => {
  await product.stop();
  await vendors.close();
});
beforeEach(async () => {
  session = await ground.openSession();
  vendors.requests.length = 0;
  vendors.status = null;
});

const random = (): string => randomBytes(18).toString("hex");

/** A key that its vendor knows. */
function knownKey(prefix = "sk-proj-"): string {
  const key = prefix + random();
  vendors.known.add(key);
  return key;
}

const asUser = (method: string, at = path, body?: unknown, { token } = session): Promise<HttpAnswer> =>
  product.call(method, at, body, { token });

async function saved(body: Record<string, unknown> = {}): Promise<HttpAnswer["body"]> {
  const answer = await asUser("POST", path, { provider: "openai", api_key: knownKey(), ...body });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

describe("a key that is saved", () => {
  const providers = [
    ["openai", "sk-proj-", "api.openai.com", "/v1/models", "authorization", {}],
    ["openrouter", "sk-or-v1-", "openrouter.ai", "/api/v1/key", "authorization", {}],
    ["anthropic", "sk-ant-api03-", "api.anthropic.com", "/v1/models", "x-api-key", {}],
    ["gemini", "AIza", "generativelanguage.googleapis.com", "/v1beta/openai/models", "authorization", {}],
    ["mistral", "", "api.mistral.ai", "/v1/models", "authorization", {}],
    ["deepseek", "sk-", "api.deepseek.com", "/v1/models", "authorization", {}],
    [
      "azure_openai",
      "",
      "resource.openai.azure.com",
      "/openai/v1/models",
      "api-key",
      { base_url: "https://resource.openai.azure.com" },
    ],
    [
      "openai_compatible",
      "key-",
      "llm.vendor.test",
      "/api/v1/models",
      "authorization",
      { base_url: "https://llm.vendor.test/api/v1/" },
    ],
  ] as const;

  it.each(providers)(
    "%s is asked at its own address, by a call that costs nothing",
    async (provider, prefix, host, at, header, more) => {
      const key = knownKey(prefix);
      const answer = await asUser("POST", path, { provider, api_key: key, ...more });
      expect(answer.status, answer.text).toBe(201);
      expect(answer.body).toMatchObject({
        provider,
        status: "active",
        priority: 100,
        weight: 1,
        models_allowed: [],
        fallback_to_platform: false,
        budget_used_usd: "0.00000000",
        fee_usd: feeUsd,
        disclosure_version: `byok-1:${feeUsd}`,
        disclosure_current: false,
        last_check: { ok: true },
      });
      expect(answer.body.masked).toMatch(new RegExp(`^.{0,9}…${key.slice(-4)}$`));
      expect(answer.text).not.toContain(key.slice(prefix.length, -4));
      expect(vendors.requests).toMatchObject([{ method: "GET", host, path: at }]);
      expect(vendors.requests[0]!.headers[header]).toBe(header === "authorization" ? `Bearer ${key}` : key);
    },
  );

  it("A159: is listed masked and stands whole in no table, answer or log", async () => {
    const key = knownKey();
    const { id } = await saved({ api_key: key, name: "Mine", models_allowed: ["model-a"] });
    const list = await asUser("GET");
    expect(list.body.items).toMatchObject([{ id, name: "Mine", masked: `sk-proj-…${key.slice(-4)}` }]);
    expect((await asUser("GET", `${path}/${id}`)).body).toEqual(list.body.items[0]);
    const [row] = await product.sql`select * from provider_credentials where id = ${id}`;
    expect(row!.sealed_secret).toMatch(/^mfenc:v2:/);
    const dumps = await product.sql`
      select jsonb_agg(k) as text from provider_credentials k union all select jsonb_agg(l) from audit_logs l`;
    const secret = key.slice("sk-proj-".length, -4);
    const everything = [list.text, JSON.stringify(dumps), product.control.output()].join("\n");
    for (let at = 0; at + 12 <= secret.length; at++)
      expect(everything).not.toContain(secret.slice(at, at + 12));
    const audit =
      await product.sql`select action, actor_scope, actor_id, after from audit_logs where resource_id = ${id}`;
    expect(audit).toMatchObject([
      {
        action: "provider_key.create",
        actor_scope: "end_user",
        actor_id: session.userId,
        after: { name: "Mine" },
      },
    ]);
  });

  it("is its user's alone", async () => {
    const { id } = await saved();
    const other = await ground.openSession();
    const missing = await asUser("GET", `${path}/01900000-0000-7000-8000-000000000000`, undefined, other);
    for (const [method, at, body] of [
      ["GET", `${path}/${id}`, undefined],
      ["PATCH", `${path}/${id}`, { name: "theirs" }],
      ["DELETE", `${path}/${id}`, undefined],
      ["POST", `${path}/${id}/test`, undefined],
    ] as const) {
      const answer = await asUser(method, at, body, other);
      expect(answer.status).toBe(404);
      expect({ ...answer.body.error, request_id: "" }).toEqual({ ...missing.body.error, request_id: "" });
    }
    expect((await asUser("GET", path, undefined, other)).body.items).toEqual([]);
    expect((await product.developer("GET", `/v1/developer/provider-keys/${id}`)).status).toBe(404);
    expect((await product.developer("GET", "/v1/developer/provider-keys")).body.items).toEqual([]);
    const rows = await product.sql`select developer_id from audit_logs where resource_id = ${id}`;
    expect(rows).toEqual([{ developer_id: null }]);
  });

  it("is changed, switched off and on, and destroyed for good", async () => {
    const { id } = await saved();
    const changed = await asUser("PATCH", `${path}/${id}`, {
      priority: 5,
      weight: 3,
      models_allowed: ["model-b"],
      budget_limit_usd: "2.5",
      name: "Second",
      status: "disabled",
    });
    expect(changed.body).toMatchObject({
      priority: 5,
      weight: 3,
      models_allowed: ["model-b"],
      budget_limit_usd: "2.50000000",
      name: "Second",
      status: "disabled",
    });
    const cleared = { models_allowed: null, budget_limit_usd: null, name: null, status: "active" };
    const back = (await asUser("PATCH", `${path}/${id}`, cleared)).body;
    expect(back).toMatchObject({ models_allowed: [], status: "active", priority: 5 });
    expect(back).not.toHaveProperty("budget_limit_usd");
    expect(back).not.toHaveProperty("name");
    expect((await asUser("PATCH", `${path}/${id}`, { api_key: "sk-other-0123456789" })).status).toBe(400);
    expect((await asUser("DELETE", `${path}/${id}`)).body).toEqual({ ok: true });
    expect((await asUser("DELETE", `${path}/${id}`)).body).toEqual({ ok: true });
    expect((await asUser("GET", `${path}/${id}`)).status).toBe(404);
    expect((await asUser("PATCH", `${path}/${id}`, { status: "active" })).status).toBe(404);
    expect((await asUser("GET")).body.items).toEqual([]);
    const [row] = await product.sql`select status, sealed_secret from provider_credentials where id = ${id}`;
    expect(row).toEqual({ status: "disabled", sealed_secret: null });
  });

  it("is suspended by an operator, and its owner sees that", async () => {
    const { id } = await saved();
    const set = (state: string) =>
      product.admin("POST", "/v1/admin/switches", {
        target_type: "credential",
        target_id: id,
        state,
        reason: "test",
      });
    expect((await set("off")).status).toBe(200);
    expect((await asUser("GET", `${path}/${id}`)).body.status).toBe("suspended");
    expect((await set("on")).status).toBe(200);
    expect((await asUser("GET", `${path}/${id}`)).body.status).toBe("active");
  });

  it("is one of twenty at most, however many are sent at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => asUser("POST", path, { provider: "openai", api_key: knownKey() })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused).toHaveLength(4);
    expect(refused[0]!.body.error.details).toEqual({ reason: "too_many", limit: 20 });
    const first = (await asUser("GET", `${path}?limit=15`)).body;
    const rest = (await asUser("GET", `${path}?limit=15&cursor=${first.next_cursor}`)).body;
    expect(new Set([...first.items, ...rest.items].map(({ id }) => id)).size).toBe(20);
    expect(rest.next_cursor).toBeNull();
  });

  it("needs a consent that covers the fee of today", async () => {
    const stale = { provider: "openai", api_key: knownKey(), disclosure_version: "byok-1:0.00000000" };
    const refused = await asUser("POST", path, stale);
    expect(refused.status).toBe(409);
    expect(refused.body.error).toMatchObject({
      param: "disclosure_version",
      details: { reason: "disclosure_version", disclosure_version: `byok-1:${feeUsd}`, fee_usd: feeUsd },
    });
    expect(vendors.requests).toEqual([]);
    const key = await saved({ disclosure_version: `byok-1:${feeUsd}`, fallback_to_platform: true });
    expect(key).toMatchObject({ disclosure_current: true, fallback_to_platform: true });
  });
});

describe("a key that is refused", () => {
  it.each([
    ["openai", "sk-ant-api03-"],
    ["openai", "sk-or-v1-"],
    ["openrouter", "AIza"],
    ["anthropic", "sk-proj-"],
    ["gemini", "sk-"],
    ["mistral", "sk-ant-"],
    ["deepseek", "sk-or-"],
    ["openai", "gsk_"],
    ["openai", "mf_dev_"],
  ])("%s: one that begins with %s goes nowhere", async (provider, prefix) => {
    const answer = await asUser("POST", path, { provider, api_key: knownKey(prefix) });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({
      code: "secret_validation_failed",
      param: "api_key",
      details: { reason: "other_provider" },
    });
    expect(vendors.requests).toEqual([]);
    expect((await asUser("GET")).body.items).toEqual([]);
  });

  it("a vendor's key does not go to an address that somebody else wrote", async () => {
    const stray = { provider: "openai_compatible", base_url: "https://llm.vendor.test/v1" };
    const answer = await asUser("POST", path, { ...stray, api_key: knownKey("sk-ant-") });
    expect(answer.body.error).toMatchObject({ code: "secret_validation_failed", param: "api_key" });
    expect(vendors.requests).toEqual([]);
    const home = { provider: "openai_compatible", base_url: "https://api.anthropic.com/v1" };
    const key = `sk-ant-${random()}`;
    const asked = await asUser("POST", path, { ...home, api_key: key });
    expect(asked.body.error).toMatchObject({
      code: "secret_validation_failed",
      details: { reason: "key_invalid" },
    });
    expect(vendors.requests).toMatchObject([{ host: "api.anthropic.com" }]);
  });

  it.each(["openai", "openrouter", "anthropic", "gemini", "mistral", "deepseek"])(
    "%s does not know it: nothing is kept, and nothing of it is repeated",
    async (provider) => {
      const key = random();
      const answer = await asUser("POST", path, { provider, api_key: key });
      expect(answer.status).toBe(400);
      expect(answer.body.error).toMatchObject({
        code: "secret_validation_failed",
        param: "api_key",
        details: { reason: "key_invalid" },
      });
      expect(answer.text).not.toContain(key.slice(0, 12));
      expect((await asUser("GET")).body.items).toEqual([]);
    },
  );

  it.each([
    ["openai", "https://api.openai.com/v1", "fixed"],
    ["azure_openai", "https://llm.vendor.test/openai", "other_provider"],
    ["openai_compatible", "http://10.0.0.7/v1", null],
    ["openai_compatible", "https://127.0.0.1/v1", null],
    ["openai_compatible", "https://2130706433/v1", null],
    ["openai_compatible", "https://[::ffff:7f00:1]/v1", null],
    ["openai_compatible", "https://169.254.169.254/latest", null],
    ["openai_compatible", "https://localhost/v1", null],
    ["openai_compatible", "https://user:pw@llm.vendor.test/v1", null],
    ["openai_compatible", "https://llm.vendor.test/v1#x", null],
    ["openai_compatible", "file:///etc/passwd", null],
    ["openai_compatible", "https://turned.vendor.test/v1", null],
    ["openai_compatible", "llm.vendor.test", null],
  ])("%s at %s is not allowed", async (provider, baseUrl, reason) => {
    const answer = await asUser("POST", path, { provider, api_key: knownKey("key-"), base_url: baseUrl });
    expect(answer.status, answer.text).toBe(400);
    expect(answer.body.error).toMatchObject({ code: "base_url_not_allowed", param: "base_url" });
    if (reason) expect(answer.body.error.details.reason).toBe(reason);
    expect(vendors.requests).toEqual([]);
  });

  it("a base URL is required where the vendor has no address of its own", async () => {
    const answer = await asUser("POST", path, { provider: "openai_compatible", api_key: knownKey("key-") });
    expect(answer.body.error).toMatchObject({ code: "invalid_request", param: "base_url" });
  });

  it("no feature of the app can be used with it", async () => {
    const other = await layGround(product);
    const stranger = await other.openSession();
    const answer = await asUser("POST", path, { provider: "openai", api_key: knownKey() }, stranger);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toMatchObject({ code: "forbidden", details: { reason: "not_in_policy" } });
    expect(vendors.requests).toEqual([]);
  });

  it("a session without the scope neither reads nor writes keys", async () => {
    const narrow = await ground.openSession(undefined, { scopes: ["chat"] });
    expect((await asUser("GET", path, undefined, narrow)).status).toBe(403);
    expect((await asUser("POST", path, { provider: "openai", api_key: knownKey() }, narrow)).status).toBe(
      403,
    );
    expect(vendors.requests).toEqual([]);
  });
});

describe("a key that is tested", () => {
  it("says what its vendor says, and works again when it does", async () => {
    const key = knownKey();
    const { id } = await saved({ api_key: key });
    const good = await asUser("POST", `${path}/${id}/test`);
    expect(good.body).toMatchObject({ ok: true, models_count: 2, models: ["model-a", "model-b"] });
    vendors.known.delete(key);
    expect((await asUser("POST", `${path}/${id}/test`)).body).toMatchObject({
      ok: false,
      reason: "key_invalid",
    });
    expect((await asUser("GET", `${path}/${id}`)).body).toMatchObject({
      status: "invalid",
      last_check: { ok: false, reason: "key_invalid" },
    });
    vendors.known.add(key);
    vendors.status = 429;
    expect((await asUser("POST", `${path}/${id}/test`)).body).toMatchObject({ ok: false, reason: "quota" });
    vendors.status = 503;
    expect((await asUser("POST", `${path}/${id}/test`)).body).toMatchObject({
      ok: false,
      reason: "unreachable",
    });
    vendors.status = null;
    expect((await asUser("POST", `${path}/${id}/test`)).body).toMatchObject({ ok: true });
    expect((await asUser("GET", `${path}/${id}`)).body).toMatchObject({
      status: "active",
      last_check: { ok: true },
    });
    const audit = await product.sql`select metadata from audit_logs
      where resource_id = ${id} and action = 'provider_key.validate' order by id`;
    expect(audit.map(({ metadata }) => metadata.ok)).toEqual([true, false, false, false, true]);
  });

  it("is saved while its vendor is away, and says that nobody has judged it", async () => {
    vendors.status = 503;
    const key = await saved();
    expect(key).toMatchObject({ status: "active", last_check: { ok: false, reason: "unreachable" } });
  });
});

it("A145: exchanged and cut ciphertexts are asked for again, and break nothing beside them", async () => {
  const [first, second, third, whole] = [await saved(), await saved(), await saved(), await saved()];
  const sealed = async (id: string) =>
    (await product.sql`select sealed_secret as text from provider_credentials where id = ${id}`)[0]!
      .text as string;
  const put = (id: string, text: string) =>
    product.sql`update provider_credentials set sealed_secret = ${text} where id = ${id}`;
  const [one, two, three] = [await sealed(first.id), await sealed(second.id), await sealed(third.id)];
  await put(first.id, two);
  await put(second.id, one);
  const parts = three.split(":");
  const bytes = Buffer.from(parts[5]!, "base64url");
  parts[5] = bytes.subarray(0, bytes.length - 12).toString("base64url");
  await put(third.id, parts.join(":"));

  const states = new Map(
    (await asUser("GET")).body.items.map((key: { id: string; status: string }) => [key.id, key.status]),
  );
  expect(states).toEqual(
    new Map([
      [whole.id, "active"],
      [third.id, "needs_reentry"],
      [second.id, "needs_reentry"],
      [first.id, "needs_reentry"],
    ]),
  );
  // The rows say so too, once.
  const told = () => product.sql`select 1 from audit_logs
    where action = 'provider_key.open_failed' and resource_id in ${product.sql([first.id, second.id, third.id])}`;
  await expect.poll(async () => (await told()).length, { timeout: 5_000 }).toBe(3);
  await asUser("GET");
  expect(await told()).toHaveLength(3);
  vendors.requests.length = 0;
  for (const { id } of [first, second, third]) {
    const answer = await asUser("POST", `${path}/${id}/test`);
    expect(answer.status).toBe(409);
    expect(answer.body.error.details).toEqual({ reason: "needs_reentry" });
    expect((await asUser("PATCH", `${path}/${id}`, { status: "active" })).status).toBe(409);
  }
  expect(vendors.requests).toEqual([]);
  expect((await asUser("POST", `${path}/${whole.id}/test`)).body.ok).toBe(true);
  expect((await asUser("DELETE", `${path}/${third.id}`)).status).toBe(200);
  // Put back, a key that opens is good again when its vendor says so.
  await put(first.id, one);
  expect((await asUser("POST", `${path}/${first.id}/test`)).body.ok).toBe(true);
  expect((await asUser("GET", `${path}/${first.id}`)).body.status).toBe("active");
});

describe("a developer's key", () => {
  const own = "/v1/developer/provider-keys";

  it("serves one app, and is another developer's not to see", async () => {
    const body = {
      public_app_id: ground.publicAppId,
      provider: "openai",
      api_key: knownKey(),
      budget_limit_usd: "10",
    };
    const made = await product.developer("POST", own, body);
    expect(made.status, made.text).toBe(201);
    expect(made.body).toMatchObject({
      public_app_id: ground.publicAppId,
      status: "active",
      budget_limit_usd: "10.00000000",
      budget_used_usd: "0.00000000",
    });
    expect(made.body).not.toHaveProperty("fallback_to_platform");
    expect((await product.developer("POST", own, { ...body, fallback_to_platform: true })).status).toBe(400);
    expect(
      (await product.developer("POST", own, { ...body, public_app_id: "no_such_app" })).body.error.code,
    ).toBe("invalid_app");
    const token = async (scopes: string[]) =>
      (
        await product.developer("POST", "/v1/developer/tokens", {
          name: "keys",
          scopes,
          developer_id: ground.developerId,
        })
      ).body.token as string;
    const reader = await token(["developer:provider_keys:read"]);
    const asReader = (method: string, at: string, sent?: unknown) =>
      product.call(method, at, sent, { token: reader });
    expect((await asReader("GET", `${own}?public_app_id=${ground.publicAppId}`)).body.items).toMatchObject([
      { id: made.body.id },
    ]);
    expect((await asReader("DELETE", `${own}/${made.body.id}`)).status).toBe(403);
    const stranger = (
      await product.admin("POST", "/v1/admin/developers", {
        email: "else@example.com",
        name: "Else",
        reason: "test",
      })
    ).body.id;
    const foreign = (
      await product.developer("POST", "/v1/developer/tokens", { name: "else", developer_id: stranger })
    ).body.token as string;
    const asStranger = (method: string, at: string, sent?: unknown) =>
      product.call(method, at, sent, { token: foreign });
    expect((await asStranger("GET", own)).body.items).toEqual([]);
    expect((await asStranger("GET", `${own}?public_app_id=${ground.publicAppId}`)).body.error.code).toBe(
      "invalid_app",
    );
    const named = (developerId: string) => product.developer("GET", `${own}?developer_id=${developerId}`);
    expect((await named(ground.developerId)).body.items).toMatchObject([{ id: made.body.id }]);
    expect((await named(stranger)).body.items).toEqual([]);
    expect((await asStranger("GET", `${own}?developer_id=${ground.developerId}`)).status).toBe(404);
    for (const [method, sent] of [["GET"], ["PATCH", { name: "x" }], ["DELETE"]] as const) {
      expect((await asStranger(method, `${own}/${made.body.id}`, sent)).status).toBe(404);
    }
    expect((await product.developer("POST", `${own}/${made.body.id}/test`)).body.ok).toBe(true);
    expect((await product.developer("PATCH", `${own}/${made.body.id}`, { priority: 7 })).body.priority).toBe(
      7,
    );
    expect((await product.developer("DELETE", `${own}/${made.body.id}`)).body).toEqual({ ok: true });
    expect((await product.developer("GET", `${own}/${made.body.id}`)).status).toBe(404);
  });
});
