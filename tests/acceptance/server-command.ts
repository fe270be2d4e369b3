import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestDatabase } from "@modelfaucet/testkit/database.ts";
import { testSecrets } from "@modelfaucet/testkit/product.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

export type Ended = { code: number | null; stdout: string; stderr: string };

/** A command of the server as an operator runs it, to its end. */
export function serverCommand(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "apps/server/src/main.ts", ...args],
      {
        cwd: root,
        timeout: 60_000,
        env: { PATH: process.env.PATH ?? "", NODE_ENV: "test", ...testSecrets, ...env },
      },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** The three logins of a deployment. */
export const threeLogins = (database: TestDatabase): Record<string, string> => ({
  DATABASE_URL: database.runtimeUrl,
  DATABASE_MIGRATION_URL: database.ownerUrl,
  DATABASE_READONLY_URL: database.readUrl,
});
