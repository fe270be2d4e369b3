import { expect, test } from "vitest";
import { isZero, missingZeros, showExact, showPrice, showUsd, sumUsd, toExact, toUnits } from "./money.ts";

test.each([
  ["0.00000000", "$0.00"],
  ["0.00000001", "<$0.0001"],
  ["0.00009999", "<$0.0001"],
  ["0.00010000", "$0.0001"],
  ["0.00042016", "$0.0004"],
  ["0.00045000", "$0.0005"],
  ["1.50000000", "$1.50"],
  ["1.50500000", "$1.505"],
  ["9.99999999", "$10.00"],
  ["1000000.00000000", "$1,000,000.00"],
  ["-0.00000001", "−<$0.0001"],
  ["-12.34000000", "−$12.34"],
])("shows %s as %s: never as zero what is not", (amount, text) => {
  expect(showUsd(amount)).toBe(text);
});

test("shows what is left in a purse never as more than it is", () => {
  expect(showUsd("9.98749999", "down")).toBe("$9.9874");
  expect(showUsd("9.99999999", "down")).toBe("$9.9999");
});

test("keeps all eight decimals where a receipt is read", () => {
  expect(showExact("1000000.00000001")).toBe("1,000,000.00000001");
  expect(showExact("-0.00000001")).toBe("−0.00000001");
  expect(showPrice("1.60000000")).toBe("$1.60");
  expect(showPrice("0.00012500")).toBe("$0.000125");
});

test("adds exactly what floats cannot", () => {
  expect(sumUsd(["0.10000000", "0.20000000"])).toBe("0.30000000");
  expect(sumUsd(["9007199254740993.00000001", "0.00000001"])).toBe("9007199254740993.00000002");
  expect(sumUsd([])).toBe("0.00000000");
});

test("reads and writes an amount without changing it, and nothing else", () => {
  for (const amount of ["0.00000000", "-0.00000001", "123456789.12345678"])
    expect(toExact(toUnits(amount))).toBe(amount);
  for (const text of ["", "1e3", "0.000000001", "$1", "1,000", "NaN"])
    expect(() => toUnits(text)).toThrow(RangeError);
  expect(isZero("0.00000000")).toBe(true);
  expect(isZero("0.00000001")).toBe(false);
});

test("lines decimal points up by as many places as are left out", () => {
  expect(missingZeros(showUsd("1.50000000"))).toBe(2);
  expect(missingZeros(showUsd("0.00010000"))).toBe(0);
  expect(missingZeros("<$0.0001")).toBe(0);
});
