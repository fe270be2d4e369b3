// Processes that a test run has started and not ended: they carry the run's mark in their environment.
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const markName = "TEST_RUN_ID";
const settleMs = 4000;

/** Marks this process's environment, which everything started from here inherits. */
export function markTestRun(): string {
  const mark = `${markName}=${randomUUID()}`;
  process.env[markName] = mark.slice(markName.length + 1);
  return mark;
}

/**
 * Ends what is left of the run and names it. What is on its way out gets 4 s. Only Linux tells the environment of
 * processes; elsewhere nothing is found.
 */
export async function endLeaked(mark: string): Promise<string[]> {
  const deadline = Date.now() + settleMs;
  let left = marked(mark);
  while (left.length > 0 && Date.now() < deadline) {
    await delay(100);
    left = marked(mark);
  }
  return left.map((pid) => {
    const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
    return `process ${pid}: ${command}`;
  });
}

function marked(mark: string): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(mark));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
