import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readTrialBalance } from "@modelfaucet/contract/routes/admin-books.ts";
import { toExact, toUnits } from "../../format/money.ts";

export type TrialBalance = AnswerOf<typeof readTrialBalance>;
export type TrialRow = TrialBalance["scopes"][number];

/** The sums of a trial balance, computed by this page; `agrees` where every one is what it must be. */
export type Sums = {
  debits: string;
  credits: string;
  /** Balances on the credit side less those on the debit side: zero, or the books are broken. */
  opening: string;
  closing: string;
  /** Scopes whose closing balance is not what the opening one and the movements make. */
  wrong: readonly TrialRow["scope"][];
  agrees: boolean;
};

export function addUp(rows: readonly TrialRow[]): Sums {
  const total = (of: (row: TrialRow) => bigint) => rows.reduce((sum, row) => sum + of(row), 0n);
  const debits = total((row) => toUnits(row.debits_usd));
  const credits = total((row) => toUnits(row.credits_usd));
  const opening = total((row) => signed(row, row.opening_usd));
  const closing = total((row) => signed(row, row.closing_usd));
  const wrong = rows.filter((row) => !follows(row)).map(({ scope }) => scope);
  return {
    debits: toExact(debits),
    credits: toExact(credits),
    opening: toExact(opening),
    closing: toExact(closing),
    wrong,
    agrees: debits === credits && opening === 0n && closing === 0n && wrong.length === 0,
  };
}

/** What the platform's share leaves once the cost that it absorbed is off; below zero where it lost. */
export function leftForPlatform(
  income: Pick<TrialBalance["income"], "platform_share_usd" | "absorbed_cost_usd">,
): string {
  return toExact(toUnits(income.platform_share_usd) - toUnits(income.absorbed_cost_usd));
}

function follows(row: TrialRow): boolean {
  const moved = toUnits(row.credits_usd) - toUnits(row.debits_usd);
  return signed(row, row.closing_usd) === signed(row, row.opening_usd) + moved;
}

/** A balance as credits less debits, whichever side it counts on. */
function signed({ side }: TrialRow, usd: string): bigint {
  return side === "credit" ? toUnits(usd) : -toUnits(usd);
}
