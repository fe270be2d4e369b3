/** Reads of the books: wallets, what moved on them, and whether what is stored is what follows from the entries. */
import type { Tx } from "../../lib/db.ts";
import { isUuid } from "../../lib/ids.ts";
import { type Usd, usdFromStore } from "../../lib/money.ts";
import type { AccountSpec } from "./items.ts";
import { readLimitRows } from "./limit-reading.ts";
import {
  type LimitRow,
  ledgerKindsOf,
  limitItemOf,
  type OwnedWalletObject,
  transactionOf,
  type WalletObject,
  type WalletRow,
  type WalletTransaction,
  walletObjectOf,
} from "./wallet-rules.ts";
import {
  type Reconciled,
  type ReconciliationFilter,
  selectReconciliation,
  selectSessionLimits,
  selectSharedTransactions,
  selectTransactions,
  selectWallets,
  type WalletFilter,
  type WalletSlice,
} from "./wallet-store.ts";

export type { OwnedWalletObject, WalletObject, WalletTransaction } from "./wallet-rules.ts";
export type { ReconciliationFilter, WalletFilter, WalletSlice } from "./wallet-store.ts";

/** One page, newest first. `next` is what the following page begins below, `null` on the last one. */
export type WalletPage<Item> = { items: Item[]; next: string | null };

/** Where test money is real money's neighbour, only own users and sandbox apps may spend it. */
export type TestMoneyRule = { restrictsTestMoney: boolean };

/** The wallet of one end user, with the cap of the session that asks and the limits named. `null` when there is none. */
export async function readUserWallet(
  tx: Tx,
  user: { appId: string; endUserId: string; sessionId: string },
  specs: readonly AccountSpec[],
  rule: TestMoneyRule,
): Promise<WalletObject | null> {
  const [row] = await selectWallets(
    tx,
    { appId: user.appId, id: user.endUserId },
    { before: null, limit: 1 },
  );
  if (!row) return null;
  return walletObjectOf(row, await limitRowsOf(tx, user, specs), rule.restrictsTestMoney);
}

type BoundUser = { appId: string; sessionId: string };

/** The session's cap and the limits named, with what is spent and left of each. */
export async function readUserLimits(
  tx: Tx,
  user: BoundUser,
  specs: readonly AccountSpec[],
): Promise<WalletObject["limits"]> {
  return (await limitRowsOf(tx, user, specs)).map(limitItemOf);
}

/** What is spent and left of limits of any app, in the order of `specs`. Purpose `operator`. */
export async function readBudgetUse(
  tx: Tx,
  appId: string,
  specs: readonly AccountSpec[],
): Promise<WalletObject["limits"]> {
  return (await readLimitRows(tx, appId, specs)).map(limitItemOf);
}

async function limitRowsOf(tx: Tx, user: BoundUser, specs: readonly AccountSpec[]): Promise<LimitRow[]> {
  return [
    ...(await selectSessionLimits(tx, user.appId, user.sessionId)),
    ...(await readLimitRows(tx, user.appId, specs)),
  ];
}

/** A wallet and what a money move needs to know of it. */
export type FoundWallet = {
  appId: string;
  developerId: string | null;
  ownerScope: WalletRow["owner_scope"];
  mayTakeTestMoney: boolean;
  /** `user_max_balance_usd` of its app; `null`: any. */
  maxBalanceUsd: Usd | null;
  /** What is held of the funds that a debit may take. */
  heldUsd: Usd;
  /** `paid` and `test` together: what a debit may take, held money included. */
  debitableUsd: Usd;
  object: OwnedWalletObject;
};

/** Any wallet by its id, as the operator sees it. `null` when there is none. */
export async function findWallet(tx: Tx, id: string, rule: TestMoneyRule): Promise<FoundWallet | null> {
  if (!isUuid(id)) return null;
  const one: WalletSlice = { before: null, limit: 1 };
  // Nearly all are end users', and those are read without touching an entry.
  const [purse] = await selectWallets(tx, { id, ownerScope: "end_user" }, one);
  const row = purse ?? (await selectWallets(tx, { id }, one))[0];
  if (!row) return null;
  return {
    appId: row.app_id,
    developerId: row.developer_id,
    ownerScope: row.owner_scope,
    mayTakeTestMoney: row.may_spend_test,
    maxBalanceUsd: row.max_balance_usd === null ? null : usdFromStore(row.max_balance_usd),
    heldUsd: usdFromStore(row.held_usd),
    debitableUsd: (usdFromStore(row.paid_usd) + usdFromStore(row.test_usd)) as Usd,
    object: ownedWalletOf(row, rule),
  };
}

/** Wallets as the operator sees them, newest first. */
export async function listWallets(
  tx: Tx,
  filter: WalletFilter,
  slice: WalletSlice,
  rule: TestMoneyRule,
): Promise<WalletPage<OwnedWalletObject>> {
  const rows = await selectWallets(tx, filter, { ...slice, limit: slice.limit + 1 });
  return pageOf(rows, slice.limit, (row) => ({ item: ownedWalletOf(row, rule), place: row.id }));
}

/** What moved on one wallet: one item per ledger transaction, newest first. `next` is opaque. */
export async function listTransactions(
  tx: Tx,
  wallet: { appId: string; id: string; ownerScope: WalletRow["owner_scope"] },
  filter: {
    kind?: WalletTransaction["kind"] | undefined;
    from?: string | undefined;
    to?: string | undefined;
  },
  slice: WalletSlice,
): Promise<WalletPage<WalletTransaction>> {
  const kinds = filter.kind === undefined ? null : ledgerKindsOf(filter.kind);
  const wanted = { ...filter, kinds };
  const more = { ...slice, limit: slice.limit + 1 };
  if (wallet.ownerScope === "end_user") {
    const rows = await selectTransactions(tx, wallet, wanted, more);
    return pageOf(rows, slice.limit, (row) => ({ item: transactionOf(row), place: row.wallet_seq }));
  }
  const rows = await selectSharedTransactions(tx, wallet, wanted, more);
  return pageOf(rows, slice.limit, (row) => ({ item: transactionOf(row), place: row.place }));
}

export type Reconciliation = WalletPage<Reconciled> & {
  generatedAt: Date;
  wallets: number;
  mismatches: number;
};

/** Stored against derived balances of every wallet, in one snapshot. Purpose `operator`. */
export async function reconcileWallets(
  tx: Tx,
  filter: ReconciliationFilter & { onlyMismatch: boolean },
  slice: WalletSlice,
): Promise<Reconciliation> {
  const rows = await selectReconciliation(tx, filter, { ...slice, limit: slice.limit + 1 });
  const summary = rows[0]!;
  const found = rows.filter((row) => row.wallet_id !== null);
  return {
    generatedAt: summary.now,
    wallets: summary.wallets,
    mismatches: summary.mismatches,
    ...pageOf(found, slice.limit, (row) => ({ item: row, place: row.wallet_id })),
  };
}

function ownedWalletOf(row: WalletRow, rule: TestMoneyRule): OwnedWalletObject {
  return { ...walletObjectOf(row, [], rule.restrictsTestMoney), owner_name: row.owner_name };
}

function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  shape: (row: Row) => { item: Item; place: string },
): WalletPage<Item> {
  const shown = rows.slice(0, limit).map(shape);
  return {
    items: shown.map(({ item }) => item),
    next: rows.length > limit ? shown.at(-1)!.place : null,
  };
}
