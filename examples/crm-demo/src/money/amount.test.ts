import { expect, test } from "vitest";
import { showPrice, showUsd, toExact, toUnits } from "./amount.ts";

test.each([
  ["0.00000000", "$0.00"],
  ["0.00000001", "<$0.0001"],
  ["0.00000003", "<$0.0001"],
  ["0.00009999", "<$0.0001"],
  ["0.00010000", "$0.0001"],
  ["0.00042016", "$0.0004"],
  ["0.57900000", "$0.579"],
  ["9.98740000", "$9.9874"],
  ["0.99999999", "$1.00"],
  ["1000000.00000000", "$1,000,000.00"],
  ["-0.50000000", "−$0.50"],
  ["-0.00000003", "−<$0.0001"],
])("%s shows as %s", (amount, shown) => {
  expect(showUsd(amount)).toBe(shown);
});

test("what is left is never shown as more than there is", () => {
  expect(showUsd("0.99999999", { round: "down" })).toBe("$0.9999");
});

test("a price keeps all its decimals", () => {
  expect(showPrice("0.52000000")).toBe("$0.52");
  expect(showPrice("0.00300000")).toBe("$0.003");
  expect(showPrice("13.00000001")).toBe("$13.00000001");
});

test.each(["0.00000001", "-12.50000000", "999999999999.99999999"])(
  "%s survives the way there and back",
  (amount) => {
    expect(toExact(toUnits(amount))).toBe(amount);
  },
);
