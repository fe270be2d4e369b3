import { z } from "zod";
import type { ErrorCode } from "./errors.ts";
import type { Scope } from "./scopes.ts";

/**
 * Who may call a route. `dev_or_op` takes either token; `app_identity` is decided by the app's identity mode (no token,
 * or a developer token); `console` is the cookie of a console session, whatever it may; `monitor` is the operator's
 * network, a metrics token or an operator token. The console's cookie also opens `dev` and `op` by what its person may.
 */
export type RouteClass =
  | "none"
  | "session"
  | "dev"
  | "op"
  | "dev_or_op"
  | "app_identity"
  | "console"
  | "monitor";

export type RouteAuth =
  | { readonly class: "none" | "app_identity" | "console" | "monitor" }
  | {
      readonly class: "session" | "dev" | "op" | "dev_or_op";
      /** Any one of them is enough; `any` opens the route to every token of the class. */
      readonly scopes: readonly [Scope, ...Scope[]] | "any";
      /** Seconds for which an expired session still names its user here; the handler asks for proof. */
      readonly graceSeconds?: number;
    };

export type RouteDefinition = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `:name` for what varies, as Fastify writes it. */
  readonly path: `/${string}`;
  /** The package that brought the route. */
  readonly pkg: 1 | 2 | 3;
  readonly auth: RouteAuth;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
  /** The status of success; 200 unless given. */
  readonly status?: 200 | 201 | 202;
  /** Rows instead of one JSON object, sent as they are read; `answer` is then the whole text. */
  readonly format?: "csv" | "ndjson";
  /** A session whose proof is older than 15 minutes is asked for it anew; a bearer token is its own proof. */
  readonly stepUp?: boolean;
  /** Takes `Idempotency-Key`. */
  readonly idempotent?: boolean;
  /** Needs `reason`: in the body, on DELETE in the query. */
  readonly wantsReason?: boolean;
  /** The specific codes; 400, 401, 403, 404, 429 and 5xx hold everywhere. */
  readonly codes: readonly ErrorCode[];
  readonly summary: string;
};

export type Route<D extends RouteDefinition = RouteDefinition> = D;

type Parsed<S> = S extends z.ZodType ? z.output<S> : Record<string, never>;
export type ParamsOf<D> = D extends { params: infer S } ? Parsed<S> : Record<string, never>;
export type QueryOf<D> = D extends { query: infer S } ? Parsed<S> : Record<string, never>;
export type BodyOf<D> = D extends { body: infer S } ? Parsed<S> : Record<string, never>;
/** What a caller sends: the input side of the body's schema. */
export type SentOf<D> = D extends { body: infer S extends z.ZodType } ? z.input<S> : never;
/** What the handler returns: the input side of the answer's schema, which nothing transforms; of rows, their text in parts. */
export type AnswerOf<D extends { answer: z.ZodType }> = D extends { format: string }
  ? AsyncIterable<string>
  : z.input<D["answer"]>;

/** `POST /v1/developer/apps`: how a route is named in tables, metrics and messages. */
export function routeName(route: Pick<RouteDefinition, "method" | "path">): string {
  return `${route.method} ${route.path}`;
}

/** One route of the wire. Checks what the types cannot. @throws on a definition that contradicts itself. */
export function defineRoute<const D extends RouteDefinition>(route: D): D {
  const named = [...route.path.matchAll(/:([A-Za-z_]+)/g)].map((match) => match[1]!);
  const declared = route.params instanceof z.ZodObject ? Object.keys(route.params.shape) : [];
  if (named.join() !== declared.join())
    throw new Error(`${routeName(route)}: params are not those of the path`);
  if (route.wantsReason) {
    const holder = route.method === "DELETE" ? route.query : route.body;
    const has = holder instanceof z.ZodObject && "reason" in holder.shape;
    if (!has) throw new Error(`${routeName(route)}: wants a reason but has no field for it`);
  }
  return route;
}
