// Switches beyond the plain case: throttles, ends, keys, lost notices, instances that cannot follow, and the command line.
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { signInToConsole } from "@modelfaucet/testkit/console.ts";
import {
  chat,
  closedRecord,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  priceEntry,
  publishPrices,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream } from "@modelfaucet/testkit/sse.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Ended, serverCommand, threeLogins } from "./server-command.ts";
import {
  auditRows,
  endOf,
  expectFree,
  models,
  openEverywhere,
  promisedMs,
  requestIdOf,
  type SetSwitch,
  slowAnswer,
  switcher,
  type Target,
} from "./switching.ts";

let product: Product;
let ground: Ground;
let setSwitch: SetSwitch;
const platform: Target = { target_type: "platform" };

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { SWITCH_POLL_MS: "500", MODELFAUCET_MINUTE_MS: "500" },
  });
  ground = await layGround(product);
  setSwitch = switcher(product);
});
beforeEach(() => product.stub.reset());
afterEach(() => expectBooksClean(product));
afterAll(() => product.stop());

const call = (session: GroundSession, gateway = 0): Promise<HttpAnswer> =>
  chat(product, session.token, { model: "stub-cheap" }, { gateway });
const app = (): Target => ({ target_type: "app", target_id: ground.publicAppId });
const user = ({ userId }: GroundSession): Target => ({ target_type: "end_user", target_id: userId });

describe("a throttle", () => {
  const targets: [string, (session: GroundSession) => string | undefined][] = [
    ["platform", () => undefined],
    ["developer", () => ground.developerId],
    ["app", () => ground.publicAppId],
    ["feature", () => `${ground.publicAppId}/${ground.featureKey}`],
    ["end_user", ({ userId }) => userId],
    ["wallet", ({ userId }) => userId],
    ["session", ({ answer }) => answer.session_id],
    ["provider", () => "stub"],
  ];
  it.each(targets)(
    "A179: lets one call a minute of a %s through, names it, and is lifted",
    async (kind, idOf) => {
      const session = await fundedSession(product, ground, "1.00");
      const id = idOf(session);
      const where = { target_type: kind, ...(id === undefined ? {} : { target_id: id }) };
      const set = await setSwitch(where, "throttled", { throttle_rpm: 1 });
      expect(set.body).toMatchObject({ ...where, state: "throttled", throttle_rpm: 1 });
      expect((await call(session)).status).toBe(200);
      const refused = await call(session);
      expect(refused.status).toBe(429);
      expect(refused.body.error).toMatchObject({ code: "rate_limited", details: { level: kind, limit: 1 } });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      await setSwitch(where, "on");
      expect((await call(session)).status).toBe(200);
      expect(await auditRows(product, "switch.throttle", id ?? "platform")).toHaveLength(1);
    },
  );

  it("A179: keeps a developer token to so many calls of the API", async () => {
    const made = await product.developer("POST", "/v1/developer/tokens", {
      name: "throttled",
      developer_id: ground.developerId,
    });
    const { token, item } = made.body;
    const me = () => product.call("GET", "/v1/developer/me", undefined, { token });
    await setSwitch({ target_type: "token", target_id: item.id }, "throttled", { throttle_rpm: 2 });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await me()).status);
    expect(statuses).toEqual([200, 200, 429]);
  });
});

describe("keys", () => {
  it("A179: a key of the platform that is off rests, and what runs on it costs nobody anything", async () => {
    const [provider, model] = ["keyed", "stub-text"];
    await product.admin("PUT", `/v1/admin/providers/${provider}`, {
      base_url: product.stub.url,
      reason: "test",
    });
    await publishPrices(product, [priceEntry([model, "1.00", "0.10", "1.25", "2.00", "0"], provider)]);
    const keyed = await product.admin("POST", `/v1/admin/providers/${provider}/keys`, {
      api_key: "sk-platform-0123456789",
      reason: "test",
    });
    const [key] = keyed.body.keys;
    await ground.setFeature({ models: [`${provider}/${model}`] }, {}, "keyed");
    const session = await fundedSession(product, ground, "1.00");
    const body = { model: "auto:keyed" };
    product.stub.script(model, slowAnswer);
    const streams = await openEverywhere(product, session, body);
    const where = { target_type: "credential", target_id: key.id };
    const asked = performance.now();
    const switching = setSwitch(where, "off");
    const ends = await Promise.all(streams.map(endOf));
    expect((await switching).body.instances).toEqual({ acknowledged: 3, total: 3 });
    expect(Math.max(...ends) - asked).toBeLessThan(promisedMs);
    for (const stream of streams) {
      expect(stream.error.code).toBe("provider_error");
      await expectFree(product, stream, "provider_error");
    }
    expect((await chat(product, session.token, body)).status).toBe(503);
    await setSwitch(where, "on");
    product.stub.reset();
    expect((await chat(product, session.token, body, { gateway: 1 })).status).toBe(200);
  });

  it("A179: an own key that is off ends its streams as its user's, and is said to be suspended", async () => {
    await product.admin("PUT", "/v1/admin/providers/openai", { base_url: product.stub.url, reason: "test" });
    await publishPrices(product, [priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "openai")]);
    await ground.setFeature({ models: ["openai/stub-text"], route_preference: ["byok"] }, {}, "own");
    const session = await fundedSession(product, ground, "1.00");
    const as = (method: string, path: string, sent?: unknown) =>
      product.call(method, path, sent, { token: session.token });
    const added = await as("POST", "/v1/user/provider-keys", {
      provider: "openai",
      api_key: "sk-proj-0123456789abcdefghijklmnopqrstuv",
    });
    expect(added.status, added.text).toBe(201);
    const body = { model: "openai/stub-text", metadata: { feature_key: "own" } };
    product.stub.script("stub-text", slowAnswer);
    const streams = await openEverywhere(product, session, body);
    const where = { target_type: "credential", target_id: added.body.id };
    const asked = performance.now();
    const switching = setSwitch(where, "off");
    const ends = await Promise.all(streams.map(endOf));
    await switching;
    expect(Math.max(...ends) - asked).toBeLessThan(promisedMs);
    for (const stream of streams) {
      expect(stream.error.code).toBe("provider_error");
      const record = await closedRecord(product, requestIdOf(stream));
      expect(record).toMatchObject({ status: "aborted", route_mode: "byok", charge_usd: "0.00000000" });
    }
    expect((await as("GET", `/v1/user/provider-keys/${added.body.id}`)).body.status).toBe("suspended");
    expect((await chat(product, session.token, body)).status).toBeGreaterThanOrEqual(400);
    // The developer is told nothing of its user's key.
    const [seen] = await product.sql.begin(async (tx) => {
      await tx`set local role mf_runtime`;
      await tx`select set_config('mf.developer_id', ${ground.developerId}, true)`;
      return tx`select count(*)::int as count from switches where kind = 'credential'`;
    });
    expect(seen!.count).toBe(0);
    await setSwitch(where, "on");
    product.stub.reset();
    expect((await chat(product, session.token, body)).status).toBe(200);
  });
});

describe("what keeps an instance from following", () => {
  it("a lost notice costs a poll and no more: streams on both gateways end within two seconds", async () => {
    product.stub.script("stub-text", slowAnswer);
    const session = await fundedSession(product, ground, "1.00");
    const streams = await openEverywhere(product, session);
    const asked = performance.now();
    await writeWithoutNotice("end_user", session.userId);
    const ends = await Promise.all(streams.map(endOf));
    const offMs = Math.round(Math.max(...ends) - asked);
    console.log(`time to effect without NOTIFY: ${offMs} ms`);
    expect(offMs).toBeLessThan(promisedMs);
    for (const stream of streams) expect(stream.error).toMatchObject({ code: "suspended" });
  });

  it("an instance that stands still is told of, takes no call when it wakes, and catches up", async () => {
    product.stub.script("stub-text", slowAnswer);
    const session = await fundedSession(product, ground, "1.00");
    const stream = await openStream(product, session.token, { model: "stub-text" }, { gateway: 1 });
    await stream.pieces(4);
    const { child } = product.gatewayProcesses[1]!;
    child.kill("SIGSTOP");
    try {
      const set = await setSwitch(user(session), "off");
      // Three seconds after its last heartbeat it does not count as live any more; a slow machine gets there.
      expect(set.body.instances.acknowledged).toBe(2);
      expect([2, 3]).toContain(set.body.instances.total);
    } finally {
      child.kill("SIGCONT");
    }
    const woken = performance.now();
    // Not one call is served by what it knew before it stood still.
    expect((await call(session, 1)).status).toBeGreaterThanOrEqual(400);
    await stream.end();
    expect(performance.now() - woken).toBeLessThan(promisedMs);
    expect(stream.error).toMatchObject({ code: "suspended" });
    await expect
      .poll(async () => {
        const { body } = await product.admin(
          "GET",
          `/v1/admin/switches?target_type=end_user&target_id=${session.userId}`,
        );
        return body.items[0].instances;
      })
      .toEqual({ acknowledged: 3, total: 3 });
  });

  it("an instance that cannot read a switch takes no new call until it can", async () => {
    const session = await fundedSession(product, ground, "1.00");
    await product.sql`revoke select on switches from mf_runtime`;
    try {
      await writeWithoutNotice("end_user", session.userId);
      for (const [gateway, url] of product.gateways.entries()) {
        await expect
          .poll(async () => (await call(session, gateway)).body.error?.code, { timeout: 2 * promisedMs })
          .toBe("service_unavailable");
        expect((await fetch(url.replace("/v1", "/ready"))).status).toBe(503);
      }
    } finally {
      await product.sql`grant select on switches to mf_runtime`;
    }
    for (const gateway of [0, 1]) {
      await expect
        .poll(async () => (await call(session, gateway)).body.error?.code, { timeout: 2 * promisedMs })
        .toBe("suspended");
    }
  });

  /** As a switch is written, but for the notice. */
  async function writeWithoutNotice(kind: string, id: string): Promise<void> {
    await product.sql.begin(async (tx) => {
      const [head] = await tx`update change_head set version = version + 1 returning version`;
      await tx`insert into changes (version, kind, target_id) values (${head!.version}, 'switch', ${`${kind}/${id}`})`;
      await tx`insert into switches (kind, target_id, app_id, developer_id, end_user_id, state, reason, set_by, version)
        select ${kind}, id, app_id, developer_id, id, 'off', 'test', 'test', ${head!.version} from end_users where id = ${id}`;
    });
  }
});

describe("what people see", () => {
  it("shows what is off and why, and what was there before when it is lifted", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const other = await layGround(product);
    const readApp = async (): Promise<Json> =>
      (await product.developer("GET", `/v1/developer/apps/${other.publicAppId}`)).body;
    await setSwitch({ target_type: "app", target_id: other.publicAppId }, "off", { reason: "spam" });
    expect(await readApp()).toMatchObject({
      status: "suspended",
      suspended: { what: "app", reason: "spam", since: expect.any(String) },
    });
    const listed = await product.admin("GET", "/v1/admin/apps?status=suspended");
    expect(listed.body.items.map(({ public_app_id }: Json) => public_app_id)).toEqual([other.publicAppId]);
    // Its developer cannot lift it, and disables it meanwhile: that is what it comes back to.
    const path = `/v1/developer/apps/${other.publicAppId}`;
    expect((await product.developer("PATCH", path, { status: "active" })).body.error.code).toBe("suspended");
    await product.developer("PATCH", path, { status: "disabled" });
    await setSwitch({ target_type: "app", target_id: other.publicAppId }, "on");
    expect(await readApp()).toMatchObject({ status: "disabled" });
    expect((await readApp()).suspended).toBeUndefined();

    await setSwitch({ target_type: "wallet", target_id: session.userId }, "off");
    expect(await wallet(product, session.token)).toMatchObject({
      status: "frozen",
      spendable_usd: "0.00000000",
    });
    const frozen = await product.admin("GET", "/v1/admin/wallets?status=frozen");
    expect(frozen.body.items.map(({ id }: Json) => id)).toEqual([session.userId]);
    await setSwitch({ target_type: "wallet", target_id: session.userId }, "on");

    await setSwitch({ target_type: "provider", target_id: "stub" }, "off");
    expect((await product.admin("GET", "/v1/admin/providers/stub")).body.state).toBe("off");
    await setSwitch({ target_type: "provider", target_id: "stub" }, "on");

    const developer = { target_type: "developer", target_id: ground.developerId };
    const made = await product.developer("POST", "/v1/developer/tokens", {
      name: "console",
      developer_id: ground.developerId,
    });
    const headers = await signInToConsole(product, made.body.token);
    const sessionOfConsole = () =>
      product.call("GET", "/v1/console/session", undefined, { token: null, headers });
    expect((await sessionOfConsole()).status).toBe(200);
    await setSwitch(developer, "off");
    const read = () => product.admin("GET", `/v1/admin/developers/${ground.developerId}`);
    expect((await read()).body.status).toBe("suspended");
    expect((await sessionOfConsole()).body.error).toMatchObject({
      code: "suspended",
      details: { what: "developer" },
    });
    // A change of its name does not write the suspension down.
    await product.admin("PATCH", `/v1/admin/developers/${ground.developerId}`, {
      name: "Renamed",
      reason: "test",
    });
    await setSwitch(developer, "on");
    expect((await sessionOfConsole()).status).toBe(200);
    expect((await read()).body).toMatchObject({ name: "Renamed", status: "active" });
  });

  it("a suspended app or user opens no session, and one that is made again under its key stays off", async () => {
    await ground.setFeature({}, {}, "again");
    const session = await fundedSession(product, ground, "1.00");
    const feature = { target_type: "feature", target_id: `${ground.publicAppId}/again` };
    await setSwitch(feature, "off");
    await product.developer("DELETE", `/v1/developer/apps/${ground.publicAppId}/features/again`);
    await ground.setFeature({}, {}, "again");
    const asked = { model: "stub-cheap", metadata: { feature_key: "again" } };
    expect((await chat(product, session.token, asked)).body.error).toMatchObject({
      code: "suspended",
      details: { what: "feature" },
    });
    // A name alone goes to the other feature, and the list says the same.
    const listed = async (): Promise<string[]> =>
      (await models(product, session.token, 0)).body.data.map(({ id }: Json) => id);
    expect(await listed()).not.toContain("auto:again");
    expect((await chat(product, session.token, { model: "stub-cheap" })).status).toBe(200);
    await setSwitch(feature, "on");
    expect(await listed()).toContain("auto:again");
    expect((await chat(product, session.token, asked)).status).toBe(200);

    const open = (): Promise<HttpAnswer> =>
      product.developer("POST", "/v1/sessions", {
        public_app_id: ground.publicAppId,
        external_user_id: session.user,
      });
    for (const where of [user(session), app(), platform]) {
      await setSwitch(where, "off");
      const refused = await open();
      expect([refused.status, refused.body.error.code]).toEqual(
        where === platform ? [503, "service_unavailable"] : [403, "suspended"],
      );
      const refresh = await product.call("POST", "/v1/sessions/refresh", {}, { token: session.token });
      expect(refresh.status).toBe(refused.status);
      await setSwitch(where, "on");
    }
    expect((await open()).status).toBe(200);
  });

  it("lists switches, the newest change first, as they hold now", async () => {
    const first = await ground.openSession();
    const second = await ground.openSession();
    await setSwitch(user(first), "off");
    await setSwitch(user(second), "off");
    await setSwitch(user(first), "on");
    const list = async (query: string) => (await product.admin("GET", `/v1/admin/switches?${query}`)).body;
    const page = await list("target_type=end_user&limit=1");
    expect(page.items[0]).toMatchObject({ target_id: first.userId, state: "on", changed_by: "bootstrap" });
    const next = await list(`target_type=end_user&limit=1&cursor=${page.next_cursor}`);
    expect(next.items[0]).toMatchObject({ target_id: second.userId, state: "off" });
    const off = await list("target_type=end_user&state=off");
    expect(off.items.map(({ target_id }: Json) => target_id)).not.toContain(first.userId);
  });

  it("refuses what makes no sense, in words and with the field's name", async () => {
    const on = { state: "on", reason: "test" };
    const cases: [Record<string, unknown>, number, string][] = [
      [{ target_type: "payouts", ...on }, 400, "target_type"],
      [{ target_type: "planet", ...on }, 400, "target_type"],
      [{ target_type: "app", ...on }, 400, "target_id"],
      [{ target_type: "platform", target_id: "x", ...on }, 400, "target_id"],
      [{ target_type: "app", target_id: "no_such_app", ...on }, 404, "target_id"],
      [{ target_type: "wallet", target_id: ground.developerId, ...on }, 404, "target_id"],
      [{ target_type: "provider", target_id: "nobody", ...on }, 404, "target_id"],
      [{ ...app(), state: "off" }, 400, "reason"],
      [{ ...app(), state: "throttled", reason: "x" }, 400, "throttle_rpm"],
      [{ ...app(), state: "off", throttle_rpm: 5, reason: "x" }, 400, "throttle_rpm"],
      [{ ...app(), ...on, until: "2100-01-01T00:00:00Z" }, 400, "until"],
    ];
    for (const [body, status, param] of cases) {
      const answer = await product.admin("POST", "/v1/admin/switches", body);
      expect([answer.status, answer.body.error.param], JSON.stringify(body)).toEqual([status, param]);
    }
    const later = await product.admin("POST", "/v1/admin/switches", { target_type: "payouts", ...on });
    expect(later.text).toContain("package 4");
  });
});

describe("mf suspend and resume", () => {
  const run = (...args: string[]): Promise<Ended> => serverCommand(args, threeLogins(product.database));

  it("switch off and on, and say how long it took until every instance had it", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const off = await run("suspend", "app", ground.publicAppId, "--reason", "spam");
    expect(off, off.stderr).toMatchObject({ code: 0 });
    expect(off.stdout).toMatch(/^app crm_\w+ is off: 3 of 3 live instances had it after \d+ ms\n$/);
    expect((await call(session, 1)).body.error.code).toBe("suspended");
    const on = await run("resume", "app", ground.publicAppId, "--reason", "settled", "--json");
    expect(JSON.parse(on.stdout)).toMatchObject({
      target_type: "app",
      target_id: ground.publicAppId,
      state: "on",
      ms: expect.any(Number),
      instances: { acknowledged: 3, total: 3 },
    });
    expect((await call(session, 1)).status).toBe(200);
    expect(await auditRows(product, "switch.suspend", ground.publicAppId)).toContainEqual(
      expect.objectContaining({ actor_scope: "bootstrap", reason: "spam" }),
    );
  });

  it("end with 1 where there is no such thing, and with 2 on wrong usage", async () => {
    const [unknown, later, ...wrong] = await Promise.all([
      run("suspend", "app", "no_such_app", "--reason", "x"),
      run("suspend", "payouts", "--reason", "x"),
      run("suspend", "app", ground.publicAppId),
      run("suspend", "planet", "--reason", "x"),
      run("resume", "app", ground.publicAppId, "--reason", "x", "--rpm", "5"),
    ]);
    expect(unknown).toMatchObject({ code: 1, stderr: "There is no such app.\n" });
    expect(later).toMatchObject({
      code: 1,
      stderr: "payouts comes with package 4 and is not available yet\n",
    });
    for (const { code, stderr } of wrong) {
      expect(code).toBe(2);
      expect(stderr).toContain("usage: pnpm mf");
    }
  });
});

// Last: the clock stays where it was moved to, so that nothing is dated after it.
describe("an end", () => {
  it("lifts a switch by the database's clock on every instance, before anybody has written so", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const past = await setSwitch(user(session), "off", { until: "2020-01-01T00:00:00Z" });
    expect([past.status, past.body.error.param]).toEqual([400, "until"]);
    const [row] = await product.sql`select mf_now() + interval '5 minutes' as until`;
    const until = (row!.until as Date).toISOString();
    const set = await setSwitch(user(session), "off", { until });
    expect(set.body).toMatchObject({ state: "off", until });
    expect((await call(session)).body.error.code).toBe("suspended");
    await product.database.setClockOffset(5 * 60_000 + 1_000);
    for (const gateway of [0, 1]) {
      await expect.poll(async () => (await call(session, gateway)).status, { timeout: promisedMs }).toBe(200);
    }
    // The worker notes it for whoever reads the log.
    await expect
      .poll(() => auditRows(product, "switch.resume", session.userId), { timeout: 10_000 })
      .toEqual([expect.objectContaining({ actor_scope: "system", reason: "Its time was over." })]);
  });
});
