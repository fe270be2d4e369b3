import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { hashToken, newToken } from "../lib/ids.ts";
import { parseUsd, type Usd } from "../lib/money.ts";
import { createMissLimiter, createSessionCache } from "../modules/identity/identity.ts";
import { updateApp } from "./apps.ts";
import { endSession, revokeSessionAsDeveloper } from "./end-session.ts";
import { type OpenSessionInput, openSession } from "./open-session.ts";
import type { OpenedSession } from "./open-session-answer.ts";
import {
  bootstrapCaller,
  makeApp,
  openTestbed,
  signUserToken,
  type Testbed,
  testActor,
} from "./open-session-testbed.ts";
import { openPlans } from "./plan-testbed.ts";
import { refreshSession } from "./refresh-session.ts";

let bed: Testbed;
beforeAll(async () => {
  bed = await openTestbed(inject("postgres"));
});
afterAll(() => bed.close());

const address = "203.0.113.7";

describe("opening a session", () => {
  it("makes one user with one wallet and one account a fund, however many open at once", async () => {
    await makeApp(bed, "app_race", { identityMode: "demo" });
    const opened = await Promise.all(
      Array.from({ length: 40 }, () =>
        open({ publicAppId: "app_race", externalUserId: "first-ever" }, bootstrapCaller),
      ),
    );
    expect(new Set(opened.map((session) => session.endUserId)).size).toBe(1);
    const id = opened[0]!.endUserId;
    const counts = await bed.database.read({ purpose: "operator" }, async (tx) => {
      const [row] = await tx`select (select count(*)::int from end_users where id = ${id}) as users,
        (select count(*)::int from wallets where id = ${id}) as wallets,
        (select count(*)::int from accounts where kind = 'wallet' and owner_id = ${id}) as accounts,
        (select count(*)::int from virtual_sessions where end_user_id = ${id}) as sessions`;
      return row;
    });
    expect(counts).toEqual({ users: 1, wallets: 1, accounts: 2, sessions: 40 });
  });

  it("keeps neither the token nor the user's id in the clear", async () => {
    await makeApp(bed, "app_hash", { identityMode: "demo" });
    const session = await open({ publicAppId: "app_hash", externalUserId: "person@example.com" });
    expect(session.endUserHash).toMatch(/^sha256:[0-9a-f]{64}$/);
    const stored = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`select to_jsonb(u)::text as u, to_jsonb(s)::text as s from end_users u
        join virtual_sessions s on s.end_user_id = u.id where u.id = ${session.endUserId}`,
    );
    const text = JSON.stringify(stored);
    expect(text).not.toContain("person@example.com");
    expect(text).not.toContain(session.token);
    expect(text).toContain(hashToken(session.token));
  });

  it("gives the same user another hash in another app", async () => {
    const first = await open({ publicAppId: "app_hash", externalUserId: "same" });
    const second = await open({ publicAppId: "app_race", externalUserId: "same" });
    expect(first.endUserHash).not.toBe(second.endUserHash);
  });

  it("refuses unknown and disabled apps alike", async () => {
    const { caller } = await makeApp(bed, "app_off", { identityMode: "demo" });
    await updateApp(bed.deps, caller, testActor, { publicAppId: "app_off", change: { status: "disabled" } });
    for (const publicAppId of ["app_off", "app_nowhere"]) {
      await refused({ publicAppId, externalUserId: "a" }, { code: "invalid_app" });
    }
  });
});

describe("identity modes", () => {
  it("signed: wants the app's own proof, each refusal with its reason", async () => {
    const { identitySecret } = await makeApp(bed, "app_signed");
    const sign = (claims: Record<string, unknown>, secret = identitySecret) =>
      signUserToken(secret, { sub: "u", aud: "app_signed", ...claims });
    const now = Math.floor(Date.now() / 1000);
    const cases: [string, Omit<Partial<OpenSessionInput>, "requestOrigin" | "address" | "publicAppId">][] = [
      ["missing", { externalUserId: "u" }],
      ["signature", { userToken: await sign({}, newToken("mf_idsec_")) }],
      ["audience", { userToken: await sign({ aud: "app_race" }) }],
      ["expired", { userToken: await sign({ iat: now - 900, exp: now - 600 }) }],
      ["lifetime", { userToken: await sign({ exp: now + 3600 }) }],
      ["subject_mismatch", { userToken: await sign({}), externalUserId: "somebody else" }],
    ];
    for (const [reason, input] of cases) {
      await refused(
        { publicAppId: "app_signed", ...input },
        { code: "invalid_user_token", details: { reason } },
      );
    }
    const session = await open({ publicAppId: "app_signed", userToken: await sign({}) });
    expect(session).toMatchObject({ verified: true, identityMode: "signed" });
    expect(session.scopes).toContain("account:write");
  });

  it("signed: a token with a jti is good once, also when two come at once", async () => {
    const { identitySecret } = await makeApp(bed, "app_once");
    const userToken = await signUserToken(identitySecret, { sub: "u", aud: "app_once", jti: "one" });
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => open({ publicAppId: "app_once", userToken })),
    );
    const refusals = attempts.filter((attempt) => attempt.status === "rejected");
    expect(attempts.length - refusals.length).toBe(1);
    for (const { reason } of refusals) expect(reason.details).toEqual({ reason: "replayed" });
  });

  it("server: only a developer token with its scope, of this developer", async () => {
    const { caller } = await makeApp(bed, "app_server", { identityMode: "server" });
    const other = await makeApp(bed, "app_other_server", { identityMode: "server" });
    const input = { publicAppId: "app_server", externalUserId: "u" };
    await refused(input, { code: "forbidden", details: { reason: "identity_mode" } });
    await expect(open(input, other.caller)).rejects.toMatchObject({ code: "invalid_app" });
    await expect(open(input, { ...caller, scopes: new Set() })).rejects.toMatchObject({
      code: "forbidden",
      details: { required: "developer:sessions:write" },
    });
    await expect(open(input, { ...caller, publicAppIds: ["app_else"] })).rejects.toMatchObject({
      code: "invalid_app",
    });
    await expect(open({ publicAppId: "app_server" }, caller)).rejects.toMatchObject({
      param: "external_user_id",
    });
    expect((await open(input, caller)).verified).toBe(true);
  });

  it("A150: demo works without proof, but neither in production nor with the account", async () => {
    await makeApp(bed, "app_demo", { identityMode: "demo" });
    const input = { publicAppId: "app_demo", externalUserId: "u" };
    const session = await open(input);
    expect(session.verified).toBe(false);
    expect(session.scopes).not.toContain("account:write");
    await expect(
      openSession({ ...bed.deps, production: true }, null, {
        ...input,
        requestOrigin: undefined,
        address: "192.0.2.1",
      }),
    ).rejects.toMatchObject({ code: "forbidden", details: { reason: "demo_not_allowed" } });
  });
});

describe("narrowing", () => {
  it("takes the narrowest of body, token and app", async () => {
    const { identitySecret } = await makeApp(bed, "app_narrow", {
      sessionMaxSpendUsd: parseUsd("5") as Usd,
      allowedOrigins: ["https://narrow.example.com"],
    });
    const userToken = await signUserToken(identitySecret, {
      sub: "u",
      aud: "app_narrow",
      max_spend_usd: "0.5",
      models: ["sim-small"],
      scopes: ["chat", "wallet:read"],
      features: ["reply"],
      origin: "https://narrow.example.com",
    });
    const session = await open({
      publicAppId: "app_narrow",
      userToken,
      maxSpendUsd: parseUsd("2") as Usd,
      models: ["simulated/sim-small", "simulated/sim-large"],
      scopes: ["chat", "keys:read"],
    });
    expect(session.scopes).toEqual(["chat"]);
    expect(session.maxSpendUsd).toBe(50_000_000n);
    expect(session.features[0]!.models).toEqual(["simulated/sim-small"]);
    const known = await bed.sessions.find(session.token, address);
    expect(known).toMatchObject({
      state: "live",
      session: { featureKey: "reply", models: ["simulated/sim-small"], origin: "https://narrow.example.com" },
    });
    const caps = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`select set_by, scope_id, limit_usd, balance_usd from accounts
        where kind = 'session' and owner_id = ${session.sessionId}`,
    );
    expect([...caps]).toEqual([
      { set_by: "app", scope_id: session.endUserId, limit_usd: "0.50000000", balance_usd: "0.50000000" },
    ]);
  });

  it("refuses features that the app, or the token, does not have", async () => {
    const { identitySecret } = await makeApp(bed, "app_features");
    const userToken = (features?: string[]) =>
      signUserToken(identitySecret, { sub: "u", aud: "app_features", features });
    const wanted = { publicAppId: "app_features", featureKey: "nothing" };
    await refused({ ...wanted, userToken: await userToken() }, { code: "feature_not_found" });
    await refused(
      { ...wanted, featureKey: "reply", userToken: await userToken(["a", "b"]) },
      { code: "feature_not_found" },
    );
  });

  it("binds to a registered origin and refuses any other", async () => {
    const allowedOrigins = ["https://a.example.com", "https://b.example.com"];
    const { caller } = await makeApp(bed, "app_origin", { identityMode: "demo", allowedOrigins });
    const input = { publicAppId: "app_origin", externalUserId: "u" };
    await refused(
      { ...input, requestOrigin: "https://evil.example.com" },
      { code: "forbidden", details: { reason: "origin" } },
    );
    await refused({ ...input, origins: ["https://a.example.com"] }, { code: "forbidden" });
    await expect(open({ ...input, origins: ["https://evil.example.com"] }, caller)).rejects.toMatchObject({
      code: "forbidden",
    });
    const bound = await open({ ...input, requestOrigin: "https://a.example.com" });
    expect(await contextOf(bound.token)).toMatchObject({ origin: "https://a.example.com", origins: [] });
    const free = await open({ ...input, origins: ["https://b.example.com"] }, caller);
    expect(await contextOf(free.token)).toMatchObject({ origin: null, origins: ["https://b.example.com"] });
  });

  it("tells which route mode is available, and why not", async () => {
    await makeApp(bed, "app_modes", { identityMode: "demo" });
    const input = { publicAppId: "app_modes", externalUserId: "u" };
    const credits = ({ modes }: OpenedSession) => modes.items.find(({ mode }) => mode === "platform");
    expect(credits(await open(input))).toMatchObject({ available: false, reason: "insufficient_balance" });
    const unpriced = { ...bed.deps, plans: openPlans(() => false) };
    const opened = await openSession(unpriced, null, {
      ...input,
      requestOrigin: undefined,
      address: "192.0.2.1",
    });
    expect(credits(opened)?.reason).toBe("no_priced_model");
    expect(credits(await open({ ...input, models: [] }))?.reason).toBe("no_priced_model");
    await setBalance("app_modes", "1");
    const { modes } = await open(input);
    expect(modes).toMatchObject({ selected: "auto", fallbackToPlatform: false });
    expect(modes.items).toMatchObject([
      { mode: "platform", available: true, feeUsd: 0n },
      { mode: "developer_key", reason: "not_in_policy" },
      { mode: "byok", reason: "not_in_policy" },
      { mode: "local", reason: "not_in_policy" },
    ]);
  });
});

describe("a session's life", () => {
  it("refreshes into a new token, keeps its id and cap, and lets the old token live a minute", async () => {
    await makeApp(bed, "app_refresh", { identityMode: "demo" });
    const first = await open({
      publicAppId: "app_refresh",
      externalUserId: "u",
      maxSpendUsd: parseUsd("1") as Usd,
    });
    const session = await contextOf(first.token);
    const second = await refreshSession(bed.deps, session!, {});
    expect(second).toMatchObject({ sessionId: first.sessionId, maxSpendUsd: 100_000_000n });
    expect(second.token).not.toBe(first.token);
    expect((await bed.sessions.find(second.token, address)).state).toBe("live");
    const old = await readFresh(first.token);
    expect(old.expiresAtMs - bed.feed.now()).toBeGreaterThan(50_000);
    expect(old.expiresAtMs - bed.feed.now()).toBeLessThanOrEqual(60_500);
  });

  it("expires by the database's clock, and comes back with a new proof alone, within five minutes", async () => {
    const { identitySecret } = await makeApp(bed, "app_expiry", { sessionTtlSeconds: 60 });
    const sign = (sub: string, nowMs: number) =>
      signUserToken(identitySecret, {
        sub,
        aud: "app_expiry",
        iat: Math.floor(nowMs / 1000),
        exp: Math.floor(nowMs / 1000) + 300,
      });
    const opened = await open({ publicAppId: "app_expiry", userToken: await sign("u", Date.now()) });
    const session = (await contextOf(opened.token))!;
    await bed.cloned.setClockOffset(100_000);
    try {
      await expect.poll(() => bed.feed.now() - Date.now()).toBeGreaterThan(90_000);
      expect((await bed.sessions.find(opened.token, address)).state).toBe("expired");
      await expect(refreshSession(bed.deps, session, {})).rejects.toMatchObject({
        code: "expired_session",
      });
      const foreign = await sign("somebody else", bed.feed.now());
      await expect(refreshSession(bed.deps, session, { userToken: foreign })).rejects.toMatchObject({
        details: { reason: "subject_mismatch" },
      });
      const userToken = await sign("u", bed.feed.now());
      expect((await refreshSession(bed.deps, session, { userToken })).sessionId).toBe(opened.sessionId);
      await bed.cloned.setClockOffset(1_000_000);
      await expect.poll(() => bed.feed.now() - Date.now()).toBeGreaterThan(990_000);
      const late = { userToken: await sign("u", bed.feed.now()) };
      await expect(refreshSession(bed.deps, session, late)).rejects.toMatchObject({
        code: "expired_session",
      });
    } finally {
      await bed.cloned.setClockOffset(0);
      await expect.poll(() => Math.abs(bed.feed.now() - Date.now())).toBeLessThan(5_000);
    }
  });

  it("wants a new proof when the old one is older than the app allows", async () => {
    const { identitySecret } = await makeApp(bed, "app_age", { sessionMaxAgeSeconds: 60 });
    const userToken = await signUserToken(identitySecret, { sub: "u", aud: "app_age" });
    const opened = await open({ publicAppId: "app_age", userToken });
    expect(opened.ttlSeconds).toBe(60);
    await bed.database.write(
      { purpose: "operator" },
      (tx) =>
        tx`update virtual_sessions set proved_at = mf_now() - interval '61 seconds' where id = ${opened.sessionId}`,
    );
    const session = (await contextOf(opened.token))!;
    await expect(refreshSession(bed.deps, session, {})).rejects.toMatchObject({
      code: "expired_session",
    });
  });

  it("is gone for everybody when ending it has answered", async () => {
    const { caller } = await makeApp(bed, "app_end", { identityMode: "demo" });
    const input = { publicAppId: "app_end", externalUserId: "u" };
    const first = await open(input);
    await endSession(bed.deps, (await contextOf(first.token))!);
    expect(await bed.sessions.find(first.token, address)).toEqual({ state: "unknown" });
    const second = await open(input);
    expect(await contextOf(second.token)).not.toBeNull();
    const foreign = await makeApp(bed, "app_end_foreign");
    await expect(
      revokeSessionAsDeveloper(bed.deps, foreign.caller, testActor, second.sessionId),
    ).rejects.toMatchObject({ code: "not_found" });
    await revokeSessionAsDeveloper(bed.deps, caller, testActor, second.sessionId);
    await revokeSessionAsDeveloper(bed.deps, caller, testActor, second.sessionId);
    expect(await bed.sessions.find(second.token, address)).toEqual({ state: "unknown" });
    const audited = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`select action from audit_logs where resource_id = ${second.sessionId}`,
    );
    expect([...audited]).toEqual([{ action: "session.revoke" }]);
  });

  it("sees a disabled app in memory and ends its sessions", async () => {
    const { caller } = await makeApp(bed, "app_disable", { identityMode: "demo" });
    const { token } = await open({ publicAppId: "app_disable", externalUserId: "u" });
    expect((await contextOf(token))!.appStatus).toBe("active");
    await updateApp(bed.deps, caller, testActor, {
      publicAppId: "app_disable",
      change: { status: "disabled" },
    });
    expect(await bed.sessions.find(token, address)).toEqual({ state: "unknown" });
  });
});

describe("sessions in memory", () => {
  it("are read once, however many ask at once, and stay within their bound", async () => {
    await makeApp(bed, "app_memory", { identityMode: "demo" });
    const tokens: string[] = [];
    for (const externalUserId of ["a", "b", "c"]) {
      tokens.push((await open({ publicAppId: "app_memory", externalUserId })).token);
    }
    let reads = 0;
    const counted: typeof bed.database.read = (tenant, work) => {
      reads += 1;
      return bed.database.read(tenant, work);
    };
    const misses = createMissLimiter(() => bed.feed.now());
    const small = createSessionCache({ database: { read: counted }, feed: bed.feed, misses, maxSessions: 2 });
    await Promise.all(Array.from({ length: 20 }, () => small.find(tokens[0]!, address)));
    expect(reads).toBe(1);
    await small.find(tokens[1]!, address);
    await small.find(tokens[0]!, address);
    await small.find(tokens[2]!, address);
    expect([small.size(), reads]).toEqual([2, 3]);
    // The one that was asked for least lately went.
    await small.find(tokens[0]!, address);
    expect(reads).toBe(3);
    await small.find(tokens[1]!, address);
    expect(reads).toBe(4);
  });
});

describe("tokens that are guessed", () => {
  it("cost no query when mistyped, one read each when well formed, and end in 429", async () => {
    const guesser = "198.51.100.9";
    for (let typo = 0; typo < 200; typo++) {
      expect(await bed.sessions.find(`mf_sess_${"x".repeat(38)}`, guesser)).toEqual({ state: "unknown" });
    }
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, () => bed.sessions.find(newToken("mf_sess_"), guesser)),
    );
    const answered = outcomes.filter((outcome) => outcome.status === "fulfilled").length;
    expect(answered).toBeGreaterThanOrEqual(30);
    expect(answered).toBeLessThanOrEqual(40);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason.code).toBe("rate_limited");
    }
    await makeApp(bed, "app_guess", { identityMode: "demo" });
    const { token } = await open({ publicAppId: "app_guess", externalUserId: "u" });
    expect((await bed.sessions.find(token, "198.51.100.10")).state).toBe("live");
    // Known sessions go on from the guesser's address: only unknown tokens are limited.
    expect((await bed.sessions.find(token, guesser)).state).toBe("live");
  });
});

function open(
  input: Omit<OpenSessionInput, "requestOrigin" | "address"> & { requestOrigin?: string | undefined },
  caller: typeof bootstrapCaller | null = null,
) {
  return openSession(bed.deps, caller, { requestOrigin: undefined, address: "192.0.2.1", ...input });
}

async function refused(input: Parameters<typeof open>[0], error: Record<string, unknown>) {
  await expect(open(input)).rejects.toMatchObject(error);
}

async function contextOf(token: string) {
  const found = await bed.sessions.find(token, address);
  return found.state === "unknown" ? null : found.session;
}

/** Past the memory copy, which may not have heard of the change yet. */
async function readFresh(token: string) {
  const [row] = await bed.database.read(
    { purpose: "operator" },
    (tx) =>
      tx`select previous_expires_at from virtual_sessions where previous_token_hash = ${hashToken(token)}`,
  );
  return { expiresAtMs: row!.previous_expires_at.getTime() as number };
}

async function setBalance(publicAppId: string, amount: string) {
  await bed.database.write(
    { purpose: "operator" },
    (tx) => tx`update accounts set balance_usd = ${amount} where fund = 'paid'
      and app_id = (select id from apps where public_app_id = ${publicAppId})`,
  );
}
