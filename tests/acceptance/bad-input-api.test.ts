import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { signInToConsole } from "@modelfaucet/testkit/console.ts";
import { layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { bodyOf, type OwnedIds, pathOf, routesToWalk } from "@modelfaucet/testkit/route-walk.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, type Tenant } from "./isolation-tenants.ts";

let product: Product;
let tenant: Tenant;
let ids: OwnedIds;
/** A browser that the tenant is signed in with. */
let browser: Record<string, string>;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  await layGround(product);
  tenant = await makeTenant(product, "one");
  browser = await signInToConsole(product, tenant.token);
  // One that a rotation may end.
  const spare = { name: "spare" };
  const token = made(await product.call("POST", "/v1/developer/tokens", spare, { token: tenant.token }));
  ids = { ...tenant.ids, tokenId: token.item.id, provider: "stub", version: "1" };
});
afterAll(() => product.stop());

/** Texts that parsers, databases and formats stumble over. */
const texts = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "x\udfffy",
  "\u202e\ufeff",
  "👩🏽‍🚀".repeat(40),
  "x".repeat(20_000),
  "' or 1=1 --",
  '"; drop table apps; --',
  "$(reboot)",
  "{{7*7}}",
  "../../etc/passwd",
  "http://[::1",
  "1e-8",
  ".5",
  "00.10",
  "+1",
  "1.000000001",
  "1".repeat(25),
  "NaN",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  "2026-02-30T00:00:00Z",
  "+292278994-08-17T07:12:55.807Z",
];
const values: unknown[] = [
  ...texts,
  null,
  true,
  0,
  -1,
  0.1,
  1e21,
  1e308,
  2 ** 53,
  2 ** 31,
  [],
  [[]],
  [null],
  ["\u0000"],
  {},
  { a: { b: "\ud800" } },
  { "\u0000": 1 },
];

const tokenFor = ({ auth }: RouteDefinition): string =>
  auth.class === "session" ? tenant.session.token : auth.class === "op" ? product.adminToken : tenant.token;
const callerFor = (route: RouteDefinition, headers: Record<string, string> = {}) =>
  route.auth.class === "console"
    ? { token: null, headers: { ...browser, ...headers } }
    : { token: tokenFor(route), headers };
const fieldsOf = (schema: unknown): string[] =>
  Object.keys((schema as { shape?: object } | undefined)?.shape ?? {});

/** What a fault of ours would look like; the sentence never repeats what was sent. */
function expectToldWell(answer: HttpAnswer, what: unknown): void {
  if (answer.status >= 500) throw new Error(`${JSON.stringify(what)}: ${answer.text}`);
  if (answer.status < 400) return;
  const { error } = answer.body;
  expect(error).toMatchObject({
    message: expect.any(String),
    type: expect.any(String),
    code: expect.any(String),
    request_id: expect.stringMatching(/^req_/),
  });
  expect(error.message.length).toBeLessThan(500);
  expect(error.message).not.toMatch(/Postgres|syntax|zod|undefined|\[object/i);
}

describe("the control API never fails of what it is sent", () => {
  const routes = routesToWalk();
  // Their answers would end the tenant's own session or token.
  const ending = new Set([
    "DELETE /v1/sessions/current",
    "DELETE /v1/developer/sessions/:id",
    "DELETE /v1/developer/tokens/:id",
    "POST /v1/developer/tokens/:id/rotate",
    "DELETE /v1/developer/apps/:publicAppId",
    "DELETE /v1/admin/developers/:id",
    "POST /v1/sessions/refresh",
    "DELETE /v1/console/session",
    "POST /v1/developer/apps/:publicAppId/users/:id/revoke-sessions",
  ]);

  // First, before any of these texts has become the name of something.
  it("every id in a path with every hostile text", async () => {
    for (const route of routes.filter(({ path, method }) => path.includes(":") && method === "GET")) {
      for (const text of texts.filter((candidate) => candidate !== "" && candidate.length < 500)) {
        const hostile = Object.fromEntries(
          Object.keys(ids).map((name) => [name, text.toWellFormed()]),
        ) as OwnedIds;
        const answer = await product.call("GET", pathOf(route, hostile), undefined, callerFor(route));
        expectToldWell(answer, { route: routeName(route), text });
        expect({ route: routeName(route), text, refused: [400, 404].includes(answer.status) }).toEqual({
          route: routeName(route),
          text,
          refused: true,
        });
      }
    }
  });

  it.each(routes.filter(({ body }) => body !== undefined).map((route) => [routeName(route), route] as const))(
    "%s: every field with every hostile value, and bodies that are none",
    async (_, route) => {
      if (ending.has(routeName(route))) return;
      const send = (body: unknown) =>
        product.call(
          route.method,
          pathOf(route, ids),
          body,
          callerFor(route, { "idempotency-key": Math.random().toString(36) }),
        );
      const own = routeName(route) === "POST /v1/sessions" ? { public_app_id: ids.publicAppId } : {};
      for (const field of fieldsOf(route.body)) {
        for (const value of values)
          expectToldWell(await send({ ...bodyOf(route), ...own, [field]: value }), { field, value });
      }
      for (const raw of [
        "null",
        "[]",
        '"x"',
        "7",
        "{",
        "",
        "{}",
        '{"a":1}'.repeat(2),
        '{"":""}',
        `{"${"k".repeat(5_000)}":1}`,
      ])
        expectToldWell(await send(raw), raw);
      const { status, body } = await product.call(
        route.method,
        pathOf(route, ids),
        "a=1",
        callerFor(route, { "content-type": "application/x-www-form-urlencoded" }),
      );
      expect({ status, param: body.error.param }).toEqual({ status: 400, param: "content-type" });
    },
  );

  it.each(
    routes.filter(({ query }) => query !== undefined).map((route) => [routeName(route), route] as const),
  )("%s: every filter with every hostile value", async (_, route) => {
    if (ending.has(routeName(route))) return;
    const path = pathOf(route, ids);
    for (const field of [...fieldsOf(route.query), "nonsense"]) {
      for (const value of texts.filter((text) => text.length < 5_000)) {
        const filter = `${path.includes("?") ? "&" : "?"}${field}=${encodeURIComponent(value.toWellFormed())}`;
        const answer = await product.call(route.method, path + filter, undefined, { token: tokenFor(route) });
        expectToldWell(answer, { field, value });
        if (field === "nonsense")
          expect(answer.body.error).toMatchObject({ code: "invalid_request", param: "nonsense" });
      }
    }
    for (const filter of [
      "limit=50&limit=60",
      "from[]=x",
      "__proto__=1",
      "%=1",
      "cursor=%00%ff",
      "a".repeat(5_000),
    ]) {
      expectToldWell(
        await product.call(route.method, `${path}${path.includes("?") ? "&" : "?"}${filter}`, undefined, {
          token: tokenFor(route),
        }),
        filter,
      );
    }
  });

  it("unknown fields are named, all of them at once, and reserved ones by when they come", async () => {
    const own = { token: tenant.token };
    const all: Json = {
      public_app_id: "x y",
      name: "",
      nme: 1,
      sandbox: true,
      session_ttl_seconds: 1,
      default_developer_share_bps: 10_001,
      topups_enabled: true,
    };
    const { body } = await product.call("POST", "/v1/developer/apps", all, own);
    const issues = new Map<string, string>(
      body.error.details.issues.map((issue: Json) => [issue.param, issue.message]),
    );
    expect([...issues.keys()].sort()).toEqual(Object.keys(all).sort());
    expect(issues.get("sandbox")).toContain("package 5");
    expect(issues.get("topups_enabled")).toContain("package 4");
  });
});
