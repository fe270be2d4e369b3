import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Product, ServerProcess } from "@modelfaucet/testkit/product.ts";
import { until } from "./closed-requests.ts";

/** Starts gateways by the dozen: what Node has compiled once is kept for the next, which halves a start. */
export type Gateways = {
  start(env?: Record<string, string>): Promise<ServerProcess>;
  close(): void;
};

const mostTries = 4;

export async function createGateways(product: Product): Promise<Gateways> {
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-compiled-"));
  const start: Gateways["start"] = async (env = {}) => {
    for (let tries = 1; ; tries++) {
      try {
        return await product.addGateway({ ...env, NODE_COMPILE_CACHE: folder });
      } catch (error) {
        // Between the choice of a free port and its use somebody else may have taken it.
        if (tries === mostTries) throw error;
      }
    }
  };
  // The cache is written by a process that ends, never by one that is killed.
  await (await start()).end("SIGTERM");
  return { start, close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The signal that ended a process, within five seconds. */
export async function deathOf(gateway: ServerProcess): Promise<NodeJS.Signals | null> {
  const { child } = gateway;
  await until("the gateway dies", () => child.exitCode !== null || child.signalCode !== null, 5_000);
  return child.signalCode;
}
