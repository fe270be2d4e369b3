import { ApiError } from "../../lib/errors.ts";
import { receiptIdOf, requestIdOf } from "../../lib/ids.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";
import { isBudget } from "../../modules/books/books.ts";
import type { OpenResult, RefusedBy } from "../../modules/books/items.ts";

/** The database did not answer in time. The hold may be committed: its request has to be closed. */
export class HoldUnknown extends ApiError {
  constructor() {
    super("service_unavailable", "The service cannot reach its database; try again in a few seconds.", {
      retryAfterSeconds: 2,
      cause: "the outcome of the hold is unknown",
    });
  }
}

/** The Idempotency-Key belongs to a request that has been answered; its answer may have been kept. */
export class AnsweredBefore extends ApiError {
  /** The UUID of the earlier request. */
  readonly requestId: string;

  constructor(requestId: string) {
    super("conflict", "This request has been answered and charged already; its receipt tells what it cost.", {
      details: {
        reason: "already_done",
        request_id: requestIdOf(requestId),
        receipt_id: receiptIdOf(requestId),
      },
    });
    this.requestId = requestId;
  }
}

/** The budget of one key is spent; another key may still pay. */
export class KeyBudgetSpent extends ApiError {
  readonly credentialId: string;

  constructor(by: RefusedBy) {
    const { code, message, details } = budgetExceeded(by);
    super(code, message, details === undefined ? {} : { details });
    this.credentialId = by.ownerId;
  }
}

export type Answered = Extract<OpenResult, { outcome: "held" | "refused" }>;

/** What an open came to, unless its key decided. @throws AnsweredBefore, HoldUnknown, what refused, conflicts of the key */
export function answered(result: OpenResult, topUpUrl: string | null): Answered {
  if (result.outcome === "held" || result.outcome === "refused") return result;
  if (result.outcome === "key_refused") throw refusal(result.by, topUpUrl);
  if (result.outcome === "unknown") throw new HoldUnknown();
  if (result.state === "mismatch") {
    throw new ApiError(
      "idempotency_mismatch",
      "This Idempotency-Key was used with another body; use a new key.",
      {
        param: "Idempotency-Key",
      },
    );
  }
  if (result.state === "running") {
    throw new ApiError(
      "idempotency_in_progress",
      "A request under this Idempotency-Key is still running; wait for it.",
      {
        retryAfterSeconds: 1,
        details: { request_id: requestIdOf(result.requestId) },
      },
    );
  }
  throw new AnsweredBefore(result.requestId);
}

/** The same refusal, told of what the request needs by the count, which is less than its bytes suggested. */
export function asCounted(by: RefusedBy, requiredUsd: Usd): RefusedBy {
  if (by.reason === "debt" || by.reason === "stopped") return { ...by, requiredUsd };
  return { ...by, requiredUsd, reason: by.balanceUsd >= requiredUsd ? "held" : "balance" };
}

/** Who refused, and what would help, as the client is told it. */
export function refusal(by: RefusedBy, topUpUrl: string | null): ApiError {
  const required_usd = formatUsd(by.requiredUsd);
  if (by.reason === "stopped") {
    return new ApiError(
      "wallet_frozen",
      "The books of this account are being checked; nothing is spent meanwhile.",
      {
        details: { reason: "books_check", level: by.kind },
      },
    );
  }
  if (by.kind === "session" && by.setBy === "app") {
    return new ApiError(
      "price_above_maximum",
      "This request can cost more than the session may still spend.",
      {
        details: {
          limit: "session",
          reason: by.reason,
          maximum_usd: formatUsd(by.balanceUsd),
          held_usd: formatUsd(by.heldUsd),
          required_usd,
        },
      },
    );
  }
  if (by.kind === "credential") return new KeyBudgetSpent(by);
  if (by.kind !== "wallet") return budgetExceeded(by);
  if (by.reason === "debt") {
    return new ApiError("wallet_frozen", "The wallet is in debt; a top-up pays it first.", {
      details: { debt_usd: formatUsd(by.debtUsd), balance_usd: formatUsd(by.balanceUsd), required_usd },
    });
  }
  const sentence =
    by.reason === "held"
      ? "Running requests reserve what is left; wait for them, or add credit."
      : "There is not enough credit for this request; add credit or shorten it.";
  return new ApiError("insufficient_balance", sentence, {
    details: {
      reason: by.reason,
      balance_usd: formatUsd(by.balanceUsd),
      held_usd: formatUsd(by.heldUsd),
      required_usd,
      ...(topUpUrl === null ? {} : { top_up_url: topUpUrl }),
    },
  });
}

function budgetExceeded(by: RefusedBy): ApiError {
  const spentUsd = by.limitUsd === null ? null : ((by.limitUsd - by.balanceUsd) as Usd);
  return new ApiError(
    "budget_exceeded",
    `The limit of the ${by.kind.replace("_", " ")} does not cover this request.`,
    {
      details: {
        limit: {
          level: by.kind,
          window: by.window,
          // Of a budget that several apps share, one of them is not told how much the others spend.
          ...(by.limitUsd === null || spentUsd === null || isBudget(by)
            ? {}
            : {
                limit_usd: formatUsd(by.limitUsd),
                used_usd: formatUsd(spentUsd),
                held_usd: formatUsd(by.heldUsd),
              }),
          set_by: by.setBy,
          time_zone: by.zone,
          ...(by.resetAt === null ? {} : { reset_at: by.resetAt }),
        },
        reason: by.reason,
        required_usd: formatUsd(by.requiredUsd),
      },
    },
  );
}
