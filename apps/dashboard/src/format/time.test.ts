import { expect, test } from "vitest";
import { showExactTime, showMinute, showWhen } from "./time.ts";

const now = new Date(2026, 10, 25, 12, 0, 0).getTime();
const before = (ms: number) => new Date(now - ms).toISOString();
const minute = 60_000;
const hour = 60 * minute;

test.each([
  [0, "now"],
  [4_999, "now"],
  [42_000, "42 s ago"],
  [9 * minute, "9 min ago"],
  [2 * hour, "2 h ago"],
  [24 * hour - 1, "23 h ago"],
  [24 * hour, "24 Nov, 12:00"],
  [-14_999, "now"],
  [-15_000, "in 1 min"],
  [-5 * minute, "in 5 min"],
  [-3 * hour, "in 3 h"],
])("%d ms ago is %s: relative up to a day", (age, text) => {
  expect(showWhen(before(age), now)).toBe(text);
});

test("names the year where it is another one", () => {
  expect(showWhen(new Date(2025, 10, 12).toISOString(), now)).toBe("12 Nov 2025");
});

test("tells the exact time to the millisecond, in the reader's zone", () => {
  expect(showExactTime(new Date(2026, 10, 12, 14, 2, 11, 418).toISOString())).toBe(
    "12 Nov 2026, 14:02:11.418",
  );
  expect(showMinute(new Date(2026, 10, 12, 14, 2, 11, 418).toISOString())).toBe("12 Nov 2026, 14:02");
});
