import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { type RunningPostgres, startPostgres } from "@modelfaucet/platform/postgres.ts";
import type { PostgresServer } from "@modelfaucet/testkit/database.ts";

/** A PostgreSQL of one test file's own, durable, that may be stopped, killed and made to stand still. */
export type OwnPostgres = {
  readonly server: PostgresServer;
  /** Fast shutdown: every connection is told. */
  stop(): Promise<void>;
  /** SIGKILL for the server and all its processes, as when the machine's memory runs out. */
  kill(): Promise<void>;
  /** Starts it again on the same port, recovering where it has to. */
  start(): Promise<void>;
  /** Stands still without a word: connections stay and nobody answers. */
  pause(): void;
  resume(): void;
  remove(): Promise<void>;
};

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-own-"));
  // As root PostgreSQL runs as an unprivileged user, who must be able to enter.
  chmodSync(dataDir, 0o755);
  let running: RunningPostgres = await startPostgres({ dataDir });
  const { port } = running;
  const processes = (): number[] => [running.pid, ...childrenOf(running.pid)];
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of processes()) kill(pid, name);
  };
  return {
    server: {
      superuserUrl: running.superuserUrl,
      ownerUrl: running.url("mf_owner"),
      runtimeUrl: running.url("mf_runtime"),
      readUrl: running.url("mf_read"),
    },
    stop: () => running.stop(),
    kill: async () => {
      const { exited } = running;
      // The first one stops anew processes from coming while the others go.
      signal("SIGKILL");
      await exited;
      await running.stop();
    },
    start: async () => {
      running = await startPostgres({ dataDir, port });
    },
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    remove: async () => {
      signal("SIGCONT");
      await running.stop();
      deleteDataFolder(dataDir);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function kill(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself meanwhile.
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc").flatMap((name) => (parentOf(name) === parent ? [Number(name)] : []));
}

/** Of `/proc/<pid>/stat`: what follows the name in brackets is the state, then the parent. */
function parentOf(name: string): number | null {
  if (!/^\d+$/.test(name)) return null;
  try {
    const text = readFileSync(`/proc/${name}/stat`, "utf8");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}
