import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { signInToConsole } from "@modelfaucet/testkit/console.ts";
import { chat, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import {
  callRoute,
  digestTables,
  errorOf,
  type OwnedIds,
  routesToWalk,
} from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { askWithEach, type MatrixActor, matrixRoutes } from "./isolation-matrix.ts";
import { made, makeTenant, makeUser, malformedIds, randomIds, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let one: Tenant;
let other: Tenant;
/** Another end user of the other tenant's app. */
let neighbour: { ids: OwnedIds; token: string };
/** A token of the other tenant's developer, kept to another app. */
let kept: string;
/** Things of the other tenant that are gone. */
let deleted: OwnedIds;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  await layGround(product);
  [one, other] = [await makeTenant(product, "one"), await makeTenant(product, "other")];
  const user = await makeUser(product, other.ids.publicAppId, other.token);
  neighbour = { ids: user.ids, token: user.session.token };
  const own = { token: other.token };
  made(
    await product.call("POST", "/v1/developer/apps", { public_app_id: "other_second", name: "Second" }, own),
  );
  const keptToken = {
    name: "kept",
    public_app_ids: ["other_second"],
    scopes: (await me(other.token)).scopes,
  };
  kept = made(await product.call("POST", "/v1/developer/tokens", keptToken, own)).token;
  deleted = await deleteThings(own);
});
afterAll(() => product.stop());

const me = async (token: string) =>
  made(await product.call("GET", "/v1/developer/me", undefined, { token })).token;

/** A token, a session, a feature and an app of the other tenant, made and ended. */
async function deleteThings(own: { token: string }): Promise<OwnedIds> {
  const app = "other_gone";
  made(await product.call("POST", "/v1/developer/apps", { public_app_id: app, name: "Gone" }, own));
  const feature = { feature_key: "gone", display_name: "Gone", policy: { models: ["stub/stub-flat"] } };
  made(await product.call("POST", `/v1/developer/apps/${app}/features`, feature, own));
  const user = await makeUser(product, app, own.token);
  const token = made(await product.call("POST", "/v1/developer/tokens", { name: "gone" }, own)).item.id;
  const del = async (path: string) => made(await product.call("DELETE", path, undefined, own));
  await del(`/v1/developer/tokens/${token}`);
  await del(`/v1/developer/sessions/${user.ids.sessionId}`);
  await del(`/v1/developer/apps/${app}/features/gone`);
  await del(`/v1/developer/apps/${app}`);
  return { ...randomIds(), ...user.ids, publicAppId: app, featureKey: "gone", tokenId: token };
}

const takesId = (route: RouteDefinition, ...classes: RouteDefinition["auth"]["class"][]) =>
  route.path.includes(":") && classes.includes(route.auth.class);
const developerRoutes = routesToWalk().filter((route) => takesId(route, "dev", "dev_or_op"));
const sessionRoutes = routesToWalk().filter((route) => takesId(route, "session"));

/** Each route with ids that are not the caller's: 404, the words for a random id, and not a row changed. */
async function expectUnknown(
  routes: readonly RouteDefinition[],
  caller: string | { token: null; headers: Record<string, string> },
  foreign: readonly OwnedIds[],
  malformed: readonly string[] = [],
): Promise<void> {
  const before = await digestTables(product);
  for (const route of routes) {
    const told = async (ids: OwnedIds) => ({
      route: routeName(route),
      ids,
      ...errorOf(
        await callRoute(product, route, ids, typeof caller === "string" ? { token: caller } : caller),
      ),
    });
    const random = await told(randomIds());
    expect(random).toMatchObject({ status: 404, param: null });
    for (const ids of foreign) expect(await told(ids)).toEqual({ ...random, ids });
    const words = [random.message];
    // Where two ids stand in a path, the malformed one may be the second.
    if (route.path.split(":").length > 2) words.push(...secondMissing);
    for (const text of malformed) {
      const answer = await told(malformedIds(text));
      expect(answer).toMatchObject({ status: 404, param: null });
      expect(words).toContain(answer.message);
    }
  }
  expect(await digestTables(product)).toEqual(before);
}

const secondMissing = ["There is no such thing here.", "This app has no such feature."];

describe("A138: no neighbour", () => {
  it("A138: another developer's ids, deleted ones and malformed ones are unknown to a token of every scope", async () => {
    expect(developerRoutes.length).toBeGreaterThanOrEqual(15);
    const malformed = ["not-an-id", "' or 1=1 --", "x".repeat(300), "../../admin/developers", "\u0000", "é"];
    await expectUnknown(developerRoutes, one.token, [other.ids, deleted], malformed);
  });

  it("A138: another developer's ids and deleted ones are unknown to a developer at the console", async () => {
    for (const token of [one.token, kept]) {
      const caller = { token: null, headers: await signInToConsole(product, token) } as const;
      const ofApps = developerRoutes.filter(({ path }) => !path.startsWith("/v1/developer/tokens/"));
      const [routes, theirs] =
        token === one.token ? [developerRoutes, [other.ids, deleted]] : [ofApps, [other.ids]];
      await expectUnknown(routes, caller, theirs);
    }
  });

  it("A138: the other tenant's users, sessions and features are unknown under an own app", async () => {
    const inOwnApp = developerRoutes.filter(
      ({ path }) => path.includes(":publicAppId/") && path.split(":").length > 2,
    );
    expect(inOwnApp.length).toBeGreaterThanOrEqual(4);
    const before = await digestTables(product);
    for (const route of inOwnApp) {
      // Making a feature under a key that somebody else uses is no access to theirs.
      if (route.method === "PUT") continue;
      const ids = { ...other.ids, publicAppId: one.ids.publicAppId };
      const [foreign, random] = [
        await callRoute(product, route, ids, { token: one.token }),
        await callRoute(
          product,
          route,
          { ...randomIds(), publicAppId: one.ids.publicAppId },
          { token: one.token },
        ),
      ];
      // Archiving may be repeated, so a feature that is not there is archived already.
      if (routeName(route).startsWith("DELETE")) expect(foreign.body).toEqual(random.body);
      else
        expect({ route: routeName(route), ...errorOf(foreign) }).toEqual({
          route: routeName(route),
          ...errorOf(random),
        });
      expect(foreign.text).not.toContain("other");
    }
    expect(await digestTables(product)).toEqual(before);
  });

  it("A138: a token kept to one app does not know the developer's others", async () => {
    const ofApps = developerRoutes.filter(({ path }) => !path.startsWith("/v1/developer/tokens/"));
    await expectUnknown(ofApps, kept, [other.ids, deleted]);
    for (const path of ["/v1/developer/apps", "/v1/developer/requests"]) {
      const listed = made(await product.call("GET", path, undefined, { token: kept }));
      expect(JSON.stringify(listed)).not.toContain(other.ids.publicAppId);
    }
  });

  it("A138: a session does not know its neighbour's receipts, in its own app and in another", async () => {
    expect(sessionRoutes.length).toBeGreaterThanOrEqual(1);
    const byRequest = { ...neighbour.ids, receiptId: neighbour.ids.requestId };
    for (const token of [other.session.token, one.session.token]) {
      await expectUnknown(
        sessionRoutes,
        token,
        [neighbour.ids, byRequest, deleted],
        ["rcpt_", "x", "\u0000"],
      );
    }
  });

  it("A138: lists and filters with another's ids show nothing of theirs", async () => {
    const before = await digestTables(product);
    const theirs = [other.ids, neighbour.ids].flatMap((ids) => [
      ids.endUserId,
      ids.sessionId,
      ids.requestId,
      ids.receiptId,
    ]);
    const secrets = [...theirs, other.ids.tokenId, "other developer", other.ids.featureKey];
    const { developerId, publicAppId, endUserId, requestId, featureKey } = other.ids;
    const lists = routesToWalk().filter(
      (route) => route.method === "GET" && !route.path.includes(":") && route.query,
    );
    const cursor = Buffer.from(JSON.stringify(["2099-01-01T00:00:00Z", other.ids.tokenId])).toString(
      "base64url",
    );
    const filters: [string, string][] = [
      ["developer_id", developerId],
      ["public_app_id", publicAppId],
      ["user_id", endUserId],
      ["request_id", requestId],
      ["feature_key", featureKey],
      ["owner_id", endUserId],
      ["cursor", cursor],
      ["limit", "200"],
    ];
    let asked = 0;
    for (const { path, auth } of lists) {
      const token = auth.class === "session" ? one.session.token : one.token;
      for (const [name, value] of filters) {
        const answer = await product.call("GET", `${path}?${name}=${encodeURIComponent(value)}`, undefined, {
          token,
        });
        // What was asked for may be repeated to whoever asked, nothing else.
        const text = answer.text.replaceAll(value, "");
        for (const secret of secrets)
          expect({ path, name, has: text.includes(secret) && secret }).toEqual({ path, name, has: false });
        if (answer.status === 200) asked += 1;
      }
    }
    expect(asked).toBeGreaterThan(8);
    expect(await digestTables(product)).toEqual(before);
  });

  it("A138: a body that names another's app, developer or origin is told like one that names nobody's", async () => {
    const before = await digestTables(product);
    const own = { token: one.token };
    for (const ids of [other.ids, randomIds()]) {
      const session = await product.call(
        "POST",
        "/v1/sessions",
        { public_app_id: ids.publicAppId, external_user_id: "x" },
        own,
      );
      expect(errorOf(session)).toMatchObject({ status: 404, code: "invalid_app" });
      const token = await product.call(
        "POST",
        "/v1/developer/tokens",
        { name: "x", developer_id: ids.developerId },
        own,
      );
      expect(errorOf(token)).toMatchObject({ status: 404, code: "not_found" });
      const app = await product.call(
        "POST",
        "/v1/developer/apps",
        { public_app_id: "x", name: "x", developer_id: ids.developerId },
        own,
      );
      expect(errorOf(app)).toMatchObject({ status: 404, code: "not_found" });
      const narrowed = await product.call(
        "POST",
        "/v1/developer/tokens",
        { name: "x", public_app_ids: [ids.publicAppId] },
        own,
      );
      expect(narrowed.status).toBe(404);
    }
    expect(await digestTables(product)).toEqual(before);
  });

  it("A138: another app's feature and models are unknown to the gateway, and keys of idempotency are each caller's own", async () => {
    const token = one.session.token;
    for (const featureKey of [other.ids.featureKey, randomIds().featureKey]) {
      expect((await chat(product, token, { model: `auto:${featureKey}` })).body.error.code).toBe(
        "model_not_found",
      );
      const named = await chat(product, token, { model: "stub-flat", metadata: { feature_key: featureKey } });
      expect(named.body.error.code).toBe("feature_not_found");
    }
    const headers = { "idempotency-key": "the-same-key" };
    for (const session of [one.session, other.session, { token: neighbour.token }]) {
      expect((await chat(product, session.token, { model: "stub-flat" }, { headers })).status).toBe(200);
    }
  });
});

describe("T-15: every route that takes an id, every actor, the other tenant's, a deleted and a random id", () => {
  const isOneOf =
    (...classes: RouteDefinition["auth"]["class"][]) =>
    ({ auth }: RouteDefinition) =>
      classes.includes(auth.class);
  const isDeveloper = isOneOf("dev", "dev_or_op");
  const namesScope = ({ auth }: RouteDefinition, scope: string) =>
    "scopes" in auth && (auth.scopes === "any" || auth.scopes.some((name) => name === scope));

  /** Of the six, the last two twice: whoever belongs to the tenant, but may do little, and whoever may do nearly all. */
  async function actors(): Promise<MatrixActor[]> {
    const narrow = "developer:features:read";
    const low = await product.call(
      "POST",
      "/v1/developer/tokens",
      { name: "low", scopes: [narrow] },
      { token: other.token },
    );
    const viewer = await product.admin("POST", "/v1/admin/operator-tokens", {
      name: "viewer",
      email: "viewer@example.com",
      role: "viewer",
    });
    return [
      { name: "nobody", token: null, expected: () => 401 },
      {
        name: "an end user of another app",
        token: one.session.token,
        expected: (route) => (isOneOf("session")(route) ? 404 : 403),
      },
      {
        name: "another end user of the app",
        token: neighbour.token,
        // The models of the app's features are the app's users', whichever of them asks.
        expected: (route) =>
          route.path.startsWith("/v1/models/") ? null : isOneOf("session")(route) ? 404 : 403,
      },
      {
        name: "a developer of another tenant",
        token: one.token,
        expected: (route) => (isDeveloper(route) ? 404 : 403),
      },
      {
        name: "the tenant's own token of too little scope",
        token: made(low).token,
        expected: (route) => (isDeveloper(route) && namesScope(route, narrow) ? null : 403),
      },
      {
        name: "an operator's token of too little scope",
        token: made(viewer).token,
        expected: (route) =>
          isOneOf("op", "dev_or_op")(route) && namesScope(route, "operator:read") ? null : 403,
      },
      {
        name: "the operator's bootstrap credential",
        token: product.adminToken,
        expected: (route) => (isOneOf("op", "dev_or_op")(route) ? null : 403),
      },
    ];
  }

  it("T-15: tells the same bytes of all of them, and changes not a row", async () => {
    expect(matrixRoutes.length).toBeGreaterThanOrEqual(55);
    const callers = await actors();
    const before = await digestTables(product);
    let cells = 0;
    for (const actor of callers) {
      for (const route of matrixRoutes) {
        const expected = actor.expected(route);
        if (expected === null) continue;
        const sets = { other: other.ids, deleted, random: randomIds() };
        const asked = await askWithEach(product, route, actor, sets);
        const { status, body, headers } = asked[2]!;
        for (const cell of asked) expect(cell).toEqual({ ...cell, status: expected, body, headers });
        expect(status).toBe(expected);
        cells += asked.length;
      }
    }
    expect(cells).toBeGreaterThan(1_000);
    expect(await digestTables(product)).toEqual(before);
  });

  it("T-15: tells both bootstrap credentials the same of what was never there", async () => {
    const before = await digestTables(product);
    for (const route of matrixRoutes) {
      const token = isDeveloper(route) ? product.developerAdminToken : product.adminToken;
      if (!isDeveloper(route) && route.auth.class !== "op") continue;
      const actor: MatrixActor = { name: "bootstrap", token, expected: () => 404 };
      // Naming a provider or a version makes one, or says in which state it is.
      if (/:(provider|version)\b/.test(route.path) && route.method !== "GET") continue;
      const [first, second] = await askWithEach(product, route, actor, {
        random: randomIds(),
        another: randomIds(),
      });
      expect(first).toEqual({ ...second, ids: "random", status: 404 });
    }
    expect(await digestTables(product)).toEqual(before);
  });
});
