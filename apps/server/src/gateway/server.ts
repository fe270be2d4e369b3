import type { RouteMode } from "@modelfaucet/contract/values.ts";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { CompleteContext } from "../flows/complete/complete.ts";
import type { PlanContext } from "../flows/complete/plan.ts";
import { planContextOf } from "../flows/complete/plan-context.ts";
import { readRouteMode } from "../flows/complete/request-body.ts";
import { credentialClaim } from "../flows/rate-claims.ts";
import { switchedOff } from "../flows/switched-off.ts";
import { type BodyMemory, parseJson, readBody } from "../lib/body-memory.ts";
import { refuseStale } from "../lib/change-feed.ts";
import { ApiError } from "../lib/errors.ts";
import type { HttpServer } from "../lib/http.ts";
import { toApiError } from "../lib/http-errors.ts";
import { bearerToken, clientRequestId } from "../lib/http-headers.ts";
import { refuseForeignOrigin, type SessionCache, type SessionContext } from "../modules/identity/identity.ts";
import { type Circuits, circuitName, type Upstream } from "../modules/routing/routing.ts";
import { chatCompletions } from "./chat-completions.ts";
import { findModel, listModels } from "./models.ts";

export type GatewayOptions = {
  complete: CompleteContext;
  sessions: SessionCache;
  bodyMemory: BodyMemory;
  bodyLimitBytes: number;
  keepaliveMs: number;
  maxInFlight: number;
  production: boolean;
  isOperatorToken: (token: string, address: string) => boolean | Promise<boolean>;
  /** Whether the token is a valid one of another class, which opens nothing here. */
  isOtherToken: (token: string, address: string) => Promise<boolean>;
  onRefused: (code: string, level: string) => void;
  onAuthFailure: (kind: string) => void;
};

const requestIdPrefix = "req_".length;
/** Until then the end of a session is noticed as the request begins. */
const longReadMs = 500;

/**
 * Puts the OpenAI-compatible routes on the gateway's server: under `/v1`, and without it for clients whose base URL was
 * written that way.
 */
export function mountGateway({ app }: HttpServer, options: GatewayOptions): void {
  for (const base of ["/v1", ""]) {
    app.post(`${base}/chat/completions`, (request, reply) => complete(request, reply, options));
    app.get(`${base}/models`, async (request, reply) =>
      reply.send(listModels(await planContext(request, reply, options), askedPayer(request))),
    );
    app.get(`${base}/models/*`, async (request, reply) => {
      const id = (request.params as { "*": string })["*"];
      return reply.send(findModel(id, await planContext(request, reply, options), askedPayer(request)));
    });
  }
  app.get("/health/providers", async (request, reply) => {
    const upstreams = options.complete.upstreams.all();
    const ok = upstreams.some(isHealthy);
    const token = bearerToken(request);
    if (token === null) return reply.send({ ok });
    if (!(await options.isOperatorToken(token, request.ip))) {
      throw new ApiError("forbidden", "Only an operator reads the health of each provider.", {
        details: { required: "op" },
      });
    }
    return reply.send({ ok, providers: upstreams.map((one) => healthOf(one, options.complete.circuits)) });
  });
}

function askedPayer(request: FastifyRequest): RouteMode | null {
  const asked = request.headers["x-modelfaucet-route"];
  return readRouteMode(typeof asked === "string" ? asked : null, null);
}

async function complete(
  request: FastifyRequest,
  reply: FastifyReply,
  options: GatewayOptions,
): Promise<unknown> {
  const askedAt = performance.now();
  if (options.complete.inFlight.size >= options.maxInFlight) {
    throw new ApiError("service_unavailable", "This gateway has all the requests it can carry; try again.", {
      retryAfterSeconds: 1,
    });
  }
  let session = await authenticated(request, options);
  const authMs = performance.now() - askedAt;
  options.complete.onStage("auth", authMs);
  // Told with every answer of that time, refusals among them.
  const isRecorded = await options.complete.isRecording(session.appId);
  if (isRecorded) reply.header("x-modelfaucet-debug-log", "on");
  const rawBody = await readBody(request.raw, reply.raw, {
    limitBytes: options.bodyLimitBytes,
    memory: options.bodyMemory,
  });
  // A body may take minutes to come, and a session end meanwhile: who sent it is asked again.
  if (performance.now() - askedAt > longReadMs) session = await authenticated(request, options);
  // How long a client takes to send its body is no time of ours.
  const startedAt = performance.now() - authMs;
  try {
    return await chatCompletions(
      request,
      reply,
      {
        requestId: request.id.slice(requestIdPrefix),
        clientRequestId: clientRequestId(request),
        session,
        body: parseJson(rawBody),
        rawBody,
        startedAt,
        headers: reply.getHeaders() as Record<string, string>,
        isSecure: isSecure(request, options.production),
        isRecorded,
      },
      { context: options.complete, keepaliveMs: options.keepaliveMs, toApiError },
    );
  } catch (error) {
    const told = toApiError(error);
    options.onRefused(told.code, levelOf(told));
    throw error;
  }
}

/** TLS, as the peer or a trusted proxy says; outside production this very machine is as good. */
function isSecure(request: FastifyRequest, production: boolean): boolean {
  if (request.protocol === "https") return true;
  return !production && /^(127\.|::1$|::ffff:127\.)/.test(request.ip);
}

/** A call without a good session counts for its address. @throws ApiError rate_limited beside what authentication throws */
async function authenticated(request: FastifyRequest, options: GatewayOptions): Promise<SessionContext> {
  try {
    return await authenticate(request, options);
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 500;
    if (status === 401 || status === 403) {
      options.onAuthFailure(bearerToken(request) === null ? "missing" : (error as ApiError).code);
    }
    await options.complete.rates.take(
      credentialClaim(options.complete.credentialRate, "address", request.ip),
      request.id,
    );
    throw error;
  }
}

/** The session behind the bearer token. @throws service_unavailable, invalid_session, expired_session, forbidden */
async function authenticate(
  request: FastifyRequest,
  options: Pick<GatewayOptions, "complete" | "sessions" | "isOtherToken">,
): Promise<SessionContext> {
  refuseStale(options.complete.feed);
  const token = bearerToken(request);
  if (token === null)
    throw new ApiError("invalid_session", "Send a session token as `Authorization: Bearer mf_sess_…`.");
  const found = await options.sessions.find(token, request.ip);
  if (found.state === "unknown") {
    if (await options.isOtherToken(token, request.ip)) {
      throw new ApiError(
        "forbidden",
        "Models are called with a session token; open a session for the end user.",
        {
          details: { required: "session" },
        },
      );
    }
    throw new ApiError(
      "invalid_session",
      "This session token is unknown or was revoked; open a new session.",
    );
  }
  if (found.state === "expired")
    throw new ApiError("expired_session", "This session has expired; refresh it or open a new one.");
  const { session } = found;
  const off = options.complete.switches.offFor({ sessionId: session.sessionId });
  if (off !== null) throw switchedOff(off.kind);
  refuseForeignOrigin(session, request.headers.origin);
  if (!session.scopes.has("chat")) {
    throw new ApiError("forbidden", "This session may not call models.", { details: { required: "chat" } });
  }
  return session;
}

async function planContext(
  request: FastifyRequest,
  reply: FastifyReply,
  options: GatewayOptions,
): Promise<PlanContext> {
  const session = await authenticated(request, options);
  const claims = credentialClaim(options.complete.credentialRate, "session", session.sessionId);
  reply.headers((await options.complete.rates.take(claims, request.id)).headers);
  const features = (await options.complete.featuresOf(session.appId)) ?? [];
  return planContextOf(session, features, options.complete);
}

function levelOf(error: ApiError): string {
  const { level, limit } = (error.details ?? {}) as { level?: unknown; limit?: { level?: unknown } | string };
  const told = level ?? (typeof limit === "object" ? limit.level : limit);
  if (typeof told === "string") return told;
  return error.code === "insufficient_balance" || error.code === "wallet_frozen" ? "wallet" : "none";
}

/** An upstream that failed so many times in a row is not well. */
const judgedAttempts = 10;

function isHealthy({ status, health }: Upstream): boolean {
  return (
    status === "on" && (health.recent.length === 0 || health.recent.slice(-judgedAttempts).includes("ok"))
  );
}

function healthOf(upstream: Upstream, circuits: Pick<Circuits, "look">): Record<string, unknown> {
  const { name, health } = upstream;
  const { last, lastSuccessAtMs } = health;
  return {
    ok: isHealthy(upstream),
    provider: name,
    ...(last?.status === undefined ? {} : { statusCode: last.status }),
    latencyMs: last?.latencyMs ?? 0,
    circuit: circuits.look(circuitName(name, null)!),
    ...(lastSuccessAtMs === null ? {} : { last_success_at: new Date(lastSuccessAtMs).toISOString() }),
    ...(last === null || last.failure === null ? {} : { error: last.failure }),
  };
}
