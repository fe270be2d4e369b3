import { parseArgs } from "node:util";
import type { Database } from "../lib/db.ts";
import { formatUsd } from "../lib/money.ts";
import {
  type CheckResult,
  deepChecks,
  minuteChecks,
  runChecks,
  type ScopeBalance,
  trialBalance,
} from "../modules/books/books.ts";

export const booksHelp = `usage: pnpm books [--watch <seconds>] [--json]
Checks the books against themselves and prints the trial balance. It never repairs anything.`;

/** `pnpm books`: 0 when every check holds, 1 when one does not. */
export async function runBooks(args: readonly string[], database: Database): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean" }, watch: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(booksHelp);
    return 0;
  }
  const everySeconds = values.watch === undefined ? null : Number(values.watch);
  if (everySeconds !== null && !(everySeconds >= 1 && everySeconds <= 86_400)) {
    console.error("--watch wants a number of seconds between 1 and 86400");
    return 2;
  }
  for (;;) {
    const ok = await printOnce(database, values.json === true);
    if (everySeconds === null) return ok ? 0 : 1;
    await new Promise((resolve) => setTimeout(resolve, everySeconds * 1_000));
  }
}

async function printOnce(database: Database, asJson: boolean): Promise<boolean> {
  const { checks, balances } = await database.read({ purpose: "operator" }, async (tx) => ({
    checks: await runChecks(tx, [...minuteChecks, ...deepChecks]),
    balances: await trialBalance(tx),
  }));
  const ok = checks.every((check) => check.ok);
  if (asJson) {
    const plain = checks.map(({ offUsd, ...check }) => ({ ...check, off_usd: formatUsd(offUsd) }));
    console.log(JSON.stringify({ ok, checks: plain, trial_balance: balances }));
  } else {
    for (const line of [...checkLines(checks), "", ...balanceLines(balances)]) console.log(line);
  }
  return ok;
}

function checkLines(checks: readonly CheckResult[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap((check) => {
    const line = `${check.ok ? "PASS" : "FAIL"}  ${check.name.padEnd(width)}  ${check.invariant.padEnd(14)}`;
    if (check.ok) return [line.trimEnd()];
    return [
      `${line}  ${check.violations} rows, off by ${formatUsd(check.offUsd)} USD`,
      ...check.samples.map((id) => `        ${id}`),
    ];
  });
}

function balanceLines(balances: readonly ScopeBalance[]): string[] {
  if (balances.length === 0) return ["No money has moved yet."];
  const cell = (text: string): string => text.padStart(20);
  return [
    `${"scope".padEnd(14)}${cell("debits USD")}${cell("credits USD")}${cell("balance USD")}`,
    ...balances.map(
      (row) =>
        `${row.scope.padEnd(14)}${cell(row.debits_usd)}${cell(row.credits_usd)}${cell(row.balance_usd)}`,
    ),
  ];
}
