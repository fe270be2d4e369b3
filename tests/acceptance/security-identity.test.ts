import { createHmac, randomBytes } from "node:crypto";
import { chat, credit, type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let app: { id: string; secret: string };
let other: { id: string; secret: string };

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  [app, other] = [await signedApp(), await signedApp()];
});
afterAll(() => product.stop());

async function signedApp(more: Record<string, unknown> = {}): Promise<{ id: string; secret: string }> {
  const id = `signed_${randomBytes(4).toString("hex")}`;
  const made = await product.developer("POST", "/v1/developer/apps", {
    public_app_id: id,
    name: "Signed",
    ...more,
  });
  expect(made.status).toBe(201);
  const feature = { display_name: "Chat", policy: { models: ["stub/stub-flat"] } };
  for (const key of ["chat", "draft"])
    expect((await product.developer("PUT", `/v1/developer/apps/${id}/features/${key}`, feature)).status).toBe(
      200,
    );
  return { id, secret: made.body.identity_secret };
}

const now = (): number => Math.floor(Date.now() / 1000);
const claims = (): Json => ({ sub: "user-1", aud: app.id, iat: now(), exp: now() + 300 });
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JWT made by hand, so that nothing but the product decides what is wrong with it. */
function sign(payload: Json, secret = app.secret, header: Json = { alg: "HS256", typ: "JWT" }): string {
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const open = (
  userToken: unknown,
  more: Json = {},
  headers: Record<string, string> = {},
): Promise<HttpAnswer> =>
  product.call(
    "POST",
    "/v1/sessions",
    { public_app_id: app.id, ...(userToken === undefined ? {} : { user_token: userToken }), ...more },
    { token: null, headers },
  );

async function countOf(table: "virtual_sessions" | "end_users" | "wallets"): Promise<number> {
  const [row] = await product.sql.unsafe(`select count(*)::int as rows from ${table}`);
  return row!.rows;
}

describe("A149: forged user tokens", () => {
  const unsigned = (alg: string): string => `${part({ alg, typ: "JWT" })}.${part(claims())}.`;
  const cases: [name: string, reason: string, token: () => unknown][] = [
    ["none at all", "missing", () => undefined],
    ["no JWT", "malformed", () => "nonsense"],
    ["three parts that are no JSON", "malformed", () => "a.b.c"],
    ["a JWT of which a part is missing", "malformed", () => sign(claims()).split(".").slice(0, 2).join(".")],
    ["signed with another secret", "signature", () => sign(claims(), "another secret of thirty characters")],
    ["signed with the other app's secret", "signature", () => sign(claims(), other.secret)],
    ["signed with an empty secret", "signature", () => sign(claims(), "")],
    ["signed with the app's public id", "signature", () => sign(claims(), app.id)],
    [
      "with another payload under the signature",
      "signature",
      () => swapPayload(sign(claims()), { ...claims(), sub: "somebody else" }),
    ],
    ["without its signature", "signature", () => `${sign(claims()).split(".").slice(0, 2).join(".")}.`],
    ["alg none", "algorithm", () => unsigned("none")],
    ["alg None", "algorithm", () => unsigned("None")],
    ["alg none, signed", "algorithm", () => sign(claims(), app.secret, { alg: "none" })],
    ["alg HS512", "algorithm", () => sign(claims(), app.secret, { alg: "HS512" })],
    ["alg RS256", "algorithm", () => sign(claims(), app.secret, { alg: "RS256", kid: "1" })],
    [
      "a key of its own",
      "signature",
      () =>
        sign(claims(), "mine", {
          alg: "HS256",
          jwk: { kty: "oct", k: part("mine") },
          jku: "http://127.0.0.1/keys",
        }),
    ],
    ["for another app", "audience", () => sign({ ...claims(), aud: other.id })],
    ["for nobody", "malformed", () => sign({ ...claims(), aud: undefined })],
    ["expired", "expired", () => sign({ ...claims(), iat: now() - 400, exp: now() - 100 })],
    ["that never expires", "malformed", () => sign({ ...claims(), exp: undefined })],
    ["that expires as a text", "malformed", () => sign({ ...claims(), exp: "tomorrow" })],
    ["that lives too long", "lifetime", () => sign({ ...claims(), exp: now() + 3_600 })],
    ["that ends before it begins", "lifetime", () => sign({ ...claims(), iat: now(), exp: now() - 30 })],
    ["from the future", "not_yet_valid", () => sign({ ...claims(), iat: now() + 600, exp: now() + 900 })],
    ["not valid yet", "not_yet_valid", () => sign({ ...claims(), nbf: now() + 300 })],
    ["without a user", "malformed", () => sign({ ...claims(), sub: undefined })],
    ["with an empty user", "malformed", () => sign({ ...claims(), sub: "" })],
    ["with a number as user", "malformed", () => sign({ ...claims(), sub: 7 })],
    ["with a cap of minus one", "malformed", () => sign({ ...claims(), max_spend_usd: "-1" })],
    ["with a cap as a number", "malformed", () => sign({ ...claims(), max_spend_usd: 5 })],
  ];

  it.each(cases)("A149: %s is refused as %s, and opens nothing", async (_, reason, token) => {
    const before = [await countOf("virtual_sessions"), await countOf("end_users")];
    const answer = await open(token());
    expect({ status: answer.status, ...answer.body.error }).toMatchObject({
      status: 401,
      code: "invalid_user_token",
      type: "authentication_error",
      param: "user_token",
      details: { reason },
    });
    expect([await countOf("virtual_sessions"), await countOf("end_users")]).toEqual(before);
  });

  it("A149: a token with a jti is good once, also for two at the same time", async () => {
    const token = sign({ ...claims(), jti: randomBytes(8).toString("hex") });
    const answers = await Promise.all(Array.from({ length: 8 }, () => open(token)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
      expect({ status, reason: body.error.details.reason }).toEqual({ status: 401, reason: "replayed" });
    }
  });

  it("A149: another name than the token's is refused, and the issuer that the app names is asked for", async () => {
    const named = await open(sign(claims()), { external_user_id: "user-2" });
    expect(named.body.error).toMatchObject({
      code: "invalid_user_token",
      details: { reason: "subject_mismatch" },
    });
    const strict = await signedApp({ identity: { issuer: "https://crm.example" } });
    const to = (iss: unknown) =>
      open(sign({ ...claims(), aud: strict.id, iss }, strict.secret), { public_app_id: strict.id });
    expect((await to("https://evil.example")).body.error.details.reason).toBe("issuer");
    expect((await to(undefined)).body.error.details.reason).toBe("issuer");
    expect((await to("https://crm.example")).status).toBe(200);
  });

  it("S9: a public app id alone opens nothing, nor does another identity mode take a token", async () => {
    for (const more of [
      {},
      { external_user_id: "user-1" },
      { external_user_id: "user-1", scopes: ["chat"] },
    ]) {
      expect((await open(undefined, more)).body.error).toMatchObject({
        code: "invalid_user_token",
        details: { reason: "missing" },
      });
    }
    const server = await signedApp({ identity_mode: "server" });
    const refused = await open(sign({ ...claims(), aud: server.id }, server.secret), {
      public_app_id: server.id,
    });
    expect({ status: refused.status, ...refused.body.error }).toMatchObject({
      status: 403,
      code: "forbidden",
      details: { reason: "identity_mode" },
    });
    const bare = await open(undefined, { public_app_id: server.id, external_user_id: "user-1" });
    expect(bare.body.error).toMatchObject({ code: "forbidden", details: { reason: "identity_mode" } });
    expect((await open(undefined, { public_app_id: "nobody" })).body.error.code).toBe("invalid_app");
  });

  it("S9: the session is the narrowest of token and body, and its cap holds", async () => {
    const token = sign({
      ...claims(),
      sub: "capped",
      max_spend_usd: "0.002",
      features: ["chat"],
      models: ["stub-flat", "auto:chat"],
      scopes: ["chat", "wallet:read"],
    });
    const wide = {
      max_spend_usd: "100",
      scopes: ["chat", "wallet:topup"],
      models: ["stub-flat", "stub-text"],
    };
    const { status, body } = await open(token, wide);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      max_spend_usd: "0.00200000",
      scopes: ["chat"],
      feature_key: "chat",
      identity: { mode: "signed", verified: true },
    });
    expect((await open(token, { feature_key: "draft" })).body.error.code).toBe("feature_not_found");
    await credit(product, body.end_user_id, "1.00");
    expect((await chat(product, body.session_token, { model: "stub-flat" })).status).toBe(200);
    const beyond = await chat(product, body.session_token, { model: "stub-flat" });
    expect({ status: beyond.status, ...beyond.body.error }).toMatchObject({
      status: 402,
      code: "price_above_maximum",
      details: { limit: "session" },
    });
    expect((await chat(product, body.session_token, { model: "stub-text" })).status).toBe(404);
  });
});

describe("sessions that are over, or elsewhere", () => {
  it("expired, revoked, ended, or of a disabled app: 401 or 404 on both services, and no upstream call", async () => {
    product.stub.reset();
    const mine = () => open(sign({ ...claims(), sub: randomBytes(6).toString("hex") }), { ttl_seconds: 60 });
    const [expired, revoked, ended, disabled] = (await Promise.all([mine(), mine(), mine(), mine()])).map(
      ({ body }) => body,
    );
    for (const { end_user_id } of [expired, revoked, ended, disabled])
      await credit(product, end_user_id, "1.00");
    await product.sql`update virtual_sessions set token_expires_at = mf_now() - interval '1 second' where id = ${expired.session_id}`;
    expect((await product.developer("DELETE", `/v1/developer/sessions/${revoked.session_id}`)).status).toBe(
      200,
    );
    expect(
      (await product.call("DELETE", "/v1/sessions/current", undefined, { token: ended.session_token }))
        .status,
    ).toBe(200);
    await expectCode(expired.session_token, 401, "expired_session");
    await expectCode(revoked.session_token, 401, "invalid_session");
    await expectCode(ended.session_token, 401, "invalid_session");
    expect((await product.developer("DELETE", `/v1/developer/apps/${app.id}`)).status).toBe(200);
    await expect
      .poll(async () => (await chat(product, disabled.session_token, { model: "stub-flat" })).status, {
        timeout: 2_000,
      })
      .not.toBe(200);
    const after = await chat(product, disabled.session_token, { model: "stub-flat" });
    expect([401, 404]).toContain(after.status);
    expect((await open(sign(claims()))).body.error.code).toBe("invalid_app");
    product.stub.reset();
    await chat(product, disabled.session_token, { model: "stub-flat" });
    expect(product.stub.calls).toBe(0);
    expect(ground.publicAppId).not.toBe(app.id);
  });
});

async function expectCode(token: string, status: number, code: string): Promise<void> {
  const tried = async () => {
    const calls = [
      await chat(product, token, { model: "stub-flat" }),
      await chat(product, token, { model: "stub-flat", stream: true }),
      await product.call("GET", "/v1/user/wallet", undefined, { token }),
    ];
    return calls.map((answer) => `${answer.status} ${answer.body?.error?.code}`);
  };
  // In force within two seconds on every instance.
  await expect.poll(tried, { timeout: 2_000 }).toEqual(Array(3).fill(`${status} ${code}`));
}

function swapPayload(token: string, payload: Json): string {
  const [header, , signature] = token.split(".");
  return `${header}.${part(payload)}.${signature}`;
}
