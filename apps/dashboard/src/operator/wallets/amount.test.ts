import { expect, test } from "vitest";
import { amountIn } from "./amount.ts";

test("what the API takes as an amount above zero is one, everything else is none", () => {
  for (const text of ["5", "0.00000001", "999999999999.99999999", " 1.50 "])
    expect(amountIn(text)).toBe(text.trim());
  for (const text of [
    "",
    "0",
    "0.00",
    "-1",
    "1e3",
    "1,000",
    "01",
    ".5",
    "1.",
    "0.000000001",
    "1000000000000",
  ])
    expect(amountIn(text), text).toBeNull();
});
