import { expect, test } from "vitest";
import { dayOf, periodOf, periodSearch } from "./period.ts";

const now = new Date(2026, 10, 25, 12, 0, 30).getTime();

test("keeps a preset or two days, and nothing that is neither", () => {
  expect(periodSearch({ range: "30d" })).toEqual({ range: "30d" });
  expect(periodSearch({ from: "2026-11-01", to: "2026-11-03", range: "30d" })).toEqual({
    from: "2026-11-01",
    to: "2026-11-03",
  });
  for (const raw of [
    { range: "1y" },
    { range: "toString" },
    { from: "2026-11-03", to: "2026-11-01" },
    { from: "2026-02-30", to: "2026-03-01" },
    { from: "2026-11-01" },
    { from: 1, to: 2 },
  ]) {
    expect(periodSearch(raw)).toEqual({});
  }
});

test("a day is the reader's, and the last one is included", () => {
  const period = periodOf({ from: "2026-11-01", to: "2026-11-01" }, now);
  expect(Date.parse(period.from)).toBe(new Date(2026, 10, 1).getTime());
  expect(Date.parse(period.to)).toBe(new Date(2026, 10, 2).getTime());
  expect(period.interval).toBe("hour");
  expect(dayOf(Date.parse(period.from))).toBe("2026-11-01");
});

test("asks the same question for a minute, and for 7 days where nothing is said", () => {
  const period = periodOf({}, now);
  expect(period).toEqual(periodOf({ range: "7d" }, now + 20_000));
  expect(Date.parse(period.to) - Date.parse(period.from)).toBe(7 * 86_400_000);
  expect(Date.parse(period.to)).toBeGreaterThanOrEqual(now);
  expect(periodOf({ range: "24h" }, now).interval).toBe("hour");
  expect(periodOf({ range: "90d" }, now).interval).toBe("day");
});
