import { expect, it } from "vitest";
import { csvLine } from "./csv.ts";

it.each([
  ["plain", "plain"],
  ["", ""],
  ["two words", "two words"],
  ['say "no"', '"say ""no"""'],
  ["a,b", '"a,b"'],
  ["a\nb", '"a\nb"'],
  ["a\r\nb", '"a\r\nb"'],
  ["=1+1", "'=1+1"],
  ["+49 30", "'+49 30"],
  ["-x", "'-x"],
  ["@sum(a1)", "'@sum(a1)"],
  ["\tx", "'\tx"],
  ["\rx", '"\'\rx"'],
  ['=cmd|"/c calc"!a', '"\'=cmd|""/c calc""!a"'],
  ["a=b", "a=b"],
])("writes %j so that a reader gets the text and a spreadsheet runs nothing", (cell, written) => {
  expect(csvLine([cell, "end"])).toBe(`${written},end\n`);
});

it("writes numbers as they are, and nothing for nothing", () => {
  expect(csvLine([-1.5, null, 0])).toBe("-1.5,,0\n");
});
