import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "run-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Run = {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly code: Promise<number | null>;
};

function run(source: string, env: NodeJS.ProcessEnv = {}): Run {
  const entry = join(folder, "entry.ts");
  writeFileSync(entry, source);
  const child = spawn(process.execPath, [join(import.meta.dirname, "run.mjs"), entry, "an argument"], {
    env: { ...process.env, npm_lifecycle_event: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (piece) => (text += piece));
  return { process: child, output: () => text, code: new Promise((resolve) => child.on("close", resolve)) };
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 10 s");
    await delay(20);
  }
}

const countSignals = `
  let count = 0;
  process.on("SIGINT", () => { count += 1; console.log("signal", count); setTimeout(() => process.exit(40 + count), 1000); });
  setInterval(() => {}, 1000);
  console.log("up", process.pid);`;

test("hands on arguments and the exit code", async () => {
  const started = run("const text: string = process.argv[2]!; console.log(text); process.exit(7);");
  expect(await started.code).toBe(7);
  expect(started.output()).toBe("an argument\n");
});

test("a program that a signal has ended gives 128 + the signal's number", async () => {
  expect(await run(`process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000);`).code).toBe(143);
});

test("one Ctrl-C that arrives several times reaches the program once", async () => {
  const started = run(countSignals);
  await until(() => started.output().includes("up"));
  for (let times = 0; times < 3; times++) started.process.kill("SIGINT");
  await until(() => started.output().includes("signal 1"));
  expect(await started.code).toBe(41);
});

test("a program ends after a `kill -9` of what has started it", async () => {
  const started = run(countSignals);
  await until(() => started.output().includes("up"));
  const pid = Number(/up (\d+)/.exec(started.output())?.[1]);
  started.process.kill("SIGKILL");
  await until(() => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
});

test("without an entry it tells its usage and exits 2", async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "run.mjs")], { stdio: "ignore" });
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(2);
});
