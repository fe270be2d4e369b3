import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { gatewayRoutes, operationRoutes } from "@modelfaucet/contract/routes/table.ts";
import { developerScopes, operatorScopes, type Scope, sessionScopes } from "@modelfaucet/contract/scopes.ts";
import { consoleOrigin, signInToConsole } from "@modelfaucet/testkit/console.ts";
import { layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import {
  callRoute,
  digestTables,
  type OwnedIds,
  pathOf,
  routesToWalk,
} from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, randomIds, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let tenant: Tenant;
/** What operators own. */
let operators: Pick<OwnedIds, "operatorTokenId">;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    // What the worker finds out each minute would stand among what a route has done.
    env: { MODELFAUCET_MINUTE_MS: "3600000" },
  });
  await layGround(product);
  tenant = await makeTenant(product, "one");
  const named = { name: "one", email: "operator@example.com", role: "viewer" };
  operators = {
    operatorTokenId: made(await product.admin("POST", "/v1/admin/operator-tokens", named)).item.id,
  };
});
afterAll(() => product.stop());

const routes = routesToWalk();
const scopesOf = ({ auth }: RouteDefinition): readonly Scope[] | "any" =>
  "scopes" in auth ? auth.scopes : [];
const opensTo = (route: RouteDefinition, scope: Scope): boolean =>
  scopesOf(route) === "any" || scopesOf(route).includes(scope);
/** A body that no schema takes: whoever gets past the door is told 400 or 404, and nothing is changed. */
const nonsense = { "no field of ours": true };

/** Who is let in: everybody else gets 401 or 403. */
const isAdmitted = ({ status }: HttpAnswer): boolean => status !== 401 && status !== 403;

type Caller = { token: string | null; headers?: Record<string, string> };

const knock = (route: RouteDefinition, caller: Caller): Promise<HttpAnswer> =>
  callRoute(product, route, randomIds(), {
    ...caller,
    ...(route.body === undefined ? {} : { body: nonsense }),
  });

/** Without a token the app's identity mode decides, or what the body brings. */
const isDecidedByToken = ({ auth }: RouteDefinition): boolean =>
  auth.class !== "app_identity" && auth.class !== "none";
/** Whoever calls it at the console has no session afterwards. */
const signsOut = (route: RouteDefinition): boolean => routeName(route) === "DELETE /v1/console/session";

async function expectDoors(
  caller: Caller,
  mayEnter: (route: RouteDefinition) => boolean,
  refusal: { status: number; code: string },
): Promise<void> {
  const seen: Record<string, boolean> = {};
  const wanted: Record<string, boolean> = {};
  for (const route of routes.filter(isDecidedByToken)) {
    if (caller.headers && (signsOut(route) || route.auth.class === "session")) continue;
    const answer = await knock(route, caller);
    seen[routeName(route)] = isAdmitted(answer);
    wanted[routeName(route)] = mayEnter(route);
    if (!isAdmitted(answer)) {
      expect({ route: routeName(route), status: answer.status, code: answer.body.error.code }).toEqual({
        route: routeName(route),
        ...refusal,
      });
    }
    expect(answer.status, `${routeName(route)}: ${answer.text}`).toBeLessThan(500);
  }
  expect(seen).toEqual(wanted);
}

describe("A151: doors", () => {
  it.each(developerScopes)(
    "A151: a token with %s alone opens what names that scope, and nothing else",
    async (scope) => {
      const { token } = await tokenOf(scope);
      const before = await digestTables(product);
      await expectDoors(
        { token },
        (route) => (route.auth.class === "dev" || route.auth.class === "dev_or_op") && opensTo(route, scope),
        { status: 403, code: "forbidden" },
      );
      // Ending the own session or token is nobody's here, so not a row may differ.
      expect(await digestTables(product)).toEqual(before);
    },
  );

  it.each(operatorScopes)(
    "A151: an operator's token with %s alone opens what names that scope, reading, and nothing else",
    async (scope) => {
      const { token } = made(
        await product.admin("POST", "/v1/admin/operator-tokens", {
          name: "scoped",
          email: "scoped@example.com",
          scopes: [scope],
        }),
      );
      const before = await digestTables(product);
      await expectDoors(
        { token },
        (route) =>
          (route.auth.class === "op" || route.auth.class === "dev_or_op") &&
          (opensTo(route, scope) || opensTo(route, "operator:read")),
        { status: 403, code: "forbidden" },
      );
      expect(await digestTables(product)).toEqual(before);
    },
  );

  it.each(sessionScopes)(
    "A151: a session with %s alone opens what names that scope, and nothing else",
    async (scope) => {
      // Ending a session is open to all of them, and would end this one.
      const own = (route: RouteDefinition) => route.auth.class === "session" && opensTo(route, scope);
      for (const route of routes) {
        if (!isDecidedByToken(route)) continue;
        const token = await sessionOf([scope]);
        const answer = await knock(route, { token });
        expect({ route: routeName(route), in: isAdmitted(answer) }).toEqual({
          route: routeName(route),
          in: own(route),
        });
      }
    },
  );

  it("A151: no token opens nothing; a wrong one neither", async () => {
    for (const token of [null, "mf_dev_nothing", "mf_admin_nothing", "Bearer", "undefined"]) {
      await expectDoors({ token }, () => false, { status: 401, code: "invalid_session" });
    }
  });

  it("A151: without a token only signing in is open, and only to the console's pages", async () => {
    const open = routes.filter(({ auth }) => auth.class === "none");
    expect(open.map(routeName)).toEqual([
      "POST /v1/console/sign-in",
      "POST /v1/console/token-exchange",
      "POST /v1/tokens/revoke",
    ]);
    // Whoever found a token may say so, from anywhere, and learns nothing by it.
    const reporting = open.pop()!;
    for (const headers of [{}, { origin: consoleOrigin }, { origin: "https://app.example.com" }]) {
      const answer = await callRoute(product, reporting, randomIds(), { token: null, headers });
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { ok: true } });
    }
    for (const route of open) {
      const ask = (headers: Record<string, string>) =>
        callRoute(product, route, randomIds(), { token: null, headers });
      expect((await ask({})).body.error).toMatchObject({ code: "forbidden", details: { reason: "origin" } });
      expect((await ask({ origin: consoleOrigin })).body.error.code).toBe("invalid_session");
    }
  });

  it("A151: the console's cookie opens what its person may", async () => {
    const ofDeveloper: readonly string[] = ["dev", "dev_or_op", "console"];
    const ofOperator: readonly string[] = ["op", "dev_or_op", "console"];
    for (const [token, classes] of [
      [tenant.token, ofDeveloper],
      [product.developerAdminToken, ofDeveloper],
      [product.adminToken, ofOperator],
    ] as const) {
      const headers = await signInToConsole(product, token);
      await expectDoors({ token: null, headers }, ({ auth }) => classes.includes(auth.class), {
        status: 403,
        code: "forbidden",
      });
    }
    // Routes of end users do not look at it.
    const cookie = { token: null, headers: await signInToConsole(product, tenant.token) };
    for (const route of routes.filter(({ auth }) => auth.class === "session")) {
      expect((await knock(route, cookie)).body.error.code).toBe("invalid_session");
    }
    const scope = "developer:features:read";
    const headers = await signInToConsole(product, (await tokenOf(scope)).token);
    await expectDoors(
      { token: null, headers },
      (route) =>
        route.auth.class === "console" ||
        (route.auth.class !== "session" && route.auth.class !== "op" && opensTo(route, scope)),
      { status: 403, code: "forbidden" },
    );
  });

  it("A151: the console's cookie opens nothing from elsewhere, and nothing but reading without its csrf token", async () => {
    const signedIn = await signInToConsole(product, product.adminToken);
    const other = await signInToConsole(product, product.adminToken);
    const { origin: _origin, ...elsewhere } = signedIn;
    const before = await digestTables(product);
    for (const headers of [elsewhere, { ...signedIn, origin: "https://app.example.com" }]) {
      await expectDoors({ token: null, headers }, () => false, { status: 401, code: "invalid_session" });
    }
    const { "x-csrf-token": _csrf, ...without } = signedIn;
    for (const headers of [without, { ...signedIn, "x-csrf-token": other["x-csrf-token"]! }]) {
      for (const route of routes.filter(({ method, auth }) => method !== "GET" && auth.class === "op")) {
        const answer = await knock(route, { token: null, headers });
        expect({ route: routeName(route), ...answer.body.error }).toMatchObject({
          code: "forbidden",
          details: { reason: "csrf" },
        });
      }
    }
    expect(await digestTables(product)).toEqual(before);
  });

  it("A151: the operator's credential opens the operator's routes alone, the developers' theirs", async () => {
    const refusal = { status: 403, code: "forbidden" };
    await expectDoors(
      { token: product.adminToken },
      ({ auth }) => auth.class === "op" || auth.class === "dev_or_op",
      refusal,
    );
    await expectDoors(
      { token: product.developerAdminToken },
      ({ auth }) => auth.class === "dev" || auth.class === "dev_or_op",
      refusal,
    );
  });

  it("A151: the gateway opens to sessions with `chat` alone", async () => {
    product.stub.reset();
    const tokens = [
      null,
      tenant.token,
      product.adminToken,
      product.developerAdminToken,
      await sessionOf(["wallet:read"]),
    ];
    for (const route of gatewayRoutes.filter(({ auth }) => auth.class === "session")) {
      for (const token of tokens) expect([401, 403]).toContain((await atGateway(route, token)).status);
      expect(isAdmitted(await atGateway(route, await sessionOf(["chat"])))).toBe(true);
    }
    expect(product.stub.calls).toBe(1);
  });

  it("A151: a token never gives what it lacks, nor an app that it is not kept to", async () => {
    const { token } = await tokenOf("developer:tokens:write");
    const ask = (body: object) =>
      product.call("POST", "/v1/developer/tokens", { name: "more", ...body }, { token });
    for (const scope of developerScopes.filter((name) => name !== "developer:tokens:write")) {
      const answer = await ask({ scopes: [scope] });
      expect(answer.body.error).toMatchObject({ code: "forbidden", details: { reason: "scope_escalation" } });
    }
    expect(made(await ask({})).item.scopes).toEqual(["developer:tokens:write"]);
    expect((await ask({ scopes: ["operator:read"] })).status).toBe(400);
    expect((await ask({ scopes: ["developer:gateway:invoke"] })).body.error.message).toContain("package 7");
  });

  it("A151: every route of every service is in a table with its class", async () => {
    for (const route of [...routes, ...gatewayRoutes, ...operationRoutes]) {
      const open = ["none", "app_identity", "console", "monitor"].includes(route.auth.class);
      expect({
        route: routeName(route),
        ok: open || scopesOf(route) === "any" || scopesOf(route).length > 0,
      }).toEqual({ route: routeName(route), ok: true });
    }
  });
});

describe("A140: nothing authenticated is cached", () => {
  const reading = [...routes, ...gatewayRoutes].filter(
    ({ method, auth }) => method === "GET" && auth.class !== "none" && auth.class !== "console",
  );

  it.each(reading.map((route) => [routeName(route), route] as const))(
    "A140: %s and its errors",
    async (_, route) => {
      const token =
        route.auth.class === "session"
          ? await sessionOf()
          : route.auth.class === "op"
            ? product.adminToken
            : tenant.token;
      const isGateway = gatewayRoutes.includes(route);
      const ask = (ids: typeof tenant.ids, bearer: string | null, query = "") =>
        isGateway
          ? atGateway(route, bearer, query)
          : product.call("GET", withQuery(pathOf(route, ids), query), undefined, { token: bearer });
      const answers = [
        await ask(await existing(), token),
        await ask(randomIds(), token),
        await ask(await existing(), token, "limit=x&nonsense=1"),
        await ask(await existing(), null),
        await ask(await existing(), "mf_dev_nothing"),
        await ask(await existing(), route.auth.class === "session" ? tenant.token : await sessionOf()),
      ];
      expect(answers[0]!.status).toBe(200);
      for (const { headers, status } of answers) {
        expect({ status, cache: headers.get("cache-control") }).toEqual({
          status,
          cache: "private, no-store",
        });
        expect(headers.get("vary")).toMatch(/(^|, ?)Authorization(,|$)/);
      }
    },
  );

  it("A140: an answer to a POST, a stream and an unknown path are not cached either", async () => {
    const authorization = `Bearer ${tenant.session.token}`;
    const root = product.gateways[0]!;
    const body = { model: "stub-flat", messages: [{ role: "user", content: "hello" }] };
    for (const answer of [
      await send(`${root}/chat/completions`, "POST", body, { authorization }),
      await send(`${root}/chat/completions`, "POST", { ...body, stream: true }, { authorization }),
      await send(`${root}/nowhere`, "GET", undefined, { authorization }),
    ]) {
      expect(answer.headers.get("cache-control")).toMatch(/^private, no-store(,|$)/);
      expect(answer.headers.get("vary")).toContain("Authorization");
    }
  });
});

function withQuery(path: string, query: string): string {
  return query === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

async function tokenOf(...scopes: string[]): Promise<{ token: string }> {
  return made(
    await product.developer("POST", "/v1/developer/tokens", {
      name: "scoped",
      scopes,
      developer_id: tenant.ids.developerId,
    }),
  );
}

/** A new session of the tenant's user. */
async function sessionOf(scopes?: string[]): Promise<string> {
  const body = {
    public_app_id: tenant.ids.publicAppId,
    external_user_id: tenant.session.user,
    ...(scopes ? { scopes } : {}),
  };
  return made(await product.call("POST", "/v1/sessions", body, { token: tenant.token })).session_token;
}

/** Ids that are there, the operator's among them. */
async function existing(): Promise<typeof tenant.ids> {
  return { ...tenant.ids, ...operators, provider: "stub" };
}

function atGateway(route: RouteDefinition, token: string | null, query = ""): Promise<HttpAnswer> {
  const body =
    route.method === "POST"
      ? { model: "stub-flat", messages: [{ role: "user", content: "hello" }] }
      : undefined;
  const path = route.path.replace("/v1", "").replace(":id", "stub-flat");
  return send(
    withQuery(`${product.gateways[0]}${path}`, query),
    route.method,
    body,
    token === null ? {} : { authorization: `Bearer ${token}` },
  );
}
