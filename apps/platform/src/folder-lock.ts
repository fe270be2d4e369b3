// One user of a data folder at a time: the platform, or a command that starts the embedded database for its duration.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.ts";

type Holder = { readonly pid: number; readonly startedTicks: string | null; readonly command: string };

/**
 * Takes the folder's lock for this process; `command` is how it is named to others. A lock whose process is gone, also
 * one whose number now belongs to another process, is taken over. The result releases it.
 * @throws Failure that names the holder.
 */
export function lockDataFolder(dataDir: string, command: string): () => void {
  const path = join(dataDir, "platform.lock");
  const own: Holder = { pid: process.pid, startedTicks: startTicks(process.pid), command };
  for (let tries = 0; tries < 3; tries++) {
    try {
      writeFileSync(path, JSON.stringify(own), { flag: "wx", mode: 0o644 });
      return () => release(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw cannotWrite(path, error);
    }
    const holder = readHolder(path);
    if (holder && isRunning(holder)) {
      throw new Failure(
        `The data folder ${dataDir} is in use by \`${holder.command}\` (process ${holder.pid}): stop it, or set MODELFAUCET_DATA_DIR to another folder.`,
      );
    }
    rmSync(path, { force: true });
  }
  throw new Failure(`The lock ${path} changes hands all the time: wait a moment and try again.`);
}

/** The command that holds the folder now, or `null`. */
export function lockHolder(dataDir: string): { pid: number; command: string } | null {
  const holder = readHolder(join(dataDir, "platform.lock"));
  return holder && isRunning(holder) ? holder : null;
}

function release(path: string): void {
  if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true });
}

function readHolder(path: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as Holder;
    return Number.isSafeInteger(holder.pid) && holder.pid > 0 ? holder : null;
  } catch {
    return null;
  }
}

function isRunning(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startTicks(holder.pid) === holder.startedTicks;
}

// Field 22 of /proc/<pid>/stat: when the process was started; numbers are reused, this pair is not.
// Source: Linux, proc_pid_stat(5), 2026-03. Elsewhere `null`: then the number alone decides.
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

function cannotWrite(path: string, error: unknown): Failure {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown";
  return new Failure(
    `${path} cannot be written (${code}): set MODELFAUCET_DATA_DIR to a folder you may write to.`,
  );
}
