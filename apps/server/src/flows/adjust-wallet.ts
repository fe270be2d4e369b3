import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { createAdjustment } from "@modelfaucet/contract/routes/admin.ts";
import { ApiError } from "../lib/errors.ts";
import { formatUsd, type Usd } from "../lib/money.ts";
import { systemOwners } from "../modules/books/books.ts";
import {
  actorIdOf,
  auditOfMove,
  type ByHand,
  type MoveMoneyDeps,
  mostMovedUsd,
  moveOnce,
  requirePurse,
  type Told,
} from "./move-once.ts";

export type Adjustment = AnswerOf<typeof createAdjustment>;

/**
 * Credits or debits an end user's wallet by hand, with reason and audit row in the same transaction. A credit is paid
 * money; a debit takes paid money, then test money, never what is held or promotional.
 * @throws ApiError insufficient_balance, not_found, idempotency_in_progress, idempotency_mismatch, invalid_request
 */
export async function adjustWallet(
  deps: MoveMoneyDeps,
  by: ByHand,
  input: { walletId: string; direction: "credit" | "debit"; amountUsd: Usd; reason: string },
): Promise<Told<Adjustment>> {
  const { direction, amountUsd, reason } = input;
  if (amountUsd > mostMovedUsd) {
    throw new ApiError("invalid_request", `amount_usd must be at most ${formatUsd(mostMovedUsd)}.`, {
      param: "amount_usd",
      details: { maximum_usd: formatUsd(mostMovedUsd) },
    });
  }
  if (reason.trim() === "") {
    throw new ApiError("invalid_request", "reason must say why; it stands in the audit row.", {
      param: "reason",
    });
  }
  const wallet = await requirePurse(deps, input.walletId);
  return moveOnce(
    deps,
    by,
    (sourceId) => ({
      kind: "adjustment",
      appId: wallet.appId,
      developerId: wallet.developerId,
      endUserId: wallet.object.id,
      sourceId,
      direction,
      amountUsd,
      fund: "paid",
      counterparty: { scope: "external", id: systemOwners.externalOperator },
      reason: "wallet_adjustment",
      adjustment: { reason, actorId: actorIdOf(by.actor) },
      audit: auditOfMove(by.actor, {
        action: "wallet.adjustment_applied",
        reason,
        wallet,
        adjustmentId: sourceId,
        amountUsd,
        direction,
      }),
    }),
    (sourceId, balanceUsd) => ({
      id: sourceId,
      wallet_id: wallet.object.id,
      kind: "adjustment",
      direction,
      amount_usd: formatUsd(amountUsd),
      status: "applied",
      reason,
      wallet_balance_usd: formatUsd(balanceUsd),
    }),
  );
}
