/** What each check of the books asks, as a sentence that is true where it holds, and what it looks at. */
const words: Readonly<Record<string, readonly [says: string, looksAt: Subject]>> = {
  stored_balance_equals_last_entry: ["A stored balance is that of its last entry", "account"],
  available_is_not_negative: ["Nobody has less than nothing available", "account"],
  held_equals_open_holds: ["What is held is the sum of the open holds", "account"],
  no_hold_outlives_its_lease: ["No hold outlives its lease", "hold"],
  stored_balance_equals_sum_of_entries: ["A stored balance is the sum of its entries", "account"],
  session_cap_equals_limit_less_charges: [
    "What a session may still spend is its cap less its charges",
    "account",
  ],
  limit_equals_what_is_left_and_charged: ["A limit is what is left of it and what was charged", "account"],
  budget_equals_its_slices: ["A budget is the sum of its slices", "account"],
  rolled_up_wallets_equal_their_entries: ["Rolled-up balances are the sum of their entries", "transfer"],
  entries_sum_to_zero: ["The entries of each transaction sum to zero", "transfer"],
  a_request_is_open_or_closed: ["A request is open or closed, never both", "hold"],
  charge_equals_its_transfers: ["A charge is the sum of its transfers", "request"],
  parts_add_up_to_the_charge: ["Cost and shares add up to the charge", "request"],
  absorbed_cost_equals_its_transfers: ["Absorbed cost is the sum of its transfers", "request"],
  wallet_transactions_are_numbered_without_gaps: [
    "A wallet's transactions are numbered without a gap",
    "transfer",
  ],
  rows_name_one_tenant: ["Every row names one tenant", "request"],
  money_moves_by_hand_are_audited: ["Money that was moved by hand has its audit row", "transfer"],
  nothing_is_dated_in_the_future: ["Nothing is dated in the future", "request"],
};

export type Subject = "account" | "hold" | "transfer" | "request";

/** A check without words here is shown by its name. */
export function checkWords(name: string): { says: string; looksAt: Subject | null } {
  const found = words[name];
  if (found) return { says: found[0], looksAt: found[1] };
  const plain = name.replaceAll("_", " ");
  return { says: `${plain.slice(0, 1).toUpperCase()}${plain.slice(1)}`, looksAt: null };
}

/** Where a row that breaks a check can be looked at. */
export function placeOfSample(sampleId: string): { wallet: string } | { transaction: string } | null {
  const wallet = /^(?:[a-z_]+\/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/[a-z]+$/.exec(sampleId);
  if (wallet) return { wallet: wallet[1]! };
  const transaction = /^([a-z_]+)\/(.{1,128})$/.exec(sampleId);
  return transaction ? { transaction: `${transaction[1]}_${transaction[2]}` } : null;
}
