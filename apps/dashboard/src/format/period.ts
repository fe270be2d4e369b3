/** The date range of a screen as the URL holds it: a preset, or two days of the reader's calendar, both included. */
export type PeriodSearch = { range?: Preset | undefined; from?: string | undefined; to?: string | undefined };

export const presets = {
  "24h": { label: "Last 24 hours", hours: 24 },
  "7d": { label: "Last 7 days", hours: 7 * 24 },
  "30d": { label: "Last 30 days", hours: 30 * 24 },
  "90d": { label: "Last 90 days", hours: 90 * 24 },
} as const;
export type Preset = keyof typeof presets;

/** A half open interval of time, as the API takes it. */
export type Period = { from: string; to: string; label: string; interval: "hour" | "day" };

/** Keeps what is well formed; the rest of a URL that somebody typed is as if it were not there. */
export function periodSearch(search: Readonly<Record<string, unknown>>): PeriodSearch {
  const { range, from, to } = search;
  if (isDay(from) && isDay(to) && from <= to) return { from, to };
  return typeof range === "string" && Object.hasOwn(presets, range) ? { range: range as Preset } : {};
}

/**
 * The instants that a search stands for; without one the last 7 days. `now` is taken up to the next full minute, so
 * that a screen asks the same question for a minute.
 */
export function periodOf(search: PeriodSearch, now: number): Period {
  if (search.from !== undefined && search.to !== undefined) {
    const from = startOfDay(search.from);
    const to = startOfDay(search.to, 1);
    const short = to - from <= 2 * 86_400_000;
    return {
      ...instants(from, to),
      label: rangeLabel(search.from, search.to),
      interval: short ? "hour" : "day",
    };
  }
  const { hours, label } = presets[search.range ?? "7d"];
  const to = Math.ceil(now / 60_000) * 60_000;
  return { ...instants(to - hours * 3_600_000, to), label, interval: hours <= 48 ? "hour" : "day" };
}

/** `2026-11-20`: a day of the reader's calendar. */
export function dayOf(time: number): string {
  const at = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function startOfDay(day: string, later = 0): number {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year!, month! - 1, date! + later).getTime();
}

function instants(from: number, to: number): { from: string; to: string } {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

function rangeLabel(from: string, to: string): string {
  const show = (day: string) =>
    new Date(startOfDay(day)).toLocaleDateString("en-GB", {
      day: "numeric",
      month: "short",
      year: "numeric",
    });
  return from === to ? show(from) : `${show(from)} – ${show(to)}`;
}

function isDay(value: unknown): value is string {
  if (typeof value !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  return dayOf(startOfDay(value)) === value;
}
