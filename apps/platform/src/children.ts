// The platform's processes: each in a session of its own, its output in a log file, gone when the platform is gone.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { cloneRoot } from "./data-folder.ts";
import { Failure, sentenceOf } from "./failure.ts";

export type Program = {
  /** How it is named to people. */
  readonly name: string;
  /** A script: absolute, or from the clone's root. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Absolute path; `null`: its output goes to this terminal. */
  readonly logFile: string | null;
  readonly cwd?: string;
};

export type Exit = { readonly code: number; readonly lastWords: string };

export type RunningProgram = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string | null;
  readonly exited: Promise<Exit>;
  /** SIGTERM, then SIGKILL when that time is over. */
  stop(withinMs: number): Promise<void>;
};

const serverEntry = "apps/server/src/main.ts";
const followParent = pathToFileURL(join(cloneRoot, "scripts", "follow-parent.mjs")).href;

/** A command of the server: `serve`, `migrate`, … */
export function serverProgram(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  logFile: string | null,
): Program {
  return { name: args[0] ?? "server", entry: serverEntry, args, env, logFile };
}

/** Starts a program. It never outlives this process, however that ends. */
export function startProgram(program: Program): RunningProgram {
  const log = program.logFile === null ? null : openLog(program.logFile);
  const child = spawn(process.execPath, nodeArguments(program), {
    cwd: program.cwd ?? cloneRoot,
    env: { ...program.env, MODELFAUCET_PARENT_PID: String(process.pid) },
    // Ctrl-C reaches the whole foreground group: the programs must hear of it from us, once and in order.
    detached: true,
    stdio: log === null ? ["ignore", "inherit", "inherit"] : ["ignore", log, "pipe"],
  });
  const lastWords = keepLastWords(child, program, log);
  const exited = exitOf(child).then((code) => {
    if (log !== null) closeSync(log);
    return { code, lastWords: lastWords() };
  });
  return {
    name: program.name,
    pid: child.pid ?? 0,
    logFile: program.logFile,
    exited,
    stop: (withinMs) => stopProgram(child, exited, withinMs),
  };
}

/** Runs a program to its end. @throws Failure with the program's own last sentence. */
export async function runProgram(
  program: Program,
  onStart?: (running: RunningProgram) => void,
): Promise<void> {
  const running = startProgram(program);
  onStart?.(running);
  const exit = await running.exited;
  if (exit.code !== 0) throw new Failure(endedSentence(running, exit));
}

/** What to tell when a program has ended that should not have. */
export function endedSentence(program: RunningProgram, exit: Exit): string {
  return (
    exit.lastWords ||
    `\`${program.name}\` ended with exit code ${exit.code}: read ${program.logFile ?? "its output"}, remove the cause and start again.`
  );
}

/**
 * Runs a program in the foreground: same terminal, signals handed on, resolves to its exit code (128 + n when a signal
 * ended it).
 */
export async function runInForeground(program: Omit<Program, "logFile">): Promise<number> {
  const child = spawn(process.execPath, nodeArguments({ ...program, logFile: null }), {
    cwd: program.cwd ?? cloneRoot,
    env: { ...program.env, MODELFAUCET_PARENT_PID: String(process.pid) },
    stdio: "inherit",
    detached: true,
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  return exitOf(child);
}

function nodeArguments(program: Program): string[] {
  return [
    "--disable-warning=ExperimentalWarning",
    "--import",
    followParent,
    resolve(cloneRoot, program.entry),
    ...program.args,
  ];
}

const logLimitBytes = 20_000_000;

function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > logLimitBytes) renameSync(path, `${path}.old`);
  return openSync(path, "a", 0o600);
}

// A server's logs go to standard output; what it says on standard error before it gives up is meant for people.
function keepLastWords(child: ChildProcess, program: Program, log: number | null): () => string {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    text = (text + piece).slice(-4000);
    if (log !== null) writeSync(log, piece);
  });
  child.on("error", (error) => {
    text = `${child.spawnfile} could not be started (${sentenceOf(error)}): install the packages again with \`npx pnpm@12 install\`.`;
  });
  return () => {
    // A crash of the program is not for people: its first line is, the trace is in the log.
    const crash = /^\s+at /m.test(text) ? /^(?:\w*Error)(?: \[\w+\])?: (.+)$/m.exec(text)?.[1] : undefined;
    if (crash)
      return `\`${program.name}\` failed (${crash}): read ${program.logFile}, remove the cause and start again.`;
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-12)
      .join("\n");
  };
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((settle) => {
    child.on("error", () => settle(1));
    // `close` comes after the last of standard error has been read.
    child.on("close", (code, signal) => settle(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  });
}

async function stopProgram(child: ChildProcess, exited: Promise<Exit>, withinMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const waiting = new AbortController();
  const late = delay(withinMs, true, { signal: waiting.signal }).catch(() => false);
  if (await Promise.race([exited.then(() => false), late])) child.kill("SIGKILL");
  waiting.abort();
  await exited;
}
