import { expect, test } from "vitest";
import { timeSpent } from "./time-spent.ts";

const attempt = (number: number, ms: number) => ({
  number,
  provider: "simulated",
  model: "sim-small",
  outcome: "ok",
  duration_ms: ms,
});

test("a stream after its first byte is not counted as ours", () => {
  expect(timeSpent({ duration_ms: 588, first_byte_ms: 30, attempts: [attempt(1, 25)] })).toEqual({
    oursMs: 5,
    attemptsMs: [25],
    streamMs: 558,
  });
});

test("what failed before is time of its own, and one that failed for good has no stream", () => {
  expect(
    timeSpent({ duration_ms: 1210, first_byte_ms: 418, attempts: [attempt(1, 118), attempt(2, 294)] }),
  ).toEqual({
    oursMs: 6,
    attemptsMs: [118, 294],
    streamMs: 792,
  });
  expect(timeSpent({ duration_ms: 240, attempts: [attempt(1, 118), attempt(2, 118)] })).toEqual({
    oursMs: 4,
    attemptsMs: [118, 118],
    streamMs: 0,
  });
});

test("a running one has no times yet, and rounding makes nothing negative", () => {
  expect(timeSpent({ attempts: [] })).toBe(null);
  expect(timeSpent({ duration_ms: 3, first_byte_ms: 3, attempts: [attempt(1, 4)] })?.oursMs).toBe(0);
});
