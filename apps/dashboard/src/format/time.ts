/** Times in the reader's zone. */

const dayMs = 86_400_000;

/** `now`, `9 min ago`, `2 h ago`, from a day on `12 Nov, 14:02` and in another year `12 Nov 2025`. */
export function showWhen(time: string, now: number): string {
  const at = Date.parse(time);
  // What was answered just now is a little later than a clock that ticks every ten seconds.
  const age = Math.abs(now - at) < 15_000 ? Math.max(0, now - at) : now - at;
  if (age >= 0 && age < dayMs) {
    if (age < 60_000) return age < 5000 ? "now" : `${Math.floor(age / 1000)} s ago`;
    return age < 3_600_000 ? `${Math.floor(age / 60_000)} min ago` : `${Math.floor(age / 3_600_000)} h ago`;
  }
  if (age < 0 && -age < dayMs) {
    return -age < 3_600_000 ? `in ${Math.ceil(-age / 60_000)} min` : `in ${Math.floor(-age / 3_600_000)} h`;
  }
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayAndMinute : dayOfYear).format(at).replace(" at ", ", ");
}

/** `12 Nov 2026, 14:02:11.418`. */
export function showExactTime(time: string): string {
  return exact.format(Date.parse(time)).replace(" at ", ", ");
}

/** `12 Nov 2026, 14:02`, where a sentence names a time. */
export function showMinute(time: string): string {
  return showExactTime(time).replace(/:\d\d\.\d{3}$/, "");
}

/** `12 Nov`. */
export function showDay(time: string | number): string {
  return day.format(typeof time === "number" ? time : Date.parse(time));
}

/** `14:00`, for points of an hour. */
export function showHour(time: string | number): string {
  return hour.format(typeof time === "number" ? time : Date.parse(time));
}

export const readersZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

// Day before month and 24 hours, whatever the language: one notation on all screens and in all screenshots.
const form = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en-GB", options);
const minute = { hour: "2-digit", minute: "2-digit" } as const;
const dayAndMinute = form({ day: "numeric", month: "short", ...minute });
const dayOfYear = form({ day: "numeric", month: "short", year: "numeric" });
const exact = form({
  day: "numeric",
  month: "short",
  year: "numeric",
  ...minute,
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const day = form({ day: "numeric", month: "short" });
const hour = form(minute);
