import { createHmac, randomBytes } from "node:crypto";
import { type Canary, everythingWritten, findCanaries } from "@modelfaucet/testkit/canary.ts";
import {
  chat,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
} from "@modelfaucet/testkit/ground.ts";
import { type OtlpCollector, startOtlpCollector } from "@modelfaucet/testkit/otlp-collector.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import {
  type StubBehaviour,
  type StubUpstream,
  startStubUpstream,
} from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made } from "./isolation-tenants.ts";

// Twelve texts that only their owners may ever see, driven through what the gateway and the control API do and refuse, then
// looked for in everything that is written: processes' output, every row of every table, traces, metrics, errors. Sealed
// values are ciphertext, so nothing is left out of the search; what is shown of a secret on purpose, its beginning, is no
// part of its canary.

const random = (): string => randomBytes(24).toString("base64url");
const shown = "mf_sess_".length + 7;
const content = ["prompt", "completion", "system prompt", "tool arguments"].map(
  (name): Canary => ({ name, text: `${random()} ${random()} & "${random()}" über <b>` }),
);
const [prompt, completion, system, toolArguments] = content as [Canary, Canary, Canary, Canary];
const user: Canary = { name: "user id", text: `user-${random()}` };
const ownKey: Canary = { name: "own key", text: `sk-proj-${random()}` };
const developerKey: Canary = { name: "developer key", text: `sk-proj-${random()}` };
const platformKey: Canary = { name: "platform key", text: `sk-${random()}` };
const adminToken: Canary = { name: "admin token", text: `adm_${random()}` };
/** Made by the product: known once they are there. */
const tokens: Canary[] = [];
const known = (): Canary[] => [...content, user, ownKey, developerKey, platformKey, adminToken, ...tokens];

let collector: OtlpCollector;
let vendor: StubUpstream;
let product: Product;
let ground: Ground;
let session: GroundSession;
let developerToken: string;
let identitySecret: string;
/** What anybody was told by an error, or by reading what is stored. */
const told: [where: string, text: string][] = [];

beforeAll(async () => {
  collector = await startOtlpCollector();
  vendor = await startStubUpstream();
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      LOG_LEVEL: "trace",
      ADMIN_TOKEN: adminToken.text,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: "always_on",
      PROVIDER_MAX_RETRIES: "0",
      PROVIDER_TIMEOUT_MS: "600",
      PROVIDER_UNSTREAMED_TIMEOUT_MS: "600",
      PROVIDER_IDLE_TIMEOUT_MS: "600",
    },
  });
  product = { ...product, admin: asAdmin(product) };
  ground = await layGround(product);
  await product.admin("POST", "/v1/admin/providers/stub/keys", { api_key: platformKey.text, reason: "test" });
  for (const [name, dialect] of [
    ["openai", "openai"],
    ["claude", "anthropic"],
  ])
    made(
      await product.admin("PUT", `/v1/admin/providers/${name}`, {
        base_url: name === "openai" ? vendor.url : product.stub.url,
        dialect,
        reason: "test",
      }),
    );
  await publishPrices(product, [
    priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "openai"),
    priceEntry(["stub-claude", "3.00", "0.30", "3.75", "15.00", "0"], "claude"),
  ]);
  const models = ["openai/stub-text", "claude/stub-claude", "stub/stub-text"];
  await ground.setFeature({ models, route_preference: ["byok", "developer_key", "platform"] });
  const secret = made(await asDeveloper("POST", `${app()}/identity-secret/rotate`, { overlap_seconds: 0 }));
  identitySecret = secret.identity_secret;
  const token = made(
    await asDeveloper("POST", "/v1/developer/tokens", { name: "canary", developer_id: ground.developerId }),
  );
  developerToken = token.token;
  session = await ground.openSession(user.text);
  await fill(session.userId);
  tokens.push(
    { name: "session token", text: session.token.slice("mf_sess_".length) },
    { name: "developer token", text: developerToken.slice(shown) },
    { name: "identity secret", text: identitySecret.slice(shown) },
  );
});
afterAll(async () => {
  await product.stop();
  await Promise.all([vendor.close(), collector.close()]);
});

/** The product's own operator calls use the testkit's token, which is not this one's. */
const asAdmin =
  (from: Product): Product["admin"] =>
  (method, path, body) =>
    from.call(method, path, body, { token: adminToken.text });
const asDeveloper = (method: string, path: string, body?: unknown) => product.developer(method, path, body);
const app = (): string => `/v1/developer/apps/${ground.publicAppId}`;
const fill = (userId: string) =>
  product.call(
    "POST",
    `/v1/admin/wallets/${userId}/credit-test-balance`,
    { amount_usd: "50.00" },
    { token: adminToken.text, headers: { "idempotency-key": random() } },
  );

/** Remembers errors; `reads` remembers the answer whatever it is. */
async function heard(where: string, asked: Promise<HttpAnswer>, reads = false): Promise<HttpAnswer> {
  const got = await asked;
  if (reads || got.status >= 400) told.push([where, `${got.text}\n${JSON.stringify([...got.headers])}`]);
  return got;
}

const callOf = (model: string): Record<string, unknown> => ({
  model,
  messages: [
    { role: "system", content: system.text },
    { role: "user", content: [{ type: "text", text: prompt.text }] },
    {
      role: "assistant",
      content: null,
      tool_calls: [
        {
          id: "call_1",
          type: "function",
          function: { name: "look_up", arguments: JSON.stringify({ query: toolArguments.text }) },
        },
      ],
    },
    { role: "tool", tool_call_id: "call_1", content: prompt.text },
  ],
  tools: [
    {
      type: "function",
      function: { name: "look_up", description: system.text, parameters: { type: "object" } },
    },
  ],
  user: user.text,
  metadata: { note: prompt.text },
});

const words = completion.text.split(/(?= )/);
const echo = [ownKey, developerKey, platformKey, prompt, system, toolArguments]
  .map(({ text }) => text)
  .join(" ");
const behaviours: Record<string, StubBehaviour> = {
  answers: { tokens: words },
  "calls a tool": {
    toolCalls: [{ name: "look_up", arguments: JSON.stringify({ query: toolArguments.text }) }],
  },
  thinks: { reasoning: words, tokens: words },
  "says no usage": { tokens: words, usage: "none" },
  ...Object.fromEntries(
    [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 529].map((status) => [
      `answers ${status}`,
      { status, body: { error: { message: echo, code: prompt.text, param: ownKey.text, type: echo } } },
    ]),
  ),
  "echoes what it was sent": { status: 401, echoAuthorization: true },
  "dies inside": { tokens: words, dieAfter: 2 },
  "errs inside": { tokens: words, errorAfter: 2 },
  "breaks its JSON": { body: `{"choices": [{"message": "${completion.text}` },
  "says nothing": { hang: "headers" },
};

/** Who pays, and where the call ends. */
const payers: Record<
  string,
  {
    model: string;
    /** The key that its upstream must have seen: else it was somebody else who paid. */
    key?: Canary;
    headers?: Record<string, string>;
    prepare?: () => Promise<() => Promise<unknown>>;
  }
> = {
  platform: { model: "stub/stub-text", key: platformKey },
  "Anthropic's dialect": { model: "claude/stub-claude" },
  "a key of one call": {
    model: "openai/stub-text",
    key: ownKey,
    headers: { "x-modelfaucet-provider": "openai", "x-modelfaucet-provider-key": ownKey.text },
  },
  "a stored own key": {
    model: "openai/stub-text",
    key: ownKey,
    prepare: async () => {
      const asUser = (method: string, path: string, body?: unknown) =>
        product.call(method, path, body, { token: session.token });
      const key = made(
        await asUser("POST", "/v1/user/provider-keys", { provider: "openai", api_key: ownKey.text }),
      );
      await heard("own keys", asUser("GET", "/v1/user/provider-keys"), true);
      await heard("test of an own key", asUser("POST", `/v1/user/provider-keys/${key.id}/test`), true);
      return () => heard("own key goes", asUser("DELETE", `/v1/user/provider-keys/${key.id}`), true);
    },
  },
  "the developer's key": {
    model: "openai/stub-text",
    key: developerKey,
    prepare: async () => {
      const body = { public_app_id: ground.publicAppId, provider: "openai", api_key: developerKey.text };
      const key = made(await asDeveloper("POST", "/v1/developer/provider-keys", body));
      await heard("developer's keys", asDeveloper("GET", "/v1/developer/provider-keys"), true);
      return () =>
        heard("its key goes", asDeveloper("DELETE", `/v1/developer/provider-keys/${key.id}`), true);
    },
  },
};

const tooMany = Math.ceil((33 * 1024 * 1024) / prompt.text.length);

async function expectNowhere(): Promise<void> {
  const traces = collector.received.map((text, index): [string, string] => [`trace ${index}`, text]);
  const running =
    await product.sql`select coalesce(string_agg(query, E'\\n'), '') as queries from pg_stat_activity
    where pid <> pg_backend_pid()`;
  const sinks: [string, string][] = [
    ...(await everythingWritten(product)),
    ...traces,
    ["pg_stat_activity", running[0]!.queries],
    ...told,
  ];
  expect(sinks.length).toBeGreaterThan(60);
  expect(findCanaries(known(), sinks)).toEqual([]);
}

describe("T-19: twelve secrets and contents", () => {
  it("T-19: there are twelve, and nobody counts statements with their values", async () => {
    expect(known()).toHaveLength(12);
    const extensions = await product.sql`select extname from pg_extension where extname like 'pg_stat%'`;
    expect(extensions).toEqual([]);
    made(await asDeveloper("POST", `${app()}/debug-log`, { minutes: 60, reason: "content, sealed" }));
  });

  it.each(Object.keys(payers))(
    "T-19: none is written of calls paid by %s, answered or failed",
    async (name) => {
      const { model, key, headers = {}, prepare } = payers[name]!;
      const undo = await prepare?.();
      let answered = 0;
      for (const [what, behaviour] of Object.entries(behaviours)) {
        await Promise.all(
          [false, true].map(async (stream) => {
            for (const stub of [product.stub, vendor]) stub.script(model.split("/")[1]!, behaviour);
            const got = await heard(
              `${name}, ${what}, stream ${stream}`,
              chat(
                product,
                session.token,
                { ...callOf(model), stream },
                {
                  headers: { ...headers, "idempotency-key": random() },
                },
              ),
            );
            if (got.status === 200) answered += 1;
          }),
        );
      }
      // Each of them was reached and did what it says.
      expect(answered).toBeGreaterThanOrEqual(6);
      const seen = [...product.stub.requests, ...vendor.requests].map(
        ({ headers: sent }) => sent.authorization,
      );
      if (key) expect(seen).toContain(`Bearer ${key.text}`);
      for (const stub of [product.stub, vendor]) stub.reset();
      await undo?.();
      const errors = told.filter(([where]) => where.startsWith(name));
      expect(errors.length).toBeGreaterThan(15);
      expect(findCanaries(known(), told)).toEqual([]);
    },
  );

  it("T-19: none is written of what the gateway refuses", async () => {
    const at = product.gateways[0]!;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const body = callOf("stub/stub-text");
    const poor = await ground.openSession(`poor-${user.text}`);
    const long = {
      ...callOf("claude/stub-claude"),
      messages: [
        {
          role: "user",
          content: [{ type: "input_audio", input_audio: { data: prompt.text, format: "wav" } }],
        },
      ],
    };
    const refusals: [string, Promise<HttpAnswer>][] = [
      [
        "broken JSON",
        send(`${at}/chat/completions`, "POST", `{"messages":"${prompt.text}`, bearer(session.token)),
      ],
      ["no messages", chat(product, session.token, { ...body, messages: prompt.text })],
      ["n", chat(product, session.token, { ...body, n: prompt.text })],
      [
        "a redirecting field",
        chat(product, session.token, { ...body, api_key: ownKey.text, base_url: prompt.text }),
      ],
      [
        "no such route mode",
        chat(product, session.token, { ...body, metadata: { route_mode: prompt.text } }),
      ],
      ["no money", chat(product, poor.token, body)],
      ["what cannot be translated", chat(product, session.token, long)],
      [
        "a foreign key",
        chat(product, session.token, body, {
          headers: { "x-modelfaucet-provider": "anthropic", "x-modelfaucet-provider-key": ownKey.text },
        }),
      ],
      [
        "a key for nobody",
        chat(product, session.token, body, {
          headers: { "x-modelfaucet-provider": developerKey.text, "x-modelfaucet-provider-key": ownKey.text },
        }),
      ],
      [
        "a later header",
        chat(product, session.token, body, { headers: { "x-modelfaucet-quote": prompt.text } }),
      ],
      ["no session", chat(product, `${session.token}x`, body)],
      ["a developer's token", chat(product, developerToken, body)],
      ["the operator's token", chat(product, adminToken.text, body)],
      ["a provider's key", chat(product, ownKey.text, body)],
      ["an identity secret", chat(product, identitySecret, body)],
      [
        "a foreign page",
        chat(product, session.token, body, { headers: { origin: `https://${"x".repeat(8)}.example` } }),
      ],
      [
        "too much",
        send(`${at}/chat/completions`, "POST", `"${prompt.text.repeat(tooMany)}"`, bearer(session.token)),
      ],
      [
        "nowhere",
        send(
          `${at}/${encodeURIComponent(prompt.text)}?q=${encodeURIComponent(ownKey.text)}`,
          "GET",
          undefined,
          bearer(session.token),
        ),
      ],
    ];
    for (const [where, asked] of refusals) {
      const got = await heard(where, asked);
      expect([where, got.status >= 400]).toEqual([where, true]);
    }
    const key = { headers: { "idempotency-key": random() } };
    await chat(product, session.token, body, key);
    expect((await heard("another body", chat(product, session.token, { ...body, n: 2 }, key))).status).toBe(
      422,
    );
    expect(findCanaries(known(), told)).toEqual([]);
  });

  it("T-19: none is written of what the control API does and refuses", async () => {
    const signed = userToken(identitySecret, { sub: user.text, aud: ground.publicAppId });
    const bad = userToken(`${identitySecret}x`, { sub: user.text, aud: ground.publicAppId });
    const open = (body: Record<string, unknown>) =>
      product.call("POST", "/v1/sessions", { public_app_id: ground.publicAppId, ...body }, { token: null });
    expect((await open({ user_token: signed })).status).toBe(200);
    const own = { token: developerToken };
    const keyed = { provider: "openai", api_key: ownKey.text };
    const asUser = (method: string, path: string, body?: unknown) =>
      product.call(method, path, body, { token: session.token });
    const leak = (token: string) =>
      product.call("POST", "/v1/tokens/revoke", { token, found_at: "a page" }, { token: null });
    const calls: [string, Promise<HttpAnswer>][] = [
      ["a user token of nobody", open({ user_token: bad })],
      ["an unsigned user", open({ external_user_id: user.text })],
      [
        "a user of another app",
        product.call("POST", "/v1/sessions", { public_app_id: "nobody", external_user_id: user.text }, own),
      ],
      ["a field of nobody", open({ user_token: signed, password: ownKey.text })],
      ["a test of a user token", product.developer("POST", `${app()}/identity/test`, { user_token: bad })],
      [
        "a token that lacks",
        product.call("POST", "/v1/developer/tokens", { name: "x", scopes: ["developer:users:write"] }, own),
      ],
      [
        "a key of the wrong vendor",
        asUser("POST", "/v1/user/provider-keys", { ...keyed, provider: "anthropic" }),
      ],
      [
        "a key for a private address",
        asUser("POST", "/v1/user/provider-keys", {
          ...keyed,
          provider: "openai_compatible",
          base_url: `http://127.0.0.1:1/${ownKey.text}`,
        }),
      ],
      [
        "a key in a URL",
        product.admin("PUT", "/v1/admin/providers/other", {
          base_url: `https://u:${platformKey.text}@example.com`,
          reason: "x",
        }),
      ],
      [
        "a key with spaces",
        product.admin("POST", "/v1/admin/providers/stub/keys", {
          api_key: `${platformKey.text} x`,
          reason: "x",
        }),
      ],
      [
        "a report with words",
        asUser("POST", "/v1/local/usage-reports", { prompt: prompt.text, completion: completion.text }),
      ],
      [
        "the operator's token for a user",
        product.call("GET", "/v1/user/me", undefined, { token: adminToken.text }),
      ],
      [
        "a session for a developer",
        product.call("GET", "/v1/developer/me", undefined, { token: session.token }),
      ],
      [
        "sign in with a wrong token",
        product.call("POST", "/v1/console/token-exchange", { token: developerToken }, { token: null }),
      ],
      [
        "nowhere",
        product.call("GET", `/v1/${encodeURIComponent(user.text)}?token=${developerToken}`, undefined, own),
      ],
    ];
    for (const [where, asked] of calls) await heard(where, asked, true);
    const reads: [string, string][] = [
      ["GET", `${app()}/users?limit=200`],
      ["GET", `${app()}/debug-log`],
      ["GET", app()],
      ["GET", "/v1/developer/requests?limit=200"],
      ["GET", "/v1/developer/tokens?limit=200"],
      ["GET", "/v1/developer/audit-logs?limit=200"],
      ["GET", `${app()}/users?external_user_id=${encodeURIComponent(user.text)}`],
    ];
    for (const [method, path] of reads) await heard(path.slice(0, 60), product.developer(method, path), true);
    for (const path of [
      "/v1/admin/providers",
      "/v1/admin/settings",
      "/v1/admin/audit-logs?limit=200",
      "/v1/admin/audit-logs.csv",
    ])
      await heard(path, product.admin("GET", path), true);
    for (const path of [
      "/v1/user/me",
      "/v1/user/usage?limit=200",
      "/v1/user/receipts",
      "/v1/user/wallet",
      "/v1/user/modes",
    ])
      await heard(path, asUser("GET", path), true);
    for (const token of [session.token, developerToken, identitySecret, ownKey.text, adminToken.text])
      await heard("a token that was found", leak(token), true);
    expect(findCanaries(known(), told)).toEqual([]);
  });

  it("T-19: after all of it none stands in a log, a row, a trace, a metric, a statement or an error", async () => {
    expect(collector.received.length).toBeGreaterThan(4);
    // What was recorded on purpose is there, sealed.
    await expect
      .poll(async () => (await product.sql`select count(*)::int as count from debug_logs`)[0]!.count)
      .toBeGreaterThan(50);
    await expectNowhere();
  });
});

/** HS256, as an app's backend signs it. */
function userToken(secret: string, claims: Record<string, unknown>): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1_000);
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iat: now, exp: now + 60, jti: random(), ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}
