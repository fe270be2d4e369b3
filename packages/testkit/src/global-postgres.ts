// One embedded PostgreSQL for a whole test run: vitest's global set-up starts it in a temporary folder, without fsync,
// and gives its addresses to every test through `inject("postgres")`. Each test file clones its own database from there.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { type RunningPostgres, startPostgres } from "@modelfaucet/platform/postgres.ts";
import type { TestProject } from "vitest/node";

/** What a test gets from `inject("postgres")`: URLs on loopback, each with its role's password. */
export type TestPostgres = {
  /** Superuser on database `postgres`: makes, clones and drops databases. */
  readonly superuserUrl: string;
  /** `mf_owner`, `mf_runtime`, `mf_read` on database `modelfaucet`; put another name at the end of the path for a clone. */
  readonly ownerUrl: string;
  readonly runtimeUrl: string;
  readonly readUrl: string;
};

declare module "vitest" {
  interface ProvidedContext {
    postgres: TestPostgres;
  }
}

type Running = { readonly server: RunningPostgres; readonly dataDir: string };
type Use = { users: number; running: Promise<Running> };
// Several projects of one run name this file; the process is theirs together, so is the server.
const slot = globalThis as { modelfaucetTestPostgres?: Use | undefined };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  slot.modelfaucetTestPostgres ??= { users: 0, running: start() };
  const use = slot.modelfaucetTestPostgres;
  use.users += 1;
  const { server, dataDir } = await use.running;
  project.provide("postgres", {
    superuserUrl: server.superuserUrl,
    ownerUrl: server.url("mf_owner"),
    runtimeUrl: server.url("mf_runtime"),
    readUrl: server.url("mf_read"),
  });
  return async () => {
    use.users -= 1;
    if (use.users > 0) return;
    slot.modelfaucetTestPostgres = undefined;
    await server.stop();
    deleteDataFolder(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  };
}

async function start(): Promise<Running> {
  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-test-"));
  // As root PostgreSQL runs as an unprivileged user, who must be able to enter.
  chmodSync(dataDir, 0o755);
  return { server: await startPostgres({ dataDir, durable: false }), dataDir };
}
