import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { asBridgeError, BridgeError } from "../errors.ts";
import type { Grant, GrantStore } from "../grants/grants.ts";
import { isExtensionOrigin } from "../grants/origin.ts";
import { isLocalRequestId, newLocalRequestId } from "../ids.ts";
import type { Log } from "../log.ts";
import { bearerOf, callerOf, isFromBrowser, isLoopbackPeer, isMeantForUs } from "./caller.ts";
import { openRoutes, pairedHeaders, preflight, readableHeaders } from "./cors.ts";
import { type Exchange, sendError } from "./exchange.ts";
import { createLimiter } from "./limiter.ts";

/** Answers once every check has passed; throws a BridgeError to refuse. */
type Handler = (exchange: Exchange) => Promise<void> | void;
export type Routes = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

export type BridgeServer = {
  readonly port: number;
  /** `host:port` of each socket that listens. */
  readonly listening: readonly string[];
  /** No new requests; running ones get so long, then they are cut. */
  close(graceMs: number): Promise<void>;
};

export type ServerDeps = {
  grants: GrantStore;
  log: Log;
  routes: Routes;
};

/** How often an open stream's grant is looked at. */
const grantPollMs = 250;

const wrongTokensPerMinute = 10;
const invalidGrantHelp = "Run modelfaucet-bridge pair and pair this page again.";

/**
 * Listens on both loopback addresses of one port.
 * @throws Error with code EADDRINUSE when the port is taken on either
 */
export async function startServer(port: number, deps: ServerDeps): Promise<BridgeServer> {
  const running = new Set<Exchange>();
  const wrongTokens = createLimiter(wrongTokensPerMinute);
  const handle = (request: IncomingMessage, response: ServerResponse, mayWait: boolean): void => {
    void answer(request, response, mayWait).catch((error) => {
      deps.log.write("error", "request_failed", { error: String(error) });
      response.destroy();
    });
  };

  async function answer(request: IncomingMessage, response: ServerResponse, mayWait: boolean): Promise<void> {
    const startedAt = performance.now();
    const abort = new AbortController();
    let stoppedBy: BridgeError | null = null;
    const caller = callerOf(request);
    const exchange: Exchange = {
      request,
      response,
      requestId: requestIdOf(request),
      origin: caller.origin,
      cors: {},
      grant: null,
      signal: abort.signal,
      stop: (why) => {
        stoppedBy ??= why;
        abort.abort();
      },
      stopReason: () => stoppedBy,
      facts: {},
      proceed: () => {
        if (mayWait) response.writeContinue();
      },
    };
    running.add(exchange);
    response.once("close", () => {
      running.delete(exchange);
      if (!response.writableFinished) abort.abort();
      deps.log.write("info", "request", {
        method: request.method ?? "",
        route: knownRoute(request, deps.routes),
        origin: caller.isWellFormed ? caller.origin : "malformed",
        status: response.headersSent ? response.statusCode : 0,
        ms: Math.round(performance.now() - startedAt),
        code: exchange.facts.code,
        input_tokens: exchange.facts.input,
        output_tokens: exchange.facts.output,
      });
    });
    if (!isLoopbackPeer(request.socket.remoteAddress) || !isMeantForUs(request, boundPort)) {
      exchange.facts.code = "host_not_allowed";
      return refuseEmpty(response);
    }
    const isPaired = caller.origin !== null && caller.isWellFormed && deps.grants.isPaired(caller.origin);
    if (request.method === "OPTIONS") {
      const headers =
        caller.origin === null || !caller.isWellFormed
          ? null
          : preflight(request, { origin: caller.origin, isPaired });
      response.writeHead(headers === null ? 403 : 204, { ...headers, "content-length": 0 }).end();
      return;
    }
    try {
      const handler = admit(exchange, caller.isWellFormed, isPaired);
      await handler(exchange);
    } catch (error) {
      const refusal = stoppedBy ?? asBridgeError(error);
      exchange.facts.code = refusal.code;
      if (refusal.code === "internal_error")
        deps.log.write("error", "internal_error", { error: describe(refusal.cause) });
      sendError(exchange, refusal);
      if (refusal.code === "payload_too_large") setTimeout(() => request.destroy(), 1000).unref();
    }
  }

  /** From check 3 on: gives what answers this request, or throws why not. */
  function admit(exchange: Exchange, isWellFormed: boolean, isPaired: boolean): Handler {
    const { request, origin } = exchange;
    if (!isWellFormed) throw pairingRequired();
    const method = request.method ?? "";
    if (isPaired) exchange.cors = pairedHeaders(origin!);
    const open = openRoutes[request.url ?? ""] === method ? deps.routes[request.url!]?.[method] : undefined;
    const token = bearerOf(request);
    const isAnonymous = request.headers.authorization === undefined || (!isPaired && origin !== null);
    if (open !== undefined && (isAnonymous || method === "POST")) {
      if (origin !== null && !isPaired) exchange.cors = readableHeaders(origin);
      return open;
    }
    const grant = token === null ? null : deps.grants.byToken(token);
    if (grant === null || !isOwnGrant(grant, request, origin)) throw unauthorised(exchange, token, isPaired);
    exchange.grant = grant;
    deps.grants.used(grant.id);
    return routed(request, deps.routes);
  }

  function unauthorised(exchange: Exchange, token: string | null, isPaired: boolean): BridgeError {
    const { origin, request } = exchange;
    const isKnown =
      isPaired ||
      (origin === null && !isFromBrowser(request)) ||
      (origin !== null && token !== null && deps.grants.wasOf(token, origin));
    if (!isKnown) return pairingRequired();
    if (origin !== null) exchange.cors = pairedHeaders(origin);
    const waitSeconds = wrongTokens.take(origin ?? "");
    if (waitSeconds > 0) {
      return new BridgeError("rate_limited", "Too many requests with a wrong token; pair again, or wait.", {
        headers: { "retry-after": String(waitSeconds) },
      });
    }
    return new BridgeError(
      "invalid_grant",
      `This token is missing, wrong, expired or revoked. ${invalidGrantHelp}`,
      {
        details: { help: invalidGrantHelp },
      },
    );
  }

  const make = (): Server => {
    const server = createServer(
      {
        // Answered by the checks: with 403 and nothing else.
        requireHostHeader: false,
        maxHeaderSize: 16_384,
        headersTimeout: 10_000,
        requestTimeout: 120_000,
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: 5000,
      },
      (request, response) => handle(request, response, false),
    );
    server.maxConnections = 256;
    server.on("checkContinue", (request, response) => handle(request, response, true));
    server.on("checkExpectation", (request, response) => handle(request, response, false));
    // What is not HTTP, and what wants another protocol, is told nothing.
    server.on("clientError", (_error, socket) => socket.destroy());
    server.on("connect", (_request, socket) => socket.destroy());
    return server;
  };

  let boundPort = port;
  const servers = await listenOnLoopback(make, port);
  boundPort = (servers[0]!.address() as AddressInfo).port;
  const watch = setInterval(() => {
    for (const exchange of running) {
      if (exchange.grant !== null && !isActive(deps, exchange.grant)) exchange.stop(grantEnded());
    }
  }, grantPollMs);
  watch.unref();

  return {
    port: boundPort,
    listening: servers.map((server) => {
      const { address, family } = server.address() as AddressInfo;
      return family === "IPv6" ? `[${address}]:${boundPort}` : `${address}:${boundPort}`;
    }),
    async close(graceMs) {
      const closed = Promise.all(
        servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
      );
      for (const server of servers) server.closeIdleConnections();
      const cut = setTimeout(() => {
        for (const exchange of running) exchange.stop(stopping());
        setTimeout(() => {
          for (const server of servers) server.closeAllConnections();
        }, 200).unref();
      }, graceMs);
      await closed;
      clearTimeout(cut);
      clearInterval(watch);
    },
  };
}

/** A file of grants that cannot be read permits nothing. */
function isActive({ grants, log }: ServerDeps, grant: Grant): boolean {
  try {
    return grants.isActive(grant.id);
  } catch (error) {
    log.write("error", "grants_unreadable", { error: describe(error) });
    return false;
  }
}

/** A grant counts for its own origin. Only a program has none, and an extension where it reads. */
function isOwnGrant(grant: Grant, request: IncomingMessage, origin: string | null): boolean {
  if (origin !== null) return grant.origin === origin;
  if (grant.native !== null) return !isFromBrowser(request);
  return request.method === "GET" && grant.origin !== null && isExtensionOrigin(grant.origin);
}

/** 6: the route and its method, for callers with a token alone. */
function routed(request: IncomingMessage, routes: Routes): Handler {
  const route = routes[pathOf(request)];
  if (route === undefined) {
    throw new BridgeError(
      "not_found",
      "The bridge has no such route; models are called at /v1/chat/completions and /v1/embeddings.",
    );
  }
  const handler = route[request.method ?? ""];
  if (handler !== undefined) return handler;
  throw new BridgeError("method_not_allowed", "This route does not take this method.", {
    headers: { allow: Object.keys(route).join(", ") },
  });
}

/** Both loopback addresses, so that nobody else can be `localhost` on this port. A computer without IPv6 has one. */
async function listenOnLoopback(make: () => Server, port: number): Promise<Server[]> {
  for (let attempt = 0; ; attempt++) {
    const first = await listen(make(), port, "127.0.0.1");
    const chosen = (first.address() as AddressInfo).port;
    try {
      return [first, await listen(make(), chosen, "::1")];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT" || code === "EINVAL") return [first];
      await new Promise((resolve) => first.close(resolve));
      if (port !== 0 || attempt >= 5) throw error;
    }
  }
}

function listen(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, ipv6Only: true }, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

function refuseEmpty(response: ServerResponse): void {
  response.writeHead(403, { "content-length": 0, connection: "close" });
  response.end();
}

function pairingRequired(): BridgeError {
  return new BridgeError(
    "pairing_required",
    "This page is not paired with the bridge; run modelfaucet-bridge pair on this computer.",
    {
      details: { help: "Run modelfaucet-bridge pair" },
    },
  );
}

function stopping(): BridgeError {
  return new BridgeError(
    "local_model_unavailable",
    "The bridge was stopped on this computer; start it again.",
    {
      details: { reason: "stopped" },
    },
  );
}

function grantEnded(): BridgeError {
  return new BridgeError("invalid_grant", `The permission of this page was revoked. ${invalidGrantHelp}`, {
    details: { help: invalidGrantHelp },
  });
}

/** The caller's own for this call, else a new one. */
function requestIdOf(request: IncomingMessage): string {
  const asked = request.headers["x-modelfaucet-request-id"];
  return typeof asked === "string" && isLocalRequestId(asked) ? asked : newLocalRequestId();
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?")[0]!;
}

/** For the log: a route's own name, or that it is none; never what a caller wrote. */
function knownRoute(request: IncomingMessage, routes: Routes): string {
  const path = pathOf(request);
  return Object.hasOwn(routes, path) ? path : "unknown";
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
