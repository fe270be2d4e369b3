import { appendFileSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { openReports, waitingReports } from "./queue.ts";

const bounds = { maxReports: 3, keepDays: 30 };
let path: string;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "mf-bridge-reports-")), "usage.ndjson");
});

const ids = (queue: { of(owner: string): { request_id: string }[] }, owner = "a") =>
  queue.of(owner).map(({ request_id }) => request_id);

test("what was added is there after a crash, a line cut in two is not", () => {
  const queue = openReports(path, bounds);
  queue.add("a", { request_id: "1" });
  queue.add("b", { request_id: "2" });
  appendFileSync(path, '{"v":1,"origin":"a","received_at":"2026-11-');
  const again = openReports(path, bounds);
  expect([ids(again), ids(again, "b")]).toEqual([["1"], ["2"]]);
  expect(waitingReports(path)).toEqual(
    new Map([
      ["a", 1],
      ["b", 1],
    ]),
  );
});

test("a report after a line that was cut in two is not lost with it", () => {
  appendFileSync(path, '{"v":1,"origin":"a"');
  openReports(path, bounds).add("a", { request_id: "1" });
  expect(ids(openReports(path, bounds))).toEqual(["1"]);
});

test("the oldest go beyond the bound and after their days, and are counted for their owner", () => {
  let now = Date.parse("2026-11-01T00:00:00Z");
  const queue = openReports(path, bounds, () => now);
  for (const id of ["1", "2", "3", "4"]) queue.add("a", { request_id: id });
  expect([ids(queue), queue.dropped("a"), queue.dropped("b")]).toEqual([["2", "3", "4"], 1, 0]);
  now += 31 * 86_400_000;
  const later = openReports(path, bounds, () => now);
  expect([ids(later), later.dropped("a")]).toEqual([[], 4]);
  expect(readFileSync(path, "utf8")).toBe('{"v":1,"origin":"a","dropped":4}\n');
});
