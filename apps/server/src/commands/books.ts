import { parseArgs } from "node:util";
import type { Database } from "../lib/db.ts";
import { formatUsd } from "../lib/money.ts";
import {
  type CheckResult,
  deepChecks,
  findScope,
  listDriftingWallets,
  minuteChecks,
  onlyOf,
  runChecks,
  type ScopeBalance,
  trialBalance,
} from "../modules/books/books.ts";

export const booksHelp = `usage: pnpm books [--app <public_app_id>] [--developer <id or e-mail>] [--wallet <id>] [--since <time>]
                  [--watch <seconds>] [--json]
Checks the books against themselves and prints the trial balance. It never repairs anything. 1 on any difference.

  --app, --developer, --wallet   only what belongs to these
  --since 2026-03-01T00:00:00Z   requests and moves of before are left out; balances are compared over their whole history
  --watch 60                     again and again, until it is stopped`;

type Words = Parameters<typeof findScope>[1];
type Wanted = { json: boolean; everySeconds: number | null; words: Words };

/** `pnpm books`: 0 when every check holds, 1 when one does not, 2 on wrong usage. @throws when nothing has a name given */
export async function runBooks(args: readonly string[], database: Database): Promise<number> {
  const wanted = readArgs(args);
  if (wanted === "help") {
    console.log(booksHelp);
    return 0;
  }
  if (typeof wanted === "string") {
    console.error(wanted);
    return 2;
  }
  for (;;) {
    const ok = await printOnce(database, wanted);
    if (wanted.everySeconds === null) return ok ? 0 : 1;
    await new Promise((resolve) => setTimeout(resolve, wanted.everySeconds! * 1_000));
  }
}

/** What was asked for, `help`, or the sentence that says what is wrong with it. */
function readArgs(args: readonly string[]): Wanted | string {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean" },
      watch: text,
      app: text,
      developer: text,
      wallet: text,
      since: text,
      help: { type: "boolean" },
    },
  });
  if (values.help) return "help";
  const everySeconds = values.watch === undefined ? null : Number(values.watch);
  if (everySeconds !== null && !(everySeconds >= 1 && everySeconds <= 86_400))
    return "--watch wants a number of seconds between 1 and 86400";
  const since = values.since === undefined ? undefined : new Date(values.since);
  if (since !== undefined && Number.isNaN(since.getTime()))
    return "--since wants a time, for example 2026-03-01T00:00:00Z";
  const words: Words = {
    ...(values.app === undefined ? {} : { publicAppId: values.app }),
    ...(values.developer === undefined ? {} : { developer: values.developer }),
    ...(values.wallet === undefined ? {} : { walletId: values.wallet }),
    ...(since === undefined ? {} : { since }),
  };
  return { json: values.json ?? false, everySeconds, words };
}

async function printOnce(database: Database, { json, words }: Wanted): Promise<boolean> {
  const found = await database.read({ purpose: "operator" }, async (tx) => {
    const scope = await findScope(tx, words);
    return {
      checks: await runChecks(tx, [...minuteChecks, ...deepChecks], scope),
      drifting: await listDriftingWallets(tx, onlyOf(tx, scope)),
      balances: await trialBalance(tx, scope),
    };
  });
  const ok = found.checks.every((check) => check.ok);
  if (json) {
    const checks = found.checks.map(({ offUsd, ...check }) => ({ ...check, off_usd: formatUsd(offUsd) }));
    console.log(
      JSON.stringify({ ok, checks, drifting_wallets: found.drifting, trial_balance: found.balances }),
    );
    return ok;
  }
  const drifting = found.drifting.map(
    (wallet) =>
      `DRIFT ${wallet.wallet_id} ${wallet.fund.padEnd(5)}  stored ${wallet.stored_usd}, entries ${wallet.derived_usd}, difference ${wallet.difference_usd} USD`,
  );
  for (const line of [...checkLines(found.checks), ...drifting, "", ...balanceLines(found.balances)])
    console.log(line);
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
