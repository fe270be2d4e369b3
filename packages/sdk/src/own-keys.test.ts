import { inspect } from "node:util";
import type { addUserProviderKey, testUserProviderKey } from "@modelfaucet/contract/routes/provider-keys.ts";
import { expect, expectTypeOf, test, vi } from "vitest";
import {
  createFaucet,
  FaucetConfigError,
  type FaucetKeyTest,
  FaucetNetworkError,
  type FaucetProviderKey,
  FaucetRequestError,
} from "./index.ts";
import { memoryStorage } from "./scripted-bridge.ts";
import {
  inTurn,
  json,
  openSession,
  type Reply,
  type ScriptedServer,
  settled,
  startScriptedServer,
  wireError,
} from "./scripted-server.ts";

// A key of the user's own is in one request of one call, and in nothing that anybody can look at afterwards.

const canary = ["sk", "proj", "c4n4ry-Zq8WmT2vKx9rLp5Yd7Nh3Jb"].join("-");
const keysRoute = "POST /v1/user/provider-keys";
const chatRoute = "POST /v1/chat/completions";
const ask = { feature: "customer_reply", input: "Hello" } as const;
const ownKey = { provider: "openai", apiKey: canary };
const key = { provider: "openai", apiKey: canary, disclosureVersion: "v1" };

function serve(routes: Record<string, Reply>): Promise<ScriptedServer> {
  return startScriptedServer({ "POST /v1/sessions": openSession, ...routes });
}

function faucetOf(server: ScriptedServer) {
  const storage = memoryStorage();
  const faucet = createFaucet(
    {
      publicAppId: "app_pub_demo",
      baseUrl: server.url,
      gatewayBaseUrl: `${server.url}/v1`,
      user: { id: "u-1" },
      storage,
    },
    { random: () => 0 },
  );
  const events: unknown[] = [];
  for (const name of ["session", "balance", "usage", "mode", "local", "error"] as const) {
    faucet.on(name, (value) => events.push(value));
  }
  return { faucet, storage, events };
}

type Answer<Route extends { answer: { _zod: { output: unknown } } }> = Route["answer"]["_zod"]["output"];

/** Without the two ways in which an optional field is written. */
type Plain<T> = T extends object ? { [Name in keyof T]-?: Plain<Exclude<T[Name], undefined>> } : T;

test("keys and their tests have the fields of the contract", () => {
  expectTypeOf<Plain<FaucetProviderKey>>().toEqualTypeOf<Plain<Answer<typeof addUserProviderKey>>>();
  expectTypeOf<Plain<FaucetKeyTest>>().toEqualTypeOf<Plain<Answer<typeof testUserProviderKey>>>();
});

/** Everything that a page can print of a value: enumerable or not, causes and stacks included. */
function shown(...values: unknown[]): string {
  return inspect(values, { depth: 12, showHidden: true, getters: true }) + JSON.stringify(values);
}

test("adds a key under the names of the wire, once, and shows the masked one", async () => {
  const masked = { id: "k1", provider: "openai", masked: "sk-…h3Jb", status: "active" };
  await using server = await serve({
    [keysRoute]: json(201, masked),
    "GET /v1/user/provider-keys": json(200, { items: [masked], next_cursor: null }),
    "POST /v1/user/provider-keys/k1/test": json(200, { ok: true, latency_ms: 12 }),
    "DELETE /v1/user/provider-keys/k1": json(200, { ok: true }),
  });
  const { faucet, storage, events } = faucetOf(server);
  const added = await faucet.byok.addKey({
    ...key,
    baseUrl: "https://api.example/v1",
    modelsAllowed: ["gpt-5-mini"],
    budgetLimitUsd: "5",
    priority: 10,
    fallbackToPlatform: true,
  });
  expect(added).toEqual(masked);
  expect(server.on("/v1/user/provider-keys")[0]?.body).toEqual({
    provider: "openai",
    api_key: canary,
    base_url: "https://api.example/v1",
    models_allowed: ["gpt-5-mini"],
    budget_limit_usd: "5",
    priority: 10,
    fallback_to_platform: true,
    disclosure_version: "v1",
  });
  expect((await faucet.byok.listKeys({ limit: 10 })).items).toEqual([masked]);
  expect(await faucet.byok.testKey("k1")).toMatchObject({ ok: true });
  await faucet.byok.deleteKey("k1");
  expect(shown(faucet, added, events, [...storage.values])).not.toContain(canary);
});

test("a key that may have been kept is not sent again", async () => {
  await using server = await serve({ [keysRoute]: (response) => void response.destroy() });
  const { faucet } = faucetOf(server);
  const error = await faucet.byok.addKey(key).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetNetworkError);
  expect(server.on("/v1/user/provider-keys")).toHaveLength(1);
  expect(shown(error)).not.toContain(canary);
});

test("a server that repeats the key in its refusal is not believed so far", async () => {
  const refusal = wireError("secret_validation_failed", { tried: canary, list: [`Bearer ${canary}`] });
  refusal.error.message = `The key ${canary} was refused.`;
  await using server = await serve({
    [keysRoute]: json(400, refusal),
    [chatRoute]: json(401, { error: { ...refusal.error, code: "byok_key_invalid" } }),
  });
  const { faucet, storage, events } = faucetOf(server);
  const refused = await faucet.byok.addKey(key).catch((caught: unknown) => caught);
  expect(refused).toBeInstanceOf(FaucetRequestError);
  const whole = await faucet.chat({ ...ask, ownKey }).catch((caught: unknown) => caught);
  const streamed = await faucet
    .stream({ ...ask, ownKey })
    .text()
    .catch((caught: unknown) => caught);
  expect(streamed).toMatchObject({ code: "byok_key_invalid" });
  expect(shown(faucet, refused, whole, streamed, events, [...storage.values])).not.toContain(canary);
});

test("a key of one call rides in two headers of that call, the same on each repeat", async () => {
  await using server = await serve({
    [chatRoute]: inTurn(
      json(503, {}, { "retry-after": "0" }),
      json(200, { id: "1", choices: [], modelfaucet: { ...settled, route_mode: "byok" } }),
    ),
  });
  const { faucet, storage, events } = faucetOf(server);
  const answer = await faucet.chat({ ...ask, ownKey });
  const calls = server.on("/v1/chat/completions");
  expect(calls.map(({ headers }) => headers["x-modelfaucet-provider-key"])).toEqual([canary, canary]);
  expect(calls[0]?.headers["x-modelfaucet-provider"]).toBe("openai");
  expect(JSON.stringify(calls.map(({ body }) => body))).not.toContain(canary);
  await faucet.chat(ask);
  expect(server.on("/v1/chat/completions").at(-1)?.headers).not.toHaveProperty("x-modelfaucet-provider-key");
  expect(shown(faucet, answer, events, [...storage.values])).not.toContain(canary);
});

test.each([
  [
    "over http to another machine",
    { gatewayBaseUrl: "http://gateway.example/v1", baseUrl: "http://api.example" },
    canary,
  ],
  ["with a line break", {}, `${canary}\r\nx-evil: 1`],
  ["with a letter that no header takes", {}, `${canary}ö`],
  ["empty", {}, ""],
])("sends nothing %s", async (_name, over, apiKey) => {
  const fetched = vi.fn();
  const faucet = createFaucet({ publicAppId: "app", user: { id: "u" }, ...over }, { fetch: fetched });
  const errors = await Promise.all([
    faucet.byok.addKey({ ...key, apiKey }).catch((caught: unknown) => caught),
    faucet.chat({ ...ask, ownKey: { ...ownKey, apiKey } }).catch((caught: unknown) => caught),
  ]);
  for (const error of errors) expect(error).toBeInstanceOf(FaucetConfigError);
  expect(fetched).not.toHaveBeenCalled();
  expect(shown(errors)).not.toContain(canary);
});

test("a key with a route mode of another payer is refused", async () => {
  await using server = await serve({});
  const { faucet } = faucetOf(server);
  await expect(faucet.chat({ ...ask, ownKey, routeMode: "platform" })).rejects.toBeInstanceOf(
    FaucetConfigError,
  );
  expect(server.seen).toHaveLength(0);
});
