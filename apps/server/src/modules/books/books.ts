import type { Database } from "../../lib/db.ts";
import { createLeasing, type SliceItem } from "./budgets.ts";
import { type Committer, type CommitterOptions, createCommitter } from "./committer.ts";
import { stopDriftingAccounts } from "./drift.ts";
import type { CloseItem, CloseResult, MoveItem, MoveResult, OpenItem, OpenResult } from "./items.ts";
import * as store from "./store.ts";

export { type CheckScope, findScope, listDriftingWallets, onlyOf } from "./check-scope.ts";
export {
  type Check,
  type CheckResult,
  deepChecks,
  minuteChecks,
  runChecks,
  type ScopeBalance,
  trialBalance,
  violationsOf,
} from "./checks.ts";
export { readDeveloperMoney } from "./developer-money.ts";
export { createContinuityCheck } from "./drift.ts";
export { countEndedRows, type EndedRows, removeEndedRows } from "./ended-rows.ts";
export { credits, keyBudgetSpec, nobody } from "./items.ts";
export { findLocalUsage, insertLocalUsage, type LocalUsage, monthsWithPlace } from "./local-usage.ts";
export { claimMoveKey, finishMoveKey, freeMoveKey, readAdjustment, sourceIdOf } from "./move-keys.ts";
export { bookProbe } from "./probe.ts";
export {
  type FoundWallet,
  findWallet,
  listTransactions,
  listWallets,
  type OwnedWalletObject,
  readBudgetUse,
  readUserLimits,
  readUserWallet,
  reconcileWallets,
  type TestMoneyRule,
} from "./reading.ts";
export { isBudget, walletSpec } from "./rules.ts";
export { readSessionSpending } from "./session-spending.ts";
export { previewFigures, systemOwners } from "./settle.ts";
export type { HeldRow, ProgressRow } from "./store.ts";
export {
  detachMonth,
  listEndedMonths,
  type MonthSum,
  type PartitionFaults,
  readMonthAsCsv,
  readPartitionFaults,
  sumOfMonth,
  type UsageMonth,
} from "./usage-months.ts";
export { createWalletWatch, type WalletWatch } from "./wallet-watch.ts";

/** The door of the books: the only code that changes an account, a hold, a transfer or a usage event. */
export type Books = {
  /**
   * Holds the money of one request, or says who refused. @throws service_unavailable when `deadlineMs` passes before it
   * was tried; afterwards the outcome is `unknown`
   */
  open(item: OpenItem, deadlineMs: number): Promise<OpenResult>;
  /** Settles or releases one request, once; repeated until it is done. */
  close(item: CloseItem): Promise<CloseResult>;
  /** Moves money into or out of a wallet outside a request, once per source. */
  move(item: MoveItem): Promise<MoveResult>;
  /** Renews the leases of requests that live here and notes their progress. Gives back the ids that are still open. */
  renew(progress: readonly store.ProgressRow[]): Promise<Set<string>>;
  /** Gives an app more of a budget that apps share, if there is more. */
  lease(item: SliceItem): Promise<boolean>;
  /** Stops new holds on accounts whose figures turn out not to agree, and lets those go on that do again. */
  stopDrifting(suspected: readonly string[]): Promise<{ stopped: number; released: number }>;
  /** Entries that wait for a batch. */
  readonly waiting: number;
  stop(): Promise<void>;
};

export function createBooks(options: CommitterOptions): Books {
  const committer: Committer = createCommitter(options);
  return {
    open: (item, deadlineMs) => committer.submit({ type: "open", item }, deadlineMs) as Promise<OpenResult>,
    close: (item) => committer.submit({ type: "close", item }) as Promise<CloseResult>,
    move: (item) => committer.submit({ type: "move", item }, 10_000) as Promise<MoveResult>,
    renew: (progress) =>
      committer.exclusive(async (tx) => {
        const rows = await store.renewHolds(tx, progress, options.context.holdTtlSeconds);
        return new Set(rows.map((row) => row.id as string));
      }),
    lease: createLeasing(committer.exclusive),
    stopDrifting: (suspected) => committer.exclusive((tx) => stopDriftingAccounts(tx, suspected)),
    get waiting() {
      return committer.waiting;
    },
    stop: () => committer.stop(),
  };
}

export async function readEpoch(database: Database): Promise<number> {
  const [row] = await database.read({}, (tx) => tx<{ epoch: number }[]>`select epoch from deployment`);
  if (!row) throw new Error("the database has no deployment row: run `pnpm db:migrate`");
  return row.epoch;
}
