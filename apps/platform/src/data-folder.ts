// The data folder of this clone: `$MODELFAUCET_DATA_DIR`, by default `.modelfaucet` in the clone (ignored by git).
import { chmodSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, parse, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, sentenceOf } from "./failure.ts";
import { clusterPlace } from "./postgres-place.ts";

/** The clone's root folder. */
export const cloneRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** Everything that the platform may leave in a data folder. `--fresh` deletes these names and nothing else. */
const ownNames = [
  "dev.env",
  "postgres.json",
  "platform.json",
  "platform.lock",
  "postgres",
  "logs",
  "crm-demo",
  "dashboard",
];

/** Absolute path of the data folder. A relative `MODELFAUCET_DATA_DIR` starts at the clone's root. */
export function dataFolder(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(cloneRoot, env.MODELFAUCET_DATA_DIR || ".modelfaucet");
}

/** Makes the folder when it is missing. @throws Failure when it cannot be written to. */
export function makeDataFolder(dataDir: string): void {
  try {
    mkdirSync(join(dataDir, "logs"), { recursive: true });
    // Root's PostgreSQL runs as another user, who must get through this folder; the secrets in it are 0600.
    if (process.getuid?.() === 0) chmodSync(dataDir, statSync(dataDir).mode | 0o011);
  } catch (error) {
    throw new Failure(
      `The data folder ${dataDir} cannot be made (${sentenceOf(error)}): set MODELFAUCET_DATA_DIR to a folder you may write to.`,
    );
  }
}

/** Deletes the embedded cluster and what the platform has written beside it; foreign files in the folder stay. */
export function deleteDataFolder(dataDir: string): void {
  if (dataDir === parse(dataDir).root) {
    throw new Failure("MODELFAUCET_DATA_DIR is the root of the file system: choose a folder of its own.");
  }
  const { folder, outside } = clusterPlace(dataDir);
  if (outside) rmSync(folder, { recursive: true, force: true });
  for (const name of ownNames) rmSync(join(dataDir, name), { recursive: true, force: true });
  try {
    if (readdirSync(dataDir).length === 0) rmdirSync(dataDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
