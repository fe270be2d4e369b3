import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Config, Fault } from "../../config.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** Faults of the environment, names that look like ours and are none, and settings that are allowed and unwise. */
export function configurationFindings(
  config: Config,
  faults: readonly Fault[],
  warnings: readonly string[],
): Finding[] {
  return [
    ...faults.map(({ variable, fault, remedy }) => fail("configuration", `${variable} ${fault}`, remedy)),
    ...(faults.length === 0 ? [ok("configuration", `every variable holds (${config.nodeEnv})`)] : []),
    ...warnings.map((warning) =>
      warn("unknown names", warning.replace(/\.$/, ""), "correct the name, or remove it"),
    ),
    ...rateFindings(config),
    ...proxyFindings(config),
    ...paymentFindings(config),
  ];
}

/** The file that `npm start` writes its secrets into is its owner's alone. */
export function permissionFindings(config: Config, fix: boolean): Finding[] {
  if (config.production) return [];
  const path = join(config.dataDir, "dev.env");
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return [];
  if ((mode & 0o077) === 0) return [ok("permissions", `${path} is its owner's alone`)];
  if (!fix) {
    return [
      fail(
        "permissions",
        `${path} can be read by others`,
        "run `pnpm mf doctor --fix-permissions`, or chmod 600",
      ),
    ];
  }
  chmodSync(path, 0o600);
  return [ok("permissions", `${path} is its owner's alone now`)];
}

function rateFindings({ rateLimits }: Config): Finding[] {
  const off = (["api", "gateway"] as const).filter((role) => rateLimits[role].maxRequests === 0);
  if (off.length === 0) return [ok("rate limits", "requests are limited per credential and address")];
  const names = off.map((role) => `${role.toUpperCase()}_RATE_LIMIT_MAX_REQUESTS`);
  return [
    warn(
      "rate limits",
      `${names.join(" and ")} is 0: one caller may use the server alone`,
      "set a number above 0",
    ),
  ];
}

function proxyFindings({ trustedProxyCidrs }: Config): Finding[] {
  const open = trustedProxyCidrs.filter((range) => range.endsWith("/0"));
  if (open.length === 0) return [];
  return [
    warn(
      "proxies",
      "TRUSTED_PROXY_CIDRS trusts every peer: anybody may claim any address",
      "name the ranges of your proxies alone",
    ),
  ];
}

function paymentFindings({ stripeMode, production }: Config): Finding[] {
  if (stripeMode === null) return [];
  if (stripeMode === "live" && !production) {
    return [warn("stripe", "a live key stands outside production", "use a key in test mode here")];
  }
  return [ok("stripe", `the key is in ${stripeMode} mode; payments come with a later version`)];
}
