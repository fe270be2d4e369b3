import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { type CredentialRate, credentialClaim } from "../flows/rate-claims.ts";
import { throttleClaim } from "../flows/switched-off.ts";
import { type BodyMemory, parseJson, readBody } from "../lib/body-memory.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import type { HttpServer } from "../lib/http.ts";
import { bearerToken, clientRequestId } from "../lib/http-headers.ts";
import { addressPrefix } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { forbiddenOrigin, mayUseFrom } from "../modules/identity/identity.ts";
import type { RateLimiter } from "../modules/rate/rate.ts";
import type { Switches } from "../modules/switch/switch.ts";
import { type Actor, auditActorOf, classesOf, scopesOf, tenantOf } from "./actor.ts";
import type { Authenticate } from "./authenticate.ts";
import { admitByCookie, type ConsoleDoor } from "./console-door.ts";
import { invalidInput, refuseUnstorable } from "./issues.ts";
import { type Call, checkMountTable, type Mounted } from "./mount.ts";
import { sendRows } from "./rows.ts";
import { refuseOldProof } from "./step-up.ts";

export type HarnessOptions = {
  authenticate: Authenticate;
  database: Pick<Database, "read">;
  bodyMemory: BodyMemory;
  bodyLimitBytes: number;
  /** `null` where there is no console: then no page may hold a developer's or an operator's token. */
  console: ConsoleDoor | null;
  metrics: Pick<Metrics, "authFailures">;
  /** What one credential, else one address, may call. */
  rates: Pick<RateLimiter, "take">;
  credentialRate: CredentialRate;
  /** Developer tokens that are throttled call so much less. */
  switches: Pick<Switches, "throttleOf">;
  /** The database's clock. */
  nowMs(): number;
  /** In tests every answer is held against the contract. */
  checkAnswers: boolean;
};

/** Puts every route of the contract on the server, each behind the same checks. @throws when the table is not whole */
export function mountRoutes(
  http: HttpServer,
  mounted: readonly Mounted[],
  contract: readonly RouteDefinition[],
  options: HarnessOptions,
): void {
  checkMountTable(mounted, contract);
  for (const line of mounted) {
    http.app.route({
      method: line.route.method,
      url: line.route.path,
      handler: (request, reply) => answerCall(line, request, reply, options),
    });
  }
}

async function answerCall(
  { route, handler }: Mounted,
  request: FastifyRequest,
  reply: FastifyReply,
  options: HarnessOptions,
): Promise<FastifyReply> {
  const actor = await admit(route, request, options).catch(async (error: unknown) => {
    await countCall(options, request, reply, ["address", request.ip]);
    throw error;
  });
  request.logFacts = factsOf(actor);
  await countCall(options, request, reply, credentialOf(actor) ?? ["address", request.ip], tokenOf(actor));
  try {
    const call = await readCall(route, actor, request, reply, options);
    const answer = await handler(call);
    if (route.format !== undefined)
      return sendRows(route.format, answer as AsyncIterable<string>, request, reply);
    if (options.checkAnswers) checkAnswer(route, answer);
    return reply
      .code(route.status ?? 200)
      .type("application/json; charset=utf-8")
      .send(JSON.stringify(answer));
  } catch (error) {
    throw asOneMissing(error);
  }
}

/** @throws ApiError rate_limited */
async function countCall(
  options: HarnessOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  [level, id]: readonly [level: string, id: string],
  tokenId: string | null = null,
): Promise<void> {
  const claims = [
    ...credentialClaim(options.credentialRate, level, `api:${id}`),
    ...(tokenId === null
      ? []
      : throttleClaim("token", tokenId, options.switches.throttleOf("token", tokenId))),
  ];
  reply.headers((await options.rates.take(claims, request.id)).headers);
}

const tokenOf = (actor: Actor): string | null => (actor.class === "dev" ? actor.caller.tokenId : null);

function credentialOf(actor: Actor): [level: string, id: string] | null {
  if (actor.class === "session") return ["session", actor.session.sessionId];
  if (actor.class === "dev") return ["developer_token", actor.caller.tokenId];
  return actor.class === "op" ? ["operator", actor.person] : null;
}

/** Who calls, when they may: class, then place, then scope. @throws ApiError invalid_session, forbidden */
async function admit(
  route: RouteDefinition,
  request: FastifyRequest,
  options: HarnessOptions,
): Promise<Actor> {
  const { auth } = route;
  const classes = classesOf[auth.class];
  const token = bearerToken(request);
  if (auth.class === "none" || auth.class === "monitor") return { class: "none" };
  const context = {
    address: request.ip,
    graceSeconds: "graceSeconds" in auth ? (auth.graceSeconds ?? 0) : 0,
  };
  const counted = async <A>(who: Promise<A>): Promise<A> => {
    try {
      return await who;
    } catch (error) {
      if (error instanceof ApiError) countFailure(options, error.code);
      throw error;
    }
  };
  const byCookie =
    token === null && options.console !== null && classes.some((name) => name === "dev" || name === "op")
      ? await counted(admitByCookie(options.console, request))
      : null;
  if (token === null && byCookie === null) {
    if (classes.includes("none")) return { class: "none" };
    countFailure(options, "missing");
    throw new ApiError(
      "invalid_session",
      auth.class === "console"
        ? "Sign in to the console first."
        : "Send the token as `Authorization: Bearer <token>`.",
    );
  }
  const actor = byCookie ?? (await counted(options.authenticate(token!, context)));
  const isOfConsole = actor.class !== "session" && actor.console !== undefined;
  if (!classes.includes(actor.class) || (auth.class === "console" && !isOfConsole)) {
    const required = auth.class === "console" ? ["console"] : classes.filter((name) => name !== "none");
    throw forbidden("This route takes another class of token.", required);
  }
  refuseForeignPlace(actor, request.headers.origin, options.console?.origins ?? []);
  if ("scopes" in auth && auth.scopes !== "any" && !hasScope(actor, auth.scopes)) {
    throw forbidden(
      "This token lacks the scope that this route wants.",
      auth.scopes.filter(isOfClass(actor.class)),
    );
  }
  if (route.stepUp) refuseOldProof(actor, options.nowMs());
  return actor;
}

function countFailure(options: HarnessOptions, kind: string): void {
  options.metrics.authFailures.inc({ service: "@modelfaucet/api", kind });
}

function forbidden(sentence: string, required: readonly string[]): ApiError {
  return new ApiError("forbidden", sentence, {
    details: { required: required.length === 1 ? required[0] : required },
  });
}

/** A session works from where it was opened; developer and operator tokens are no business of a page. */
function refuseForeignPlace(
  actor: Actor,
  origin: string | undefined,
  consoleOrigins: readonly string[],
): void {
  if (actor.class === "session") {
    if (!mayUseFrom(actor.session, origin)) throw forbiddenOrigin();
    return;
  }
  if (origin !== undefined && !consoleOrigins.includes(origin)) {
    throw new ApiError("forbidden", "A page must not hold this token; call from a server.", {
      details: { reason: "browser" },
    });
  }
}

/** Every operator scope includes `operator:read`. */
function hasScope(actor: Actor, wanted: readonly string[]): boolean {
  const held = scopesOf(actor);
  return wanted.some(
    (scope) =>
      (held as ReadonlySet<string>).has(scope) ||
      (scope === "operator:read" && actor.class === "op" && actor.scopes.size > 0),
  );
}

function isOfClass(actorClass: Actor["class"]) {
  return (scope: string): boolean =>
    actorClass === "op"
      ? scope.startsWith("operator:")
      : actorClass === "session" || scope.startsWith("developer:");
}

async function readCall(
  route: RouteDefinition,
  actor: Actor,
  request: FastifyRequest,
  reply: FastifyReply,
  options: HarnessOptions,
): Promise<Call<RouteDefinition>> {
  const params = parsePath(route, request.params);
  const query = parsed(route.query ?? noFields, request.query, "query");
  const rawBody = route.body === undefined ? noBody : await readJsonBytes(request, reply, options);
  const sent = rawBody.length === 0 ? {} : parseJson(rawBody);
  const body = route.body === undefined ? {} : parsed(route.body, sent, "body");
  refuseUnstorable(sent, rawBody);
  const requestId = request.id.slice("req_".length);
  const tenant = tenantOf(actor, (query as { developer_id?: string }).developer_id);
  const address = request.ip;
  return {
    actor: actor as Call<RouteDefinition>["actor"],
    params,
    query,
    body,
    rawBody,
    requestId,
    clientRequestId: clientRequestId(request),
    idempotencyKey: route.idempotent ? idempotencyKeyOf(request) : null,
    origin: request.headers.origin,
    address,
    audit: auditActorOf(actor, requestId, addressPrefix(address) ?? null),
    tenant,
    read: (work) => options.database.read(tenant, work),
    leaving: () => leavingSignal(reply),
    setCookie: (cookie) => {
      reply.header("set-cookie", cookie);
    },
    logFacts: (facts) => {
      request.logFacts = { ...request.logFacts, ...facts };
    },
  } as Call<RouteDefinition>;
}

const noFields = z.strictObject({});
const noBody = Buffer.alloc(0);

/** A malformed id is told like a missing one. */
function parsePath(route: RouteDefinition, values: unknown): unknown {
  if (route.params === undefined) return {};
  const result = route.params.safeParse(values);
  if (result.success) return result.data;
  throw missing(missingCodes[String(result.error.issues[0]?.path[0])] ?? "not_found");
}

function parsed(schema: z.ZodType, value: unknown, where: "query" | "body"): unknown {
  const result = schema.safeParse(where === "query" ? { ...(value as object) } : value);
  if (!result.success) throw invalidInput(result.error, where);
  return result.data;
}

async function readJsonBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  options: HarnessOptions,
): Promise<Buffer> {
  const bytes = await readBody(request.raw, reply.raw, {
    limitBytes: options.bodyLimitBytes,
    memory: options.bodyMemory,
  });
  const type = request.headers["content-type"] ?? "";
  if (bytes.length > 0 && !/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError("invalid_request", "Send the body as `content-type: application/json`.", {
      param: "content-type",
    });
  }
  return bytes;
}

function idempotencyKeyOf(request: FastifyRequest): string | null {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key === "string" && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new ApiError("invalid_request", "`Idempotency-Key` must be 1 to 255 visible characters.", {
    param: "idempotency-key",
  });
}

function leavingSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  if (reply.raw.closed) controller.abort();
  return controller.signal;
}

const missingCodes: Record<string, "invalid_app" | "feature_not_found"> = {
  publicAppId: "invalid_app",
  featureKey: "feature_not_found",
};

const missingSentences = {
  invalid_app: "There is no such app, or it is disabled.",
  feature_not_found: "This app has no such feature.",
  not_found: "There is no such thing here.",
} as const;

function missing(code: keyof typeof missingSentences): ApiError {
  return new ApiError(code, missingSentences[code]);
}

/** Missing, foreign and malformed ids are told in the same words, whoever noticed. */
function asOneMissing(error: unknown): unknown {
  if (!(error instanceof ApiError) || !Object.hasOwn(missingSentences, error.code)) return error;
  // A field of the body that names something missing is no id of the path: it is told by its name.
  return error.param === null ? missing(error.code as keyof typeof missingSentences) : error;
}

function factsOf(actor: Actor): Record<string, unknown> {
  if (actor.class === "session") {
    const { session } = actor;
    return {
      developer_id: session.developerId,
      app_id: session.appId,
      end_user_id: session.endUserId,
      session_id: session.sessionId,
    };
  }
  return actor.class === "dev" ? { developer_id: actor.caller.developerId ?? "bootstrap" } : {};
}

function checkAnswer(route: RouteDefinition, answer: unknown): void {
  const result = route.answer.safeParse(JSON.parse(JSON.stringify(answer)));
  if (result.success) return;
  const issues = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`${routeName(route)} answers against its contract: ${issues.join("; ")}`);
}
