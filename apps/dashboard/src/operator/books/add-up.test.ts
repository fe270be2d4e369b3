import { expect, test } from "vitest";
import { addUp, type TrialRow } from "./add-up.ts";

const row = (
  scope: string,
  side: string,
  opening: string,
  debits: string,
  credits: string,
  closing: string,
) =>
  ({
    scope,
    side,
    opening_usd: opening,
    debits_usd: debits,
    credits_usd: credits,
    closing_usd: closing,
  }) as TrialRow;

const outside = row("external", "debit", "10.00000000", "0.00000000", "0.00000000", "10.00000000");
const user = row("end_user", "credit", "10.00000000", "0.00000003", "0.00000000", "9.99999997");
const cost = row("provider_cost", "credit", "0.00000000", "0.00000000", "0.00000003", "0.00000003");

test("a balance whose sides agree to the last digit adds up", () => {
  expect(addUp([outside, user, cost])).toEqual({
    debits: "0.00000003",
    credits: "0.00000003",
    opening: "0.00000000",
    closing: "0.00000000",
    wrong: [],
    agrees: true,
  });
});

test("one hundred-millionth too much is seen, and its scope named", () => {
  const sums = addUp([outside, { ...user, closing_usd: "9.99999998" }, cost]);
  expect(sums).toMatchObject({ closing: "0.00000001", wrong: ["end_user"], agrees: false });
});

test("a transfer with one side is seen though every row follows", () => {
  const sums = addUp([outside, user]);
  expect(sums).toMatchObject({ debits: "0.00000003", credits: "0.00000000", wrong: [], agrees: false });
});
