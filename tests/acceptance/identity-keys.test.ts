import { createHmac, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let developerId: string;
let keyServer: Server;
/** What the app's URL answers with, and how often it was asked. */
const served = {
  keys: [] as Json[],
  status: 200,
  headers: {} as Record<string, string>,
  text: null as string | null,
  asked: 0,
};
/** How far the database's clock is ahead of ours. */
let aheadMs = 0;

beforeAll(async () => {
  keyServer = createServer((_, response) => {
    served.asked += 1;
    response.writeHead(served.status, { "content-type": "application/json", ...served.headers });
    response.end(served.text ?? JSON.stringify({ keys: served.keys }));
  });
  await new Promise<void>((resolve) => keyServer.listen(0, "127.0.0.1", resolve));
  const { port } = keyServer.address() as AddressInfo;
  product = await startProduct({
    postgres: inject("postgres"),
    env: { MODELFAUCET_HOST_MAP: `keys.example.test=127.0.0.1:${port}!,inner.example.test=127.0.0.1` },
  });
  developerId = made(
    await product.admin("POST", "/v1/admin/developers", {
      email: "keys@example.com",
      name: "Keys",
      reason: "test",
    }),
  ).id;
});
afterAll(async () => {
  await product.stop();
  keyServer.close();
});

const url = "https://keys.example.test/.well-known/jwks.json";
const pairs = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ed: generateKeyPairSync("ed25519"),
  other: generateKeyPairSync("ed25519"),
};
const jwk = (name: keyof typeof pairs): Json => ({
  ...pairs[name].publicKey.export({ format: "jwk" }),
  kid: name,
  use: "sig",
});

type App = { id: string; secret: string | undefined };

async function makeApp(more: Json = {}): Promise<App> {
  const id = `keys_${randomBytes(5).toString("hex")}`;
  const app = made(
    await product.developer("POST", "/v1/developer/apps", {
      public_app_id: id,
      name: "Keys",
      developer_id: developerId,
      ...more,
    }),
  );
  return { id, secret: app.identity_secret };
}

const change = (app: App, body: Json): Promise<HttpAnswer> =>
  product.developer("PATCH", `/v1/developer/apps/${app.id}`, body);
const claims = (app: App, more: Json = {}): Json => {
  const now = Math.floor((Date.now() + aheadMs) / 1000);
  return { sub: "user-1", aud: app.id, iat: now, exp: now + 300, ...more };
};
const signWith = (key: KeyObject | Uint8Array, header: { alg: string; kid?: string }, payload: Json) =>
  new SignJWT(payload).setProtectedHeader(header).sign(key);
const signByKey = (app: App, name: keyof typeof pairs, alg: string, more: Json = {}) =>
  signWith(pairs[name].privateKey, { alg, kid: name }, claims(app, more));
const signBySecret = (app: App, secret = app.secret!, more: Json = {}) =>
  signWith(new TextEncoder().encode(secret), { alg: "HS256" }, claims(app, more));

const open = (app: App, userToken: string): Promise<HttpAnswer> =>
  product.call("POST", "/v1/sessions", { public_app_id: app.id, user_token: userToken }, { token: null });
const test = (app: App, userToken: string): Promise<HttpAnswer> =>
  product.developer("POST", `/v1/developer/apps/${app.id}/identity/test`, { user_token: userToken });

async function expectRefused(app: App, userToken: string, reason: string): Promise<void> {
  const { status, body } = await open(app, userToken);
  expect({ status, code: body.error?.code, reason: body.error?.details?.reason }).toEqual({
    status: 401,
    code: "invalid_user_token",
    reason,
  });
  expect(made(await test(app, userToken))).toEqual({ valid: false, reason });
}

function made(answer: HttpAnswer): Json {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body;
}

async function moveClock(ms: number): Promise<void> {
  aheadMs += ms;
  await product.database.setClockOffset(aheadMs);
  // The product's own clock follows with its next poll.
  const app = await makeApp();
  await expect
    .poll(async () => (await open(app, await signBySecret(app))).status, { timeout: 5_000 })
    .toBe(200);
}

describe("S9: a key set that an app hands in", () => {
  it.each([
    ["RS256", "rsa"],
    ["PS256", "rsa"],
    ["ES256", "ec"],
    ["EdDSA", "ed"],
  ] as const)("S9: %s proves a user, whoever of the app's keys signed", async (alg, name) => {
    const app = await makeApp({ identity: { jwks: { keys: [jwk("rsa"), jwk("ec"), jwk("ed")] } } });
    expect(app.secret).toBeUndefined();
    const first = made(await open(app, await signByKey(app, name, alg)));
    expect(first.identity).toMatchObject({ mode: "signed", verified: true });
    const second = made(await open(app, await signByKey(app, "ec", "ES256")));
    expect(second.end_user_id).toBe(first.end_user_id);
    expect(made(await test(app, await signByKey(app, name, alg)))).toMatchObject({
      valid: true,
      signed_with: "jwks",
      claims: { sub: "user-1" },
    });
  });

  it("A149: HS256 signed with the public key of a key set app, or with its old secret, is refused by its algorithm", async () => {
    const app = await makeApp();
    const before = await signBySecret(app);
    expect((await open(app, before)).status).toBe(200);
    expect(made(await change(app, { identity: { jwks: { keys: [jwk("rsa")] } } })).identity).toEqual({
      kind: "jwks",
      jwks: { keys: [jwk("rsa")] },
    });
    await expectRefused(app, await signBySecret(app), "algorithm");
    const { publicKey } = pairs.rsa;
    const texts = [
      publicKey.export({ format: "pem", type: "spki" }) as string,
      JSON.stringify(jwk("rsa")),
      publicKey.export({ format: "der", type: "spki" }).toString("latin1"),
    ];
    for (const text of texts) {
      const secret = Buffer.from(text, "latin1");
      const part = (value: Json) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const signed = `${part({ alg: "HS256", kid: "rsa" })}.${part(claims(app))}`;
      const forged = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
      await expectRefused(app, forged, "algorithm");
    }
    // The secret is gone for good: taking the keys away again does not bring it back.
    expect(made(await change(app, { identity: {} })).identity).toEqual({ kind: "secret" });
    await expectRefused(app, await signBySecret(app), "unknown_key");
    const rotated = made(
      await product.developer("POST", `/v1/developer/apps/${app.id}/identity-secret/rotate`, {}),
    );
    expect(rotated.previous_valid_until).toBeUndefined();
    expect((await open(app, await signBySecret(app, rotated.identity_secret))).status).toBe(200);
  });

  it("S9: a key by another kid, a foreign key under a known kid, and a key of its own open nothing", async () => {
    const app = await makeApp({ identity: { jwks: { keys: [jwk("ed")] } } });
    await expectRefused(app, await signByKey(app, "other", "EdDSA"), "unknown_key");
    const foreign = await signWith(pairs.other.privateKey, { alg: "EdDSA", kid: "ed" }, claims(app));
    await expectRefused(app, foreign, "signature");
    const own = await new SignJWT(claims(app))
      .setProtectedHeader({ alg: "EdDSA", kid: "other", jwk: jwk("other"), jku: url })
      .sign(pairs.other.privateKey);
    await expectRefused(app, own, "unknown_key");
    await expectRefused(app, await signByKey(app, "ed", "EdDSA", { aud: "somebody" }), "audience");
  });

  it.each<[string, Json, string]>([
    [
      "a private key",
      { jwks: { keys: [{ ...pairs.ed.privateKey.export({ format: "jwk" }), kid: "ed" }] } },
      "identity.jwks.keys.0",
    ],
    [
      "a shared secret",
      { jwks: { keys: [{ kty: "oct", k: "c2VjcmV0", kid: "x" }] } },
      "identity.jwks.keys.0",
    ],
    ["no keys", { jwks: { keys: [] } }, "identity.jwks.keys"],
    ["more than 64 KiB", { jwks: { keys: [{ ...jwk("ed"), x5c: ["x".repeat(70_000)] }] } }, "identity.jwks"],
    ["a set and a URL", { jwks: { keys: [jwk("ed")] }, jwks_url: url }, "identity.jwks"],
  ])("S9: %s is refused by name, and nothing changes", async (_, identity, param) => {
    const app = await makeApp();
    const refused = await change(app, { identity });
    expect({ status: refused.status, ...refused.body.error }).toMatchObject({
      status: 400,
      code: "invalid_request",
      param,
    });
    expect((await open(app, await signBySecret(app))).status).toBe(200);
  });
});

describe("S9: a key set behind a URL", () => {
  it.each([
    ["http://keys.example.test/jwks.json", "not_https"],
    ["https://127.0.0.1/jwks.json", "special_address"],
    ["https://[::1]/jwks.json", "special_address"],
    ["https://169.254.169.254/latest/meta-data", "special_address"],
    ["https://2130706433/jwks.json", "spelling"],
    ["https://localhost/jwks.json", "private_name"],
    ["https://metadata.google.internal/jwks.json", "private_name"],
    ["https://inner.example.test/jwks.json", "no_public_address"],
    ["https://user:secret@keys.example.test/jwks.json", "credentials"],
    ["nonsense", "not_https"],
  ])("S4: %s is refused as %s before anything is saved", async (jwks_url, reason) => {
    const app = await makeApp();
    const refused = await change(app, { identity: { jwks_url } });
    expect({ status: refused.status, ...refused.body.error }).toMatchObject({
      status: 400,
      code: "base_url_not_allowed",
      param: "identity.jwks_url",
      details: { reason },
    });
    expect(made(await product.developer("GET", `/v1/developer/apps/${app.id}`)).identity.kind).toBe("secret");
  });

  it("S9: it is fetched once, again for an unknown kid once a minute, and after ten minutes", async () => {
    Object.assign(served, { keys: [jwk("ed")], asked: 0 });
    const app = await makeApp({ identity: { jwks_url: url } });
    const tokens = await Promise.all(
      Array.from({ length: 12 }, (_, at) => signByKey(app, "ed", "EdDSA", { sub: `first-${at}` })),
    );
    const opened = await Promise.all(tokens.map((token) => open(app, token)));
    expect(opened.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(served.asked).toBe(1);
    await expectKept(app, ["ed"]);
    // A new key: the first token by it asks anew, and nobody else does within a minute.
    served.keys = [jwk("ed"), jwk("ec")];
    await expect.poll(async () => (await open(app, await signByKey(app, "ec", "ES256"))).status).toBe(200);
    expect(served.asked).toBe(2);
    for (let at = 0; at < 5; at++)
      await expectRefused(app, await signByKey(app, "other", "EdDSA"), "unknown_key");
    expect(served.asked).toBe(2);
    // A key that was taken out proves nobody once the ten minutes are over.
    served.keys = [jwk("ec")];
    expect((await open(app, await signByKey(app, "ed", "EdDSA"))).status).toBe(200);
    await moveClock(10 * 60_000 + 1_000);
    await expectRefused(app, await signByKey(app, "ed", "EdDSA"), "unknown_key");
    expect((await open(app, await signByKey(app, "ec", "ES256"))).status).toBe(200);
    await expectKept(app, ["ec"]);
  });

  it("S9: while it is away the last good set serves a day, and then users are told why they cannot come in", async () => {
    Object.assign(served, { keys: [jwk("ed")], status: 200 });
    const app = await makeApp({ identity: { jwks_url: url } });
    expect((await open(app, await signByKey(app, "ed", "EdDSA"))).status).toBe(200);
    served.status = 503;
    await moveClock(11 * 60_000);
    expect((await open(app, await signByKey(app, "ed", "EdDSA"))).status).toBe(200);
    await expectRefused(app, await signByKey(app, "ec", "ES256"), "jwks_unavailable");
    await moveClock(24 * 3_600_000);
    await expectRefused(app, await signByKey(app, "ed", "EdDSA"), "jwks_unavailable");
    served.status = 200;
    await moveClock(11_000);
    expect((await open(app, await signByKey(app, "ed", "EdDSA"))).status).toBe(200);
  });

  it.each<[string, Partial<typeof served>]>([
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1/jwks.json" } }],
    ["more than 64 KiB", { text: JSON.stringify({ keys: [jwk("ed")], rest: "x".repeat(66_000) }) }],
    ["no JSON", { text: "<html>not found</html>" }],
    ["no key set", { text: "[]" }],
  ])("S4: %s is no key set, and what it says is told to nobody", async (_, answer) => {
    Object.assign(served, { keys: [jwk("ed")], status: 200, headers: {}, text: null }, answer);
    const app = await makeApp({ identity: { jwks_url: url } });
    await expectRefused(app, await signByKey(app, "ed", "EdDSA"), "jwks_unavailable");
    const said = (await open(app, await signByKey(app, "ed", "EdDSA"))).text;
    expect(said).not.toMatch(/html|302|127\.0\.0\.1|xxxx/);
    Object.assign(served, { status: 200, headers: {}, text: null });
  });

  async function expectKept(app: App, kids: string[]): Promise<void> {
    await expect
      .poll(async () => {
        const [row] = await product.sql`select jwks_last_good from apps where public_app_id = ${app.id}`;
        return row!.jwks_last_good?.keys.map((key: Json) => key.kid);
      })
      .toEqual(kids);
  }
});

describe("an identity secret that turns", () => {
  const rotate = async (app: App, overlap_seconds?: number) =>
    made(
      await product.developer(
        "POST",
        `/v1/developer/apps/${app.id}/identity-secret/rotate`,
        overlap_seconds === undefined ? {} : { overlap_seconds },
      ),
    );

  it("S9: both secrets hold for the overlap, users stay who they are, and each says which one it was", async () => {
    const app = await makeApp();
    const user = made(await open(app, await signBySecret(app)));
    const { identity_secret, previous_valid_until } = await rotate(app, 3_600);
    expect(identity_secret).toMatch(/^mf_idsec_[0-9A-Za-z]{38}$/);
    const overlapMs = Date.parse(previous_valid_until) - (Date.now() + aheadMs);
    expect(Math.abs(overlapMs - 3_600_000)).toBeLessThan(10_000);
    const shown = made(await product.developer("GET", `/v1/developer/apps/${app.id}`)).identity;
    expect(shown).toEqual({
      kind: "secret",
      secret_prefix: identity_secret.slice(0, 15),
      previous_valid_until,
    });
    for (const [secret, signed_with] of [
      [app.secret!, "previous_secret"],
      [identity_secret, "secret"],
    ]) {
      const again = made(await open(app, await signBySecret(app, secret)));
      expect(again.end_user_id).toBe(user.end_user_id);
      expect(again.end_user_id_hash).toBe(user.end_user_id_hash);
      expect(made(await test(app, await signBySecret(app, secret))).signed_with).toBe(signed_with);
    }
    await moveClock(3_601_000);
    await expectRefused(app, await signBySecret(app), "signature");
    expect((await open(app, await signBySecret(app, identity_secret))).status).toBe(200);
  });

  it("S9: an overlap of 0 ends the old secret now", async () => {
    const app = await makeApp();
    const answer = await rotate(app, 0);
    expect(answer.previous_valid_until).toBeUndefined();
    await expectRefused(app, await signBySecret(app), "signature");
    expect((await open(app, await signBySecret(app, answer.identity_secret))).status).toBe(200);
  });

  it("a key set app has no secret to turn; an overlap beyond a week is refused", async () => {
    const app = await makeApp({ identity: { jwks: { keys: [jwk("ed")] } } });
    const path = `/v1/developer/apps/${app.id}/identity-secret/rotate`;
    const refused = await product.developer("POST", path, {});
    expect({ status: refused.status, ...refused.body.error }).toMatchObject({
      status: 409,
      code: "conflict",
      details: { reason: "jwks" },
    });
    expect((await product.developer("POST", path, { overlap_seconds: 604_801 })).body.error.param).toBe(
      "overlap_seconds",
    );
  });

  it("S9: a test opens nothing: no user, no session, and the token is good for a session afterwards", async () => {
    const app = await makeApp();
    const count = async () => {
      const [row] = await product.sql`select (select count(*) from end_users)::int as users,
        (select count(*) from virtual_sessions)::int as sessions, (select count(*) from user_token_uses)::int as uses`;
      return row;
    };
    const before = await count();
    const token = await signBySecret(app, app.secret!, { jti: "once", sub: "nobody-yet" });
    const tested = made(await test(app, token));
    expect(tested).toMatchObject({
      valid: true,
      signed_with: "secret",
      claims: { sub: "nobody-yet", jti: "once" },
    });
    expect(made(await test(app, await signBySecret(app, "another secret of thirty characters")))).toEqual({
      valid: false,
      reason: "signature",
    });
    expect(await count()).toEqual(before);
    expect((await open(app, token)).status).toBe(200);
    expect((await open(app, token)).body.error.details.reason).toBe("replayed");
  });
});
