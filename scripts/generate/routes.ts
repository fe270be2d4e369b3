import { type JsonSchema, jsonSchemaOf } from "@modelfaucet/contract/json-schema.ts";
import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { apiRoutes, gatewayRoutes, operationRoutes } from "@modelfaucet/contract/routes/table.ts";
import { page, table } from "./table.ts";

export function renderRoutes(): string {
  const groups: [title: string, routes: readonly RouteDefinition[]][] = [
    ["Control API", apiRoutes],
    ["Gateway", gatewayRoutes],
    ["Every role", operationRoutes],
  ];
  return page("Routes", "packages/contract/src/routes", [
    "Requests are strict: a field that is not listed is refused by name. `?` marks what may be left out.",
    ...groups.flatMap(([title, routes]) => {
      const sorted = routes.toSorted((a, b) => (routeKey(a) < routeKey(b) ? -1 : 1));
      return [`## ${title}`, overview(sorted), ...sorted.map(describe)];
    }),
  ]);
}

function routeKey(route: RouteDefinition): string {
  return `${route.path} ${route.method}`;
}

function overview(routes: readonly RouteDefinition[]): string {
  return table(
    ["route", "who", "scope", "meaning"],
    routes.map((route) => [`\`${routeName(route)}\``, route.auth.class, scopeWords(route), route.summary]),
  );
}

function describe(route: RouteDefinition): string {
  const facts = [
    ...(route.idempotent ? ["Takes `Idempotency-Key`."] : []),
    ...(route.stepUp ? ["Asks a session whose proof is older than 15 minutes to step up."] : []),
    ...(route.format ? [`Streams ${route.format.toUpperCase()}.`] : []),
    ...(route.wantsReason ? ["Wants a `reason`, which stands in the audit row."] : []),
    `Answers ${route.status ?? 200}.`,
    ...(route.codes.length > 0
      ? [`Codes of its own: ${route.codes.map((code) => `\`${code}\``).join(", ")}.`]
      : []),
  ];
  const parts = [
    fields("path", route.params, "input"),
    fields("query", route.query, "input"),
    fields("body", route.body, "input"),
    fields("answer", route.answer, "output"),
  ].flat();
  const shape = parts.length > 0 ? `\n\n${table(["in", "field", "value"], parts)}` : "";
  return `### \`${routeName(route)}\`\n\n${route.summary} ${facts.join(" ")}${shape}`;
}

function scopeWords(route: RouteDefinition): string {
  if (!("scopes" in route.auth)) return "–";
  return route.auth.scopes === "any" ? "any" : route.auth.scopes.map((scope) => `\`${scope}\``).join(" or ");
}

function fields(
  where: string,
  schema: RouteDefinition["answer"] | undefined,
  io: "input" | "output",
): string[][] {
  if (schema === undefined) return [];
  const json = jsonSchemaOf(schema, io);
  return Object.entries(json.properties ?? {})
    .filter(([, value]) => value.not === undefined)
    .map(([name, value]) => {
      const optional = !(json.required ?? []).includes(name) || value.default !== undefined;
      return [where, `\`${name}${optional ? "?" : ""}\``, words(value)];
    });
}

/** One line of words for one value. */
function words(schema: JsonSchema): string {
  const fallback = schema.default === undefined ? "" : `; default ${JSON.stringify(schema.default)}`;
  return `${shapeWords(schema)}${fallback}`;
}

function shapeWords(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return "any JSON";
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((word) => `\`${String(word)}\``).join(" \\| ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(shapeWords).join(" or ");
  if (schema.type === "array")
    return `list of ${schema.items ? shapeWords(schema.items) : "any JSON"}${atMost(schema.maxItems)}`;
  if (schema.type === "object") return objectWords(schema);
  if (schema.type === "integer" || schema.type === "number") return numberWords(schema);
  if (schema.type === "string") return `text${lengthWords(schema)}`;
  return schema.type ?? "any JSON";
}

function objectWords(schema: JsonSchema): string {
  const names = Object.entries(schema.properties ?? {})
    .filter(([, value]) => value.not === undefined)
    .map(([name]) => ((schema.required ?? []).includes(name) ? name : `${name}?`));
  return names.length === 0 ? "object" : `{${names.join(", ")}}`;
}

function numberWords(schema: JsonSchema): string {
  const name = schema.type === "integer" ? "whole number" : "number";
  const bounded = schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER;
  return bounded ? `${name} ${schema.minimum ?? 0}..${schema.maximum}` : name;
}

function lengthWords(schema: JsonSchema): string {
  return schema.maxLength === undefined ? "" : ` (${schema.minLength ?? 0}..${schema.maxLength})`;
}

function atMost(items: number | undefined): string {
  return items === undefined ? "" : `, at most ${items}`;
}
