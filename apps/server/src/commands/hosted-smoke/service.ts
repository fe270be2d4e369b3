import type { ProbeAnswer } from "../../lib/outbound-probe.ts";
import {
  bearer,
  fail,
  get,
  header,
  objectIn,
  type Probe,
  pass,
  skip,
  type Target,
  type Verdict,
  warn,
} from "./probe.ts";
import { closedReason } from "./transport.ts";

/** What the services say of themselves: health, readiness, providers, metrics, version. */

export const healthProbe: Probe = {
  name: "health",
  async run(target) {
    const answer = await get(target, "/health");
    const said = objectIn(answer.text);
    if (answer.status === 200 && said?.ok === true) {
      if (said.service === serviceName(target)) return pass(`${said.service} lives`);
      if (typeof said.service === "string")
        return fail(`${said.service} answers here`, `let ${target.variable} name the ${target.service}`);
    }
    return notOurs(answer, target);
  },
};

const serviceName = ({ service }: Target): string => `@modelfaucet/${service}`;

async function notOurs(answer: ProbeAnswer, target: Target): Promise<Verdict> {
  const { status } = answer;
  if (status >= 300 && status < 400) return redirected(answer, target);
  if ([502, 503, 504].includes(status))
    return fail(
      `the ingress is there, the ${target.service} behind it is not (${status})`,
      "start it, or point the ingress at it",
    );
  return fail(
    `what answers is not the ${target.service} (${status})`,
    `correct ${target.variable}, or point the ingress at the ${target.service}`,
  );
}

async function redirected(answer: ProbeAnswer, { strict, origin, variable }: Target): Promise<Verdict> {
  const to = URL.parse(header(answer, "location") ?? "", origin);
  const closed = to === null ? null : await closedReason(to, strict);
  if (closed !== null)
    return fail(`it redirects to a private address: ${closed}`, "it was not followed: correct the ingress");
  return fail(
    `it redirects to ${to?.origin ?? "nowhere"}`,
    `it was not followed: let ${variable} be the final address`,
  );
}

export const readyProbe: Probe = {
  name: "readiness",
  async run(target) {
    const answer = await get(target, "/ready");
    const said = objectIn(answer.text);
    const checks = Object.entries((said?.checks ?? {}) as Record<string, unknown>);
    const down = checks.filter(([, state]) => state !== "ok").map(([name]) => name);
    if (answer.status === 200 && said?.ok === true) {
      const missing = ["database", "schema", "keys"].filter(
        (name) => !checks.some(([known]) => known === name),
      );
      if (missing.length > 0)
        return fail(`says nothing of ${missing.join(", ")}`, "deploy a version that checks them");
      return pass(checks.map(([name]) => `${name} ok`).join(", "));
    }
    if (down.length > 0) return fail(`not ready: ${down.join(", ")} down`, remedyFor(down));
    if (said?.ok === false) return fail("not ready: it is shutting down", "wait until its successor is up");
    return fail(`no word of readiness (${answer.status})`, "look at the server's log");
  },
};

/** Without the database the other two cannot be asked. */
function remedyFor(down: readonly string[]): string {
  if (down.includes("database")) return "see that the database runs, and that DATABASE_URL reaches it";
  if (down.includes("schema")) return "run `pnpm db:migrate`, and deploy the version that fits the schema";
  if (down.includes("keys")) return "give it the SECRET_ENCRYPTION_KEY that sealed this database's secrets";
  return "run `pnpm mf doctor` beside the server";
}

type ToldProvider = { ok: boolean; provider: string; error?: string; statusCode?: number };

export const providersProbe: Probe = {
  name: "providers",
  async run(target) {
    const { token } = target;
    const answer = await get(target, "/health/providers", token === null ? {} : bearer(token));
    const said = objectIn(answer.text);
    if (answer.status === 401 || answer.status === 403)
      return fail("the operator token is refused", "give an operator token of this deployment");
    if (answer.status !== 200 || typeof said?.ok !== "boolean")
      return fail(`no word of providers (${answer.status})`, "look at the gateway's log");
    if (token === null) return publicVerdict(said);
    return toldVerdict((said.providers ?? []) as ToldProvider[]);
  },
};

function publicVerdict(said: Record<string, unknown>): Verdict {
  if ("providers" in said) return fail("names providers without a token", "deploy a version that does not");
  return said.ok === true
    ? pass("at least one is well")
    : fail("none is well, or none is configured", "--operator-token-env NAME tells which and why");
}

function toldVerdict(providers: readonly ToldProvider[]): Verdict {
  if (providers.length === 0) return fail("none is configured", "set LITELLM_BASE_URL, or a provider's key");
  const bad = providers.filter(({ ok }) => !ok);
  if (bad.length === 0) return pass(providers.map(({ provider }) => `${provider} ok`).join(", "));
  const reasons = bad.map(({ provider, error, statusCode }) => {
    const reason = [error, statusCode].filter((part) => part !== undefined).join(" ");
    return `${provider} ${reason || "switched off"}`;
  });
  const remedy = "start it, or switch it off until it is back";
  return bad.length === providers.length
    ? fail(`all down: ${reasons.join("; ")}`, remedy)
    : warn(`degraded: ${reasons.join("; ")}`, remedy);
}

export const metricsProbe: Probe = {
  name: "metrics",
  async run(target) {
    for (const headers of [{}, bearer("not-a-token-of-anybody")] as Record<string, string>[]) {
      const open = await get(target, "/metrics", headers);
      if (open.status === 200)
        return fail(
          "everybody can read them",
          "forward the client's address in the ingress, and keep METRICS_ALLOWED_CIDRS to your network",
        );
    }
    if (target.token === null) return pass("closed from here");
    const told = await get(target, "/metrics", bearer(target.token));
    if (told.status === 200 && buildOf(told.text) !== null) return pass("closed, and open to the operator");
    return fail(
      `the operator token does not open them (${told.status})`,
      "give ADMIN_TOKEN, and let the ingress pass Authorization on",
    );
  },
};

/** What `modelfaucet_build_info` says; `null` where it is not there. */
export function buildOf(text: string): { version: string; schema: string } | null {
  const labels = /^modelfaucet_build_info\{([^}]*)\}/m.exec(text)?.[1];
  const label = (name: string): string | null =>
    new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels ?? "")?.[1] ?? null;
  const [version, schema] = [label("version"), label("schema")];
  return version === null || schema === null ? null : { version, schema };
}

export const versionProbe: Probe = {
  name: "version",
  async run(target) {
    if (target.token === null)
      return skip(
        "told to operators alone",
        "--operator-token-env NAME names the variable that holds a token",
      );
    const { status, text } = await get(target, "/metrics", bearer(target.token));
    const build = buildOf(text);
    if (build === null) return fail(`it says no version (${status})`, "see the metrics above");
    return pass(`${build.version} on schema ${build.schema}`);
  },
};
