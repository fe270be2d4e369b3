import { isIPv6 } from "node:net";
import { parseArgs } from "node:util";
import type { Config, Role } from "../config.ts";
import { createOutbound, type Outbound } from "../lib/outbound.ts";

export const healthcheckHelp = `usage: modelfaucet healthcheck [gateway|api|worker] [--json]
Asks /health of the servers on this machine: of one role, or of all in MODELFAUCET_ROLES. Says nothing; 0 or 1.`;

const allRoles: readonly Role[] = ["gateway", "api", "worker"];
const answerWithinMs = 2_000;
const timeouts = {
  connectMs: answerWithinMs,
  firstByteMs: answerWithinMs,
  idleMs: answerWithinMs,
  totalMs: answerWithinMs,
};

/**
 * The container's probe. It asks for life, not for readiness: whoever restarts what is not ready would end running
 * streams because the database is away for a minute. 0 when every role answers, else 1.
 */
export async function runHealthcheck(args: readonly string[], config: Config): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  const asked = positionals.length === 0 ? config.roles : (positionals as Role[]);
  const unknown = asked.find((role) => !allRoles.includes(role));
  if (unknown !== undefined) {
    console.error(`healthcheck takes gateway, api or worker; "${unknown}" is none of them`);
    return 2;
  }
  const addresses = asked.map((role) => [role, addressOf(config, role)] as const);
  const origins = addresses.map(([, address]) => address);
  const outbound = createOutbound({
    connectTimeoutMs: answerWithinMs,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: (origin) => origins.includes(origin),
  });
  try {
    const answers = await Promise.all(
      addresses.map(async ([role, address]) => [role, await isAlive(outbound, address)] as const),
    );
    if (values.json) console.log(JSON.stringify(Object.fromEntries(answers)));
    return answers.every(([, alive]) => alive) ? 0 : 1;
  } finally {
    await outbound.close();
  }
}

/** A server that listens everywhere is asked on loopback. */
function addressOf(config: Config, role: Role): string {
  const everywhere: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const host = everywhere[config.bindAddress] ?? config.bindAddress;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${config.ports[role]}`;
}

async function isAlive(outbound: Outbound, address: string): Promise<boolean> {
  try {
    const answer = await outbound.request({ url: `${address}/health`, method: "GET", headers: {}, timeouts });
    return answer.status === 200;
  } catch {
    return false;
  }
}
