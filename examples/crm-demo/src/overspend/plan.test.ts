import fc from "fast-check";
import { expect, test } from "vitest";
import { toExact, toUnits } from "../money/amount.ts";
import type { Model } from "../requests/models.ts";
import { planOverspend } from "./plan.ts";

const simLarge: Model = {
  id: "sim-large",
  owned_by: "simulated",
  max_output_tokens: 16_384,
  pricing: { input_usd: "3.25000000", output_usd: "13.00000000" },
};
const simSmall: Model = {
  ...simLarge,
  id: "sim-small",
  pricing: { input_usd: "0.52000000", output_usd: "2.08000000" },
};

test("takes the dearest model and asks for a little more than a quarter, so that money is there for four of six", () => {
  const plan = planOverspend([simSmall, simLarge], "10.00000000", 200);
  expect(plan).toMatchObject({ model: "sim-large", requests: 6, admitted: 4 });
  expect(plan!.maxOutputTokens).toBeLessThanOrEqual(16_384);
  expect(plan!.holdUnits).toBeGreaterThan(toUnits("2.50000000"));
  expect(plan!.holdUnits).toBeLessThan(toUnits("3.30000000"));
});

test("an `auto:` name is nobody's model", () => {
  expect(planOverspend([{ ...simLarge, id: "auto:customer_reply" }], "10.00000000", 200)).toBeNull();
});

test("says that a purse without money for the least answer cannot be tried", () => {
  expect(planOverspend([simLarge], "0.00001000", 200)).toBeNull();
  expect(planOverspend([simLarge], "0.00000000", 200)).toBeNull();
});

test("says that all six fit where no request can reserve a quarter", () => {
  expect(planOverspend([simSmall], "1000000.00000000", 200)).toMatchObject({ admitted: 6 });
});

test("whatever the purse holds, four fit and the holds stay between a quarter and a third of it", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: toUnits("0.10000000"), max: toUnits("90.00000000") }), (purse) => {
      const plan = planOverspend([simSmall, simLarge], toExact(purse), 200)!;
      expect(plan.admitted).toBe(4);
      expect(plan.holdUnits * 4n).toBeGreaterThan(purse);
      expect(plan.holdUnits * 3n).toBeLessThan(purse);
    }),
  );
});
