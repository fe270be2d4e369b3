import { randomBytes } from "node:crypto";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { everythingWritten, findCanaries } from "@modelfaucet/testkit/canary.ts";
import { chat, type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

// Own keys on their way upstream: each call carries its own tenant's, and none once it is gone.

let product: Product;
let ground: Ground;
let other: Ground;

const path = "/v1/user/provider-keys";
const model = "openai_compatible/stub-text";
const baseUrl = "https://llm.vendor.test/v1";
const policy = { models: [model, "openai/stub-text"], route_preference: ["byok"] };

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: (_, { port }) => ({
      MODELFAUCET_HOST_MAP: ["llm.vendor.test", "api.openai.com"]
        .map((host) => `${host}=127.0.0.1:${port}!`)
        .join(),
    }),
  });
  [ground, other] = [await layGround(product), await layGround(product)];
  await ground.setFeature(policy);
  await other.setFeature(policy);
});
beforeEach(() => product.stub.reset());
afterAll(() => product.stop());

const newKey = (): string => `key-${randomBytes(18).toString("hex")}`;
const asUser = (session: GroundSession, method: string, at = path, body?: unknown): Promise<HttpAnswer> =>
  product.call(method, at, body, { token: session.token });

async function saved(
  session: GroundSession,
  apiKey: string,
  more: Record<string, unknown> = {},
): Promise<Json> {
  const answer = await asUser(session, "POST", path, {
    provider: "openai_compatible",
    api_key: apiKey,
    base_url: baseUrl,
    ...more,
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

const say = (session: GroundSession, content: string, gateway = 0, headers: Record<string, string> = {}) =>
  chat(product, session.token, { model, messages: [{ role: "user", content }] }, { gateway, headers });

describe("A139: same provider, same address, same model", () => {
  /** What each call said, and the key that it carried. */
  const carried = () =>
    product.stub.requests
      .filter(({ method }) => method === "POST")
      .map(({ body, headers }) => [body.messages[0].content, headers.authorization]);

  it("users of two tenants: interleaved, each call carries its own user's key", async () => {
    const callers = await Promise.all(
      [ground, other, ground, other].map(async (of) => {
        const [session, key] = [await of.openSession(), newKey()];
        await saved(session, key);
        return { session, key };
      }),
    );
    const answers = await Promise.all(
      Array.from({ length: 48 }, (_, index) => {
        const { session } = callers[index % callers.length]!;
        return say(session, `caller ${index % callers.length}`, index % 2);
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(48).fill(200));
    expect(answers.every(({ body }) => body.modelfaucet.route_mode === "byok")).toBe(true);
    const seen = carried();
    expect(seen).toHaveLength(48);
    for (const [content, authorization] of seen) {
      const { key } = callers[Number(content.slice("caller ".length))]!;
      expect(authorization).toBe(`Bearer ${key}`);
    }
  });

  it("developers of two apps: interleaved, each call carries its own app's key", async () => {
    const theirs = { models: [model], route_preference: ["developer_key"] };
    await product.admin("POST", "/v1/admin/price-book/import", {
      source: "entries",
      entries: [
        {
          provider: "openai_compatible",
          model: "stub-text",
          per_million: { input_usd: "0", output_usd: "0" },
        },
      ],
      reason: "test",
    });
    const drafted = (await product.admin("GET", "/v1/admin/price-book/versions?limit=1")).body.items[0]
      .version;
    const publish = { accept_large_changes: true, reason: "test" };
    await product.admin("POST", `/v1/admin/price-book/versions/${drafted}/publish`, publish);
    const callers = await Promise.all(
      [ground, other].map(async (of) => {
        await of.setFeature(theirs, {}, "theirs");
        const key = newKey();
        const body = {
          public_app_id: of.publicAppId,
          provider: "openai_compatible",
          api_key: key,
          base_url: baseUrl,
        };
        const made = await product.developer("POST", "/v1/developer/provider-keys", body);
        expect(made.status, made.text).toBe(201);
        return { session: await of.openSession(), key };
      }),
    );
    product.stub.reset();
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        say(callers[index % 2]!.session, `caller ${index % 2}`, (index >> 1) % 2, {
          "x-modelfaucet-feature": "theirs",
        }),
      ),
    );
    expect(
      answers.map(({ status }) => status),
      answers[0]!.text,
    ).toEqual(Array(24).fill(200));
    for (const [content, authorization] of carried()) {
      expect(authorization).toBe(`Bearer ${callers[Number(content.slice("caller ".length))]!.key}`);
    }
    expect(carried()).toHaveLength(24);
    await expectBooksClean(product);
  });
});

it("A159: saved, used and destroyed, a key is whole nowhere, and no instance uses it after two seconds", async () => {
  const session = await ground.openSession();
  const [key, once] = [newKey(), `sk-proj-${randomBytes(18).toString("hex")}`];
  const { id } = await saved(session, key);
  for (const gateway of [0, 1]) expect((await say(session, "mine", gateway)).status).toBe(200);
  await expect
    .poll(async () => (await asUser(session, "GET", `${path}/${id}`)).body.last_used_at, { timeout: 5_000 })
    .toBeDefined();
  // The first use of a day stands in the audit log, the next ones do not.
  const uses =
    await product.sql`select action from audit_logs where resource_id = ${id} and action = 'provider_key.use'`;
  expect(uses).toHaveLength(1);

  expect((await asUser(session, "DELETE", `${path}/${id}`)).status).toBe(200);
  const goneAt = performance.now();
  product.stub.reset();
  for (const gateway of [0, 1]) {
    const refused = await say(session, "mine", gateway);
    expect([refused.status, refused.body.error.code]).toEqual([401, "byok_key_invalid"]);
  }
  expect(performance.now() - goneAt).toBeLessThan(2_000);
  expect(product.stub.calls).toBe(0);

  // Another one comes with its request, and with a request that fails.
  const own = { "x-modelfaucet-provider": "openai", "x-modelfaucet-provider-key": once };
  const ask = (content: string) =>
    chat(
      product,
      session.token,
      { model: "openai/stub-text", messages: [{ role: "user", content }] },
      { headers: own },
    );
  const served = await ask("for once");
  expect(served.status, served.text).toBe(200);
  expect(product.stub.requests.at(-1)!.headers.authorization).toBe(`Bearer ${once}`);
  product.stub.script("stub-text", { status: 401 });
  expect((await ask("refused")).status).toBe(401);

  const canaries = [
    { name: "saved", text: key },
    { name: "for one request", text: once },
  ];
  const answers = [served.text, (await asUser(session, "GET")).text];
  const written: [string, string][] = [
    ...(await everythingWritten(product)),
    ["answers", answers.join("\n")],
  ];
  expect(findCanaries(canaries, written)).toEqual([]);
});

it("A145: exchanged in the database, keys are refused and asked for again, and the others serve on", async () => {
  const [first, second, third] = [
    await ground.openSession(),
    await ground.openSession(),
    await ground.openSession(),
  ];
  const ids: string[] = [];
  for (const session of [first, second, third]) ids.push((await saved(session, newKey())).id);
  // As somebody does who can write to the database and hopes to call with another one's key.
  await product.sql`update provider_credentials k set sealed_secret = o.sealed_secret from provider_credentials o
    where (k.id, o.id) in ((${ids[0]!}, ${ids[1]!}), (${ids[1]!}, ${ids[0]!}))`;
  product.stub.reset();
  for (const session of [first, second]) {
    const refused = await say(session, "whose?");
    expect([refused.status, refused.body.error.code]).toEqual([401, "byok_key_invalid"]);
  }
  expect(product.stub.calls).toBe(0);
  expect((await say(third, "mine", 1)).status).toBe(200);
  await expect
    .poll(
      async () =>
        (await product.sql`select resource_id from audit_logs where action = 'provider_key.open_failed'`)
          .map(({ resource_id }) => resource_id)
          .sort(),
      { timeout: 5_000 },
    )
    .toEqual([ids[0], ids[1]].sort());
  expect((await asUser(first, "GET")).body.items).toMatchObject([{ id: ids[0], status: "needs_reentry" }]);
  const again = newKey();
  await saved(first, again);
  expect((await say(first, "mine again")).status).toBe(200);
  expect(product.stub.requests.at(-1)!.headers.authorization).toBe(`Bearer ${again}`);
});
