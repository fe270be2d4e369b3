import { expect, it } from "vitest";
import {
  type LimitRow,
  ledgerKindsOf,
  transactionOf,
  type WalletRow,
  walletObjectOf,
} from "./wallet-rules.ts";

const at = new Date("2026-01-31T12:00:00.123Z");

function wallet(change: Partial<WalletRow> = {}): WalletRow {
  return {
    app_id: "a",
    id: "u",
    developer_id: "d",
    owner_scope: "end_user",
    owner_name: "sha256:…",
    status: "active",
    max_balance_usd: null,
    may_spend_test: false,
    paid_usd: "3.00000000",
    promo_usd: "0.00000000",
    test_usd: "0.00000000",
    held_usd: "1.00000000",
    test_held_usd: "0.00000000",
    debt_usd: "0.00000000",
    updated_at: at,
    ...change,
  };
}

function limit(change: Partial<LimitRow> = {}): LimitRow {
  return {
    kind: "app",
    window: "month",
    set_by: "app",
    limit_usd: "9.00000000",
    balance_usd: "5.00000000",
    held_usd: "0.00000000",
    reset_at: at,
    ...change,
  };
}

it("spends what is available where every limit leaves more, and names no limit then", () => {
  const shown = walletObjectOf(wallet(), [limit()], false);
  expect(shown).toMatchObject({ available_usd: "2.00000000", spendable_usd: "2.00000000" });
  expect(shown.limited_by).toBeUndefined();
});

it("names the limit that leaves the least, when it leaves less than the wallet", () => {
  const nearer = limit({
    kind: "session",
    window: "total",
    balance_usd: "1.00000000",
    held_usd: "0.75000000",
    reset_at: null,
  });
  expect(walletObjectOf(wallet(), [limit(), nearer], false)).toMatchObject({
    spendable_usd: "0.25000000",
    limited_by: { level: "session", window: "total" },
    limits: [
      { used_usd: "4.00000000", remaining_usd: "5.00000000" },
      { used_usd: "8.00000000", remaining_usd: "0.25000000" },
    ],
  });
});

it("leaves test money out where it cannot be spent, but not what is held of it twice", () => {
  const row = wallet({ test_usd: "2.00000000", test_held_usd: "0.50000000" });
  expect(walletObjectOf(row, [], false).spendable_usd).toBe("4.00000000");
  expect(walletObjectOf(row, [], true).spendable_usd).toBe("2.50000000");
  expect(walletObjectOf({ ...row, may_spend_test: true }, [], true).spendable_usd).toBe("4.00000000");
});

it("shows debt only as debt: nothing available, nothing to spend, the minus on the balance alone", () => {
  const shown = walletObjectOf(
    wallet({ paid_usd: "-0.50000000", held_usd: "0.00000000", debt_usd: "0.50000000" }),
    [],
    false,
  );
  expect(shown).toMatchObject({
    balance_usd: "-0.50000000",
    available_usd: "0.00000000",
    spendable_usd: "0.00000000",
    debt_usd: "0.50000000",
    status: "debt",
  });
});

it("spends nothing while one fund is in debt, as the books refuse the whole wallet", () => {
  const shown = walletObjectOf(
    wallet({ paid_usd: "-1.00000000", test_usd: "5.00000000", debt_usd: "1.00000000" }),
    [],
    false,
  );
  expect(shown).toMatchObject({ status: "debt", balance_usd: "4.00000000", spendable_usd: "0.00000000" });
});

it("tells each kind of the ledger in a word of the wire, and finds it by that word again", () => {
  for (const [kind, word] of [
    ["usage", "charge"],
    ["usage_reversal", "charge_reversal"],
    ["adjustment", "adjustment"],
    ["test_credit", "adjustment"],
    ["seed", "adjustment"],
  ] as const) {
    const shown = transactionOf({
      kind,
      source_id: "s",
      amount_usd: "-0.00000001",
      wallet_balance_after_usd: "1.00000000",
      feature_key: null,
      reason: null,
      created_at: at,
    });
    expect([shown.kind, shown.direction, shown.amount_usd]).toEqual([word, "debit", "0.00000001"]);
    expect(ledgerKindsOf(word)).toContain(kind);
  }
  expect(ledgerKindsOf("topup")).toEqual([]);
});
