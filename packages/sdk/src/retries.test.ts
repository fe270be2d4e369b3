import { expect, test } from "vitest";
import { createFaucet, FaucetError } from "./index.ts";
import { json, openSession, type Reply, startScriptedServer, wireError } from "./scripted-server.ts";

// What is repeated by itself: what the answer allows, else 408, 429, 5xx and broken connections; never more than asked for.

const chatPath = "/v1/chat/completions";
const ask = { feature: "customer_reply", input: "Hello" } as const;

async function attemptsOf(reply: Reply, over: { stream?: boolean; maxRetries?: number } = {}) {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [`POST ${chatPath}`]: reply,
  });
  const faucet = createFaucet(
    {
      publicAppId: "app_pub_demo",
      baseUrl: server.url,
      gatewayBaseUrl: `${server.url}/v1`,
      user: { id: "u-1" },
      maxRetries: over.maxRetries ?? 2,
    },
    { random: () => 0 },
  );
  const call = over.stream ? faucet.stream(ask).text() : faucet.chat(ask);
  const error = await call.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetError);
  const keys = server.on(chatPath).map(({ headers }) => headers["idempotency-key"]);
  // However often it was sent, it was one call.
  expect(new Set(keys).size).toBe(1);
  return { attempts: keys.length, error: error as FaucetError };
}

const told = (retry: boolean | undefined, more: Record<string, string> = {}) => ({
  ...(retry === undefined ? {} : { "x-should-retry": String(retry) }),
  ...more,
});

test.each([
  [400, "invalid_request", undefined, 1],
  [401, "byok_key_invalid", false, 1],
  [402, "insufficient_balance", false, 1],
  [403, "policy_local_only", false, 1],
  [404, "model_not_found", undefined, 1],
  [408, "provider_timeout", undefined, 3],
  [409, "conflict", undefined, 1],
  [422, "idempotency_mismatch", undefined, 1],
  [429, "rate_limited", true, 3],
  [429, "rate_limited", undefined, 3],
  [429, "rate_limited", false, 1],
  [500, "internal_error", undefined, 3],
  [502, "provider_error", true, 3],
  [502, "provider_error", false, 1],
  [503, "service_unavailable", undefined, 3],
  [504, "provider_timeout", true, 3],
])("%i %s with x-should-retry %s: sent %i times, whole and streamed", async (status, code, retry, times) => {
  const reply = json(status, wireError(code), told(retry, { "retry-after": "0" }));
  for (const stream of [false, true]) {
    const { attempts, error } = await attemptsOf(reply, { stream });
    expect(attempts).toBe(times);
    expect(error).toMatchObject({ code, status, retryable: times > 1 });
  }
});

test.each([
  [0, 1],
  [1, 2],
  [4, 5],
])("maxRetries %i: sent %i times", async (maxRetries, times) => {
  const away = json(503, wireError("service_unavailable"), { "retry-after": "0" });
  expect((await attemptsOf(away, { maxRetries })).attempts).toBe(times);
});

test("a stream that has begun is not begun again", async () => {
  const broken: Reply = (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n', () => response.destroy());
  };
  const { attempts, error } = await attemptsOf(broken, { stream: true });
  expect(attempts).toBe(1);
  expect(error).toMatchObject({ code: "stream_incomplete", partialText: "Hel" });
});
