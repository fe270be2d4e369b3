import { type PeriodSearch, periodSearch } from "../../format/period.ts";
import { oneOf, type RawSearch, texts } from "../../format/search-text.ts";

/** What the URLs of the books hold. */

export type BooksSearch = PeriodSearch;

export type TransactionsSearch = PeriodSearch & {
  kind?: LedgerKind | undefined;
  wallet?: string | undefined;
  source?: string | undefined;
  request?: string | undefined;
  /** Of the page that is shown; absent on the newest. */
  cursor?: string | undefined;
  /** The transaction whose row is chosen. */
  at?: string | undefined;
};

export const ledgerKinds = [
  "usage",
  "usage_reversal",
  "cost_correction",
  "probe",
  "adjustment",
  "test_credit",
  "seed",
] as const;
type LedgerKind = (typeof ledgerKinds)[number];

export function booksSearch(raw: RawSearch): BooksSearch {
  return periodSearch(raw);
}

export function transactionsSearch(raw: RawSearch): TransactionsSearch {
  return {
    ...periodSearch(raw),
    ...oneOf(raw, "kind", ledgerKinds),
    ...texts(raw, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "wallet"),
    ...texts(raw, /^\S{1,128}$/, "source"),
    ...texts(raw, /^req_(local_)?[0-9a-f-]{36}$/, "request"),
    ...texts(raw, /^.{1,512}$/, "cursor"),
    ...texts(raw, /^[a-z_]{1,32}_.{1,128}$/, "at"),
  };
}

/** How many of the filters are set; the place in the list is none. */
export function transactionFilterCount({
  kind,
  wallet,
  source,
  request,
  range,
  from,
}: TransactionsSearch): number {
  return [kind, wallet, source, request, range ?? from].filter((value) => value !== undefined).length;
}
