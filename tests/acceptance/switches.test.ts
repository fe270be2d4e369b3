// The two-second switch on two gateways: everything that can be switched off, with streams open on both, and back again.
import { request } from "node:http";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
  wallet,
} from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream } from "@modelfaucet/testkit/sse.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import {
  auditRows,
  endOf,
  expectFree,
  expectPaidForRelayed,
  models,
  openEverywhere,
  promisedMs,
  type SetSwitch,
  slowAnswer,
  switcher,
  type Target,
  until,
} from "./switching.ts";

let product: Product;
let ground: Ground;
let setSwitch: SetSwitch;
/** Milliseconds from the operator's request to the last stream's end and the last gateway's refusal, and back, by target. */
const measured: Record<string, { off: number; on: number }> = {};

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2, env: { SWITCH_POLL_MS: "500" } });
  ground = await layGround(product);
  setSwitch = switcher(product);
  // The tokenizer's threads start with the first count; no stream that is measured should wait for that.
  product.stub.script("stub-text", { usage: "none" });
  const { token } = await fundedSession(product, ground, "1.00");
  await Promise.all(
    product.gateways.map((_, gateway) => chat(product, token, { model: "stub-text" }, { gateway })),
  );
});
beforeEach(() => product.stub.reset());
afterAll(async () => {
  await expectBooksClean(product);
  console.log(`time to effect in ms: ${JSON.stringify(measured)}`);
  await product.stop();
});

type Case = {
  name: string;
  target: (session: GroundSession) => Promise<Target> | Target;
  status: number;
  code: string;
  details?: Record<string, unknown>;
  side: "payer" | "ours";
};

const payers: Case[] = [
  {
    name: "developer",
    target: () => ({ target_type: "developer", target_id: ground.developerId }),
    status: 403,
    code: "suspended",
    details: { what: "developer" },
    side: "payer",
  },
  {
    name: "app",
    target: () => ({ target_type: "app", target_id: ground.publicAppId }),
    status: 403,
    code: "suspended",
    details: { what: "app" },
    side: "payer",
  },
  {
    name: "feature",
    target: () => ({ target_type: "feature", target_id: `${ground.publicAppId}/${ground.featureKey}` }),
    status: 403,
    code: "suspended",
    details: { what: "feature" },
    side: "payer",
  },
  {
    name: "end_user",
    target: ({ userId }) => ({ target_type: "end_user", target_id: userId }),
    status: 403,
    code: "suspended",
    details: { what: "end_user" },
    side: "payer",
  },
  {
    name: "wallet",
    target: ({ userId }) => ({ target_type: "wallet", target_id: userId }),
    status: 402,
    code: "wallet_frozen",
    side: "payer",
  },
  {
    name: "session",
    target: ({ answer }) => ({ target_type: "session", target_id: answer.session_id }),
    status: 401,
    code: "invalid_session",
    side: "payer",
  },
];
const ours: Case[] = [
  {
    name: "provider",
    target: () => ({ target_type: "provider", target_id: "stub" }),
    status: 503,
    code: "no_available_route",
    side: "ours",
  },
  {
    name: "platform",
    target: () => ({ target_type: "platform" }),
    status: 503,
    code: "service_unavailable",
    side: "ours",
  },
];

describe("what an operator switches off", () => {
  it.each([...payers, ...ours])(
    "A179: $name holds on both gateways within two seconds, open streams included, and is lifted as fast",
    async ({ name, target, status, code, details, side }) => {
      product.stub.script("stub-text", slowAnswer);
      const session = await fundedSession(product, ground, "1.00");
      const neighbour = await fundedSession(product, ground, "1.00");
      const where = await target(session);
      const streams = await openEverywhere(product, session);
      const told = name === "provider" ? "provider_error" : code;

      const asked = performance.now();
      const switching = setSwitch(where, "off");
      const refusing = product.gateways.map((_, gateway) =>
        until(
          () => chat(product, session.token, { model: "stub-cheap" }, { gateway }),
          (answer) => answer.status === status,
        ),
      );
      const ends = await Promise.all(streams.map(endOf));
      const refusals = await Promise.all(refusing);
      const set = await switching;

      expect(set.status, set.text).toBe(200);
      expect(set.body).toMatchObject({ ...where, state: "off", instances: { acknowledged: 3, total: 3 } });
      const offMs = Math.max(...ends, ...refusals.map(({ at }) => at)) - asked;
      expect(offMs).toBeLessThan(promisedMs);
      for (const { answer } of refusals) {
        expect(answer.body.error).toMatchObject({ code, ...(details && { details }) });
      }
      for (const stream of streams) {
        expect(stream).toMatchObject({ status: 200, saidDone: false });
        expect(stream.error).toMatchObject({ code: told, ...(details && { details }) });
        if (side === "payer") await expectPaidForRelayed(product, stream, told);
        else await expectFree(product, stream, told);
      }
      // A neighbour is not touched by what is not above it.
      const isAlone = ["end_user", "wallet", "session"].includes(name);
      if (isAlone) expect((await chat(product, neighbour.token, { model: "stub-cheap" })).status).toBe(200);

      const lifted = performance.now();
      const lifting = setSwitch(where, "on");
      const serving = await Promise.all(
        product.gateways.map((_, gateway) =>
          until(
            () => chat(product, session.token, { model: "stub-cheap" }, { gateway }),
            (answer) => answer.status === 200,
          ),
        ),
      );
      expect((await lifting).body).toMatchObject({
        ...where,
        state: "on",
        instances: { acknowledged: 3, total: 3 },
      });
      const onMs = Math.max(...serving.map(({ at }) => at)) - lifted;
      expect(onMs).toBeLessThan(promisedMs);
      measured[name] = { off: Math.round(offMs), on: Math.round(onMs) };

      const resource = where.target_id ?? "platform";
      expect(await auditRows(product, "switch.suspend", resource)).toEqual([
        expect.objectContaining({ resource_type: name, reason: "test off", actor_scope: "bootstrap" }),
      ]);
      expect(await auditRows(product, "switch.resume", resource)).toEqual([
        expect.objectContaining({ reason: "test on", before: { state: "off" }, after: { state: "on" } }),
      ]);
    },
  );

  it("A179: a developer token is refused by both APIs within two seconds, and works again as fast", async () => {
    const other = await product.addApi();
    const made = await product.developer("POST", "/v1/developer/tokens", {
      name: "switched",
      developer_id: ground.developerId,
    });
    const { token, item } = made.body;
    const where = { target_type: "token", target_id: item.id };
    const me = (api: string): Promise<HttpAnswer> =>
      send(`${api}/v1/developer/me`, "GET", undefined, { authorization: `Bearer ${token}` });
    const both = (isWanted: (answer: HttpAnswer) => boolean) =>
      Promise.all([product.api, other.url].map((api) => until(() => me(api), isWanted)));
    await both(({ status }) => status === 200);
    const asked = performance.now();
    const switching = setSwitch(where, "off");
    const refused = await both(({ status }) => status === 401);
    expect((await switching).body.instances).toEqual({ acknowledged: 4, total: 4 });
    for (const { answer } of refused) expect(answer.body.error.code).toBe("invalid_session");
    const lifted = performance.now();
    const lifting = setSwitch(where, "on");
    const back = await both(({ status }) => status === 200);
    await lifting;
    measured.token = {
      off: Math.round(Math.max(...refused.map(({ at }) => at)) - asked),
      on: Math.round(Math.max(...back.map(({ at }) => at)) - lifted),
    };
    expect(measured.token.off).toBeLessThan(promisedMs);
    expect(measured.token.on).toBeLessThan(promisedMs);
    expect(await auditRows(product, "switch.suspend", item.id)).toHaveLength(1);
    await other.end("SIGTERM");
  });

  it("A142: a provider that the operator stops in the middle of a stream costs nothing and gets no new call", async () => {
    product.stub.script("stub-text", slowAnswer);
    const session = await fundedSession(product, ground, "1.00");
    const streams = await openEverywhere(product, session);
    const where = { target_type: "provider", target_id: "stub" };
    await setSwitch(where, "off");
    for (const stream of streams) {
      await stream.end();
      expect(stream.error).toMatchObject({ code: "provider_error" });
      await expectFree(product, stream, "provider_error");
    }
    const calls = product.stub.billableCalls;
    for (const [gateway] of product.gateways.entries()) {
      const refused = await chat(product, session.token, { model: "stub-text" }, { gateway });
      expect(refused.status).toBe(503);
      expect(refused.body.error.details.routes).toEqual([
        expect.objectContaining({ provider: "stub", model: "stub-text" }),
      ]);
    }
    expect(product.stub.billableCalls).toBe(calls);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
    await setSwitch(where, "on");
    product.stub.reset();
    expect((await chat(product, session.token, { model: "stub-text" })).status).toBe(200);
  });

  it("what waits for its first byte, and what is no stream, ends as well", async () => {
    product.stub.script("stub-text", { hang: "accept" });
    const session = await fundedSession(product, ground, "1.00");
    const waiting = [true, false].map((stream) =>
      chat(product, session.token, { model: "stub-text", stream }),
    );
    await expect.poll(() => product.stub.billableCalls).toBe(2);
    const asked = performance.now();
    await setSwitch({ target_type: "end_user", target_id: session.userId }, "off");
    for (const { status, body } of await Promise.all(waiting)) {
      expect(status).toBe(403);
      expect(body.error).toMatchObject({ code: "suspended", details: { what: "end_user" } });
    }
    expect(performance.now() - asked).toBeLessThan(promisedMs);
    expect((await wallet(product, session.token)).balance_usd).toBe("1.00000000");
  });

  it.each(["end_user", "session"])(
    "what is being admitted while its %s goes is told as it begins",
    async (what) => {
      product.stub.script("stub-text", { hang: "accept" });
      const session = await fundedSession(product, ground, "1.00");
      // Its hold waits for the wallet's row, so that it has passed every check and does not run yet.
      const { promise: letGo, resolve: release } = Promise.withResolvers<void>();
      const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>();
      const locking = product.sql.begin(async (tx) => {
        await tx`select 1 from accounts where owner_id = ${session.userId} for update`;
        locked();
        await letGo;
      });
      await isLocked;
      const asked = chat(product, session.token, { model: "stub-text", stream: true });
      await expect
        .poll(
          () =>
            product.sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        )
        .not.toHaveLength(0);
      if (what === "end_user") await setSwitch({ target_type: "end_user", target_id: session.userId }, "off");
      else await product.call("DELETE", "/v1/sessions/current", undefined, { token: session.token });
      const decided = performance.now();
      release();
      await locking;
      const { body } = await asked;
      expect(performance.now() - decided).toBeLessThan(promisedMs);
      expect(body.error.code).toBe(what === "end_user" ? "suspended" : "invalid_session");
    },
  );

  it("a body that takes its time is asked again whose it is", async () => {
    const session = await fundedSession(product, ground, "1.00");
    const { promise: answered, resolve, reject } = Promise.withResolvers<number>();
    const slow = request(`${product.gateways[1]}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${session.token}`, "content-type": "application/json" },
    });
    slow.on("response", (answer) => resolve(answer.resume().statusCode!)).on("error", reject);
    const body = JSON.stringify({ model: "stub-cheap", messages: [{ role: "user", content: "hello" }] });
    slow.write(body.slice(0, 20));
    // Longer than a request may be on its way before it is looked at again.
    await new Promise((done) => setTimeout(done, 600));
    await product.call("DELETE", "/v1/sessions/current", undefined, { token: session.token });
    slow.end(body.slice(20));
    expect(await answered).toBe(401);
  });

  it("a reader that does not read does not hold its stream open", async () => {
    product.stub.script("stub-text", { endless: true, tokens: ["x".repeat(60_000)], usage: "none" });
    const session = await fundedSession(product, ground, "1000.00");
    const stream = await openStream(product, session.token, { model: "stub-text", max_tokens: 1_000 });
    await expect
      .poll(() => product.sql`select 1 from holds where end_user_id = ${session.userId}`)
      .toHaveLength(1);
    const asked = performance.now();
    await setSwitch({ target_type: "session", target_id: session.answer.session_id }, "off");
    await expect
      .poll(() => product.sql`select 1 from holds where end_user_id = ${session.userId}`, {
        timeout: promisedMs,
        interval: 20,
      })
      .toHaveLength(0);
    expect(performance.now() - asked).toBeLessThan(promisedMs);
    stream.leave();
  });
});

describe("A141: a session that is revoked", () => {
  const ways: [string, (session: GroundSession) => Promise<HttpAnswer>][] = [
    ["by itself", ({ token }) => product.call("DELETE", "/v1/sessions/current", undefined, { token })],
    [
      "by its developer",
      ({ answer }) => product.developer("DELETE", `/v1/developer/sessions/${answer.session_id}`),
    ],
    [
      "with all of its user's",
      ({ userId }) =>
        product.developer(
          "POST",
          `/v1/developer/apps/${ground.publicAppId}/users/${userId}/revoke-sessions`,
          {},
        ),
    ],
    [
      "by an operator",
      ({ answer }) =>
        product.admin("POST", "/v1/admin/sessions/revoke", {
          session_id: answer.session_id,
          reason: "stolen",
        }),
    ],
  ];
  it.each(ways)("A141: %s is refused by both gateways, and its streams end", async (_, revoke) => {
    product.stub.script("stub-text", slowAnswer);
    const session = await fundedSession(product, ground, "1.00");
    const streams = await openEverywhere(product, session);
    const asked = performance.now();
    const revoking = revoke(session);
    const refusing = product.gateways.map((_, gateway) =>
      until(
        () => models(product, session.token, gateway),
        ({ status }) => status === 401,
      ),
    );
    const ends = await Promise.all(streams.map(endOf));
    const refusals = await Promise.all(refusing);
    expect((await revoking).status).toBe(200);
    expect(Math.max(...ends, ...refusals.map(({ at }) => at)) - asked).toBeLessThan(promisedMs);
    for (const { answer } of refusals) expect(answer.body.error.code).toBe("invalid_session");
    for (const stream of streams) {
      expect(stream.saidDone).toBe(false);
      expect(stream.error).toMatchObject({ code: "invalid_session" });
      await expectPaidForRelayed(product, stream, "invalid_session");
    }
  });

  it("A141: an app that its developer disables ends its streams too", async () => {
    product.stub.script("stub-text", slowAnswer);
    const other = await layGround(product);
    const session = await fundedSession(product, other, "1.00");
    const streams = await openEverywhere(product, session);
    const asked = performance.now();
    expect((await product.developer("DELETE", `/v1/developer/apps/${other.publicAppId}`)).status).toBe(200);
    const ends = await Promise.all(streams.map(endOf));
    expect(Math.max(...ends) - asked).toBeLessThan(promisedMs);
    for (const stream of streams) expect(stream.error.code).toBe("invalid_session");
  });

  it("an operator sees sessions and ends those of a user, an app or an origin", async () => {
    const first = await fundedSession(product, ground, "1.00");
    const second = await ground.openSession(first.user);
    const list = async (query: string) =>
      (await product.admin("GET", `/v1/admin/sessions?${query}`)).body.items;
    expect(await list(`end_user_id=${first.userId}&status=live`)).toHaveLength(2);
    const revoked = await product.admin("POST", "/v1/admin/sessions/revoke", {
      end_user_id: first.userId,
      reason: "shared account",
    });
    expect(revoked.body).toEqual({ revoked: 2 });
    expect(
      (await list(`end_user_id=${first.userId}`)).map(({ status }: { status: string }) => status),
    ).toEqual(["revoked", "revoked"]);
    for (const { token } of [first, second]) expect((await models(product, token, 1)).status).toBe(401);
    // Again it finds none; what is not there, and two things at once, are refused in words.
    const again = { end_user_id: first.userId, reason: "again" };
    expect((await product.admin("POST", "/v1/admin/sessions/revoke", again)).body).toEqual({ revoked: 0 });
    const nobody = { developer_id: "00000000-0000-7000-8000-000000000000", reason: "x" };
    expect((await product.admin("POST", "/v1/admin/sessions/revoke", nobody)).status).toBe(404);
    const both = { ...again, origin: "https://app.example.com" };
    expect((await product.admin("POST", "/v1/admin/sessions/revoke", both)).status).toBe(400);
  });
});
