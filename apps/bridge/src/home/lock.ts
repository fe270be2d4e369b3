import { randomUUID } from "node:crypto";
import { closeSync, openSync, rmSync, statSync, utimesSync, writeSync } from "node:fs";
import { isObject, parseJson } from "../json.ts";
import { readText } from "./home.ts";

/** What a running bridge tells commands about itself. */
export type RunningBridge = {
  pid: number;
  port: number;
  version: string;
  listening: string[];
  /** The file that it was started with. */
  config: string | null;
  started_at: string;
};

export type BridgeLock = { release(): void };

const beatMs = 2000;
/** A process that has shown no sign for so long is not the one that wrote the lock, whatever runs under its number. */
const silentMs = 20_000;

/**
 * Takes the folder for this process.
 * @param onLost called when somebody removed or replaced the lock: there may be a second bridge now
 * @returns the other bridge when one is running
 */
export function takeLock(
  path: string,
  bridge: Omit<RunningBridge, "pid" | "started_at">,
  onLost: () => void,
): BridgeLock | RunningBridge {
  const nonce = randomUUID();
  const content = { ...bridge, pid: process.pid, started_at: new Date().toISOString(), nonce };
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, "wx", 0o600);
      writeSync(file, `${JSON.stringify(content, null, 2)}\n`);
      closeSync(file);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 3) throw error;
      const other = runningBridge(path);
      if (other !== null) return other;
      rmSync(path, { force: true });
    }
  }
  const isOurs = (): boolean => {
    const kept = parseJson(readText(path) ?? "");
    return isObject(kept) && kept.nonce === nonce;
  };
  const beat = setInterval(() => {
    if (isOurs()) return utimesSync(path, new Date(), new Date());
    clearInterval(beat);
    onLost();
  }, beatMs);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      if (isOurs()) rmSync(path, { force: true });
    },
  };
}

/** The bridge that runs with this folder, or `null`. */
export function runningBridge(path: string): RunningBridge | null {
  const content = parseJson(readText(path) ?? "");
  if (!isObject(content) || typeof content.pid !== "number") return null;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || Date.now() - stat.mtimeMs > silentMs || !isAlive(content.pid)) return null;
  return content as unknown as RunningBridge;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
