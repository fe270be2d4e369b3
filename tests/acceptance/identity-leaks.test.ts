import { randomBytes } from "node:crypto";
import { signInToConsole } from "@modelfaucet/testkit/console.ts";
import { type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import {
  type HttpAnswer,
  type Json,
  type Product,
  send,
  startProduct,
} from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made } from "./isolation-tenants.ts";
import { tokenLike } from "./token-forms.ts";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { MODELFAUCET_MINUTE_MS: "500" },
  });
  ground = await layGround(product);
});
afterAll(() => product.stop());

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
      email: "leaky@example.com",
      role: "admin",
      ...more,
    }),
  );

describe("leaked tokens", () => {
  const report = (token: string, more: Json = {}) =>
    product.call("POST", "/v1/tokens/revoke", { token, ...more }, { token: null });
  const auditOf = (resourceId: string) => product.sql`
    select action, actor_scope, reason, metadata, request_id from audit_logs
    where resource_id = ${resourceId} and (metadata -> 'leaked') = 'true'::jsonb`;

  it("S10: any token of ours is ended by whoever reports it, within two seconds, and its owner is told", async () => {
    const session = await ground.openSession();
    const developer = await makeDeveloperToken({ name: "leaky" });
    const operator = await makeOperatorToken({ role: "viewer" });
    const cookie = await signInToConsole(product, (await makeDeveloperToken()).token);
    const found_at = "https://example.com/paste/1";
    const startedAt = performance.now();
    for (const token of [session.token, developer.token, operator.token, cookie.cookie!.split("=")[1]!]) {
      const answer = await report(token, { found_at });
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { ok: true } });
    }
    const models = (gateway: string) =>
      send(`${gateway}/models`, "GET", undefined, { authorization: `Bearer ${session.token}` });
    await expect
      .poll(async () => (await Promise.all(product.gateways.map(models))).map(({ status }) => status), {
        timeout: 2_000,
      })
      .toEqual([401, 401]);
    expect((await as(developer.token, "GET", "/v1/developer/me")).status).toBe(401);
    expect((await as(operator.token, "GET", "/v1/admin/me")).status).toBe(401);
    expect(
      (await product.call("GET", "/v1/console/session", undefined, { token: null, headers: cookie })).status,
    ).toBe(401);
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    expect(await auditOf(developer.item.id)).toEqual([
      {
        action: "developer_token.revoke",
        actor_scope: "system",
        reason: "reported as leaked",
        metadata: { leaked: true, name: "leaky", found_at },
        request_id: expect.any(String),
      },
    ]);
    for (const id of [session.answer.session_id, operator.item.id]) expect(await auditOf(id)).toHaveLength(1);
    const me = made(await product.developer("GET", `/v1/developer/me?developer_id=${ground.developerId}`));
    expect(me.todo.join("\n")).toContain("developer token leaky was reported as leaked");
  });

  it("S10: an app's secret is found among those that begin alike, and the one beside it holds", async () => {
    const app = `leak_${randomBytes(4).toString("hex")}`;
    const path = `/v1/developer/apps/${app}`;
    const { identity_secret: first } = made(
      await product.developer("POST", "/v1/developer/apps", {
        public_app_id: app,
        name: "Leak",
        developer_id: ground.developerId,
      }),
    );
    const { identity_secret: second } = made(
      await product.developer("POST", `${path}/identity-secret/rotate`, {}),
    );
    const identity = async () => made(await product.developer("GET", path)).identity;
    made(await report(tokenLike(second, 15)));
    expect(await identity()).toMatchObject({
      secret_prefix: second.slice(0, 15),
      previous_valid_until: expect.any(String),
    });
    made(await report(first));
    expect(await identity()).toEqual({ kind: "secret", secret_prefix: second.slice(0, 15) });
    made(await report(second));
    expect(await identity()).toEqual({ kind: "secret" });
    expect(await auditOf(app)).toHaveLength(2);
  });

  it("S10: what is known does not show: not in the answer, and not in its time", async () => {
    const kinds = {
      known: async () => (await makeDeveloperToken()).token,
      unknown: async () => tokenLike((await makeDeveloperToken()).token, 9),
      malformed: async () => "mf_dev_nothing",
      foreign: async () => "whatever this is",
    };
    // The quickest of three: a busy machine makes an answer late, and never early.
    const quickest: Record<string, number> = {};
    const headers = new Set<string>();
    for (const [name, tokenOf] of Object.entries(kinds)) {
      for (let tries = 0; tries < 3; tries++) {
        const token = await tokenOf();
        const startedAt = performance.now();
        const answer = await report(token);
        const steps = Math.floor((performance.now() - startedAt) / 250);
        quickest[name] = Math.min(quickest[name] ?? steps, steps);
        expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '{"ok":true}' });
        headers.add([...answer.headers.keys()].toSorted().join());
      }
    }
    expect(quickest).toEqual({ known: 1, unknown: 1, malformed: 1, foreign: 1 });
    expect([...headers]).toHaveLength(1);
  });

  it("S10: a secret of the environment is told of and ended by nobody", async () => {
    made(await report(product.adminToken, { found_at: "a log" }));
    // The worker looks each minute, which is short here.
    const alerts = async () =>
      made(await product.admin("GET", "/v1/admin/alerts")).items.map(({ target, details }: Json) => ({
        target,
        found_at: details.found_at,
      }));
    await expect
      .poll(alerts, { timeout: 10_000 })
      .toContainEqual({ target: "environment_secret ADMIN_TOKEN", found_at: "a log" });
    expect((await product.admin("GET", "/v1/admin/me")).status).toBe(200);
    expect(await auditOf("ADMIN_TOKEN")).toMatchObject([
      { action: "environment_secret.leak", metadata: { leaked: true, found_at: "a log" } },
    ]);
  });

  it("S10: thirty reports a minute from one address; then it is told when to go on", async () => {
    const answers = await Promise.all(Array.from({ length: 32 }, () => report("walk")));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.body.error).toMatchObject({
      code: "rate_limited",
      details: { level: "address", limit: 30 },
    });
  });
});
