import type { FaucetUsageItem, RouteMode } from "@modelfaucet/sdk";
import { payerName } from "../payers/payer-words.ts";
import { createStore } from "../store.ts";

/** asking: sent, no answer yet · held: money is reserved · running: text is coming. The others are ends. */
export type RequestState = "asking" | "held" | "running" | "settled" | "stopped" | "refused" | "failed";

export type LoggedRequest = {
  key: string;
  label: string;
  state: RequestState;
  /** What is held while it runs, what was charged afterwards. */
  amountUsd?: string | undefined;
  /** In a few words, for example why it was refused. */
  note?: string;
  requestId?: string;
  receiptId?: string;
  startedAtMs: number;
};

/** Newest first, at most `mostRows`. */
export const requestLog = createStore<readonly LoggedRequest[]>([]);

const mostRows = 24;
const openStates: ReadonlySet<RequestState> = new Set(["asking", "held", "running"]);

export function addRequest(row: LoggedRequest): void {
  requestLog.set((rows) => [row, ...rows].slice(0, mostRows));
}

export function changeRequest(key: string, change: Partial<LoggedRequest>): void {
  requestLog.set((rows) => rows.map((row) => (row.key === key ? { ...row, ...change } : row)));
}

export function isOpen(row: LoggedRequest): boolean {
  return openStates.has(row.state);
}

/** What the books know beside what this page has sent: earlier visits and other programs of the same user. */
export function mergeHistory(
  rows: readonly LoggedRequest[],
  history: readonly FaucetUsageItem[],
): readonly LoggedRequest[] {
  const known = new Set(rows.map((row) => row.requestId));
  const earlier = history.filter((item) => !known.has(item.request_id)).map(rowOfUsage);
  return [...rows, ...earlier].sort((a, b) => b.startedAtMs - a.startedAtMs).slice(0, mostRows);
}

/** Credits are what a row is about; another payer is worth a word. */
export function payerNote(mode: RouteMode): { note?: string } {
  return mode === "byok" || mode === "local" ? { note: payerName(mode).toLowerCase() } : {};
}

function rowOfUsage(item: FaucetUsageItem): LoggedRequest {
  const { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens } = item;
  const tokens = input_tokens + cached_input_tokens + cache_write_tokens + output_tokens + reasoning_tokens;
  const row = {
    key: item.request_id,
    label: `Earlier · ${payerNote(item.route_mode).note ?? `${tokens.toLocaleString("en")} tokens`}`,
    requestId: item.request_id,
    startedAtMs: Date.parse(item.created_at),
  };
  if (item.status === "pending") return { ...row, label: "Asked elsewhere", state: "running" };
  const charged = {
    ...row,
    amountUsd: item.charge_usd,
    ...(item.receipt_id === undefined ? {} : { receiptId: item.receipt_id }),
  };
  switch (item.status) {
    case "succeeded":
      return { ...charged, state: "settled" };
    case "aborted":
      return { ...charged, state: "stopped" };
    default:
      return { ...charged, state: "failed" };
  }
}
