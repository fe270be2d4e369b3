import { expect, test, vi } from "vitest";
import {
  createFaucet,
  FaucetAbortError,
  type FaucetClientInternals,
  FaucetConfigError,
  FaucetConflictError,
  FaucetError,
  FaucetNetworkError,
  type FaucetOptions,
  FaucetPaymentError,
  FaucetRateLimitError,
} from "./index.ts";
import {
  inTurn,
  json,
  openSession,
  type Reply,
  type ScriptedServer,
  sessionAnswer,
  settled,
  startScriptedServer,
  wireError,
} from "./scripted-server.ts";

const completion = {
  id: "chatcmpl_mf_req_1",
  choices: [{ message: { content: "Hello" } }],
  modelfaucet: settled,
};
const completionsPath = "/v1/chat/completions";
const chatRoute = `POST ${completionsPath}`;
const ask = { feature: "customer_reply", input: "Hello" } as const;
const wallet: Reply = json(200, { balance_usd: "10.00000000" });

function faucetOf(
  server: ScriptedServer,
  over: Partial<FaucetOptions> = {},
  internals?: FaucetClientInternals,
) {
  return createFaucet(
    {
      publicAppId: "app_pub_demo",
      baseUrl: server.url,
      gatewayBaseUrl: `${server.url}/v1`,
      user: { id: "u-1" },
      ...over,
    },
    { random: () => 0, ...internals },
  );
}

test("sends the feature, one key that only deduplicates, and the session; gives the priced answer", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(200, completion),
  });
  const faucet = faucetOf(server);
  const used = vi.fn();
  faucet.on("usage", used);

  const result = await faucet.chat({ ...ask, maxOutputTokens: 64, body: { temperature: 0 } });

  expect(result.modelfaucet.charge_usd).toBe("0.00042016");
  expect(used).toHaveBeenCalledWith(settled);
  const [session] = server.on("/v1/sessions");
  expect(session?.body).toEqual({
    public_app_id: "app_pub_demo",
    external_user_id: "u-1",
    feature_key: "customer_reply",
  });
  const [call] = server.on(completionsPath);
  expect(call?.headers["x-modelfaucet-feature"]).toBe("customer_reply");
  expect(call?.headers["x-modelfaucet-idempotency"]).toBe("dedupe");
  expect(call?.headers["idempotency-key"]).toMatch(/^sdk_/);
  expect(call?.headers.authorization).toMatch(/^Bearer mf_sess_/);
  expect(call?.body).toEqual({
    model: "auto:customer_reply",
    messages: [{ role: "user", content: "Hello" }],
    max_completion_tokens: 64,
    temperature: 0,
    stream: false,
  });
});

test("an object becomes one user message of JSON, and a key of the caller's own does not deduplicate", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(200, completion),
  });
  const { text } = await faucetOf(server).runFeature({
    feature: "customer_reply",
    input: { ticket: 7 },
    idempotencyKey: "mine",
  });
  expect(text).toBe("Hello");
  const [call] = server.on(completionsPath);
  expect(call?.body).toMatchObject({ messages: [{ role: "user", content: '{"ticket":7}' }] });
  expect(call?.headers["idempotency-key"]).toBe("mine");
  expect(call?.headers["x-modelfaucet-idempotency"]).toBeUndefined();
});

test("repeats under the same key when the answer allows it, and when a silent answer is 503", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: inTurn(
      json(502, wireError("provider_error"), { "x-should-retry": "true", "retry-after": "0" }),
      json(503, {}, { "retry-after": "0" }),
      json(200, completion),
    ),
  });
  await faucetOf(server).chat(ask);
  const keys = server.on(completionsPath).map((call) => call.headers["idempotency-key"]);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("repeats after a broken connection", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: inTurn(
      (response) => {
        response.destroy();
      },
      json(200, completion),
    ),
  });
  await faucetOf(server).chat(ask);
  expect(server.on(completionsPath)).toHaveLength(2);
});

test("out of credit is one attempt, and the error says what is there and what is needed", async () => {
  const details = {
    reason: "held",
    balance_usd: "1.00000000",
    held_usd: "0.90000000",
    required_usd: "0.20000000",
  };
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(402, wireError("insufficient_balance", details), { "x-should-retry": "false" }),
  });
  const faucet = faucetOf(server);
  const told = vi.fn();
  faucet.on("error", told);
  const error = await faucet.chat(ask).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetPaymentError);
  expect(error).toMatchObject({
    code: "insufficient_balance",
    status: 402,
    requestId: "req_1",
    reason: "held",
    balanceUsd: "1.00000000",
    requiredUsd: "0.20000000",
    retryable: false,
  });
  expect(FaucetError.is(error)).toBe(true);
  expect(told).toHaveBeenCalledWith(error);
  expect(server.on(completionsPath)).toHaveLength(1);
});

test("stops after maxRetries, and throws a long Retry-After at once", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(503, wireError("service_unavailable"), { "retry-after": "0" }),
    "GET /v1/user/wallet": json(429, wireError("rate_limited"), { "retry-after": "31" }),
  });
  const faucet = faucetOf(server, { maxRetries: 1 });
  await expect(faucet.chat(ask)).rejects.toMatchObject({ code: "service_unavailable" });
  expect(server.on(completionsPath)).toHaveLength(2);
  const limited = await faucet.wallet().catch((caught: unknown) => caught);
  expect(limited).toBeInstanceOf(FaucetRateLimitError);
  expect(limited).toMatchObject({ retryAfterMs: 31_000 });
  expect(server.on("/v1/user/wallet")).toHaveLength(1);
});

test("waits for its own earlier try, beyond maxRetries; what is done already is a conflict", async () => {
  const running = json(409, wireError("idempotency_in_progress"), {
    "x-should-retry": "true",
    "retry-after": "0",
  });
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: inTurn(
      running,
      running,
      running,
      json(409, wireError("conflict", { reason: "already_done" })),
    ),
  });
  const error = await faucetOf(server, { maxRetries: 0 })
    .chat(ask)
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetConflictError);
  expect(error).toMatchObject({ details: { reason: "already_done" } });
  expect(server.on(completionsPath)).toHaveLength(4);
});

test("waiting for an earlier try takes nothing from maxRetries", async () => {
  const running = json(409, wireError("idempotency_in_progress"), {
    "x-should-retry": "true",
    "retry-after": "0",
  });
  const away = json(503, wireError("service_unavailable"), { "retry-after": "0" });
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: inTurn(running, running, away, json(200, completion)),
  });
  await faucetOf(server, { maxRetries: 1 }).chat(ask);
  expect(server.on(completionsPath)).toHaveLength(4);
});

test("no answer in time is a timeout and is not repeated", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: () => {},
  });
  const error = await faucetOf(server)
    .chat({ ...ask, timeoutMs: 50 })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetNetworkError);
  expect(error).toMatchObject({ code: "timeout", status: 0 });
  expect(server.on(completionsPath)).toHaveLength(1);
});

test("the caller's signal ends the call and its pauses", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(503, {}, { "retry-after": "20" }),
  });
  const controller = new AbortController();
  const answer = faucetOf(server).chat({ ...ask, signal: controller.signal });
  await vi.waitFor(() => expect(server.on(completionsPath)).toHaveLength(1));
  controller.abort();
  await expect(answer).rejects.toBeInstanceOf(FaucetAbortError);
});

test("callers that wait together share one session", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    "GET /v1/user/wallet": wallet,
  });
  const faucet = faucetOf(server);
  await Promise.all([faucet.wallet(), faucet.wallet(), faucet.wallet({ changedFrom: "9.00000000" })]);
  expect(server.on("/v1/sessions")).toHaveLength(1);
  expect(server.on("/v1/user/wallet").map(({ path }) => path)).toContain(
    "/v1/user/wallet?changed_from=9.00000000&wait_seconds=60",
  );
});

test("fifty callers whose session is refused at once wait for one renewal", async () => {
  let good = "";
  await using server = await startScriptedServer({
    "POST /v1/sessions": (response, seen) => {
      const session = sessionAnswer();
      // The first session dies before it is used.
      if (good) good = session.session_token;
      else good = "none yet";
      json(200, session)(response, seen);
    },
    "GET /v1/user/wallet": (response, seen) => {
      const refused = seen.headers.authorization !== `Bearer ${good}`;
      const reply = refused ? json(401, wireError("expired_session")) : wallet;
      return reply(response, seen);
    },
  });
  const faucet = faucetOf(server);
  const wallets = await Promise.all(Array.from({ length: 50 }, () => faucet.wallet()));
  expect(wallets).toHaveLength(50);
  expect(server.on("/v1/sessions")).toHaveLength(2);
  expect(server.on("/v1/user/wallet")).toHaveLength(100);
});

test("a session is renewed 30 s before its end, a short one 5 s before", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": inTurn(
      json(200, sessionAnswer({ expires_in: 3600 })),
      json(200, sessionAnswer({ expires_in: 60 })),
      json(200, sessionAnswer()),
    ),
    "GET /v1/user/wallet": wallet,
  });
  let nowMs = 0;
  const faucet = faucetOf(server, {}, { now: () => nowMs });
  const opened = vi.fn();
  faucet.on("session", opened);
  const openedAt = async (ms: number) => {
    nowMs = ms;
    await faucet.wallet();
    return server.on("/v1/sessions").length;
  };
  expect(await openedAt(0)).toBe(1);
  expect(await openedAt(3_569_999)).toBe(1);
  expect(await openedAt(3_570_000)).toBe(2);
  expect(await openedAt(3_624_999)).toBe(2);
  expect(await openedAt(3_625_000)).toBe(3);
  expect(JSON.stringify(opened.mock.calls)).not.toContain("mf_sess_");
});

test("a refused session is replaced once, then the error comes out", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    "GET /v1/user/wallet": inTurn(json(401, wireError("expired_session")), wallet),
    "GET /v1/user/usage": json(401, wireError("invalid_session")),
  });
  const faucet = faucetOf(server);
  await faucet.wallet();
  expect(server.on("/v1/sessions")).toHaveLength(2);
  await expect(faucet.usage()).rejects.toMatchObject({ code: "invalid_session", status: 401 });
  expect(server.on("/v1/user/usage")).toHaveLength(2);
});

test("a session that was only given is not replaced", async () => {
  await using server = await startScriptedServer({
    "GET /v1/user/wallet": json(401, wireError("expired_session")),
  });
  const faucet = faucetOf(server, { session: sessionAnswer() as never });
  await expect(faucet.wallet()).rejects.toMatchObject({ code: "expired_session" });
  expect(server.seen).toHaveLength(1);
});

test("asks the backend for a user token or a session, with the reason", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    "GET /v1/user/wallet": inTurn(json(401, wireError("expired_session")), wallet),
  });
  const reasons: string[] = [];
  const faucet = faucetOf(server, {
    fetchUserToken: async ({ reason }) => {
      reasons.push(reason);
      return "signed";
    },
  });
  await faucet.wallet();
  expect(reasons).toEqual(["first", "refused"]);
  expect(server.on("/v1/sessions")[0]?.body).toEqual({ public_app_id: "app_pub_demo", user_token: "signed" });
});

test.each([
  ["throws", () => Promise.reject(new TypeError("offline"))],
  [
    "throws before it has begun",
    () => {
      throw new TypeError("offline");
    },
  ],
])("a backend that %s is an error of this client, and nothing is sent", async (_name, fetchUserToken) => {
  await using server = await startScriptedServer({});
  const error = await faucetOf(server, { fetchUserToken })
    .wallet()
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetNetworkError);
  expect(error).toMatchObject({ code: "network_error", cause: expect.any(TypeError) });
  expect(server.seen).toHaveLength(0);
});

test("a backend that never answers is a timeout for everybody who waits", async () => {
  await using server = await startScriptedServer({});
  const faucet = faucetOf(server, { fetchSession: () => new Promise(() => {}), timeoutMs: 50 });
  const errors = await Promise.allSettled([faucet.wallet(), faucet.usage()]);
  expect(errors).toMatchObject([{ reason: { code: "timeout" } }, { reason: { code: "timeout" } }]);
});

test("an answer of another kind of server is an error of this client", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(200, { choices: [] }),
  });
  await expect(faucetOf(server).chat(ask)).rejects.toMatchObject({ code: "unexpected_answer" });
});

test("a session of one feature is not used for another", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: json(200, completion),
    "GET /v1/user/wallet": wallet,
  });
  const faucet = faucetOf(server);
  const first = await faucet.sessionToken("customer_reply");
  expect(await faucet.sessionToken("customer_reply")).toBe(first);
  expect(await faucet.sessionToken("summary")).not.toBe(first);
  await faucet.wallet();
  expect(server.on("/v1/sessions")).toHaveLength(2);
});

test("fetch adds session and key to our own services and refuses every other address", async () => {
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    [chatRoute]: inTurn(json(401, wireError("expired_session")), json(200, completion)),
  });
  const faucet = faucetOf(server);
  const response = await faucet.fetch(`${server.url}${completionsPath}`, { method: "POST", body: '{"n":1}' });
  expect(response.status).toBe(200);
  const calls = server.on(completionsPath);
  expect(calls.map((call) => call.body)).toEqual([{ n: 1 }, { n: 1 }]);
  expect(calls[0]?.headers["idempotency-key"]).toBe(calls[1]?.headers["idempotency-key"]);
  await expect(faucet.fetch("http://127.0.0.1:1/v1/chat/completions")).rejects.toBeInstanceOf(
    FaucetConfigError,
  );
  const narrow = faucetOf(server, { baseUrl: `${server.url}/api` });
  await expect(narrow.fetch(`${server.url}/v1evil/models`)).rejects.toBeInstanceOf(FaucetConfigError);
});

test.each([
  ["an unknown option", { maxPriceUsd: "1.00" }],
  ["a bridge on another machine", { localBridgeBaseUrl: "http://192.168.1.2:8787" }],
  ["a locale that is none", { locale: "not a locale" }],
  ["a provider key by name", { apiKey: "anything" }],
  ["a provider key by value", { user: { id: "u", metadata: { note: "sk-abcdefgh" } } }],
  ["a developer token", { user: { id: "mf_dev_abc" } }],
  ["an operator token", { session: { session_token: "mf_admin_abc" } }],
  ["no user", { user: undefined }],
  ["an address with credentials", { baseUrl: "http://a:b@127.0.0.1" }],
  ["a negative number of repeats", { maxRetries: -1 }],
])("refuses %s before anything is sent, without repeating the value", (_name, over) => {
  const make = () => createFaucet({ publicAppId: "app_pub_demo", user: { id: "u" }, ...(over as object) });
  expect(make).toThrow(FaucetConfigError);
  expect(make).not.toThrow(/sk-abc|mf_dev_abc|mf_admin_abc/);
});

test.each([
  ["a field of a later version", { ...ask, maxPriceUsd: "0.05" }],
  ["another field of a later version", { ...ask, quoteId: "quote_1" }],
  ["a payer that does not exist", { ...ask, routeMode: "bank" }],
  ["a key in the body", { ...ask, body: { api_key: "x" } }],
  ["no input", { feature: "customer_reply" }],
  ["a feature that is no identifier", { ...ask, feature: "Antwort für Kunden" }],
  ["an idempotency key that no header takes", { ...ask, idempotencyKey: "schlüssel\n" }],
])("refuses a call with %s", async (_name, input) => {
  await using server = await startScriptedServer({});
  await expect(faucetOf(server).chat(input as never)).rejects.toBeInstanceOf(FaucetConfigError);
  expect(server.seen).toHaveLength(0);
});

test("reads every limit that binds the user, and sets the own one", async () => {
  const limits = { items: [], time_zone: "UTC" };
  await using server = await startScriptedServer({
    "POST /v1/sessions": openSession,
    "GET /v1/user/limits": json(200, limits),
    "PUT /v1/user/limits": json(200, limits),
  });
  const faucet = faucetOf(server);
  expect(await faucet.limits.get()).toEqual(limits);
  expect(await faucet.limits.set({ window: "day", limitUsd: "2.50" })).toEqual(limits);
  await faucet.limits.set({ window: "week", limitUsd: null });
  const sent = server.on("/v1/user/limits").filter(({ method }) => method === "PUT");
  expect(sent.map(({ body }) => body)).toEqual([
    { window: "day", limit_usd: "2.50" },
    { window: "week", limit_usd: null },
  ]);
});
