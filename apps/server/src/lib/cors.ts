/** Who may call from a page, and what such a page may send and read. */

export type CorsPolicy = {
  /** The operator's own origins. */
  readonly origins: readonly string[];
  /** The origins that may send cookies: the console's. They count as the operator's own. */
  readonly credentialsOrigins: readonly string[];
  /** Whether an active app lists this origin. Answers from memory, because every request of a page asks it. */
  isAppOrigin(origin: string): boolean;
};

export type CorsJudge = {
  /** Headers for an answer to this origin; none for a foreign one. */
  headersFor(origin: string): readonly (readonly [name: string, value: string])[];
  /** Further headers for a preflight that asks for these request headers. */
  preflightFor(requestedHeaders: string | undefined): readonly (readonly [name: string, value: string])[];
};

const requestHeader =
  /^(authorization|content-type|accept|idempotency-key|x-request-id|x-api-key|x-csrf-token|user-agent|x-stainless-[a-z0-9-]+|x-modelfaucet-[a-z0-9-]+|anthropic-[a-z0-9-]+|openai-[a-z0-9-]+)$/;

const exposed = [
  "x-request-id",
  "retry-after",
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "x-should-retry",
  "idempotent-replay",
  ...[
    "request-id",
    "route-mode",
    "model",
    "charge-usd",
    "balance-usd",
    "overhead-ms",
    "hold-usd",
    "output-limit",
  ].map((name) => `x-modelfaucet-${name}`),
  ...["dropped", "debug-log"].map((name) => `x-modelfaucet-${name}`),
].join(", ");

export function createCorsJudge(policy: CorsPolicy): CorsJudge {
  const own = new Set([...policy.origins, ...policy.credentialsOrigins]);
  const none: readonly (readonly [string, string])[] = [];
  return {
    headersFor(origin) {
      if (origin === "null" || (!own.has(origin) && !policy.isAppOrigin(origin))) return none;
      const headers: (readonly [string, string])[] = [
        ["access-control-allow-origin", origin],
        ["access-control-expose-headers", exposed],
      ];
      if (policy.credentialsOrigins.includes(origin)) {
        headers.push(["access-control-allow-credentials", "true"]);
      }
      return headers;
    },
    preflightFor(requestedHeaders) {
      const allowed = (requestedHeaders ?? "")
        .split(",")
        .map((name) => name.trim().toLowerCase())
        .filter((name) => requestHeader.test(name));
      return [
        ["access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE"],
        ["access-control-allow-headers", allowed.join(", ")],
        ["access-control-max-age", "600"],
      ];
    },
  };
}
