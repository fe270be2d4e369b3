import { expect, it } from "vitest";
import { countFaults, newestOf, sentenceOf, toolsFault, versionOf } from "./rules.ts";

const tools = (major: number, folder = `/usr/lib/postgresql/${major}/bin`) => ({
  folder,
  major,
  version: `${major}.2`,
});

it("reads the version that a program tells", () => {
  expect(versionOf("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)")).toEqual({
    version: "15.20",
    major: 15,
  });
  expect(versionOf("pg_restore (PostgreSQL) 19devel")).toEqual({ version: "19", major: 19 });
  expect(versionOf("pg_dump: command not found")).toBeNull();
});

it("takes the newest tools, and of equal ones the first", () => {
  expect(newestOf([tools(15), tools(18), tools(16)])).toEqual(tools(18));
  expect(newestOf([tools(15, "/a"), tools(15, "/b")])).toEqual(tools(15, "/a"));
  expect(newestOf([])).toBeNull();
});

it("refuses tools that are older than the server, and takes newer ones", () => {
  expect(toolsFault(tools(15), 15)).toBeNull();
  expect(toolsFault(tools(18), 15)).toBeNull();
  expect(toolsFault(tools(15), 18)).toContain(
    "are of version 15.2, older than the server, which is PostgreSQL 18",
  );
  expect(toolsFault(null, 18)).toContain("version 18 or newer");
});

it("names each table whose rows differ or that only one side has", () => {
  const expected = { rows: { a: 1, b: 2, c: 3 }, by: "the manifest" };
  expect(countFaults(expected, { rows: { a: 1, b: 2, c: 3 }, by: "the dump" })).toEqual([]);
  expect(countFaults(expected, { rows: { a: 1, b: 1, d: 0 }, by: "the dump" })).toEqual([
    "b: 2 in the manifest, 1 in the dump",
    "c: 3 in the manifest, no table in the dump",
    "d: no table in the manifest, 0 in the dump",
  ]);
  expect(sentenceOf(["a", "b", "c"], 2)).toBe("a; b; and 1 more");
});
