// `pnpm demo`: one end user's request from the app to the books, every figure compared, then one that nobody can pay.
import { parseArgs } from "node:util";
import { dataFolder, makeDataFolder } from "./data-folder.ts";
import { findDifferences, type Receipt } from "./demo-arithmetic.ts";
import {
  creditTestBalance,
  openSession,
  type Refusal,
  readReceipt,
  readUsage,
  readWallet,
  refusedCompletion,
  streamCompletion,
} from "./demo-client.ts";
import { slip } from "./demo-slip.ts";
import { loadDevEnv } from "./dev-env.ts";
import { Failure, sentenceOf, UsageFailure } from "./failure.ts";
import { lockDataFolder } from "./folder-lock.ts";
import { Platform } from "./platform.ts";
import { readSettings, type Urls } from "./settings.ts";
import { findPlatform } from "./state-file.ts";

const help = `usage: pnpm demo ["message"] [flags]

On the running platform (else on one of its own, on free ports): opens a session, streams an answer, shows its receipt and
the wallet before and after, then makes a call that cannot be paid. Exit code 1 if any figure differs.

  --user ID    the app's name of the end user (default: crm-demo-user)
  --json       the result as one JSON object on standard output, everything else on standard error
  --help`;

type Flags = { readonly message: string; readonly user: string; readonly json: boolean };

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  if (flags === "help") {
    console.log(help);
    return 0;
  }
  const dataDir = dataFolder();
  const running = findPlatform(dataDir);
  if (running) return show(running.urls, dataDir, flags);

  makeDataFolder(dataDir);
  const unlock = lockDataFolder(dataDir, "pnpm demo");
  const settings = await readSettings({ ui: false, freePorts: true }, process.env);
  if (settings.production) throw new Failure("The demo is not for production: unset NODE_ENV.");
  const log = (step: string) => console.error(`${step} …`);
  const platform = new Platform({ dataDir, settings, env: process.env, watch: false, log });
  const stopped = new Promise<"stop">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve("stop"));
  });
  try {
    const result = await Promise.race([
      platform.start().then(({ urls }) => show(urls, dataDir, flags)),
      stopped,
    ]);
    return result === "stop" ? 1 : result;
  } finally {
    await platform.stop();
    unlock();
  }
}

function parseFlags(args: readonly string[]): Flags | "help" {
  try {
    const { values, positionals } = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      allowPositionals: true,
      options: {
        user: { type: "string", default: "crm-demo-user" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) return "help";
    if (positionals.length > 1) throw new Error("Only one message is taken: put it in quotes");
    return {
      message: positionals[0] ?? "My order is three days late. What can you do?",
      user: values.user,
      json: values.json ?? false,
    };
  } catch (error) {
    throw new UsageFailure(`${sentenceOf(error).split(". ")[0]}: see \`pnpm demo --help\`.`);
  }
}

/** Shows the whole way once. @returns the exit code. */
async function show(urls: Urls, dataDir: string, { message, user, json }: Flags): Promise<number> {
  const write = json ? process.stderr : process.stdout;
  const say = (line: string) => write.write(`${line}\n`);

  const session = await openSession(urls, user);
  say(`1  session for ${user}`);
  let before = await readWallet(urls, session);
  if (/^[0.]+$/.test(before.balance_usd)) {
    await creditTestBalance(urls, before.id, loadDevEnv(dataDir).ADMIN_TOKEN, "1.00");
    before = await readWallet(urls, session);
  }
  say(`2  wallet before: ${before.balance_usd} USD`);
  say(`3  asks: ${message}\n`);
  const settled = await streamCompletion(urls, session, message, (text) => write.write(text));
  say(`\n\n4  charged ${settled.charge_usd} USD for ${settled.request_id}`);
  if (settled.settlement === "pending")
    throw new Failure("The books have not closed this request yet: run the demo again.");
  const receipt = await readReceipt(urls, session, settled.request_id);
  const usage = await readUsage(urls, session, settled.request_id);
  const after = await readWallet(urls, session);
  const differences = findDifferences({
    answer: settled,
    usage,
    receipt,
    walletBefore: before.balance_usd,
    walletAfter: after.balance_usd,
  });
  say(`5  wallet after: ${after.balance_usd} USD`);

  const capped = await openSession(urls, user, "0.00000001");
  const refusal = await refusedCompletion(urls, capped, message);
  if (refusal.status !== 402) differences.push(`the call that cannot be paid got ${refusal.status}, not 402`);
  say(`6  a session that may spend 0.00000001 USD: ${refusal.status} ${refusal.code}: ${refusal.message}`);

  for (const difference of differences) say(`DIFFERENT  ${difference}`);
  if (differences.length === 0) say("7  answer, usage list, receipt and wallet tell the same figures\n");
  report(json, { receipt, refusal, before: before.balance_usd, after: after.balance_usd, differences });
  return differences.length === 0 ? 0 : 1;
}

type Result = {
  readonly receipt: Receipt;
  readonly refusal: Refusal;
  readonly before: string;
  readonly after: string;
  readonly differences: readonly string[];
};

function report(json: boolean, { receipt, refusal, before, after, differences }: Result): void {
  if (!json) {
    console.log(slip(receipt, before, after));
    return;
  }
  const wallet = { before_usd: before, after_usd: after };
  console.log(JSON.stringify({ receipt, wallet, refusal, differences }));
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(sentenceOf(error));
  return error instanceof UsageFailure ? 2 : 1;
});
process.exit();
