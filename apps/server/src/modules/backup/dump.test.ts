import { expect, it } from "vitest";
import { RowCounter } from "./dump.ts";

function count(text: string, chunkBytes: number): number {
  const counter = new RowCounter();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) counter.write(bytes.subarray(at, at + chunkBytes));
  return counter.rows;
}

it("counts the rows of COPY's text form, wherever a chunk ends", () => {
  // A line break inside a value is written as the two characters \n; a row may be empty, or begin like the end.
  const rows = ["1\tfirst\\nsecond", "", "\\\\.", "\\.x", "\\N", "2\tü"];
  const text = `${rows.join("\n")}\n\\.\n\n\n`;
  for (const chunkBytes of [1, 2, 3, 7, 1000])
    expect([chunkBytes, count(text, chunkBytes)]).toEqual([chunkBytes, 6]);
  expect(count("\\.\n\n\n", 1)).toBe(0);
});
