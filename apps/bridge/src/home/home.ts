import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** The bridge's folder. Everything that commands and a running bridge tell each other lies in these files. */
export type Home = {
  readonly folder: string;
  readonly config: string;
  readonly grants: string;
  readonly pairings: string;
  readonly usage: string;
  readonly lock: string;
};

export function homeAt(folder: string): Home {
  return {
    folder,
    config: join(folder, "bridge.yaml"),
    grants: join(folder, "grants.json"),
    pairings: join(folder, "pairings.json"),
    usage: join(folder, "usage.ndjson"),
    lock: join(folder, "bridge.lock"),
  };
}

export function createHome(home: Home): void {
  if (!existsSync(home.folder)) mkdirSync(home.folder, { recursive: true, mode: 0o700 });
}

/** What is open to others: each with the command that closes it. Windows has no such modes. */
export function modeFaults(home: Home, configPath: string | null): string[] {
  if (process.platform === "win32") return [];
  const faults: string[] = [];
  const judge = (path: string, wanted: number, forbidden: number): void => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if ((stat.mode & 0o777 & forbidden) !== 0)
      faults.push(`${path} is open to other users of this computer: chmod ${wanted.toString(8)} ${path}`);
    else if (process.getuid !== undefined && stat.uid !== process.getuid())
      faults.push(`${path} belongs to another user of this computer: take it over or move it away`);
  };
  judge(home.folder, 0o700, 0o077);
  for (const path of [home.config, home.grants, home.pairings, home.usage, home.lock])
    judge(path, 0o600, 0o177);
  // A file elsewhere may be read by others, but who can write it decides where prompts go.
  if (configPath !== null && configPath !== home.config) judge(configPath, 0o600, 0o022);
  return faults;
}

/** Replaces a file as a whole, on disk before this returns; a crash leaves the old one or the new one. */
export function writeWhole(path: string, text: string): void {
  const fresh = `${path}.${process.pid}.new`;
  rmSync(fresh, { force: true });
  const file = openSync(fresh, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(fresh, 0o600);
  renameSync(fresh, path);
}

/** `null` where there is no file. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

const lockWaitMs = 3000;
const lockStaleMs = 5000;

/** Runs a change of a file that commands and a running bridge both write, one at a time. */
export function alone<T>(path: string, change: () => T): T {
  const lock = `${path}.change`;
  const giveUpAt = Date.now() + lockWaitMs;
  for (;;) {
    try {
      closeSync(openSync(lock, "wx", 0o600));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const stat = statSync(lock, { throwIfNoEntry: false });
      // A change takes milliseconds: one this old was left behind by a process that died in it.
      if (stat !== undefined && Date.now() - stat.mtimeMs > lockStaleMs) rmSync(lock, { force: true });
      else if (Date.now() > giveUpAt)
        throw new Error(`${lock} is held by another process; remove it if none is running`);
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
  try {
    return change();
  } finally {
    rmSync(lock, { force: true });
  }
}
