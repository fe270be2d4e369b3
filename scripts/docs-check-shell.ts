// Runs the commands of a page as they are printed, in one shell, in order.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Block, Page } from "./docs-check-pages.ts";

export type Surroundings = {
  folder: string;
  env: NodeJS.ProcessEnv;
  /** What a page says, with the ports that are free here. */
  printed: (text: string) => string;
};
export type Failure = { line: number; sentence: string; output: string };

const blockWithinMs = 90_000;
const readyWithinMs = 180_000;
const endWithinMs = 15_000;
const mostOutput = 8_000;

/** @returns the first block of the page that failed; what follows it was not run */
export async function runPage(page: Page, where: Surroundings, started: Started): Promise<Failure | null> {
  const shell = openShell(where);
  try {
    for (const block of page.blocks) {
      const failure = await runBlock(block, shell, where, started);
      if (failure) return failure;
    }
    return null;
  } finally {
    await shell.close();
  }
}

async function runBlock(
  block: Block,
  shell: Shell,
  where: Surroundings,
  started: Started,
): Promise<Failure | null> {
  const text = where.printed(block.text);
  if (block.use.kind === "file") {
    const path = join(where.folder, block.use.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return null;
  }
  if (block.language !== "sh" || block.use.kind === "leave") return null;
  const { ok, sentence, output } =
    block.use.kind === "start" ? await started.start(text, block.use.ready, where) : await shell.run(text);
  return ok ? null : { line: block.line, sentence, output };
}

type Outcome = { ok: boolean; sentence: string; output: string };
type Shell = { run(text: string): Promise<Outcome>; close(): Promise<void> };

function openShell(where: Surroundings): Shell {
  const bash = spawn("bash", ["--noprofile", "--norc"], {
    cwd: where.folder,
    env: where.env,
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, so that nothing that a block began outlives its page.
    detached: true,
  });
  const said = listen(bash);
  const ended = new Promise<void>((resolve) => bash.once("close", () => resolve()));
  bash.stdin.on("error", () => {});
  bash.stdin.write("set -eo pipefail\n");
  let count = 0;
  return {
    run: async (text) => {
      const file = join(where.folder, ".git", `docs-check-${count++}.sh`);
      const done = `docs-check-${randomBytes(8).toString("hex")}`;
      writeFileSync(file, text);
      said.clear();
      bash.stdin.write(`. ${JSON.stringify(file)} </dev/null\necho ${done}\n`);
      const how = await Promise.race([
        said.until(done).then(() => "done"),
        ended.then(() => "failed"),
        timeout(blockWithinMs),
      ]);
      const output = said.text().replace(done, "").trim();
      const sentence = how === "failed" ? "failed" : `did not end within ${blockWithinMs / 1000} s`;
      return { ok: how === "done", sentence, output };
    },
    close: async () => {
      bash.stdin.end();
      await end(bash, ended, "SIGTERM");
    },
  };
}

/** What pages have started and left running: `npm start`, once for all of them. */
export type Started = AsyncDisposable & {
  start(text: string, ready: string, where: Surroundings): Promise<Outcome>;
};

export function createStarted(): Started {
  const running = new Map<string, { child: ChildProcess; ended: Promise<void> }>();
  return {
    start: async (text, ready, where) => {
      if (running.has(text)) return { ok: true, sentence: "", output: "" };
      const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", text], {
        cwd: where.folder,
        env: where.env,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      const said = listen(child);
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
      running.set(text, { child, ended });
      const how = await Promise.race([
        said.until(ready).then(() => "ready"),
        ended.then(() => "ended"),
        timeout(readyWithinMs),
      ]);
      const sentence = how === "ended" ? `ended before it said "${ready}"` : `never said "${ready}"`;
      return { ok: how === "ready", sentence, output: said.text() };
    },
    [Symbol.asyncDispose]: async () => {
      // As Ctrl-C does it: everybody in the group is told.
      for (const { child, ended } of running.values()) await end(child, ended, "SIGINT");
    },
  };
}

function listen(child: ChildProcess) {
  let text = "";
  let waiting: { words: string; resolve: () => void } | null = null;
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (more: string) => {
      text = (text + more).slice(-mostOutput);
      if (waiting && text.includes(waiting.words)) waiting.resolve();
    });
  }
  return {
    text: () => text,
    clear: () => {
      text = "";
    },
    until: (words: string) =>
      new Promise<void>((resolve) => {
        waiting = { words, resolve };
        if (text.includes(words)) resolve();
      }),
  };
}

async function end(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  signalGroup(child, signal);
  if ((await Promise.race([ended.then(() => "ended"), timeout(endWithinMs)])) === "ended") return;
  signalGroup(child, "SIGKILL");
  await ended;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}

function timeout(ms: number): Promise<"late"> {
  return new Promise((resolve) => setTimeout(() => resolve("late"), ms).unref());
}
