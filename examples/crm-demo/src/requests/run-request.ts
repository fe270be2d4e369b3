import {
  type FaucetChatInput,
  FaucetError,
  FaucetPaymentError,
  FaucetStreamError,
  type FaucetStreamEvent,
  type FaucetStreamResult,
  type FaucetUsageItem,
} from "@modelfaucet/sdk";
import { faucet } from "../faucet.ts";
import { addRequest, changeRequest, payerNote } from "./request-log.ts";

export type Outcome =
  | { kind: "settled"; result: FaucetStreamResult; durationMs: number }
  | { kind: "stopped"; usage: FaucetUsageItem | null }
  | { kind: "refused"; error: FaucetPaymentError; note: string }
  /** `charge`: of an answer that had begun to come, what the books say of it; `null` for one that had not. */
  | { kind: "failed"; error: unknown; charge: Promise<FaucetUsageItem | null> | null };

export type Progress = {
  onStart?: (start: Pick<Extract<FaucetStreamEvent, { type: "start" }>, "routeMode" | "holdUsd">) => void;
  onText?: (delta: string) => void;
};

/** Streams one answer and keeps its row in the log true from the first moment to the last. Never throws. */
export async function runRequest(
  label: string,
  input: Omit<FaucetChatInput, "stream">,
  progress: Progress = {},
): Promise<Outcome> {
  const key = crypto.randomUUID();
  const startedAtMs = Date.now();
  addRequest({ key, label, state: "asking", startedAtMs });
  const stream = faucet.stream(input);
  try {
    for await (const event of stream) {
      if (event.type === "start") {
        const amount = event.holdUsd === undefined ? {} : { amountUsd: event.holdUsd };
        changeRequest(key, { state: "held", requestId: event.requestId, ...amount });
        progress.onStart?.(event);
      } else if (event.type === "text" && event.choice === undefined) {
        changeRequest(key, { state: "running" });
        progress.onText?.(event.delta);
      }
    }
    const result = await stream.final();
    const { charge_usd, receipt_id, request_id, route_mode, output_limit } = result.modelfaucet;
    changeRequest(key, {
      state: "settled",
      amountUsd: charge_usd,
      ...(receipt_id === undefined ? {} : { receiptId: receipt_id }),
      requestId: request_id,
      ...(output_limit ? { note: "cut to fit" } : payerNote(route_mode)),
    });
    return { kind: "settled", result, durationMs: Date.now() - startedAtMs };
  } catch (error) {
    return await afterFailure(key, error);
  }
}

async function afterFailure(key: string, error: unknown): Promise<Outcome> {
  const requestId = FaucetError.is(error) && error.requestId ? { requestId: error.requestId } : {};
  if (error instanceof FaucetPaymentError) {
    const note = refusalNote(error);
    changeRequest(key, { state: "refused", amountUsd: "0.00000000", note, ...requestId });
    return { kind: "refused", error, note };
  }
  if (FaucetError.is(error) && error.code === "aborted") {
    const usage = error.requestId ? await chargeOf(error.requestId) : null;
    const receipt = usage?.receipt_id === undefined ? {} : { receiptId: usage.receipt_id };
    changeRequest(key, {
      state: "stopped",
      amountUsd: usage?.charge_usd ?? "0.00000000",
      ...receipt,
      ...requestId,
    });
    return { kind: "stopped", usage };
  }
  if (error instanceof FaucetStreamError && error.requestId) {
    // Cut off in the middle, for example because an operator has suspended the app: what had come may be charged.
    changeRequest(key, { state: "failed", amountUsd: undefined, ...requestId });
    return { kind: "failed", error, charge: settleRow(key, error.requestId) };
  }
  changeRequest(key, { state: "failed", amountUsd: "0.00000000", ...requestId });
  return { kind: "failed", error, charge: null };
}

async function settleRow(key: string, requestId: string): Promise<FaucetUsageItem | null> {
  const usage = await chargeOf(requestId);
  if (!usage) return null;
  const receipt = usage.receipt_id === undefined ? {} : { receiptId: usage.receipt_id };
  changeRequest(key, { amountUsd: usage.charge_usd, ...receipt });
  return usage;
}

/** A stopped request is settled within a second; its charge is read from the books, not guessed. */
async function chargeOf(requestId: string): Promise<FaucetUsageItem | null> {
  for (let tries = 0; tries < 20; tries += 1) {
    const [item] = (await faucet.usage({ requestId }).catch(() => ({ items: [] }))).items;
    if (item && item.status !== "pending") return item;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return null;
}

function refusalNote(error: FaucetPaymentError): string {
  switch (error.code) {
    case "insufficient_balance":
      return error.reason === "held" ? "money is held" : "balance is short";
    case "budget_exceeded":
      return "limit reached";
    case "price_above_maximum":
      return "above the cap";
    default:
      return "wallet is frozen";
  }
}
