import type { IncomingMessage } from "node:http";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type CorsPolicy, createCorsJudge } from "./cors.ts";
import { ApiError, type ErrorCode } from "./errors.ts";
import { answerClientError, sendError } from "./http-errors.ts";
import { clientRequestId } from "./http-headers.ts";
import { addOperationRoutes, operationPaths } from "./http-operations.ts";
import { answerUnknownRoutes } from "./http-unknown.ts";
import { requestIdOf, uuidV7 } from "./ids.ts";
import { addressPrefix, type Logger } from "./log.ts";
import { createHttpMeter, type Metrics } from "./metrics.ts";
import type { RequestSpan, ServerTracing } from "./tracing.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What the handler adds to the access log line: ids, route mode, model, outcome, charge; never content. */
    logFacts: Record<string, unknown> | null;
    /** The code of the error that was answered. */
    errorCode: ErrorCode | null;
    /** This request's span; `null` where nothing is traced. */
    trace: RequestSpan | null;
  }
}

export { bearerToken, clientRequestId } from "./http-headers.ts";

export type ServiceName = "@modelfaucet/api" | "@modelfaucet/gateway" | "@modelfaucet/worker";

export type HttpServerOptions = {
  service: ServiceName;
  log: Logger;
  metrics: Metrics;
  cors: CorsPolicy;
  /** Peers whose forwarded headers are believed. */
  trustedProxyCidrs: readonly string[];
  /** The checks of `/ready`, by name. Asked each time, bounded by `readyTimeoutMs`. */
  readiness(): Promise<Record<string, boolean>>;
  /** Asked before anything but health, readiness and metrics. @throws ApiError where no new work can be taken */
  refuseWork?(): void;
  /** Told of every answer but those to health, readiness and metrics. */
  onAnswer?(status: number): void;
  tracing?: ServerTracing | null;
  /** A second sentence for an unknown path, that says where to go. */
  notFoundHint?(method: string, path: string): string | undefined;
  monitoring: {
    token: string | null;
    allowedCidrs: readonly string[];
    isOperatorToken(token: string, address: string): boolean | Promise<boolean>;
  };
  timeouts?: Partial<Record<keyof typeof defaultTimeouts, number>>;
};

export type HttpServer = {
  app: FastifyInstance;
  /** From now on new work is refused with 503 and `/ready` says so; what runs goes on. */
  drain(): void;
};

const defaultTimeouts = {
  // A client has so long to send its headers and its whole request. Long enough for 32 MiB on a slow line.
  headersMs: 15_000,
  requestMs: 120_000,
  keepAliveMs: 72_000,
  readyMs: 3_000,
  // So long a client may take nothing of a whole answer that waits for it.
  stalledMs: 60_000,
};

/**
 * The HTTP edge of every role: one request id, one error envelope, one access line, CORS, health and metrics. Bodies
 * are not read here; a handler that wants one reads it with `readBody`.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const state = { draining: false };
  const begin = requestHook(options, state, timeouts.stalledMs);
  const app = fastify({
    logger: false,
    genReqId: () => requestIdOf(uuidV7()),
    requestIdHeader: false,
    trustProxy: options.trustedProxyCidrs.length > 0 ? [...options.trustedProxyCidrs] : false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    keepAliveTimeout: timeouts.keepAliveMs,
    requestTimeout: timeouts.requestMs,
    // A base URL that ends with a slash is joined with a path that begins with one, by some clients.
    routerOptions: { maxParamLength: 600, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
    http: {
      headersTimeout: Math.min(timeouts.headersMs, timeouts.requestMs),
      connectionsCheckingInterval: Math.min(1000, timeouts.headersMs),
      // A missing Host is answered here, in our own envelope.
      requireHostHeader: false,
    },
    // What the router refuses passes no hook by itself.
    frameworkErrors: (error, request, reply) =>
      begin(request as FastifyRequest, reply as FastifyReply, (refusal) => {
        sendError(reply as FastifyReply, refusal ?? error, options.log);
      }),
    clientErrorHandler: (error, socket) => answerClientError(error as NodeJS.ErrnoException, socket),
  });
  // Fastify would parse bodies by content type before the handler runs; here every handler reads its own, in bounds.
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  app.decorateRequest("logFacts", null);
  app.decorateRequest("errorCode", null);
  app.decorateRequest("trace", null);
  app.addHook("onRequest", begin);
  app.setErrorHandler((error, _, reply) => sendError(reply, error, options.log));
  answerUnknownRoutes(app, options);
  addOperationRoutes(app, options, state, timeouts.readyMs);
  // An unknown expectation is no reason for an answer without our envelope.
  app.server.on("checkExpectation", (request, response) => app.routing(request, response));
  return {
    app,
    drain: () => {
      state.draining = true;
    },
  };
}

function requestHook(options: HttpServerOptions, state: { draining: boolean }, stalledMs: number) {
  const cors = createCorsJudge(options.cors);
  const count = createHttpMeter(options.metrics, options.service);
  return (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    const startedAt = performance.now();
    // A closed socket no longer knows its peer.
    const address = request.ip;
    prepare(reply, request);
    const isOperation = operationPaths.has(request.routeOptions.url ?? "");
    const { traceparent } = request.headers;
    const span = isOperation ? null : options.tracing?.begin(request.method, oneText(traceparent));
    request.trace = span ?? null;
    // The socket's own clock runs while nothing moves; behind a finished answer it is set anew for keep-alive.
    reply.raw.once("prefinish", () => request.raw.socket.setTimeout(stalledMs));
    reply.raw.once("close", () => {
      const durationMs = performance.now() - startedAt;
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 499;
      const route = request.is404 ? "unmatched" : (request.routeOptions.url ?? "unmatched");
      count(request.method, route, status, durationMs);
      if (!operationPaths.has(route)) options.onAnswer?.(status);
      writeAccessLine(options.log, request, { route, status, durationMs, address });
      const { id: requestId, method, errorCode, logFacts } = request;
      span?.end({ requestId, method, route, status, errorCode, facts: logFacts ?? {} });
    });
    const origin = request.headers.origin;
    if (origin !== undefined) {
      const allowed = cors.headersFor(origin);
      for (const [name, value] of allowed) reply.header(name, value);
      if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
        if (allowed.length > 0) {
          const asked = request.headers["access-control-request-headers"];
          for (const [name, value] of cors.preflightFor(asked)) reply.header(name, value);
        }
        reply.header("vary", "Origin, Access-Control-Request-Headers").code(204).send();
        return;
      }
    }
    const refusal = refusalOf(request.raw);
    if (refusal) {
      done(refusal);
      return;
    }
    if (state.draining && !isOperation) {
      reply.header("connection", "close");
      done(
        new ApiError("service_unavailable", "This instance is shutting down; try again.", {
          retryAfterSeconds: 1,
        }),
      );
      return;
    }
    done(isOperation ? undefined : refusalToWork(options));
  };
}

const oneText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function refusalToWork({ refuseWork }: HttpServerOptions): Error | undefined {
  try {
    refuseWork?.();
    return undefined;
  } catch (refusal) {
    return refusal as Error;
  }
}

function prepare(reply: FastifyReply, request: FastifyRequest): void {
  reply.header("x-request-id", request.id);
  reply.header("cache-control", "private, no-store");
  reply.header("vary", "Authorization, Origin");
}

const hostForm = /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/** Tricks that a parser in front of us may have read in another way. */
function refusalOf(raw: IncomingMessage): ApiError | undefined {
  const host = raw.headers.host;
  if (host === undefined || !hostForm.test(host)) {
    return new ApiError("invalid_request", "The Host header is missing or malformed.", { param: "host" });
  }
  // Nothing here has a percent sign in its name, so an encoded one is a path that somebody encoded twice.
  if (/^[^?]*%25/.test(raw.url ?? "")) {
    return new ApiError("invalid_request", "The path is encoded twice; encode it once.", { param: "path" });
  }
  let hosts = 0;
  let authorizations = 0;
  const names = raw.rawHeaders;
  for (let index = 0; index < names.length; index += 2) {
    const name = names[index]!;
    if (name.length === 13 && name.toLowerCase() === "authorization") authorizations++;
    else if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  if (hosts > 1) return new ApiError("invalid_request", "Send one Host header.", { param: "host" });
  if (authorizations > 1) {
    return new ApiError("invalid_request", "Send one Authorization header.", { param: "authorization" });
  }
  return undefined;
}

/** One line per request, also when the client left before its answer was complete. */
function writeAccessLine(
  log: Logger,
  request: FastifyRequest,
  facts: { route: string; status: number; durationMs: number; address: string },
): void {
  log.info(
    {
      request_id: request.id,
      client_request_id: clientRequestId(request) ?? undefined,
      method: request.method,
      route: facts.route,
      status: facts.status,
      duration_ms: Math.round(facts.durationMs * 1000) / 1000,
      error_code: facts.status === 499 ? "client_closed_request" : (request.errorCode ?? undefined),
      address_prefix: addressPrefix(facts.address),
      ...(request.trace && { trace_id: request.trace.traceId, span_id: request.trace.spanId }),
      ...request.logFacts,
    },
    "request",
  );
}
