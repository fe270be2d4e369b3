// The secrets of this machine's platform: random, made at the first start, kept in `dev.env` of the data folder. They
// are for development; in production every secret comes from the environment and this file is never read.
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { Failure } from "./failure.ts";

const secretNames = ["SECRET_ENCRYPTION_KEY", "ADMIN_TOKEN", "DEVELOPER_ADMIN_TOKEN"] as const;

/** The three secrets that the servers and the operator's commands need, each at least 40 characters when made here. */
export type DevEnv = Record<(typeof secretNames)[number], string>;

/**
 * Reads `dev.env`, makes what is missing in it, and lets the environment win over the file. A blank variable counts as
 * missing. @throws Failure when the file belongs to another user.
 */
export function loadDevEnv(dataDir: string, env: NodeJS.ProcessEnv = process.env): DevEnv {
  const path = join(dataDir, "dev.env");
  const kept = readFile(path);
  const made = Object.fromEntries(
    secretNames.filter((name) => !kept[name]).map((name) => [name, newSecret()]),
  );
  const secrets = { ...kept, ...made } as DevEnv & Record<string, string>;
  if (Object.keys(made).length > 0) writeFile(path, secrets);
  return Object.fromEntries(secretNames.map((name) => [name, env[name]?.trim() || secrets[name]])) as DevEnv;
}

function readFile(path: string): Record<string, string> {
  try {
    return parseEnv(readFileSync(path, "utf8")) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new Failure(
      `${path} cannot be read: run this as the user who started the platform, or set MODELFAUCET_DATA_DIR to a folder of your own.`,
    );
  }
}

// Written as a whole and renamed, so that a crash never leaves half a key behind.
function writeFile(path: string, values: Record<string, string>): void {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(`${path}.part`, lines.join(""), { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

function newSecret(): string {
  return randomBytes(36).toString("base64url");
}
