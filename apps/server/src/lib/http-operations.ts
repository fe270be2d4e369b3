import { createHash, timingSafeEqual } from "node:crypto";
import { BlockList, isIP } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "./errors.ts";
import type { HttpServerOptions } from "./http.ts";
import { bearerToken } from "./http-headers.ts";

export const operationPaths = new Set(["/health", "/ready", "/metrics"]);

/** `/health`, `/ready` and `/metrics`, which every role answers. */
export function addOperationRoutes(
  app: FastifyInstance,
  options: HttpServerOptions,
  state: { draining: boolean },
  readyTimeoutMs: number,
): void {
  const mayRead = createMonitorGate(options.monitoring);
  app.get("/health", (_, reply) => reply.send({ ok: true, service: options.service }));
  app.get("/ready", async (_, reply) => {
    const checks = await withinMs(options.readiness(), readyTimeoutMs);
    const ok = !state.draining && checks !== null && Object.values(checks).every(Boolean);
    const words = Object.entries(checks ?? { answered: false }).map(([name, good]) => [
      name,
      good ? "ok" : "down",
    ]);
    return reply
      .code(ok ? 200 : 503)
      .send({ ok, service: options.service, checks: Object.fromEntries(words) });
  });
  app.get("/metrics", async (request, reply) => {
    if (!(await mayRead(request))) {
      throw new ApiError(
        "invalid_session",
        "Metrics are for the operator's network, a metrics token or an operator.",
      );
    }
    return reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics());
  });
}

/** The operator's network, but never a request that was forwarded; else the metrics token or an operator's. */
function createMonitorGate(monitoring: HttpServerOptions["monitoring"]) {
  const allowed = new BlockList();
  for (const range of monitoring.allowedCidrs) {
    const [address, bits] = range.split("/");
    allowed.addSubnet(address!, Number.parseInt(bits!, 10), address!.includes(":") ? "ipv6" : "ipv4");
  }
  const wanted = monitoring.token === null ? null : digestOf(monitoring.token);
  return async (request: FastifyRequest): Promise<boolean> => {
    const token = bearerToken(request);
    if (token !== null) {
      if (wanted && timingSafeEqual(wanted, digestOf(token))) return true;
      return monitoring.isOperatorToken(token, request.ip);
    }
    if (forwardingHeaders.some((name) => request.headers[name] !== undefined)) return false;
    const peer = (request.raw.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
    const family = isIP(peer);
    // Without the family, an IPv6 address would silently never match. Source: node:net BlockList, November 2026.
    return family !== 0 && allowed.check(peer, family === 6 ? "ipv6" : "ipv4");
  };
}

const forwardingHeaders = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-real-ip",
  "via",
  "cf-connecting-ip",
];

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

async function withinMs<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race([work.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
