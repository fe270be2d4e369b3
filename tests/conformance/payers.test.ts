import {
  credit,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import OpenAI, { AuthenticationError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

// The official client through each cloud route: nothing of it changes but a header, where the payer is to be named.

let product: Product;
let ground: Ground;
let session: GroundSession;

const keys = { byok: "sk-proj-own-0123456789abcdefghij", developer_key: "sk-proj-dev-0123456789abcdefghij" };

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  await product.admin("PUT", "/v1/admin/providers/openai", {
    base_url: product.stub.url,
    reason: "stand-in",
  });
  await publishPrices(product, [
    priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "openai"),
    priceEntry(["stub-claude", "3.00", "0.30", "3.75", "15.00", "0"], "openai"),
  ]);
  await ground.setFeature({
    models: ["openai/stub-text"],
    route_preference: ["byok", "developer_key", "platform"],
  });
  const saved = await product.developer("POST", "/v1/developer/provider-keys", {
    public_app_id: ground.publicAppId,
    provider: "openai",
    api_key: keys.developer_key,
  });
  expect(saved.status, saved.text).toBe(201);
});
afterAll(() => product.stop());
beforeEach(async () => {
  session = await ground.openSession();
  await credit(product, session.userId, "1.00");
  const own = { provider: "openai", api_key: keys.byok };
  expect((await product.call("POST", "/v1/user/provider-keys", own, session)).status).toBe(201);
  product.stub.reset();
});

const messages = [{ role: "user" as const, content: "hello" }];
const weather = {
  type: "function" as const,
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
const cases = [
  ["platform", "0.00025000", null],
  ["developer_key", "0.00025000", `Bearer ${keys.developer_key}`],
  ["byok", "0.00000000", `Bearer ${keys.byok}`],
] as const;

const clientFor = (payer: string): OpenAI =>
  new OpenAI({
    apiKey: session.token,
    baseURL: product.gateways[0]!,
    defaultHeaders: { "x-modelfaucet-route": payer },
  });
const priceOf = (answer: unknown) => (answer as { modelfaucet: Record<string, unknown> }).modelfaucet;

describe.each(cases)("through %s", (payer, chargeUsd, authorization) => {
  it("a whole answer, a stream and a tool call say who paid", async () => {
    const client = clientFor(payer);
    const whole = await client.chat.completions.create({ model: "auto:chat", messages });
    const usage = { include_usage: true };
    const stream = await client.chat.completions.create({
      model: "stub-text",
      messages,
      stream: true,
      stream_options: usage,
    });
    let last: unknown;
    for await (const chunk of stream) last = chunk;
    for (const answer of [whole, last]) {
      expect(priceOf(answer)).toMatchObject({ route_mode: payer, charge_usd: chargeUsd, provider: "openai" });
    }
    product.stub.script("stub-text", {
      toolCalls: [{ id: "call_1", name: "weather", arguments: '{"city":"Oslo"}' }],
    });
    const called = await client.chat.completions.create({ model: "stub-text", messages, tools: [weather] });
    const [call] = called.choices[0]!.message.tool_calls!;
    expect(call).toMatchObject({ id: "call_1", function: { name: "weather", arguments: '{"city":"Oslo"}' } });
    const sent = product.stub.requests.map(({ headers }) => headers.authorization ?? null);
    if (authorization !== null) expect(sent).toEqual(Array(3).fill(authorization));
    else
      for (const header of sent)
        expect(Object.values(keys).map((key) => `Bearer ${key}`)).not.toContain(header);
  });

  it("lists its models with what each costs this payer", async () => {
    const { data } = await clientFor(payer).models.list();
    const listed = data.find(({ id }) => id === "stub-text") as unknown as {
      pricing: Record<string, string>;
    };
    expect(listed.pricing.input_usd).toBe(payer === "byok" ? "0.00000000" : "1.25000000");
  });
});

it("an own key that its vendor refuses is the client's AuthenticationError, tried once", async () => {
  product.stub.script("stub-text", { status: 401 });
  const asked = clientFor("byok").chat.completions.create({ model: "auto:chat", messages });
  await expect(asked).rejects.toThrow(AuthenticationError);
  expect(product.stub.calls).toBe(1);
});

it("an own key that comes with one request", async () => {
  const client = new OpenAI({
    apiKey: session.token,
    baseURL: product.gateways[0]!,
    defaultHeaders: {
      "x-modelfaucet-provider": "openai",
      "x-modelfaucet-provider-key": "sk-proj-once-0123456789abcdef",
    },
  });
  const answer = await client.chat.completions.create({ model: "auto:chat", messages });
  expect(priceOf(answer)).toMatchObject({ route_mode: "byok" });
  expect(product.stub.requests[0]!.headers.authorization).toBe("Bearer sk-proj-once-0123456789abcdef");
});
