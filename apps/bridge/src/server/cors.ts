import type { IncomingMessage } from "node:http";

/** What a page may send along; the rest is not allowed, so a browser does not send it. */
const sendable =
  /^(authorization|content-type|idempotency-key|x-request-id|x-stainless-[a-z0-9-]{1,64}|x-modelfaucet-[a-z0-9-]{1,64})$/;
const methods = "GET, POST, DELETE";
const exposed = [
  "x-request-id",
  "retry-after",
  "x-should-retry",
  "x-modelfaucet-request-id",
  "x-modelfaucet-route-mode",
  "x-modelfaucet-model",
].join(", ");

/** What an unpaired page may reach, and by which method. */
export const openRoutes: Readonly<Record<string, string>> = {
  "/health": "GET",
  "/pair/start": "POST",
  "/pair/complete": "POST",
};

/** On every answer to a paired origin, errors included. Never `*`, never with credentials. */
export function pairedHeaders(origin: string): Record<string, string> {
  return { "access-control-allow-origin": origin, vary: "Origin", "access-control-expose-headers": exposed };
}

/** On the answers that an unpaired page may read. */
export function readableHeaders(origin: string): Record<string, string> {
  return { "access-control-allow-origin": origin, vary: "Origin" };
}

/** The answer to a preflight, or `null` for a refusal without any header of this kind. */
export function preflight(
  request: IncomingMessage,
  caller: { origin: string; isPaired: boolean },
): Record<string, string> | null {
  const asked = String(request.headers["access-control-request-headers"] ?? "");
  // Browsers before the permission for local networks ask this way; the answer is no more than the origin's own.
  const isPrivate = request.headers["access-control-request-private-network"] === "true";
  const common = {
    "access-control-allow-origin": caller.origin,
    vary: "Origin, Access-Control-Request-Headers",
    ...(isPrivate ? { "access-control-allow-private-network": "true" } : {}),
  };
  if (caller.isPaired) {
    const names = asked
      .toLowerCase()
      .split(",")
      .map((name) => name.trim())
      .filter((name) => sendable.test(name));
    return {
      ...common,
      "access-control-allow-methods": methods,
      ...(names.length === 0 ? {} : { "access-control-allow-headers": names.join(", ") }),
      "access-control-max-age": "600",
    };
  }
  const method = openRoutes[request.url ?? ""];
  if (method === undefined) return null;
  return {
    ...common,
    "access-control-allow-methods": method,
    "access-control-allow-headers": "content-type",
  };
}
