import { randomBytes } from "node:crypto";
import type { ProbeAnswer } from "../../lib/outbound-probe.ts";
import { bearer, fail, get, header, objectIn, type Probe, pass, skip, type Target } from "./probe.ts";
import { isPlain } from "./transport.ts";

/** What strangers and foreign pages get to see. */

export const corsProbe: Probe = {
  name: "cors",
  async run(target) {
    for (const origin of strangers(target)) {
      const allowed = await allowedOrigins(target, origin);
      if (allowed.includes("*") || allowed.includes(origin))
        return fail(
          `a page of ${allowed.includes("*") ? "anybody" : origin} may call it`,
          "list the exact origins of your own pages, and let the ingress add none",
        );
    }
    const { consoleOrigin, service } = target;
    if (consoleOrigin === null)
      return skip("foreign pages are refused; the console's was not asked", "name it: --console <url>");
    const answer = await preflight(target, consoleOrigin);
    const variable = service === "api" ? "API_CORS_ORIGINS" : "GATEWAY_CORS_ORIGINS";
    if (header(answer, "access-control-allow-origin") !== consoleOrigin)
      return fail(`the console at ${consoleOrigin} may not call it`, `list it in ${variable}`);
    if (service === "api" && header(answer, "access-control-allow-credentials") !== "true")
      return fail(
        `the console at ${consoleOrigin} may send no cookie, so nobody signs in`,
        "set DASHBOARD_PUBLIC_BASE_URL to its address",
      );
    return pass("the console may call it, foreign pages may not");
  },
};

/** A foreign page, one without an origin, and one that looks like the console's. */
function strangers({ consoleOrigin }: Target): string[] {
  const stranger = `https://smoke-${randomBytes(6).toString("hex")}.example`;
  if (consoleOrigin === null) return [stranger, "null"];
  const url = new URL(consoleOrigin);
  return [stranger, "null", `${url.protocol}//${url.hostname}.${new URL(stranger).hostname}`];
}

/** A header that stands twice is read as one, with a comma. */
async function allowedOrigins(target: Target, origin: string): Promise<string[]> {
  const answers = [await preflight(target, origin), await get(target, "/health", { origin })];
  return answers.flatMap((answer) => header(answer, "access-control-allow-origin")?.split(", ") ?? []);
}

function preflight({ prober, origin: base, service }: Target, origin: string): Promise<ProbeAnswer> {
  return prober.ask({
    url: `${base}${service === "api" ? "/v1/sessions" : "/v1/chat/completions"}`,
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });
}

const wantedHeaders: readonly (readonly [name: string, form: RegExp, tlsOnly: boolean])[] = [
  ["strict-transport-security", /max-age=(?!0\b)\d/, true],
  ["x-content-type-options", /^nosniff$/i, true],
  ["x-frame-options", /^(deny|sameorigin)$/i, true],
  ["referrer-policy", /no-referrer|same-origin|strict-origin/i, true],
  ["content-security-policy", /frame-ancestors/i, true],
  ["cache-control", /no-store/i, false],
];

export const headersProbe: Probe = {
  name: "headers",
  async run(target) {
    // The ingress puts most of them on; without one there is nobody to.
    const wanted = wantedHeaders.filter(([, , tlsOnly]) => !(tlsOnly && isPlain(target.origin)));
    const answer = await get(target, "/health");
    const missing = wanted
      .filter(([name, form]) => !form.test(header(answer, name) ?? ""))
      .map(([name]) => name);
    if (missing.length > 0)
      return fail(`missing or weak: ${missing.join(", ")}`, "take them from infra/hosted/nginx.conf");
    const server = `${header(answer, "server") ?? ""} ${header(answer, "x-powered-by") ?? ""}`;
    if (/\d/.test(server) || header(answer, "x-powered-by") !== null)
      return fail("it names the software that it runs on", "switch server tokens off");
    return pass(`${wanted.map(([name]) => name).join(", ")}`);
  },
};

export const errorsProbe: Probe = {
  name: "errors",
  async run(target) {
    const unknown = await get(target, `/v1/smoke-${randomBytes(6).toString("hex")}`);
    const twice = await get(target, "/v1/%2561");
    for (const answer of [unknown, twice]) {
      if (showsInside(answer.text))
        return fail("an error shows the inside of the server", "run it with NODE_ENV=production");
      const error = objectIn(answer.text)?.error as Record<string, unknown> | undefined;
      const isOurs = typeof error?.code === "string" && typeof error.request_id === "string";
      if (!isOurs || answer.status < 400 || answer.status > 499)
        return fail(
          `an error is not in the envelope (${answer.status})`,
          "let the ingress pass errors of the servers on as they are",
        );
      if (error.request_id !== header(answer, "x-request-id"))
        return fail("an error names another request than its header", "let the ingress keep X-Request-Id");
    }
    return pass("in the envelope, with nothing of the inside");
  },
};

function showsInside(text: string): boolean {
  return /\n\s+at .+:\d+|node_modules|\/(app|opt|srv|home|root)\/[\w./-]+\.[cm]?[jt]s|postgres(ql)?:\/\//.test(
    text,
  );
}

/** For somebody who signed in. */
const closedPaths: Record<Target["service"], readonly string[]> = {
  api: [
    "/v1/admin/me",
    "/v1/admin/developers",
    "/v1/admin/price-book",
    "/v1/admin/settings",
    "/v1/developer/apps",
    "/v1/user/wallet",
  ],
  gateway: ["/v1/models", "/v1/models/any"],
};

/** For nobody: what lies beside a server, or behind it. */
const absentPaths = [
  "/.env",
  "/.git/config",
  "/server-status",
  "/nginx_status",
  "/debug/pprof/",
  "/health/liveliness",
  "/model/info",
  "/ui/",
];

export const privateProbe: Probe = {
  name: "private",
  async run(target) {
    const closed = closedPaths[target.service];
    for (const path of closed) {
      for (const headers of [{}, bearer("not-a-token-of-anybody")] as Record<string, string>[]) {
        const { status } = await get(target, path, headers);
        if (status !== 401 && status !== 403)
          return fail(`${path} answers ${status} to a stranger`, "let the ingress lead to the servers alone");
      }
    }
    for (const path of absentPaths) {
      const { status } = await get(target, path);
      if (status < 300)
        return fail(`${path} is open to everybody`, "take it out of the ingress, or see whose it is");
    }
    return pass(`${closed.length} routes closed to strangers, ${absentPaths.length} paths not there`);
  },
};
