import { createHash, randomBytes, randomUUID } from "node:crypto";
import { operatorRoles } from "@modelfaucet/contract/scopes.ts";
import { consoleOrigin, signInToConsole } from "@modelfaucet/testkit/console.ts";
import { type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import {
  type HttpAnswer,
  type Json,
  type Product,
  send,
  startProduct,
} from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { serverCommand } from "./server-command.ts";
import { prefixLengthOf, tokenCharacter, tokenLike } from "./token-forms.ts";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
  });
  ground = await layGround(product);
});
afterAll(() => product.stop());

function made(answer: HttpAnswer): Json {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body;
}
const as = (token: string, method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  product.call(method, path, body, { token });

const makeDeveloperToken = async (more: Json = {}) =>
  made(
    await product.developer("POST", "/v1/developer/tokens", {
      name: "token",
      developer_id: ground.developerId,
      ...more,
    }),
  );
const makeOperatorToken = async (more: Json = {}) =>
  made(
    await product.admin("POST", "/v1/admin/operator-tokens", {
      name: "token",
      email: `person-${randomBytes(3).toString("hex")}@example.com`,
      role: "admin",
      ...more,
    }),
  );

const hash = (token: string): string => createHash("sha256").update(token).digest("hex");

describe("T-20: tokens", () => {
  it("T-20: tokens that share 8 to 40 leading characters are each its own, of every class", async () => {
    const session = await ground.openSession();
    const developer = await makeDeveloperToken();
    const operator = await makeOperatorToken();
    const rows: Record<string, (id: string, tokenHash: string) => Promise<unknown>> = {
      [session.token]: (id, tokenHash) => product.sql`
        insert into virtual_sessions (app_id, id, developer_id, end_user_id, token_hash, token_expires_at, scopes, identity_mode,
          verified, proved_at)
        select app_id, ${id}, developer_id, end_user_id, ${tokenHash}, token_expires_at, scopes, identity_mode, verified, proved_at
        from virtual_sessions where token_hash = ${hash(session.token)}`,
      [developer.token]: (id, tokenHash) => product.sql`
        insert into developer_api_tokens (id, developer_id, name, token_hash, token_prefix, scopes, created_by, expires_at)
        select ${id}, developer_id, name, ${tokenHash}, token_prefix, scopes, created_by, expires_at
        from developer_api_tokens where id = ${developer.item.id}`,
      [operator.token]: (id, tokenHash) => product.sql`
        insert into operator_tokens (id, operator_id, name, token_hash, token_prefix, scopes, created_by, expires_at)
        select ${id}, operator_id, ${id}, ${tokenHash}, token_prefix, scopes, created_by, expires_at
        from operator_tokens where id = ${operator.item.id}`,
    };
    for (const [token, insert] of Object.entries(rows)) {
      const twins = Array.from({ length: 33 }, (_, at) => ({
        id: randomUUID(),
        token: tokenLike(token, at + 8),
      }));
      await Promise.all(twins.map((twin) => insert(twin.id, hash(twin.token))));
      for (const [at, twin] of twins.entries()) {
        // Of the shortest, the prefix is longer than what is shared.
        const least = Math.min(Math.max(at + 8, prefixLengthOf(token)), prefixLengthOf(token) + 31);
        expect(twin.token.slice(0, least)).toBe(token.slice(0, least));
        expect(twin.token).not.toBe(token);
        expect(await idBehind(twin.token)).toBe(twin.id);
      }
      // A prefix of a token is no token, however long.
      for (const length of [8, 20, 40, token.length - 1]) {
        expect(await statusOf(token.slice(0, length))).toBe(401);
      }
    }
  });

  it("T-20: each 1-character typo is refused, and asks the database nothing", async () => {
    const tokens = [
      (await ground.openSession()).token,
      (await makeDeveloperToken()).token,
      (await makeOperatorToken()).token,
    ];
    // Whoever looked for a token now would wait for these tables until its statement was ended.
    await product.sql.begin(async (tx) => {
      await tx`lock table virtual_sessions, developer_api_tokens, operator_tokens in access exclusive mode`;
      for (const token of tokens) {
        const typos = [...token].flatMap((character, at) => [
          token.slice(0, at) + tokenCharacter(character) + token.slice(at + 1),
          token.slice(0, at) + token.slice(at + 1),
        ]);
        const answers = await Promise.all(typos.map((typo) => statusOf(typo)));
        expect(answers.filter((status) => status !== 401)).toEqual([]);
      }
    });
    for (const token of tokens) expect(await statusOf(token)).toBe(200);
  });

  it("T-20: a revoked token is dead on every instance within two seconds", async () => {
    const session = await ground.openSession();
    const models = (gateway: string) =>
      send(`${gateway}/models`, "GET", undefined, { authorization: `Bearer ${session.token}` });
    for (const gateway of product.gateways) expect((await models(gateway)).status).toBe(200);
    const developer = await makeDeveloperToken();
    const operator = await makeOperatorToken({ role: "viewer" });
    const startedAt = performance.now();
    made(await product.developer("DELETE", `/v1/developer/sessions/${session.answer.session_id}`));
    made(await product.developer("DELETE", `/v1/developer/tokens/${developer.item.id}`));
    made(await product.admin("DELETE", `/v1/admin/operator-tokens/${operator.item.id}`));
    for (const gateway of product.gateways) expect((await models(gateway)).status).toBe(401);
    for (const { token } of [developer, operator]) expect(await statusOf(token)).toBe(401);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  const pathOf = (token: string): string => {
    if (token.startsWith("mf_sess_")) return "/v1/user/me";
    return token.startsWith("mf_admin_") ? "/v1/admin/me" : "/v1/developer/me";
  };
  const statusOf = async (token: string): Promise<number> => (await as(token, "GET", pathOf(token))).status;
  async function idBehind(token: string): Promise<string> {
    const body = made(await as(token, "GET", pathOf(token)));
    if (token.startsWith("mf_sess_")) return body.session.id;
    if (token.startsWith("mf_dev_")) return body.token.id;
    // An operator's answer names the person; which token it was is in the row of its first use.
    const [row] = await product.sql`select resource_id from audit_logs where action = 'operator_token.use'
      order by id desc limit 1`;
    return row!.resource_id;
  }
});

describe("a developer token that turns", () => {
  const rotate = (token: string, id: string, body: Json = {}) =>
    as(token, "POST", `/v1/developer/tokens/${id}/rotate`, body);

  it("has a successor with the same rights, and holds for the overlap", async () => {
    const owner = await makeDeveloperToken({ scopes: ["developer:tokens:write", "developer:apps:read"] });
    const old = await makeDeveloperToken({
      name: "worker",
      scopes: ["developer:apps:read"],
      public_app_ids: [ground.publicAppId],
    });
    const { token, item } = made(await rotate(owner.token, old.item.id, { overlap_seconds: 3_600 }));
    const { name, scopes, public_app_ids } = old.item;
    expect(item).toMatchObject({ name, scopes, public_app_ids, rotated_from: old.item.id, status: "active" });
    const life = ({ created_at, expires_at }: Json) => Date.parse(expires_at) - Date.parse(created_at);
    expect(Math.abs(life(item) - life(old.item))).toBeLessThan(5_000);
    for (const each of [token, old.token]) {
      expect(made(await as(each, "GET", "/v1/developer/apps")).items).toHaveLength(1);
    }
    const shown = made(await product.developer("GET", `/v1/developer/tokens/${old.item.id}`));
    expect(Math.abs(Date.parse(shown.expires_at) - Date.now() - 3_600_000)).toBeLessThan(10_000);
    const again = await rotate(owner.token, old.item.id);
    expect({ status: again.status, ...again.body.error }).toMatchObject({
      status: 409,
      code: "conflict",
      details: { reason: "rotated" },
    });
    made(await rotate(owner.token, item.id, { overlap_seconds: 0 }));
    expect((await as(token, "GET", "/v1/developer/apps")).status).toBe(401);
    expect((await rotate(owner.token, item.id)).body.error.details.reason).toBe("revoked");
  });

  it("S10: nobody gets by rotating what they lack: a scope, an app, everything", async () => {
    const scopes = ["developer:tokens:write"];
    const wide = await makeDeveloperToken({ scopes: ["developer:users:write"] });
    const everywhere = await makeDeveloperToken({ scopes });
    const narrow = await makeDeveloperToken({ scopes });
    const kept = await makeDeveloperToken({ scopes, public_app_ids: [ground.publicAppId] });
    for (const [caller, target] of [
      [narrow, wide],
      [kept, everywhere],
    ]) {
      const refused = await rotate(caller.token, target.item.id);
      expect({ status: refused.status, ...refused.body.error }).toMatchObject({
        status: 403,
        code: "forbidden",
        details: { reason: "scope_escalation" },
      });
      expect((await as(target.token, "GET", "/v1/developer/me")).status).toBe(200);
    }
  });
});

describe("named operator tokens", () => {
  it("S10: a role is its scopes, the person stands in the audit log, and the token ends", async () => {
    for (const [role, scopes] of Object.entries(operatorRoles)) {
      const { token, item } = await makeOperatorToken({ role, email: `${role}@example.com` });
      expect(token).toMatch(/^mf_admin_[0-9A-Za-z]{38}$/);
      expect(item).toMatchObject({
        role,
        scopes,
        status: "active",
        created_by: "bootstrap",
        email: `${role}@example.com`,
      });
      expect(Math.abs(Date.parse(item.expires_at) - Date.now() - 30 * 86_400_000)).toBeLessThan(60_000);
      const me = made(await as(token, "GET", "/v1/admin/me"));
      expect(me.operator).toMatchObject({ id: item.operator_id, email: `${role}@example.com` });
      expect(me.scopes.toSorted()).toEqual(scopes.toSorted());
      const made201 = await as(token, "POST", "/v1/admin/developers", {
        email: `of-${role}@example.com`,
        name: "New",
        reason: "by role",
      });
      expect(made201.status).toBe(role === "admin" ? 201 : 403);
    }
    const { items } = made(
      await product.admin("GET", "/v1/admin/audit-logs?action=developer.create&limit=1"),
    );
    expect(items[0]).toMatchObject({
      actor_scope: "admin",
      actor_name: "admin@example.com",
      reason: "by role",
    });
    const rows = await product.sql`select token_hash from operator_tokens`;
    expect(rows.every(({ token_hash }) => /^[0-9a-f]{64}$/.test(token_hash))).toBe(true);
  });

  it("S10: it gives nothing that its maker lacks, and not for longer than ninety days", async () => {
    const security = await makeOperatorToken({ role: undefined, scopes: ["operator:security"] });
    const ask = (body: Json) =>
      as(security.token, "POST", "/v1/admin/operator-tokens", { name: "x", email: "x@example.com", ...body });
    for (const body of [{ role: "admin" }, { role: "support" }, { scopes: ["operator:finance"] }]) {
      expect((await ask(body)).body.error).toMatchObject({
        code: "forbidden",
        details: { reason: "scope_escalation" },
      });
    }
    expect((await ask({ role: "viewer" })).status).toBe(201);
    expect((await ask({})).body.error.param).toBe("role");
    expect((await ask({ role: "viewer", scopes: ["operator:read"] })).status).toBe(400);
    const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString();
    expect((await ask({ role: "viewer", expires_at: days(91) })).body.error.param).toBe("expires_at");
    expect((await ask({ role: "viewer", expires_at: days(-1) })).body.error.param).toBe("expires_at");
    const admin = await makeOperatorToken({ role: "admin" });
    const refused = await as(security.token, "POST", `/v1/admin/operator-tokens/${admin.item.id}/rotate`, {});
    expect(refused.body.error.details.reason).toBe("scope_escalation");
    const viewer = await makeOperatorToken({ role: "viewer" });
    expect((await as(viewer.token, "POST", "/v1/admin/operator-tokens", {})).status).toBe(403);
    expect((await as(viewer.token, "GET", "/v1/admin/operator-tokens")).status).toBe(200);
  });

  it("turns with an overlap, as a developer's does", async () => {
    const old = await makeOperatorToken({ role: "viewer" });
    const path = `/v1/admin/operator-tokens/${old.item.id}/rotate`;
    const next = made(await product.admin("POST", path, { overlap_seconds: 3_600 }));
    expect(next.item).toMatchObject({ rotated_from: old.item.id, email: old.item.email, role: "viewer" });
    for (const { token } of [old, next]) expect((await as(token, "GET", "/v1/admin/me")).status).toBe(200);
    expect((await product.admin("POST", path, {})).body.error.details.reason).toBe("rotated");
    made(
      await product.admin("POST", `/v1/admin/operator-tokens/${next.item.id}/rotate`, { overlap_seconds: 0 }),
    );
    expect((await as(next.token, "GET", "/v1/admin/me")).status).toBe(401);
  });

  it("the last one that can make others stays, whoever asks; a suspended person's opens nothing", async () => {
    const { items } = made(await product.admin("GET", "/v1/admin/operator-tokens?status=active&limit=200"));
    const holders = items.filter(({ scopes }: Json) => scopes.includes("operator:security"));
    const answers = await Promise.all(
      holders.map(({ id }: Json) => product.admin("DELETE", `/v1/admin/operator-tokens/${id}`)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(holders.length - 1);
    const stayed = answers.find(({ status }) => status !== 200)!;
    expect({ status: stayed.status, ...stayed.body.error }).toMatchObject({
      status: 409,
      details: { reason: "last_security_holder" },
    });
    const { token, item } = await makeOperatorToken({ role: "viewer" });
    await product.sql`update operators set status = 'suspended' where id = ${item.operator_id}`;
    expect((await as(token, "GET", "/v1/admin/me")).body.error).toMatchObject({
      code: "suspended",
      details: { what: "operator" },
    });
    const more = await product.admin("POST", "/v1/admin/operator-tokens", {
      name: "more",
      email: item.email,
      role: "viewer",
    });
    expect(more.body.error.code).toBe("suspended");
  });

  it("opens the console with its own scopes, ends it, and metrics open to it", async () => {
    const { token, item } = await makeOperatorToken({ role: "support" });
    const headers = await signInToConsole(product, token);
    const get = (path: string) => product.call("GET", path, undefined, { token: null, headers });
    const session = made(await get("/v1/console/session"));
    expect(session).toMatchObject({ kind: "operator", person: { email: item.email } });
    expect(session.scopes.toSorted()).toEqual([...operatorRoles.support].toSorted());
    // A token's session does not become its person's developer.
    const switching = await product.call(
      "POST",
      "/v1/console/session/switch",
      { developer_id: ground.developerId },
      { token: null, headers },
    );
    expect(switching.body.error.details.reason).toBe("not_operator");
    const metrics = await send(`${product.api}/metrics`, "GET", undefined, {
      authorization: `Bearer ${token}`,
      "x-forwarded-for": "203.0.113.9",
    });
    expect(metrics.status).toBe(200);
    made(await product.admin("DELETE", `/v1/admin/operator-tokens/${item.id}`));
    expect((await get("/v1/console/session")).status).toBe(401);
  });
});

describe("operator tokens from the command line", () => {
  const command = (...args: string[]) =>
    serverCommand(["operator-token", ...args], {
      DATABASE_URL: product.database.runtimeUrl,
      DATABASE_MIGRATION_URL: product.database.ownerUrl,
    });

  it("S10: makes one that is told once, lists it without its secret, and ends it", async () => {
    const created = await command(
      "create",
      "--email",
      "shell@example.com",
      "--role",
      "support",
      "--expires",
      "7d",
      "--reason",
      "on call",
    );
    expect({ code: created.code, stdout: created.stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^mf_admin_\w{38}\n$/),
    });
    const token = created.stdout.trim();
    expect(made(await as(token, "GET", "/v1/admin/me")).operator.email).toBe("shell@example.com");
    const listed = await command("list", "--json");
    expect(listed.stdout).not.toContain(token);
    const item = JSON.parse(listed.stdout).items.find(({ email }: Json) => email === "shell@example.com");
    expect(item).toMatchObject({ role: "support", status: "active", token_prefix: token.slice(0, 15) });
    expect(Math.abs(Date.parse(item.expires_at) - Date.now() - 7 * 86_400_000)).toBeLessThan(60_000);
    expect((await command("revoke", item.id)).code).toBe(0);
    expect((await as(token, "GET", "/v1/admin/me")).status).toBe(401);
    const rows =
      await product.sql`select action, actor_scope, reason from audit_logs where resource_id = ${item.id}
      and action <> 'operator_token.use' order by id`;
    expect([...rows]).toEqual([
      { action: "operator_token.create", actor_scope: "bootstrap", reason: "on call" },
      { action: "operator_token.revoke", actor_scope: "bootstrap", reason: null },
    ]);
  });

  it.each([
    [["create", "--email", "shell@example.com"], 2],
    [["create", "--email", "shell@example.com", "--role", "viewer", "--expires", "91d"], 2],
    [["revoke", "00000000-0000-0000-0000-000000000001"], 1],
  ])("S10: %j ends with %i, and makes nothing", async (args, code) => {
    const before = await product.sql`select count(*) from operator_tokens`;
    const ended = await command(...(args as string[]));
    expect({ code: ended.code, output: ended.stdout + ended.stderr }).toMatchObject({ code });
    expect(ended.stdout + ended.stderr).not.toBe("");
    expect(await product.sql`select count(*) from operator_tokens`).toEqual(before);
  });
});

describe("step-up", () => {
  const stepUp = (headers: Record<string, string>, body: Json) =>
    product.call("POST", "/v1/console/session/step-up", body, { token: null, headers });
  const makeToken = (headers: Record<string, string>) =>
    product.call(
      "POST",
      "/v1/admin/operator-tokens",
      { name: "by session", email: "session@example.com", role: "viewer" },
      { token: null, headers },
    );
  const grow = (minutes: number) =>
    product.sql`update console_sessions set authenticated_at = authenticated_at - make_interval(mins => ${minutes}),
      proved_at = proved_at - make_interval(mins => ${minutes})`;

  it("S10: a session whose proof is older than fifteen minutes proves anew; a bearer token is its own proof", async () => {
    const { token, item } = await makeOperatorToken({ role: "admin" });
    const headers = await signInToConsole(product, token);
    expect((await makeToken(headers)).status).toBe(201);
    await grow(16);
    const refused = await makeToken(headers);
    expect({ status: refused.status, ...refused.body.error }).toMatchObject({
      status: 401,
      code: "expired_session",
      details: { reason: "step_up" },
    });
    // Reading goes on, and so does the token itself.
    expect(
      (await product.call("GET", "/v1/admin/operator-tokens", undefined, { token: null, headers })).status,
    ).toBe(200);
    expect(
      (
        await as(token, "POST", "/v1/admin/operator-tokens", {
          name: "n",
          email: "n@example.com",
          role: "viewer",
        })
      ).status,
    ).toBe(201);
    const other = await makeOperatorToken({ role: "admin" });
    const developer = await makeDeveloperToken();
    for (const body of [
      { token: other.token },
      { token: developer.token },
      { token: product.adminToken },
      { token: "mf_admin_typo" },
      { code: "nonsense" },
    ]) {
      const wrong = await stepUp(headers, body);
      expect({ status: wrong.status, code: wrong.body.error?.code }).toEqual({
        status: 401,
        code: "invalid_session",
      });
    }
    expect((await stepUp(headers, {})).status).toBe(400);
    const before = made(
      await product.call("GET", "/v1/console/session", undefined, { token: null, headers }),
    );
    const after = made(await stepUp(headers, { token }));
    expect(Date.parse(after.authenticated_at) - Date.parse(before.authenticated_at)).toBeGreaterThan(
      15 * 60_000,
    );
    expect((await makeToken(headers)).status).toBe(201);
    const [row] =
      await product.sql`select actor_name, metadata from audit_logs where action = 'operator.step_up'`;
    expect(row).toEqual({ actor_name: item.email, metadata: { by: "token" } });
  });

  it("S10: the bootstrap credential's session steps up by that credential", async () => {
    const headers = await signInToConsole(product, product.adminToken);
    await grow(16);
    expect((await makeToken(headers)).body.error.details.reason).toBe("step_up");
    expect((await stepUp(headers, { token: product.developerAdminToken })).status).toBe(401);
    made(await stepUp(headers, { token: product.adminToken }));
    expect((await makeToken(headers)).status).toBe(201);
  });

  it("S10: a developer's session by a link takes a link for the same person, and no token that it could make", async () => {
    const invite = async () =>
      made(
        await product.admin("POST", `/v1/admin/developers/${ground.developerId}/invite`, { reason: "test" }),
      ).url;
    const codeOf = (url: string) => new URL(url).hash.replace(/^#(code=)?/, "");
    const signIn = await product.call(
      "POST",
      "/v1/console/sign-in",
      { code: codeOf(await invite()) },
      { token: null, headers: { origin: consoleOrigin } },
    );
    const headers = {
      origin: consoleOrigin,
      cookie: signIn.headers.get("set-cookie")!.split(";")[0]!,
      "x-csrf-token": made(signIn).csrf_token,
    };
    const own = await product.call("POST", "/v1/developer/tokens", { name: "own" }, { token: null, headers });
    expect((await stepUp(headers, { token: made(own).token })).status).toBe(401);
    await grow(16);
    const code = codeOf(await invite());
    const after = made(await stepUp(headers, { code }));
    expect(Date.now() - Date.parse(after.authenticated_at)).toBeLessThan(60_000);
    // It is used up.
    expect((await stepUp(headers, { code })).status).toBe(401);
  });
});
