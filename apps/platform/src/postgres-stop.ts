// How the embedded PostgreSQL ends: with the process that started it, whatever happens to that process.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { asOwner, type Owner } from "./postgres-place.ts";

/**
 * Fast shutdown; when that takes longer than `withinMs` an immediate one, whose next start recovers, then the hard way.
 * Resolves when the process is gone.
 */
export async function signalPostmaster(pid: number, exited: Promise<void>, withinMs: number): Promise<void> {
  const steps = [
    { signal: "SIGINT", waitMs: withinMs },
    { signal: "SIGQUIT", waitMs: 300 },
    { signal: "SIGKILL", waitMs: 1000 },
  ] as const;
  for (const { signal, waitMs } of steps) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const timer = new AbortController();
    const outcome = await Promise.race([
      exited.then(() => "exited"),
      delay(waitMs, "waiting", { signal: timer.signal }).catch(() => "waiting"),
    ]);
    timer.abort();
    if (outcome === "exited") return;
  }
}

/**
 * A `kill -9` runs no handler. So a small shell, in a session of its own, reads from a pipe whose other end only this
 * process holds: when the pipe breaks it shuts PostgreSQL down, after making sure that the number is still PostgreSQL's.
 */
export function stopWithParent(pid: number, cluster: string, owner: Owner): ChildProcess {
  const script = `
    is_ours() { [ "$(head -n 1 "$1/postmaster.pid" 2>/dev/null)" = "$0" ]; }
    read -r _
    is_ours "$1" || exit 0
    kill -INT "$0"
    tries=0
    while [ "$tries" -lt 50 ]; do
      is_ours "$1" || exit 0
      sleep 0.1
      tries=$((tries + 1))
    done
    is_ours "$1" && kill -QUIT "$0"
  `;
  const watcher = spawn("/bin/sh", ["-c", script, String(pid), cluster], {
    ...asOwner(owner),
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.on("error", () => {});
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  return watcher;
}
