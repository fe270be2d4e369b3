import { readFileSync } from "node:fs";
import { type ErrorCode, errorTable } from "@modelfaucet/contract/errors.ts";
import { type JsonSchema, jsonSchemaOf, namesOf } from "@modelfaucet/contract/json-schema.ts";
import * as analytics from "@modelfaucet/contract/objects/analytics.ts";
import * as app from "@modelfaucet/contract/objects/app.ts";
import * as books from "@modelfaucet/contract/objects/books.ts";
import * as developer from "@modelfaucet/contract/objects/developer.ts";
import * as limit from "@modelfaucet/contract/objects/limit.ts";
import * as price from "@modelfaucet/contract/objects/price.ts";
import * as session from "@modelfaucet/contract/objects/session.ts";
import * as usage from "@modelfaucet/contract/objects/usage.ts";
import * as wallet from "@modelfaucet/contract/objects/wallet.ts";
import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { apiRoutes, gatewayRoutes, operationRoutes } from "@modelfaucet/contract/routes/table.ts";

type Part = { tag: string; server: string | null; routes: readonly RouteDefinition[] };

const parts: readonly Part[] = [
  { tag: "Control API", server: "http://127.0.0.1:3001", routes: apiRoutes },
  { tag: "Gateway", server: "http://127.0.0.1:3002", routes: gatewayRoutes },
  { tag: "Every role", server: null, routes: operationRoutes },
];

/** Objects of the wire stand once, under the name that the contract gives them. */
const named = [analytics, app, books, developer, limit, price, session, usage, wallet].flatMap((group) =>
  Object.entries(group),
);
const names = namesOf(
  new Map(named.map(([name, schema]) => [`${name[0]!.toUpperCase()}${name.slice(1)}`, schema])),
);

const bearer = (description: string) => ({ type: "http", scheme: "bearer", description });

const securitySchemes = {
  session: bearer("A session token `mf_sess_…` of one end user."),
  developer: bearer("A developer token `mf_dev_…`."),
  operator: bearer("An operator token `mf_admin_…`, or ADMIN_TOKEN."),
  metrics: bearer("METRICS_TOKEN; the operator's network needs none."),
  console: { type: "apiKey", in: "cookie", name: "__Host-mf_console", description: "The console's session." },
};

/** Which credentials open a class of routes; an empty one stands for none. */
const schemesOf: Record<
  RouteDefinition["auth"]["class"],
  readonly (keyof typeof securitySchemes | "none")[]
> = {
  none: ["none"],
  session: ["session"],
  dev: ["developer", "console"],
  op: ["operator", "console"],
  dev_or_op: ["developer", "operator", "console"],
  app_identity: ["none", "developer"],
  console: ["console"],
  monitor: ["none", "metrics", "operator"],
};

const everywhere: readonly ErrorCode[] = ["invalid_request", "rate_limited", "internal_error"];

/** The wire as OpenAPI 3.1, from the same schemas that the servers judge by. */
export function renderOpenapi(): string {
  const paths: Record<string, Record<string, unknown>> = {};
  const schemas: Record<string, unknown> = { Error: errorSchema };
  for (const { tag, server, routes } of parts) {
    for (const route of routes.toSorted((a, b) => (routeName(a) < routeName(b) ? -1 : 1))) {
      const path = route.path.replaceAll(/:([A-Za-z_]+)/g, "{$1}");
      paths[path] ??= server === null ? {} : { servers: [{ url: server }] };
      paths[path][route.method.toLowerCase()] = operationOf(route, tag, schemas);
    }
  }
  const document = {
    openapi: "3.1.0",
    info: {
      title: "ModelFaucet",
      version: version(),
      description: "Written by `pnpm generate` from packages/contract; edit that, not this.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    tags: parts.map(({ tag }) => ({ name: tag })),
    paths: sortedByName(paths),
    components: { securitySchemes, schemas: sortedByName(schemas) },
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function operationOf(
  route: RouteDefinition,
  tag: string,
  schemas: Record<string, unknown>,
): Record<string, unknown> {
  const parameters = [
    ...parametersOf(route.params, "path"),
    ...parametersOf(route.query, "query"),
    ...(route.idempotent ? [idempotencyKey] : []),
  ];
  const scopes = "scopes" in route.auth && route.auth.scopes !== "any" ? route.auth.scopes : [];
  return {
    operationId: operationId(route),
    tags: [tag],
    summary: route.summary,
    ...(scopes.length > 0 ? { description: `Scope: ${scopes.join(" or ")}.` } : {}),
    security: schemesOf[route.auth.class].map((name) => (name === "none" ? {} : { [name]: [] })),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: { required: true, ...json(asked(route.body)) } } : {}),
    responses: { ...answerOf(route, schemas), ...errorsOf(route) },
  };
}

/** `post_v1_developer_apps_publicAppId`: stable as long as the route is. */
function operationId(route: RouteDefinition): string {
  const words = route.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [route.method.toLowerCase(), ...words].join("_");
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

function parametersOf(schema: RouteDefinition["params"], place: "path" | "query") {
  if (schema === undefined) return [];
  const object = asked(schema);
  return Object.entries(object.properties ?? {}).map(([name, value]) => ({
    name,
    in: place,
    required: place === "path" || (object.required ?? []).includes(name),
    schema: value,
  }));
}

const rowTypes = { csv: "text/csv", ndjson: "application/x-ndjson" };

/** `schemas` takes the named objects that the answer is made of. */
function answerOf(route: RouteDefinition, schemas: Record<string, unknown>): Record<string, unknown> {
  const { $defs, ...schema } = jsonSchemaOf(route.answer, "output", names);
  for (const [name, named] of Object.entries($defs ?? {}))
    if (!name.startsWith("__")) schemas[name] = clean(named);
  const type = route.format === undefined ? "text/plain" : rowTypes[route.format];
  const content =
    schema.type === "string" ? { content: { [type]: { schema: clean(schema) } } } : json(clean(schema));
  return { [String(route.status ?? 200)]: { description: "Done.", ...content } };
}

/** One response for each status, which names the codes that may stand in it. */
function errorsOf(route: RouteDefinition): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...route.codes, ...everywhere])) {
    const { status } = errorTable[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `\`${code}\`: ${errorTable[code].when}`).join("; "),
        ...json({ $ref: "#/components/schemas/Error" }),
      },
    ]),
  );
}

const errorSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code", "request_id"],
      properties: {
        message: { type: "string" },
        type: { type: "string", enum: [...new Set(Object.values(errorTable).map(({ type }) => type))] },
        param: { type: ["string", "null"] },
        code: { type: "string", enum: Object.keys(errorTable) },
        request_id: { type: ["string", "null"] },
        details: { type: "object" },
      },
    },
  },
};

function json(schema: JsonSchema): { content: Record<string, unknown> } {
  return { content: { "application/json": { schema } } };
}

function asked(schema: RouteDefinition["answer"]): JsonSchema {
  return clean(jsonSchemaOf(schema, "input"));
}

/**
 * Fields of a later version are refused in words: they are no part of what a client may send today. A schema that only
 * names itself is any JSON.
 */
function clean(schema: JsonSchema): JsonSchema {
  if (schema.$ref?.startsWith("#/$defs/__schema") || schema.$ref === "#") return {};
  const cleaned = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (key === "$schema" || key === "id" || key === "$defs") return [];
    if (key === "$ref") return [[key, String(value).replace("#/$defs/", "#/components/schemas/")]];
    if (key !== "properties") return [[key, cleanAny(value)]];
    const today = Object.entries(value as Record<string, JsonSchema>).filter(([, field]) => !field.not);
    return [[key, Object.fromEntries(today.map(([name, field]) => [name, clean(field)]))]];
  });
  return Object.fromEntries(cleaned);
}

function cleanAny(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleanAny);
  return typeof value === "object" && value !== null ? clean(value as JsonSchema) : value;
}

function sortedByName<T>(values: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function version(): string {
  const path = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
