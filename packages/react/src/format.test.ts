import { expect, test } from "vitest";
import { createFormat, unitsOf, usdOf } from "./format.ts";

const en = createFormat("en");

test.each([
  ["0.00000000", "$0.00"],
  ["0.00000001", "<$0.0001"],
  ["0.00009999", "<$0.0001"],
  ["0.00010000", "$0.0001"],
  ["0.00042016", "$0.0004"],
  ["9.98740000", "$9.9874"],
  ["1000000.00000000", "$1,000,000.00"],
  ["90071992547409.93000001", "$90,071,992,547,409.93"],
  ["-1.50000000", "-$1.50"],
  ["garbage", "garbage"],
])("%s shows as %s", (amount, shown) => {
  expect(en.usd(amount)).toBe(shown);
});

test("what is left in a purse is never shown as more", () => {
  expect(en.usd("9.99995000")).toBe("$10.00");
  expect(en.usd("9.99995000", "down")).toBe("$9.9999");
  expect(en.usd("-0.99995000", "down")).toBe("-$1.00");
});

test("a price keeps its decimals", () => {
  expect(en.price("0.40000000")).toBe("$0.40");
  expect(en.price("1.62500001")).toBe("$1.62500001");
});

test("other languages, and a tag that is none", () => {
  expect(createFormat("zh-CN").usd("0.00042016")).toBe("$0.0004");
  expect(createFormat("de").usd("1234.50000000")).toBe("1.234,50\u00a0$");
  expect(createFormat("not a language").usd("1.00000000")).toBe("$1.00");
  expect(en.time("nonsense")).toBe("nonsense");
});

test.each(["0.00000000", "0.00000001", "12.30000000", "-4.00000005"])(
  "%s is read and written exactly",
  (amount) => {
    expect(usdOf(unitsOf(amount)!)).toBe(amount);
  },
);

test("what is no amount is no units", () => {
  for (const text of ["", "1,5", "1.123456789", "0x10", "1e3", " 1"]) expect(unitsOf(text)).toBeNull();
});
