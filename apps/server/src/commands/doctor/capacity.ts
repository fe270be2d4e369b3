import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import type { Config } from "../../config.ts";
import { createOutbound } from "../../lib/outbound.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Beside its pool a process keeps a connection for the books and one that listens. */
const besidePool = 2;

/** Whether the server has a connection for every one that the running instances, or this configuration, may open. */
export async function connectionBudget({ config, database }: Patient): Promise<Finding[]> {
  const [row] = await database.read(
    { purpose: "operator" },
    (tx) => tx<{ most: number; instances: string[][] }[]>`
      select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
        coalesce((select json_agg(roles) from instances where heartbeat_at > mf_now() - interval '30 seconds'), '[]') as instances`,
  );
  const { most, instances } = row!;
  const processes = instances.length > 0 ? instances : [[...config.roles]];
  const needed = processes.reduce((sum, roles) => sum + poolOf(config, roles) + besidePool, 0);
  const who =
    instances.length > 0 ? `${instances.length} running instances` : "one process of this configuration";
  const says = `${who} may open ${needed} connections, the server has ${most}`;
  const remedy = "lower DATABASE_POOL_MAX, raise max_connections, or put a pooler in front";
  if (needed > most) return [fail("connections", says, remedy)];
  return [needed > most * 0.8 ? warn("connections", says, remedy) : ok("connections", says)];
}

function poolOf({ database }: Config, roles: readonly string[]): number {
  return database.poolMax ?? (roles.length === 1 && roles[0] === "worker" ? 8 : 20);
}

/** Each port of this configuration is free, or one of our servers answers on it. */
export async function portFindings(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const role of config.roles) {
    const port = config.ports[role];
    if (port === 0 || (await isFree(config.bindAddress, port))) continue;
    const service = await serviceAt(config.bindAddress, port);
    findings.push(
      service?.startsWith("@modelfaucet/")
        ? ok("ports", `${service} serves on ${port}`)
        : fail(
            "ports",
            `port ${port}, wanted by the ${role}, is taken by another program`,
            `end it, or set PORT_${role.toUpperCase()}`,
          ),
    );
  }
  return findings.length > 0 ? findings : [ok("ports", "the servers' ports are free")];
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function serviceAt(bindAddress: string, port: number): Promise<string | null> {
  const host = bindAddress === "0.0.0.0" || bindAddress === "::" ? "127.0.0.1" : bindAddress;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000, totalMs: 2_000 };
  const outbound = createOutbound({
    connectTimeoutMs: 1_000,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: (origin) => origin === url,
  });
  try {
    const answer = await outbound.request({ url: `${url}/health`, method: "GET", headers: {}, timeouts });
    const text = (await answer.body.bytes(4_096)).toString("utf8");
    return (JSON.parse(text) as { service?: string }).service ?? null;
  } catch {
    return null;
  } finally {
    await outbound.close();
  }
}

const gibibyte = 1_073_741_824;

/** Room where this machine keeps data; in production that is the folder for temporary files alone. */
export async function diskFindings(config: Config): Promise<Finding[]> {
  const folder = !config.production && existsSync(config.dataDir) ? config.dataDir : tmpdir();
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const says = `${(free / gibibyte).toFixed(1)} GiB are free in ${folder}`;
  if (free < gibibyte / 8) return [fail("disk", says, "make room: nothing can be written before long")];
  return [free < gibibyte ? warn("disk", says, "make room") : ok("disk", says)];
}
