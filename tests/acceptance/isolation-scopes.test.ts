import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { gatewayRoutes, operationRoutes } from "@modelfaucet/contract/routes/table.ts";
import { developerScopes, type Scope, sessionScopes } from "@modelfaucet/contract/scopes.ts";
import { layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, send, startProduct } from "@modelfaucet/testkit/product.ts";
import { callRoute, digestTables, pathOf, routesToWalk } from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, randomIds, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let tenant: Tenant;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  await layGround(product);
  tenant = await makeTenant(product, "one");
});
afterAll(() => product.stop());

const routes = routesToWalk();
const scopesOf = ({ auth }: RouteDefinition): readonly Scope[] | "any" =>
  "scopes" in auth ? auth.scopes : [];
/** A body that no schema takes: whoever gets past the door is told 400 or 404, and nothing is changed. */
const nonsense = { "no field of ours": true };

/** Who is let in: everybody else gets 401 or 403. */
const isAdmitted = ({ status }: HttpAnswer): boolean => status !== 401 && status !== 403;

const knock = (route: RouteDefinition, token: string | null): Promise<HttpAnswer> =>
  callRoute(product, route, randomIds(), { token, ...(route.body === undefined ? {} : { body: nonsense }) });

async function expectDoors(
  token: string | null,
  mayEnter: (route: RouteDefinition) => boolean,
  refusal: { status: number; code: string },
): Promise<void> {
  const seen: Record<string, boolean> = {};
  const wanted: Record<string, boolean> = {};
  for (const route of routes) {
    // Without a token POST /v1/sessions is decided by the app's identity mode.
    if (route.auth.class === "app_identity") continue;
    const answer = await knock(route, token);
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
        token,
        ({ auth, ...route }) =>
          (auth.class === "dev" || auth.class === "dev_or_op") &&
          (scopesOf({ auth, ...route }) === "any" || scopesOf({ auth, ...route }).includes(scope)),
        { status: 403, code: "forbidden" },
      );
      // Ending the own session or token is nobody's here, so not a row may differ.
      expect(await digestTables(product)).toEqual(before);
    },
  );

  it.each(sessionScopes)(
    "A151: a session with %s alone opens what names that scope, and nothing else",
    async (scope) => {
      // Ending a session is open to all of them, and would end this one.
      const own = (route: RouteDefinition) =>
        route.auth.class === "session" && (scopesOf(route) === "any" || scopesOf(route).includes(scope));
      for (const route of routes) {
        if (route.auth.class === "app_identity") continue;
        const token = await sessionOf([scope]);
        const answer = await knock(route, token);
        expect({ route: routeName(route), in: isAdmitted(answer) }).toEqual({
          route: routeName(route),
          in: own(route),
        });
      }
    },
  );

  it("A151: no token opens nothing; a wrong one neither", async () => {
    for (const token of [null, "mf_dev_nothing", "mf_admin_nothing", "Bearer", "undefined"]) {
      await expectDoors(token, () => false, { status: 401, code: "invalid_session" });
    }
  });

  it("A151: the operator's credential opens the operator's routes alone, the developers' theirs", async () => {
    const refusal = { status: 403, code: "forbidden" };
    await expectDoors(
      product.adminToken,
      ({ auth }) => auth.class === "op" || auth.class === "dev_or_op",
      refusal,
    );
    await expectDoors(
      product.developerAdminToken,
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
      const open =
        route.auth.class === "none" || route.auth.class === "app_identity" || route.auth.class === "monitor";
      expect({
        route: routeName(route),
        ok: open || scopesOf(route) === "any" || scopesOf(route).length > 0,
      }).toEqual({ route: routeName(route), ok: true });
    }
  });
});

describe("A140: nothing authenticated is cached", () => {
  const reading = [...routes, ...gatewayRoutes].filter(
    ({ method, auth }) => method === "GET" && auth.class !== "none",
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
          : product.call("GET", `${pathOf(route, ids)}${query}`, undefined, { token: bearer });
      const answers = [
        await ask(await existing(), token),
        await ask(randomIds(), token),
        await ask(await existing(), token, "?limit=x&nonsense=1"),
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
  return { ...tenant.ids, provider: "stub" };
}

function atGateway(route: RouteDefinition, token: string | null, query = ""): Promise<HttpAnswer> {
  const body =
    route.method === "POST"
      ? { model: "stub-flat", messages: [{ role: "user", content: "hello" }] }
      : undefined;
  const path = route.path.replace("/v1", "").replace(":id", "stub-flat");
  return send(
    `${product.gateways[0]}${path}${query}`,
    route.method,
    body,
    token === null ? {} : { authorization: `Bearer ${token}` },
  );
}
