import {
  listLedgerTransactions as listRoute,
  readInvariants as readInvariantsRoute,
  readLedgerTransaction as readRoute,
  readTrialBalance as readTrialBalanceRoute,
} from "@modelfaucet/contract/routes/admin-books.ts";
import type { Tx } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { uuidOfPrefixed } from "../../lib/ids.ts";
import {
  type LedgerPlace,
  type LedgerTransaction,
  listLedgerTransactions,
  readLedgerTransaction,
  readTrialBalance,
  selectCounts,
} from "../../modules/analytics/analytics.ts";
import { deepChecks, minuteChecks, runChecks } from "../../modules/books/books.ts";
import { readKeyCursor, wrongCursor } from "../key-cursor.ts";
import type { Page } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";

export function adminBooksRoutes(): readonly Mounted[] {
  let running: ReturnType<typeof runInvariants> | null = null;
  return [
    mount(readInvariantsRoute, ({ read }) => {
      // It reads everything that was ever booked: who asks while it runs gets the same answer.
      running ??= read(runInvariants).finally(() => {
        running = null;
      });
      return running;
    }),
    mount(readTrialBalanceRoute, async ({ query: { from, to }, read }) => {
      if (from !== undefined && to !== undefined && Date.parse(to) <= Date.parse(from)) {
        throw new ApiError("invalid_request", "`to` must be later than `from`.", { param: "to" });
      }
      return read(async (tx) => ({
        ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
        to: (to === undefined ? await readNow(tx) : new Date(to)).toISOString(),
        ...(await readTrialBalance(tx, from ?? null, to ?? null)),
      }));
    }),
    mount(listRoute, async ({ query: { limit, cursor, ...query }, read }) => {
      const asked = query.request_id === undefined ? undefined : uuidOfPrefixed(query.request_id, "req_");
      const contradicts = asked !== undefined && query.source_id !== undefined && query.source_id !== asked;
      if (asked === null || contradicts) return noTransactions;
      const filter = {
        kind: query.kind,
        walletId: query.wallet_id,
        sourceId: asked ?? query.source_id,
        from: query.from,
        to: query.to,
      };
      const slice = { before: placeOf(cursor), limit };
      const page = await read((tx) => listLedgerTransactions(tx, filter, slice));
      return { items: page.items, next_cursor: page.next === null ? null : cursorOf(page.next) };
    }),
    mount(readRoute, async ({ params, read }) => {
      const found = await read((tx) => readLedgerTransaction(tx, params.id));
      if (!found) throw new ApiError("not_found", "There is no such transaction.");
      return found;
    }),
  ];
}

const noTransactions: Page<LedgerTransaction> = { items: [], next_cursor: null };

/** What each check looks at; one that is not named here looks at requests. */
const subjects: Readonly<Record<string, "accounts" | "holds" | "transfers">> = {
  stored_balance_equals_last_entry: "accounts",
  available_is_not_negative: "accounts",
  held_equals_open_holds: "accounts",
  no_hold_outlives_its_lease: "holds",
  stored_balance_equals_sum_of_entries: "accounts",
  session_cap_equals_limit_less_charges: "accounts",
  limit_equals_what_is_left_and_charged: "accounts",
  budget_equals_its_slices: "accounts",
  entries_sum_to_zero: "transfers",
  a_request_is_open_or_closed: "holds",
  rolled_up_wallets_equal_their_entries: "transfers",
  wallet_transactions_are_numbered_without_gaps: "transfers",
  money_moves_by_hand_are_audited: "transfers",
};

const checkTimeoutMs = 120_000;

/** Every check of the books in one snapshot, with the ids of rows that break it. */
async function runInvariants(tx: Tx) {
  await tx`select set_config('statement_timeout', ${String(checkTimeoutMs)}, true)`;
  const [counts] = await selectCounts(tx);
  const results = await runChecks(tx, [...minuteChecks, ...deepChecks]);
  const items = results.map(({ name, ok, violations, samples }) => ({
    name,
    ok,
    checked: counts[subjects[name] ?? "requests"],
    violations,
    sample_ids: samples.map(idOfSample),
  }));
  return { generated_at: (await readNow(tx)).toISOString(), items };
}

/** A sample is an id, and what it is off by where that is known. */
const idOfSample = (sample: string): string => sample.split(" off by ")[0]!;

async function readNow(tx: Tx): Promise<Date> {
  const [row] = await tx<[{ now: Date }]>`select mf_now() as now`;
  return row.now;
}

const placeForms = [
  /^\d{1,10}$/,
  /^\d{1,20}$/,
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  /^[a-z_]{1,32}$/,
];

function placeOf(cursor: string | undefined): LedgerPlace | null {
  const parts = readKeyCursor(cursor, 5);
  if (parts === null) return null;
  if (!placeForms.every((form, index) => form.test(parts[index]!))) throw wrongCursor();
  const [epoch, xid8, app_id, kind, source_id] = parts as [string, string, string, string, string];
  return { epoch, xid8, app_id, kind, source_id };
}

function cursorOf({ epoch, xid8, app_id, kind, source_id }: LedgerPlace): string {
  return Buffer.from(JSON.stringify([epoch, xid8, app_id, kind, source_id])).toString("base64url");
}
