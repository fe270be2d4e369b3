// How to reach the embedded PostgreSQL: its port and its passwords, kept in the data folder for every later command.
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.ts";

/** Owner of the schema (migrate, seed), role of the servers, role of reports. None of them bypasses row security. */
export type DatabaseRole = "mf_owner" | "mf_runtime" | "mf_read";
export const databaseRoles: readonly DatabaseRole[] = ["mf_owner", "mf_runtime", "mf_read"];
export const superuser = "postgres";
export const databaseName = "modelfaucet";

export type PostgresAccess = {
  readonly port: number;
  readonly passwords: Readonly<Record<DatabaseRole | typeof superuser, string>>;
};

/** What an earlier start has written, or `null`. @throws Failure when the file belongs to another user. */
export function readAccess(dataDir: string): PostgresAccess | null {
  const path = join(dataDir, "postgres.json");
  try {
    return JSON.parse(readFileSync(path, "utf8")) as PostgresAccess;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return null;
    if (code === "EACCES") {
      throw new Failure(
        `${path} belongs to another user: run this as the user who started the platform, or set MODELFAUCET_DATA_DIR to a folder of your own.`,
      );
    }
    throw new Failure(
      `${path} cannot be read: restore it, or run \`npm start -- --fresh\` to begin with empty data.`,
    );
  }
}

/** Writes the file as a whole, readable by its owner alone. */
export function writeAccess(dataDir: string, access: PostgresAccess): void {
  const path = join(dataDir, "postgres.json");
  writeFileSync(`${path}.part`, `${JSON.stringify(access, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

/** Random passwords for a cluster that is about to be made. */
export function newAccess(port: number): PostgresAccess {
  const password = () => randomBytes(24).toString("base64url");
  return {
    port,
    passwords: {
      postgres: password(),
      mf_owner: password(),
      mf_runtime: password(),
      mf_read: password(),
    },
  };
}

/** A connection URL on loopback. */
export function accessUrl(
  access: PostgresAccess,
  user: DatabaseRole | typeof superuser,
  database: string,
): string {
  return `postgres://${user}:${access.passwords[user]}@127.0.0.1:${access.port}/${database}`;
}
