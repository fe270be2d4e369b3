import { expect, test } from "vitest";
import { showAbout, showChange, showDuration, showShare } from "./count.ts";

test.each([
  [418, "418 ms"],
  [999.6, "1,000 ms"],
  [1210, "1.21 s"],
  [124_000, "2 min 4 s"],
])("shows %d ms as %s", (ms, text) => {
  expect(showDuration(ms)).toBe(text);
});

test("shortens only what nobody adds up", () => {
  expect([999_999, 1_200_000, 2_000_000_000].map(showAbout)).toEqual(["999,999", "1.2 M", "2 B"]);
});

test("a share that is not zero never shows as zero", () => {
  expect([0, 0.0004, 0.004, 1].map(showShare)).toEqual(["0 %", "<0.1 %", "0.4 %", "100 %"]);
});

test("tells a change by its sign in words too, and none where there was nothing before", () => {
  expect(showChange(112, 100)).toEqual({ text: "+12 %", direction: 1 });
  expect(showChange(97, 100)).toEqual({ text: "−3 %", direction: -1 });
  expect(showChange(5000, 100)).toEqual({ text: "×50", direction: 1 });
  expect(showChange(5, 5).direction).toBe(0);
  expect(showChange(5, 0)).toEqual({ text: "none before", direction: 0 });
});
