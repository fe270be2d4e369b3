import { parseArgs } from "node:util";
import { isMetadataHost, isPrivateHost } from "../../config/hosts.ts";
import { type Config, inspectConfig, namedValue } from "../../config.ts";
import { createMappedLookup } from "../../lib/outbound-hosts.ts";
import { createProber, ProbeError, type Prober } from "../../lib/outbound-probe.ts";
import { corsProbe, errorsProbe, headersProbe, privateProbe } from "./exposure.ts";
import { verdictOf } from "./faults.ts";
import { type Outcome, type Probe, type Service, skip, type Target, type Verdict } from "./probe.ts";
import { healthProbe, metricsProbe, providersProbe, readyProbe, versionProbe } from "./service.ts";
import { clockProbe, plainProbe, tlsProbe } from "./transport.ts";

export const hostedSmokeHelp = `usage: pnpm hosted:smoke-readiness [--operator-token-env NAME] [--console <url>] [--json]
Asks a hosted deployment from outside whether it is ready: the API at MODELFAUCET_API_BASE_URL, the gateway at
MODELFAUCET_GATEWAY_BASE_URL, with or without /v1. One line per probe; nothing is written and nothing is paid for.
0: ready. 1: a probe failed, a target was refused or none was named. 2: wrong usage.

  --operator-token-env NAME   the variable that holds an operator token: metrics, version and each provider are read too
  --console <url>             where the console is; else DASHBOARD_PUBLIC_BASE_URL
  ALLOW_PRIVATE_HOSTED_SMOKE=1   takes localhost and private networks, which are refused otherwise`;

const withinMs = 10_000;
const allWithinMs = 90_000;

/** `hosted smoke-readiness`: 0 when every probe passed or only warns, 1 when not, 2 on wrong usage. */
export async function runHostedSmoke(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "operator-token-env": { type: "string" },
      console: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(hostedSmokeHelp);
    return 0;
  }
  const { faults, config } = inspectConfig();
  const wrong = faults.filter(({ variable }) => variablesOfSmoke.has(variable));
  for (const { variable, fault, remedy } of wrong) console.error(`${variable} ${fault}: ${remedy}`);
  const missing = missingOf(config, values["operator-token-env"]);
  for (const sentence of missing) console.error(sentence);
  if (wrong.length + missing.length > 0) return 1;
  const consoleOrigin = consoleOriginOf(values.console ?? config.urls.dashboard);
  if (values.console !== undefined && consoleOrigin === null) {
    console.error("--console takes the https address of the console");
    return 2;
  }
  const token = values["operator-token-env"] ? namedValue(values["operator-token-env"]) : null;
  const outcomes = await smoke(config, { token, consoleOrigin }, (some) => {
    if (!values.json) for (const outcome of some) console.log(lineOf(outcome));
  });
  const failed = outcomes.filter(({ level }) => level === "fail").length;
  const warned = outcomes.filter(({ level }) => level === "warn").length;
  if (values.json) console.log(JSON.stringify({ ok: failed === 0, probes: outcomes }));
  else
    console.log(
      failed === 0
        ? `ready: ${outcomes.length} probes, ${warned} to look at`
        : `not ready: ${failed} of ${outcomes.length} probes failed`,
    );
  return failed === 0 ? 0 : 1;
}

/** What else is wrong with an environment is for those who serve from it. */
const variablesOfSmoke = new Set([
  "MODELFAUCET_API_BASE_URL",
  "MODELFAUCET_GATEWAY_BASE_URL",
  "ALLOW_PRIVATE_HOSTED_SMOKE",
  "MODELFAUCET_HOST_MAP",
  "NODE_TLS_REJECT_UNAUTHORIZED",
]);

function missingOf({ clients }: Config, tokenName: string | undefined): string[] {
  const missing: string[] = [];
  if (clients.apiBaseUrl === null)
    missing.push("MODELFAUCET_API_BASE_URL is missing: set it to the public address of the API");
  if (clients.gatewayBaseUrl === null)
    missing.push("MODELFAUCET_GATEWAY_BASE_URL is missing: set it to the public address of the gateway");
  if (tokenName !== undefined && namedValue(tokenName) === null)
    missing.push(`--operator-token-env names ${tokenName}, which is not set`);
  return missing;
}

/** The local default says nothing about a deployment. */
function consoleOriginOf(url: string): string | null {
  const parsed = URL.parse(url);
  return parsed?.protocol === "https:" ? parsed.origin : null;
}

type Given = { token: string | null; consoleOrigin: string | null };

const probesOfBoth: readonly Probe[] = [
  plainProbe(),
  healthProbe,
  readyProbe,
  metricsProbe,
  versionProbe,
  corsProbe,
  headersProbe,
  errorsProbe,
  privateProbe,
  clockProbe,
];

/** Both targets are judged before anything is sent to either. */
async function smoke(
  config: Config,
  given: Given,
  tell: (outcomes: readonly Outcome[]) => void,
): Promise<Outcome[]> {
  const isClosed = (host: string): boolean => isPrivateHost(host) || isMetadataHost(host);
  const allowsPrivate = config.checks.allowPrivateSmoke;
  const prober = (judges: boolean): Prober =>
    createProber({
      isClosed: judges ? isClosed : () => false,
      lookup: config.hostMap === null ? undefined : createMappedLookup(config.hostMap),
      withinMs,
      signal: AbortSignal.timeout(allWithinMs),
    });
  const strict = prober(true);
  const asked: [Service, string, string][] = [
    ["api", config.clients.apiBaseUrl!, "MODELFAUCET_API_BASE_URL"],
    ["gateway", config.clients.gatewayBaseUrl!, "MODELFAUCET_GATEWAY_BASE_URL"],
  ];
  const judged = await Promise.all(
    asked.map(async ([service, url, variable]) => {
      const { origin, hostname } = new URL(url);
      const refusal = await refusalOf(strict, hostname);
      const isPrivate = refusal?.isPrivate ?? false;
      const target: Target = {
        service,
        origin,
        isPrivate,
        prober: isPrivate ? prober(false) : strict,
        strict,
        variable,
        ...given,
      };
      return { target, refusal: refusal !== null && !(isPrivate && allowsPrivate) ? refusal.verdict : null };
    }),
  );
  if (judged.some(({ refusal }) => refusal !== null)) {
    const refused = judged.map(({ target, refusal }) =>
      outcomeOf(
        target,
        "target",
        refusal ?? skip("the other target was refused", "nothing was sent to either"),
      ),
    );
    tell(refused);
    return refused;
  }
  const outcomes = await Promise.all(judged.map(({ target }) => askAll(target)));
  for (const some of outcomes) tell(some);
  return outcomes.flat();
}

async function refusalOf(
  prober: Prober,
  host: string,
): Promise<{ isPrivate: boolean; verdict: Verdict } | null> {
  try {
    await prober.resolve(host);
    return null;
  } catch (error) {
    const isPrivate = error instanceof ProbeError && error.code === "PRIVATE";
    const verdict = verdictOf(error, host);
    if (!isPrivate) return { isPrivate, verdict };
    return {
      isPrivate,
      verdict: {
        ...verdict,
        remedy: "give the public address, or set ALLOW_PRIVATE_HOSTED_SMOKE=1; nothing was sent",
      },
    };
  }
}

/** What cannot be trusted is asked nothing more, and sent no token. */
async function askAll(target: Target): Promise<Outcome[]> {
  const probes = target.service === "gateway" ? [...probesOfBoth, providersProbe] : probesOfBoth;
  const tls = await asked(tlsProbe, target);
  if (tls.level === "fail") {
    const rest = probes.map(({ name }) => name).join(", ");
    return [tls, outcomeOf(target, "the rest", skip(`not asked: ${rest}`, "see to TLS first"))];
  }
  return [tls, ...(await Promise.all(probes.map((probe) => asked(probe, target))))];
}

async function asked(probe: Probe, target: Target): Promise<Outcome> {
  const verdict = await probe.run(target).catch((error) => verdictOf(error, new URL(target.origin).host));
  return outcomeOf(target, probe.name, verdict);
}

function outcomeOf({ service }: Target, probe: string, verdict: Verdict): Outcome {
  return { target: service, probe, ...verdict };
}

function lineOf({ level, target, probe, says, remedy }: Outcome): string {
  const line = `${level.toUpperCase().padEnd(4)}  ${target.padEnd(7)}  ${probe.padEnd(10)}  ${says}`;
  return remedy === null ? line : `${line}: ${remedy}`;
}
