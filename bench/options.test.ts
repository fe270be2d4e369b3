import { expect, it } from "vitest";
import { load } from "./load.ts";
import { BenchUsage, readOptions } from "./options.ts";

it("measures every case that needs no name of its own unless told otherwise", () => {
  expect(readOptions([])).toEqual({
    cases: ["hold-settle", "stream", "streams", "auth", "boundary"],
    connections: null,
    seconds: 8,
    compare: null,
    gatePercent: null,
    json: false,
    profile: false,
    limits: null,
    logged: 1_000_000,
  });
});

it("takes one case with connections, seconds, an earlier result and a gate", () => {
  const args = "--case hold-settle --connections 64,256 --seconds 20 --compare a.json --gate 10".split(" ");
  expect(readOptions(args)).toMatchObject({
    cases: ["hold-settle"],
    connections: [64, 256],
    seconds: 20,
    compare: "a.json",
    gatePercent: 10,
  });
});

it.each([
  ["--case", "everything"],
  ["--connections", "0"],
  ["--connections", "64,"],
  ["--seconds", "1.5"],
  ["--gate", "101"],
  ["--limits", "5"],
  ["--target", "http://example.com"],
])("refuses %s %s in words", (...args) => {
  expect(() => readOptions(args)).toThrow(BenchUsage);
});

it("loads no machine but this one", () => {
  const target = { url: "http://192.0.2.1:8080", calls: [], expectedStatus: 200, bodyEnd: null };
  expect(() => load(target, 1, 1)).toThrow("192.0.2.1:8080 is not on this machine");
});
