// Ports: whether one is free, and who holds one that is not.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";
import { Failure } from "./failure.ts";

/** One listening port of the platform: the variable that names it, and the number. */
export type PortWish = { readonly variable: string; readonly port: number };

/** Whether something could listen there now. */
export function isFree(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port that is free at this moment, chosen by the kernel. */
export function freePort(address = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port: 0, host: address, exclusive: true }, () => {
      const bound = server.address();
      const port = typeof bound === "object" && bound ? bound.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Several free ports, all different: each stays taken until the last one is found. */
export async function freePorts(count: number, address = "127.0.0.1"): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ port: 0, host: address, exclusive: true }, resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const bound = server.address();
    return typeof bound === "object" && bound ? bound.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** @throws Failure that names variable and holder of every port that is taken. */
export async function requireFree(wishes: readonly PortWish[], address: string): Promise<void> {
  const taken: string[] = [];
  for (const { variable, port } of wishes) {
    const twin = wishes.find((other) => other.port === port && other.variable !== variable);
    if (twin)
      throw new Failure(`${variable} and ${twin.variable} are both ${port}: give one of them another port.`);
    if (!(await isFree(port, address)))
      taken.push(`${variable} ${port} (${holderOf(port) ?? "another process"})`);
  }
  if (taken.length === 0) return;
  const several = taken.length > 1;
  throw new Failure(
    `${several ? "Ports are" : "A port is"} taken: ${taken.join(", ")}: stop ${several ? "those processes" : "that process"}, set the variable to another port, or start with \`-- --ports free\`.`,
  );
}

/** `node, process 4711`: who listens on that port, where the system tells us (Linux, own processes or root). */
export function holderOf(port: number): string | null {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return null;
  for (const pid of readNames("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const handle of readNames(`/proc/${pid}/fd`)) {
      if (sockets.has(readLink(`/proc/${pid}/fd/${handle}`))) {
        return `${programOf(pid)}, process ${pid}`;
      }
    }
  }
  return null;
}

// The first argument: Node renames its main thread, which is what `comm` would tell.
function programOf(pid: string): string {
  const command = readText(`/proc/${pid}/cmdline`).split(/[\0 ]/)[0] || readText(`/proc/${pid}/comm`);
  return basename(command).replace(/:$/, "");
}

// Columns: sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode; state 0A listens.
// Source: Linux, Documentation/networking/proc_net_tcp.rst, 2026-03.
function listeningSockets(table: string, port: number): string[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readText(`/proc/net/${table}`)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(ending) && columns[3] === "0A")
    .map((columns) => `socket:[${columns[9]}]`);
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
