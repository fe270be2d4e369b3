import { readdirSync, readFileSync } from "node:fs";

/** Milliseconds of processor time that a process and its children have used so far; `null` where /proc is not there. */
export function cpuTimeMs(pid: number): number | null {
  try {
    const children = childrenOf(pid);
    return [pid, ...children].reduce((sum, one) => sum + ownTimeMs(one), 0);
  } catch {
    return null;
  }
}

// Linux counts in ticks of a hundredth of a second. Source: proc_pid_stat(5), fields 4, 14 and 15, read November 2026.
const tickMs = 10;

function ownTimeMs(pid: number): number {
  const fields = fieldsOf(pid);
  return fields === null ? 0 : (Number(fields[11]) + Number(fields[12])) * tickMs;
}

function childrenOf(parent: number): number[] {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return processes.map(Number).filter((pid) => Number(fieldsOf(pid)?.[1]) === parent);
}

/** What follows the name in /proc/<pid>/stat; `null` when the process has gone meanwhile. */
function fieldsOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
