import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listWalletTransactions, readWallet } from "@modelfaucet/contract/routes/admin.ts";
import type { readUserWallet } from "@modelfaucet/contract/routes/user.ts";
import { receiptIdOf, requestIdOf } from "../../lib/ids.ts";
import {
  addUsd,
  formatUsd,
  maxUsd,
  minUsd,
  subtractUsd,
  type Usd,
  usdFromStore,
  zeroUsd,
} from "../../lib/money.ts";

export type WalletObject = AnswerOf<typeof readUserWallet>;
export type OwnedWalletObject = AnswerOf<typeof readWallet>;
export type WalletTransaction = AnswerOf<typeof listWalletTransactions>["items"][number];
type LimitItem = WalletObject["limits"][number];

/** One wallet over all its funds; amounts as the database writes them. */
export type WalletRow = {
  app_id: string;
  id: string;
  developer_id: string | null;
  owner_scope: "end_user" | "developer" | "platform";
  owner_name: string;
  status: "active" | "frozen";
  /** The developer's own user, or an app that only spends test money. */
  may_spend_test: boolean;
  /** What the app lets an end user's wallet hold at most. */
  max_balance_usd: string | null;
  paid_usd: string;
  promo_usd: string;
  test_usd: string;
  held_usd: string;
  /** What is held of the fund `test`, part of `held_usd`. */
  test_held_usd: string;
  /** The floor that a clawback left; above 0 nothing may be spent. */
  debt_usd: string;
  updated_at: Date;
};

/** An account that limits the wallet's owner beside the wallet itself. */
export type LimitRow = {
  kind: string;
  window: string;
  set_by: LimitItem["set_by"];
  limit_usd: string;
  balance_usd: string;
  held_usd: string;
  reset_at: Date | null;
};

/**
 * The wallet as its owner sees it. `spendable_usd` is the one number that tells what can be spent now: the least of what
 * is available (less test money where that cannot be spent) and of every limit's rest; nothing while frozen or in debt.
 */
export function walletObjectOf(
  row: WalletRow,
  limits: readonly LimitRow[],
  restrictsTestMoney: boolean,
): WalletObject {
  const paid = usdFromStore(row.paid_usd);
  const promo = usdFromStore(row.promo_usd);
  const test = usdFromStore(row.test_usd);
  const held = usdFromStore(row.held_usd);
  const balance = addUsd(paid, promo, test);
  const available = notBelowZero(subtractUsd(balance, held));
  const status = statusOf(row, balance);
  const testLeft = notBelowZero(subtractUsd(test, usdFromStore(row.test_held_usd)));
  const spendsTest = !restrictsTestMoney || row.may_spend_test;
  const ofWallet =
    status === "active" ? (spendsTest ? available : notBelowZero(subtractUsd(available, testLeft))) : zeroUsd;
  const spendable = minUsd(ofWallet, ...limits.map(restOf));
  const limiting = limits.find((limit) => restOf(limit) === spendable && spendable < ofWallet);
  return {
    id: row.id,
    owner_scope: row.owner_scope,
    owner_id: row.id,
    balance_usd: formatUsd(balance),
    held_usd: formatUsd(held),
    available_usd: formatUsd(available),
    spendable_usd: formatUsd(spendable),
    paid_usd: formatUsd(paid),
    promo_usd: formatUsd(promo),
    ...(test === 0n ? {} : { test_usd: formatUsd(test) }),
    debt_usd: formatUsd(notBelowZero(-balance as Usd)),
    status,
    ...(limiting === undefined ? {} : { limited_by: { level: limiting.kind, window: limiting.window } }),
    limits: limits.map(limitItemOf),
    updated_at: row.updated_at.toISOString(),
  };
}

/** All lines of one ledger transaction on one wallet, added up. */
export type TransactionRow = {
  kind: string;
  source_id: string;
  /** What the wallet gained, below zero what it lost. */
  amount_usd: string;
  wallet_balance_after_usd: string;
  feature_key: string | null;
  /** Why somebody moved money by hand. */
  reason: string | null;
  created_at: Date;
};

/** One ledger transaction from the wallet's side. Disputes come with package 4, so nothing is disputable yet. */
export function transactionOf(row: TransactionRow): WalletTransaction {
  const amount = usdFromStore(row.amount_usd);
  const isRequest = row.kind === "usage" || row.kind === "usage_reversal";
  return {
    id: `${row.kind}_${row.source_id}`,
    kind: wireKinds[row.kind] ?? "adjustment",
    direction: amount < 0n ? "debit" : "credit",
    amount_usd: formatUsd(amount < 0n ? -amount : amount),
    wallet_balance_after_usd: row.wallet_balance_after_usd,
    text: textOf(row),
    ...(isRequest ? { request_id: requestIdOf(row.source_id), receipt_id: receiptIdOf(row.source_id) } : {}),
    ...(row.feature_key === null ? {} : { feature_key: row.feature_key }),
    disputable: false,
    created_at: row.created_at.toISOString(),
  };
}

/** The ledger's kinds behind a word of the wire; none for what cannot have happened yet. */
export function ledgerKindsOf(kind: WalletTransaction["kind"]): string[] {
  return Object.entries(wireKinds).flatMap(([ledger, wire]) => (wire === kind ? [ledger] : []));
}

const wireKinds: Readonly<Record<string, WalletTransaction["kind"]>> = {
  usage: "charge",
  usage_reversal: "charge_reversal",
  adjustment: "adjustment",
  test_credit: "adjustment",
  seed: "adjustment",
};

function textOf(row: TransactionRow): string {
  const { kind, feature_key: feature } = row;
  if (kind === "usage") return feature === null ? "Use of AI" : `Use of ${feature}`;
  if (kind === "usage_reversal")
    return feature === null ? "Charge taken back" : `Charge of ${feature} taken back`;
  if (kind === "test_credit") return "Test money from the operator";
  if (kind === "seed") return "Opening balance";
  return row.reason === null ? "Adjustment by the operator" : `Adjustment by the operator: ${row.reason}`;
}

function statusOf(row: WalletRow, balance: Usd): WalletObject["status"] {
  if (row.status === "frozen") return "frozen";
  return balance < 0n || usdFromStore(row.debt_usd) > 0n ? "debt" : "active";
}

/** `used_usd` is what was spent; `remaining_usd` is what open requests leave of the rest. */
export function limitItemOf(limit: LimitRow): LimitItem {
  return {
    level: limit.kind,
    window: limit.window,
    limit_usd: limit.limit_usd,
    used_usd: formatUsd(
      notBelowZero(subtractUsd(usdFromStore(limit.limit_usd), usdFromStore(limit.balance_usd))),
    ),
    remaining_usd: formatUsd(restOf(limit)),
    ...(limit.reset_at === null ? {} : { reset_at: limit.reset_at.toISOString() }),
    set_by: limit.set_by,
  };
}

const restOf = (limit: LimitRow): Usd =>
  notBelowZero(subtractUsd(usdFromStore(limit.balance_usd), usdFromStore(limit.held_usd)));

const notBelowZero = (amount: Usd): Usd => maxUsd(zeroUsd, amount);
