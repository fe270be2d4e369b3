import { Writable } from "node:stream";
import { defineRoute, type RouteDefinition } from "@modelfaucet/contract/route.ts";
import { apiRoutes } from "@modelfaucet/contract/routes/table.ts";
import type { developerScopes } from "@modelfaucet/contract/scopes.ts";
import { identifier, listQuery, moneyIn, reason, reserved, uuid } from "@modelfaucet/contract/values.ts";
import { withoutCredentialRate } from "@modelfaucet/testkit/rates.ts";
import { nothingOff } from "@modelfaucet/testkit/switches.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createBodyMemory } from "../lib/body-memory.ts";
import { ApiError } from "../lib/errors.ts";
import { createHttpServer, type HttpServer } from "../lib/http.ts";
import { createLog } from "../lib/log.ts";
import { createMetrics } from "../lib/metrics.ts";
import type { SessionContext } from "../modules/identity/identity.ts";
import type { Actor } from "./actor.ts";
import { mountRoutes } from "./harness.ts";
import { apiHint } from "./hint.ts";
import { pageOf, readCursor, writeCursor } from "./list.ts";
import { checkMountTable, type Mounted, mount } from "./mount.ts";

const answer = z.strictObject({ ok: z.literal(true), amount_usd: z.string().optional() });
const shared = { pkg: 1, answer, codes: [], summary: "A route of this test." } as const;
const readThing = defineRoute({
  ...shared,
  method: "GET",
  path: "/v1/apps/:publicAppId/things/:id",
  auth: { class: "dev", scopes: ["developer:apps:read"] },
  params: z.strictObject({ publicAppId: identifier, id: uuid }),
});
const makeThing = defineRoute({
  ...shared,
  method: "POST",
  path: "/v1/things",
  auth: { class: "op", scopes: ["operator:finance"] },
  status: 201,
  idempotent: true,
  wantsReason: true,
  body: z.strictObject({
    amount_usd: moneyIn,
    reason,
    list: z.array(z.int()).max(2).optional(),
    ...reserved(4, "refund"),
  }),
});
const readMine = defineRoute({
  ...shared,
  method: "GET",
  path: "/v1/mine",
  auth: { class: "session", scopes: ["wallet:read"] },
  query: z.strictObject({ ...listQuery }),
});
const refreshMine = defineRoute({
  ...shared,
  method: "POST",
  path: "/v1/mine/refresh",
  auth: { class: "session", scopes: "any", graceSeconds: 300 },
});
const readAny = defineRoute({
  ...shared,
  method: "GET",
  path: "/v1/any",
  auth: { class: "dev_or_op", scopes: ["developer:usage:read", "operator:read"] },
});
const wrongAnswer = defineRoute({ ...shared, method: "GET", path: "/v1/wrong", auth: { class: "none" } });
const contract: RouteDefinition[] = [readThing, makeThing, readMine, refreshMine, readAny, wrongAnswer];

const session = {
  sessionId: "s",
  appId: "a",
  developerId: "d",
  endUserId: "u",
  scopes: new Set(["wallet:read"]),
  origin: "https://app.example",
  origins: [],
  allowedOrigins: ["https://app.example"],
} as unknown as SessionContext;
const developer = (scopes: readonly (typeof developerScopes)[number][]): Actor => ({
  class: "dev",
  caller: {
    tokenId: "t",
    bootstrap: false,
    developerId: "d",
    scopes: new Set(scopes),
    publicAppIds: null,
    modelsAllowed: null,
    expiresAtMs: null,
  },
});
const actors: Record<string, Exclude<Actor, { class: "none" }>> = {
  session: { class: "session", session, expired: false },
  dev: developer(["developer:apps:read"]) as Exclude<Actor, { class: "none" }>,
  "dev-without": developer([]) as Exclude<Actor, { class: "none" }>,
  finance: { class: "op", person: "bootstrap", scopes: new Set(["operator:finance"]) },
};

const seen: { idempotencyKey: string | null; body: unknown }[] = [];
const table: Mounted[] = [
  mount(readThing, async ({ params }) => {
    if (params.publicAppId === "mine") return { ok: true };
    throw new ApiError("invalid_app", `No app called ${params.publicAppId}.`);
  }),
  mount(makeThing, async ({ body, idempotencyKey }) => {
    seen.push({ idempotencyKey, body });
    return { ok: true };
  }),
  mount(readMine, async ({ query }) => {
    readCursor(query.cursor);
    return { ok: true, amount_usd: String(query.limit) };
  }),
  mount(refreshMine, async () => ({ ok: true })),
  mount(readAny, async () => ({ ok: true })),
  mount(wrongAnswer, async () => ({ ok: false }) as unknown as { ok: true }),
];

let http: HttpServer;
let base: string;

beforeAll(async () => {
  const metrics = createMetrics({ version: "1", schema: "1" });
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  http = createHttpServer({
    service: "@modelfaucet/api",
    log: createLog({ level: "info", format: "json", service: "t", instance: "1", version: "1", destination }),
    metrics,
    cors: { origins: [], credentialsOrigins: [], isAppOrigin: () => true },
    trustedProxyCidrs: [],
    readiness: async () => ({}),
    notFoundHint: apiHint,
    monitoring: { token: null, allowedCidrs: [], isOperatorToken: () => false },
  });
  mountRoutes(http, table, contract, {
    authenticate: async (token) => {
      const actor = actors[token];
      if (!actor) throw new ApiError("invalid_session", "This token is not known here, or it was revoked.");
      return actor;
    },
    database: { read: async (_tenant, work) => work(undefined as never) },
    bodyMemory: createBodyMemory(1e6),
    bodyLimitBytes: 1e5,
    console: {
      origins: ["https://console.example"],
      cookie: { name: "__Host-mf_console", secure: true },
      sessions: { find: async () => Promise.reject(new Error("no cookie was sent")) },
      switches: nothingOff,
    },
    metrics,
    checkAnswers: true,
    ...withoutCredentialRate,
  });
  base = await http.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => http.app.close());

type Told = {
  amount_usd?: string;
  error: {
    code: string;
    param: string | null;
    message: string;
    request_id: string;
    details?: Record<string, unknown>;
  };
};

async function ask(
  path: string,
  token: string | null,
  init: RequestInit & { headers?: Record<string, string> } = {},
) {
  const headers = { ...init.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  const response = await fetch(base + path, { ...init, headers });
  const body = (await response.json()) as Told;
  return { status: response.status, ...body };
}

const id = "01900000-0000-7000-8000-000000000000";
const thing = (app: string, of = id): string => `/v1/apps/${app}/things/${of}`;
const sent = (body: unknown, headers: Record<string, string> = {}) => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json", ...headers },
});

test("no token, an unknown one, another class and a missing scope are told apart", async () => {
  expect(await ask(thing("mine"), null)).toMatchObject({ status: 401, error: { code: "invalid_session" } });
  expect(await ask(thing("mine"), "nobody")).toMatchObject({
    status: 401,
    error: { code: "invalid_session" },
  });
  expect(await ask(thing("mine"), "session", { headers: { origin: "https://app.example" } })).toMatchObject({
    status: 403,
    error: { code: "forbidden", details: { required: "dev" } },
  });
  expect(await ask(thing("mine"), "dev-without")).toMatchObject({
    status: 403,
    error: { details: { required: "developer:apps:read" } },
  });
  expect(await ask(thing("mine"), "dev")).toEqual({ status: 200, ok: true });
});

test("every operator scope includes reading, and nothing else", async () => {
  expect((await ask("/v1/any", "finance")).status).toBe(200);
  expect((await ask("/v1/any", "dev")).error.details).toEqual({ required: "developer:usage:read" });
});

test("a session works from its own origin only, a developer token from no page but the console", async () => {
  const from = (origin?: string) =>
    ask("/v1/mine", "session", origin === undefined ? {} : { headers: { origin } });
  expect((await from("https://app.example")).status).toBe(200);
  expect(await from("https://other.example")).toMatchObject({
    status: 403,
    error: { details: { reason: "origin" } },
  });
  expect((await from()).status).toBe(403);
  const page = await ask(thing("mine"), "dev", { headers: { origin: "https://app.example" } });
  expect(page).toMatchObject({ status: 403, error: { details: { reason: "browser" } } });
  expect((await ask(thing("mine"), "dev", { headers: { origin: "https://console.example" } })).status).toBe(
    200,
  );
});

test("a malformed, a foreign and a missing id are one answer", async () => {
  const told = await Promise.all(
    [thing("theirs"), thing("no%20app"), thing("x".repeat(200))].map((path) => ask(path, "dev")),
  );
  const bodies = told.map(({ error }) => JSON.stringify({ ...error, request_id: "" }));
  expect(told.map(({ status }) => status)).toEqual([404, 404, 404]);
  expect(new Set(bodies).size).toBe(1);
  expect((await ask(thing("mine", "not-a-uuid"), "dev")).error.code).toBe("not_found");
});

test("every fault of a body is told at once, by name, without its value", async () => {
  const told = await ask(
    "/v1/things",
    "finance",
    sent({ amount_usd: "1e-8", list: ["q9w8e7"], refund: 1, role: "admin" }),
  );
  expect(told).toMatchObject({ status: 400, error: { code: "invalid_request", param: "amount_usd" } });
  expect(
    (told.error.details!.issues as { param: string; message: string }[]).map(({ param }) => param).sort(),
  ).toEqual(["amount_usd", "list.0", "reason", "refund", "role"].sort());
  const issues = JSON.stringify(told.error.details);
  expect(issues).toContain("comes with package 4");
  expect(issues).not.toContain("q9w8e7");
  expect((await ask("/v1/things", "finance", sent([]))).error.message).toBe("The body must be an object.");
});

test("a body wants its content type, an idempotency key its form", async () => {
  const body = { amount_usd: "1", reason: "because" };
  expect((await ask("/v1/things", "finance", sent(body, { "content-type": "text/plain" }))).error.param).toBe(
    "content-type",
  );
  expect(
    (await ask("/v1/things", "finance", sent(body, { "idempotency-key": "x".repeat(256) }))).error.param,
  ).toBe("idempotency-key");
  expect((await ask("/v1/things", "finance", sent(body, { "idempotency-key": "k1" }))).status).toBe(201);
  expect(seen.at(-1)).toEqual({ idempotencyKey: "k1", body });
});

test("list queries are bounded and strict", async () => {
  const mine = (query: string) =>
    ask(`/v1/mine${query}`, "session", { headers: { origin: "https://app.example" } });
  expect((await mine("")).amount_usd).toBe("50");
  for (const query of [
    "?limit=0",
    "?limit=201",
    "?limit=1e1",
    "?cursor=e30",
    "?who=me",
    "?limit=1&limit=2",
    "?from=now",
  ]) {
    expect((await mine(query)).status).toBe(400);
  }
});

test("an answer against the contract is a fault of ours", async () => {
  expect((await ask("/v1/wrong", null)).status).toBe(500);
});

test("an unknown path says where to go", async () => {
  const hints = await Promise.all(
    ["/v1/v1/mine", "/v1/quotes", "/v1/chat/completions", "/user/me"].map(
      async (path) => (await ask(path, null)).error.message,
    ),
  );
  expect(hints).toEqual([
    expect.stringContaining("ends with /v1 already"),
    expect.stringContaining("comes with package 4"),
    expect.stringContaining("on the gateway"),
    expect.stringContaining("try /v1/user/me"),
  ]);
});

test("the table refuses a route without handler, without route and without scope", () => {
  expect(() => checkMountTable(table.slice(1), contract)).toThrow(
    "GET /v1/apps/:publicAppId/things/:id has no handler",
  );
  expect(() => checkMountTable(table, contract.slice(1))).toThrow("is not a route of the contract");
  expect(() => checkMountTable([...table, table[0]!], contract)).toThrow("is mounted twice");
  const open = { ...readThing, auth: { class: "dev", scopes: [] } } as unknown as RouteDefinition;
  expect(() => checkMountTable([mount(open, async () => ({}))], [open])).toThrow("has no class or no scope");
  expect(() => checkMountTable([], apiRoutes)).toThrow("POST /v1/sessions has no handler");
});

test("a cursor survives its round trip and nothing else is one", () => {
  const cursor = { at: "2026-11-25 01:02:03.123456+00", id };
  expect(readCursor(writeCursor(cursor))).toEqual(cursor);
  for (const text of ["", "x", writeCursor({ at: "now", id }), Buffer.from("[1]").toString("base64url")]) {
    expect(() => readCursor(text)).toThrow("cursor");
  }
  const page = pageOf(
    [1, 2, 3],
    2,
    (row) => ({ at: cursor.at, id: String(row) }),
    (row) => row * 10,
  );
  expect(page.items).toEqual([10, 20]);
  expect(readCursor(page.next_cursor!)!.id).toBe("2");
  expect(
    pageOf(
      [1, 2],
      2,
      () => cursor,
      (row) => row,
    ).next_cursor,
  ).toBeNull();
});
