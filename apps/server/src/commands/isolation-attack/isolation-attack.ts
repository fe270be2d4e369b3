import { parseArgs } from "node:util";
import { isPrivateHost } from "../../config/hosts.ts";
import { type Config, inspectConfig } from "../../config.ts";
import { createOutbound } from "../../lib/outbound.ts";
import { createMappedLookup } from "../../lib/outbound-hosts.ts";
import { type AttackReport, attack } from "./attack.ts";
import { createDeployment } from "./deployment.ts";

/**
 * `hosted check-isolation --attack`: 0 when every try was answered with 401, 403 or 404 and everything minted is dead, 1
 * when not, or when it was interrupted. Nothing of an answer is printed but its status.
 */
export async function runIsolationAttack(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { attack: { type: "boolean" }, json: { type: "boolean" } },
  });
  const { faults, config } = inspectConfig();
  const wrong = faults.filter(({ variable }) => variablesOfAttack.has(variable));
  for (const { variable, fault, remedy } of wrong) console.error(`${variable} ${fault}: ${remedy}`);
  const missing = missingOf(config);
  for (const sentence of missing) console.error(sentence);
  if (wrong.length + missing.length > 0) return 1;
  const interruption = new AbortController();
  const interrupt = (): void => {
    console.error("interrupted: what was minted is revoked first");
    interruption.abort();
  };
  // A second signal ends it at once.
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, interrupt);
  const report = await attackDeployment(config, interruption.signal);
  const ok = report.mismatches.length === 0 && report.revoked && !report.interrupted;
  if (values.json) console.log(JSON.stringify({ ok, ...report }));
  else for (const line of linesOf(report)) console.log(line);
  return ok ? 0 : 1;
}

/** What else is wrong with an environment is for those who serve from it. */
const variablesOfAttack = new Set([
  "MODELFAUCET_API_BASE_URL",
  "MODELFAUCET_GATEWAY_BASE_URL",
  "DEVELOPER_ADMIN_TOKEN",
  "MODELFAUCET_HOST_MAP",
  "NODE_TLS_REJECT_UNAUTHORIZED",
]);

function missingOf({ clients, developerAdminToken }: Config): string[] {
  const missing: string[] = [];
  for (const [variable, url, what] of [
    ["MODELFAUCET_API_BASE_URL", clients.apiBaseUrl, "the API"],
    ["MODELFAUCET_GATEWAY_BASE_URL", clients.gatewayBaseUrl, "the gateway"],
  ] as const) {
    if (url === null) missing.push(`${variable} is missing: set it to the public address of ${what}`);
    else if (new URL(url).protocol !== "https:" && !isPrivateHost(new URL(url).hostname))
      missing.push(`${variable} is plain http: tokens are sent there, so give its https address`);
  }
  if (developerAdminToken === null)
    missing.push("DEVELOPER_ADMIN_TOKEN is missing: it mints the attacker's token, and revokes it");
  return missing;
}

async function attackDeployment(config: Config, signal: AbortSignal): Promise<AttackReport> {
  const origins = {
    api: new URL(config.clients.apiBaseUrl!).origin,
    gateway: new URL(config.clients.gatewayBaseUrl!).origin,
  };
  const outbound = createOutbound({
    connectTimeoutMs: 10_000,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: (origin) => origin === origins.api || origin === origins.gateway,
    lookup: config.hostMap === null ? undefined : createMappedLookup(config.hostMap),
  });
  try {
    return await attack(createDeployment(outbound, origins), config.developerAdminToken![0], signal);
  } finally {
    await outbound.close();
  }
}

function linesOf(report: AttackReport): string[] {
  const { routes, ids, tries, as: tried, mismatches, unknown_ids: unknown, left } = report;
  return [
    ...mismatches.map(
      ({ route, as, status }) =>
        `FAIL  ${route} as ${as === "developer" ? "a developer" : "an end user"}: ${status}`,
    ),
    ...(report.interrupted || tried.includes("end_user")
      ? []
      : ["WARN  the demo app is not active yet, so nothing was tried as one of its end users"]),
    ...(unknown.length > 0
      ? [`WARN  the isolation tenant has no ${unknown.join(", ")}: ids of nothing stood for them`]
      : []),
    ...left.map((one) => `FAIL  not revoked, ends within 15 minutes: ${one}`),
    ...(report.interrupted ? ["FAIL  interrupted before every route was tried"] : []),
    `${routes} routes x ${ids} ids: ${tries} tries, ${mismatches.length} answered other than 401, 403 or 404; ${left.length === 0 ? "what was minted is revoked" : `${left.length} left`}`,
  ];
}
