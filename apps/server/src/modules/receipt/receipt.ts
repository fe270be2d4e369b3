/** The door of receipts: what is read from the settlement log and from the open holds. It changes nothing. */
import type { Tx } from "../../lib/db.ts";
import {
  type AppUsageItem,
  appUsageItemOf,
  openDetailOf,
  openItemOf,
  type Receipt,
  type RequestDetail,
  receiptOf,
  requestDetailOf,
  type UsageItem,
  usageItemOf,
} from "./rules.ts";
import {
  type RequestFilter,
  type RequestScope,
  type Slice,
  selectClosed,
  selectOpen,
  selectReceipts,
  selectTotals,
} from "./store.ts";

export type { AppUsageItem, Receipt, RequestDetail, UsageItem } from "./rules.ts";
export type { RequestFilter, RequestScope, Slice } from "./store.ts";

/** One page, newest first. `next` is what the following page begins below, `null` on the last one. */
export type Page<Item> = { items: Item[]; next: string | null };

/** Requests, open ones as `pending`, newest first by their UUIDv7. */
export async function listUsage(
  tx: Tx,
  scope: RequestScope,
  filter: RequestFilter,
  slice: Slice,
): Promise<Page<UsageItem>> {
  const one = { ...slice, limit: slice.limit + 1 };
  const wantsOpen =
    (filter.status ?? "pending") === "pending" &&
    (filter.minChargeUsd === undefined || filter.minChargeUsd === 0n);
  const closed = filter.status === "pending" ? [] : await selectClosed(tx, scope, filter, one);
  const open = wantsOpen ? await selectOpen(tx, scope, filter, one) : [];
  const all = [
    ...closed.map((row) => ({ id: row.id, item: usageItemOf(row) })),
    ...open.map((row) => ({ id: row.id, item: openItemOf(row) })),
  ].sort((a, b) => (a.id < b.id ? 1 : -1));
  return pageOf(all, slice.limit);
}

/** One request by its UUID: attempts, hold and receipt. `null` when there is none in that scope. */
export async function readRequestDetail(
  tx: Tx,
  scope: RequestScope,
  id: string,
): Promise<RequestDetail | null> {
  const one: Slice = { before: null, limit: 1 };
  const [closed] = await selectClosed(tx, scope, { id }, one);
  if (closed) return requestDetailOf(closed);
  const [open] = await selectOpen(tx, scope, { id }, one);
  return open ? openDetailOf(open) : null;
}

/** Receipts, newest first; `from` and `to` are of their issue. */
export async function listReceipts(
  tx: Tx,
  scope: RequestScope,
  filter: { from?: string | undefined; to?: string | undefined },
  slice: Slice,
): Promise<Page<Receipt>> {
  const rows = await selectReceipts(tx, scope, filter, { ...slice, limit: slice.limit + 1 });
  return pageOf(
    rows.map((row) => ({ id: row.id, item: receiptOf(row) })),
    slice.limit,
  );
}

/** The receipt of one request, by the request's UUID. `null` when it has none, or none in that scope. */
export async function readReceipt(tx: Tx, scope: RequestScope, id: string): Promise<Receipt | null> {
  const [row] = await selectReceipts(tx, scope, { id }, { before: null, limit: 1 });
  return row ? receiptOf(row) : null;
}

export type AppUsage = {
  calls: number;
  inputTokens: number;
  outputTokens: number;
  /** Eight decimals. */
  chargeUsd: string;
  developerShareUsd: string;
  page: Page<AppUsageItem>;
};

/** Closed requests of one app, with exact totals over the whole filter. */
export async function readAppUsage(
  tx: Tx,
  appId: string,
  filter: RequestFilter,
  slice: Slice,
): Promise<AppUsage> {
  const scope: RequestScope = { appId, developerId: null, publicAppIds: null };
  const rows = await selectClosed(tx, scope, filter, { ...slice, limit: slice.limit + 1 });
  const [totals] = await selectTotals(tx, scope, filter);
  return {
    calls: Number(totals.calls),
    inputTokens: Number(totals.input_tokens),
    outputTokens: Number(totals.output_tokens),
    chargeUsd: totals.charge_usd,
    developerShareUsd: totals.developer_share_usd,
    page: pageOf(
      rows.map((row) => ({ id: row.id, item: appUsageItemOf(row) })),
      slice.limit,
    ),
  };
}

function pageOf<Item>(found: readonly { id: string; item: Item }[], limit: number): Page<Item> {
  const shown = found.slice(0, limit);
  return { items: shown.map(({ item }) => item), next: found.length > limit ? shown.at(-1)!.id : null };
}
