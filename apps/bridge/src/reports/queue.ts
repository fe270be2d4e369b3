import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { alone, readText, writeWhole } from "../home/home.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";

/** Reports that could not be delivered, until their page delivers them. Counts and names only. */
export type ReportQueue = {
  /** On disk when this returns; the same request a second time changes nothing. */
  add(owner: string, report: UsageReport): void;
  of(owner: string): UsageReport[];
  /** How many went. */
  acknowledge(owner: string, requestIds: readonly string[]): number;
  pending(owner: string): number;
  dropped(owner: string): number;
};

export type UsageReport = JsonObject & { request_id: string };

type Entry = { v: 1; origin: string; received_at: string; report: UsageReport };

const dayMs = 86_400_000;

/**
 * One JSON line per report. Only a running bridge writes; other processes read.
 * @throws Error where the file cannot be written
 */
export function openReports(
  path: string,
  bounds: { maxReports: number; keepDays: number },
  now: () => number = Date.now,
): ReportQueue {
  const text = readText(path);
  const kept = readReportFile(text);
  let { entries } = kept;
  const dropped = kept.dropped;

  const rewrite = (): void => {
    const counts = [...dropped].map(([origin, count]) => ({ v: 1, origin, dropped: count }));
    const lines = [...counts, ...entries].map((line) => `${JSON.stringify(line)}\n`);
    alone(path, () => writeWhole(path, lines.join("")));
  };
  /** What is too old or too much goes, the oldest first, and is counted. */
  const trim = (): boolean => {
    const oldest = now() - bounds.keepDays * dayMs;
    const fresh = entries.filter(({ received_at }) => Date.parse(received_at) >= oldest);
    const left = fresh.slice(-bounds.maxReports);
    if (left.length === entries.length) return false;
    const remaining = new Set(left);
    for (const entry of entries) {
      if (!remaining.has(entry)) dropped.set(entry.origin, (dropped.get(entry.origin) ?? 0) + 1);
    }
    entries = left;
    return true;
  };
  // Behind a line that a crash cut in two nothing can be appended.
  if (trim() || (text !== null && text !== "" && !text.endsWith("\n"))) rewrite();

  return {
    add(owner, report) {
      if (entries.some((entry) => entry.origin === owner && entry.report.request_id === report.request_id))
        return;
      const entry: Entry = { v: 1, origin: owner, received_at: new Date(now()).toISOString(), report };
      entries.push(entry);
      if (trim()) rewrite();
      else append(path, `${JSON.stringify(entry)}\n`);
    },
    of: (owner) => entries.filter(({ origin }) => origin === owner).map(({ report }) => report),
    acknowledge(owner, requestIds) {
      const done = new Set(requestIds);
      const left = entries.filter(({ origin, report }) => origin !== owner || !done.has(report.request_id));
      const removed = entries.length - left.length;
      entries = left;
      if (removed > 0) rewrite();
      return removed;
    },
    pending: (owner) => entries.filter(({ origin }) => origin === owner).length,
    dropped: (owner) => dropped.get(owner) ?? 0,
  };
}

/** How many reports wait, by owner; for commands beside a running bridge. */
export function waitingReports(path: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { origin } of readReportFile(readText(path)).entries)
    counts.set(origin, (counts.get(origin) ?? 0) + 1);
  return counts;
}

function append(path: string, line: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    writeSync(file, line);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A line that a crash cut in two is left out: its page still has the report. */
function readReportFile(text: string | null): { entries: Entry[]; dropped: Map<string, number> } {
  const entries: Entry[] = [];
  const dropped = new Map<string, number>();
  for (const line of (text ?? "").split("\n")) {
    const value = parseJson(line);
    if (!isObject(value) || typeof value.origin !== "string") continue;
    if (typeof value.dropped === "number") dropped.set(value.origin, value.dropped);
    else if (
      isObject(value.report) &&
      typeof value.report.request_id === "string" &&
      typeof value.received_at === "string"
    )
      entries.push(value as Entry);
  }
  return { entries, dropped };
}
