import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Program, runProgram, startProgram } from "./children.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "children-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(source: string): Program {
  const entry = join(folder, "program.mjs");
  writeFileSync(entry, source);
  return {
    name: "program",
    entry,
    args: [],
    env: process.env,
    logFile: join(folder, "program.log"),
    cwd: folder,
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 8000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 8 s");
    await delay(20);
  }
}

const logText = () => {
  try {
    return readFileSync(join(folder, "program.log"), "utf8");
  } catch {
    return "";
  }
};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("stopping is asked for politely first", async () => {
  const running = startProgram(
    program(`process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000); console.log("up");`),
  );
  await until(() => logText().includes("up"));
  await running.stop(5000);
  expect(await running.exited).toMatchObject({ code: 0 });
});

test("a program that ignores SIGTERM is gone when its time is over", async () => {
  const running = startProgram(
    program(`process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up");`),
  );
  await until(() => logText().includes("up"));
  const startedAt = Date.now();
  await running.stop(200);
  expect(await running.exited).toMatchObject({ code: 137 });
  expect(Date.now() - startedAt).toBeLessThan(3000);
});

test("what a program says before it gives up is the failure, word for word", async () => {
  const failing = program(`console.error("The schema is newer: update the clone."); process.exit(1);`);
  await expect(runProgram(failing)).rejects.toThrow(/^The schema is newer: update the clone\.$/);
  expect(logText()).toContain("The schema is newer");
});

test("a crash is told in one sentence that names the log, without its stack", async () => {
  const crash = runProgram(program(`throw new TypeError("x is not a function");`));
  await expect(crash).rejects.toThrow(
    /^`program` failed \(x is not a function\): read .+program\.log, [^\n]+$/,
  );
  expect(logText()).toContain("    at ");
});

test("a program ends when the process that started it is killed", async () => {
  const entry = join(folder, "child.mjs");
  writeFileSync(entry, "console.log(process.pid); setInterval(() => {}, 1000);");
  const parentEntry = join(folder, "parent.mjs");
  writeFileSync(
    parentEntry,
    `import { startProgram } from ${JSON.stringify(join(import.meta.dirname, "children.ts"))};
     startProgram({ name: "child", entry: ${JSON.stringify(entry)}, args: [], env: process.env, logFile: null });
     setInterval(() => {}, 1000);`,
  );
  const parent = spawn(process.execPath, [parentEntry], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.on("data", (text) => resolve(Number(String(text))));
  });
  parent.kill("SIGKILL");
  await until(() => !isAlive(pid));
});
