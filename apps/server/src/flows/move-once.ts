import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import { formatUsd, type Usd, usdFromStore } from "../lib/money.ts";
import type { AuditActor } from "../modules/audit/audit.ts";
import {
  type Books,
  claimMoveKey,
  type FoundWallet,
  findWallet,
  finishMoveKey,
  freeMoveKey,
  readAdjustment,
  sourceIdOf,
  type TestMoneyRule,
} from "../modules/books/books.ts";
import type { KeyClaim, MoveItem, MoveResult } from "../modules/books/items.ts";

export type MoveMoneyDeps = TestMoneyRule & { database: Database; books: Pick<Books, "move"> };

/** Who moves money by hand, and under which Idempotency-Key (`null`: each call moves). */
export type ByHand = { actor: AuditActor; key: KeyClaim | null; requestId: string };

/** The answer of this try or, word for word, of the earlier one. */
export type Told<Answer> = { answer: Answer; isReplay: boolean };

/** The most that one transfer may carry; the schema says the same. */
export const mostMovedUsd = 10_000_000n * 100_000_000n;

/** The end user's wallet of that id. @throws ApiError not_found, invalid_request for a wallet that is nobody's purse */
export async function requirePurse(
  deps: MoveMoneyDeps,
  walletId: string,
): Promise<FoundWallet & { developerId: string }> {
  const wallet = await deps.database.read({ purpose: "operator" }, (tx) => findWallet(tx, walletId, deps));
  if (!wallet) throw noWallet();
  if (wallet.ownerScope !== "end_user" || wallet.developerId === null) {
    throw new ApiError("invalid_request", "Only the wallet of an end user takes money by hand.", {
      details: { reason: "owner_scope", owner_scope: wallet.ownerScope },
    });
  }
  return { ...wallet, developerId: wallet.developerId };
}

/**
 * Moves money once per key. The move's source id comes from the key, so whatever is repeated, cut off or sent twice at
 * the same time, the books move it once; the key's row remembers what was answered. A refusal is kept too, a failure
 * that may be tried again frees the key.
 * @throws ApiError insufficient_balance, idempotency_in_progress, idempotency_mismatch, not_found
 */
export async function moveOnce<Answer>(
  deps: MoveMoneyDeps,
  { key, requestId }: Omit<ByHand, "actor">,
  itemOf: (sourceId: string) => MoveItem,
  answerOf: (sourceId: string, balanceUsd: Usd) => Answer | Promise<Answer>,
): Promise<Told<Answer>> {
  const item = itemOf(key === null ? uuidV7() : sourceIdOf(key));
  if (key === null) {
    const balanceUsd = await balanceAfter(deps, item, await deps.books.move(item));
    return { answer: await answerOf(item.sourceId, balanceUsd), isReplay: false };
  }
  const claimed = await deps.database.write({ purpose: "operator" }, (tx) =>
    claimMoveKey(tx, key, requestId),
  );
  if (claimed.state === "mismatch") throw mismatch();
  if (claimed.state === "running") {
    throw new ApiError(
      "idempotency_in_progress",
      "A call under this Idempotency-Key is still running; wait for it.",
      {
        retryAfterSeconds: 1,
      },
    );
  }
  if (claimed.state === "kept") {
    if (claimed.kept.outcome === "done")
      return { answer: JSON.parse(claimed.kept.text) as Answer, isReplay: true };
    throw new ApiError("insufficient_balance", claimed.kept.message, { details: claimed.kept.details });
  }
  try {
    const balanceUsd = await balanceAfter(deps, item, await deps.books.move(item));
    const answer = await answerOf(item.sourceId, balanceUsd);
    await keep(deps, key, { outcome: "done", text: JSON.stringify(answer) });
    return { answer, isReplay: false };
  } catch (error) {
    if (error instanceof ApiError && error.code === "insufficient_balance") {
      await keep(deps, key, { outcome: "refused", message: error.message, details: error.details ?? {} });
    } else {
      // What cannot be freed now frees itself: a claim that nobody finished may be taken over.
      await deps.database.write({ purpose: "operator" }, (tx) => freeMoveKey(tx, key)).catch(() => {});
    }
    throw error;
  }
}

/** The audit row of a move, written in its transaction; `adjustment_id` ties it to the row of the move itself. */
export function auditOfMove(
  actor: AuditActor,
  act: {
    action: string;
    reason: string;
    wallet: FoundWallet;
    adjustmentId: string;
    amountUsd: Usd;
    direction: string;
  },
): Record<string, unknown> {
  return {
    actor_scope: actor.actorScope,
    actor_id: actor.actorId ?? null,
    actor_name: actor.actorName ?? null,
    action: act.action,
    resource_type: "wallet",
    resource_id: act.wallet.object.id,
    app_id: act.wallet.appId,
    developer_id: act.wallet.developerId,
    reason: act.reason,
    metadata: {
      adjustment_id: act.adjustmentId,
      direction: act.direction,
      amount_usd: formatUsd(act.amountUsd),
    },
    request_id: actor.requestId ?? null,
  };
}

export const actorIdOf = (actor: AuditActor): string => actor.actorId ?? actor.actorName ?? actor.actorScope;

async function balanceAfter(deps: MoveMoneyDeps, item: MoveItem, result: MoveResult): Promise<Usd> {
  if (result.outcome === "no_wallet") throw noWallet();
  if (result.outcome === "above_maximum") throw aboveMaximum(item, result.balanceUsd);
  if (result.outcome === "refused") throw await tooLittle(deps, item, result);
  if (result.repeated) await refuseAnotherMove(deps, item);
  return result.walletBalanceUsd;
}

function aboveMaximum(item: MoveItem, balanceUsd: Usd): ApiError {
  const maximum_balance_usd = formatUsd(item.maxBalanceUsd!);
  return new ApiError(
    "invalid_request",
    `amount_usd would lift the wallet above ${maximum_balance_usd}, the most that the app allows.`,
    { param: "amount_usd", details: { maximum_balance_usd, balance_usd: formatUsd(balanceUsd) } },
  );
}

/** The key's row may be gone after its time, the move is not: another body under the old key is still another body. */
async function refuseAnotherMove(deps: MoveMoneyDeps, item: MoveItem): Promise<void> {
  const earlier = await deps.database.read({ purpose: "operator" }, (tx) =>
    readAdjustment(tx, item.appId, item.sourceId),
  );
  const same =
    earlier !== null &&
    earlier.walletId === item.endUserId &&
    earlier.direction === item.direction &&
    usdFromStore(earlier.amountUsd) === item.amountUsd;
  if (!same) throw mismatch();
}

async function tooLittle(
  deps: MoveMoneyDeps,
  item: MoveItem,
  result: Extract<MoveResult, { outcome: "refused" }>,
): Promise<ApiError> {
  const wallet = await requirePurse(deps, item.endUserId);
  const isHeld = wallet.debitableUsd >= item.amountUsd;
  return new ApiError(
    "insufficient_balance",
    isHeld
      ? "Running requests hold what this debit would take; try again when they have ended."
      : "The wallet has less to give than this debit takes.",
    {
      details: {
        reason: isHeld ? "held" : "balance",
        balance_usd: formatUsd(result.balanceUsd),
        held_usd: formatUsd(wallet.heldUsd),
        available_usd: formatUsd(result.availableUsd),
        required_usd: formatUsd(item.amountUsd),
      },
    },
  );
}

async function keep(
  deps: MoveMoneyDeps,
  key: KeyClaim,
  kept: Parameters<typeof finishMoveKey>[2],
): Promise<void> {
  await deps.database.write({ purpose: "operator" }, (tx) => finishMoveKey(tx, key, kept));
}

function mismatch(): ApiError {
  return new ApiError(
    "idempotency_mismatch",
    "This Idempotency-Key was used with another call; use a new key.",
    {
      param: "Idempotency-Key",
    },
  );
}

const noWallet = (): ApiError => new ApiError("not_found", "There is no such wallet.");
