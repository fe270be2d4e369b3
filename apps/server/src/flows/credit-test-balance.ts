import { ApiError } from "../lib/errors.ts";
import { formatUsd, type Usd } from "../lib/money.ts";
import { type OwnedWalletObject, systemOwners } from "../modules/books/books.ts";
import {
  actorIdOf,
  auditOfMove,
  type ByHand,
  type MoveMoneyDeps,
  moveOnce,
  requirePurse,
  type Told,
} from "./move-once.ts";

export type CreditTestBalanceDeps = MoveMoneyDeps & { production: boolean; testCreditMaxUsd: Usd };

const reason = "test balance credited by the operator";

/**
 * Gives a wallet money of the fund `test`. In production only a developer's own user, or a user of a sandbox app, gets
 * any. Answers with the wallet after it.
 * @throws ApiError forbidden, invalid_request, not_found, idempotency_in_progress, idempotency_mismatch
 */
export async function creditTestBalance(
  deps: CreditTestBalanceDeps,
  by: ByHand,
  input: { walletId: string; amountUsd: Usd },
): Promise<Told<OwnedWalletObject>> {
  const { amountUsd } = input;
  const wallet = await requirePurse(deps, input.walletId);
  refuseRealMoney(deps, wallet.mayTakeTestMoney);
  if (amountUsd > deps.testCreditMaxUsd) {
    const maximum_usd = formatUsd(deps.testCreditMaxUsd);
    throw new ApiError(
      "invalid_request",
      `amount_usd must be at most ${maximum_usd} (TEST_CREDIT_MAX_USD).`,
      {
        param: "amount_usd",
        details: { maximum_usd },
      },
    );
  }
  return moveOnce(
    deps,
    by,
    (sourceId) => ({
      kind: "test_credit",
      appId: wallet.appId,
      developerId: wallet.developerId,
      endUserId: wallet.object.id,
      sourceId,
      direction: "credit",
      amountUsd,
      fund: "test",
      maxBalanceUsd: wallet.maxBalanceUsd,
      counterparty: { scope: "external", id: systemOwners.externalOperator },
      reason: "admin_test_balance_credit",
      adjustment: { reason, actorId: actorIdOf(by.actor) },
      audit: auditOfMove(by.actor, {
        action: "wallet.credit_test_balance",
        reason,
        wallet,
        adjustmentId: sourceId,
        amountUsd,
        direction: "credit",
      }),
    }),
    async () => (await requirePurse(deps, input.walletId)).object,
  );
}

function refuseRealMoney(deps: CreditTestBalanceDeps, mayTakeTestMoney: boolean): void {
  if (deps.testCreditMaxUsd === 0n) {
    throw new ApiError("forbidden", "Test credit is switched off here (TEST_CREDIT_MAX_USD is 0).", {
      details: { reason: "test_credit_off" },
    });
  }
  if (deps.production && !mayTakeTestMoney) {
    throw new ApiError(
      "forbidden",
      "In production test money goes to a developer's own users and sandbox apps alone.",
      {
        details: { reason: "not_own_user" },
      },
    );
  }
}
