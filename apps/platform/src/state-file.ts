// `platform.json` in the data folder: where a running platform listens, so that other commands find it. No secrets.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockHolder } from "./folder-lock.ts";
import type { Ports, Urls } from "./settings.ts";

export type PlatformState = {
  readonly pid: number;
  readonly urls: Urls;
  readonly ports: Ports;
  /** Port of the embedded PostgreSQL; `null`: `DATABASE_URL` was set. */
  readonly postgresPort: number | null;
  readonly startedAt: string;
};

export function writeState(dataDir: string, state: PlatformState): void {
  const path = join(dataDir, "platform.json");
  writeFileSync(`${path}.part`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${path}.part`, path);
}

export function removeState(dataDir: string): void {
  rmSync(join(dataDir, "platform.json"), { force: true });
}

/** The platform that runs on this data folder and is ready, or `null`. */
export function findPlatform(dataDir: string): PlatformState | null {
  try {
    const state = JSON.parse(readFileSync(join(dataDir, "platform.json"), "utf8")) as PlatformState;
    return lockHolder(dataDir)?.pid === state.pid ? state : null;
  } catch {
    return null;
  }
}
