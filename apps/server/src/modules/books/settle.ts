import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { addUsd, formatUsd, minUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import type { Leg, MoveItem, SettledFigures, Settlement } from "./items.ts";
import { nobody } from "./items.ts";
import {
  type Account,
  type Accounts,
  type MoveEffect,
  nextWalletSeq,
  releaseLegs,
  walletBalance,
} from "./rules.ts";
import { drain, type SplitLine, splitCharge } from "./split.ts";
import type { HeldRow } from "./store.ts";

const system = (number: string): string => `00000000-0000-0000-0000-0000000000${number}`;
export const systemOwners = {
  platform: system("01"),
  providerCost: system("02"),
  absorbedCost: system("03"),
  externalOpening: system("11"),
  externalOperator: system("12"),
} as const;

export type SettledHold = {
  figures: SettledFigures;
  event: Record<string, unknown>;
  transfers: Record<string, unknown>[];
};

/** Closes one hold in memory: frees what it reserved, takes the charge, and says which rows tell of it. */
export function settleHold(hold: HeldRow, settlement: Settlement, accounts: Accounts): SettledHold {
  const legs = legsOf(hold, accounts);
  const walletLegs = legs.flatMap((leg) =>
    leg.fund === "none" ? [] : [{ fund: leg.fund, amountUsd: leg.amountUsd }],
  );
  const chargeUsd = minUsd(settlement.chargeUsd, hold.holdUsd);
  const funded = drain(chargeUsd, walletLegs);
  const split = splitCharge(chargeUsd, settlement.costUsd, settlement.developerShareBps, funded);
  const keyCostUsd = keyCostOf(legs, settlement, accounts);
  const captured = (leg: Leg): Usd => {
    if (leg.fund !== "none") return funded[leg.fund];
    if (leg.kind !== "credential") return chargeUsd;
    return accounts.byId.get(leg.accountId)?.ownerId === settlement.payer.credentialId ? keyCostUsd : zeroUsd;
  };
  releaseLegs(legs, captured, accounts);
  const funds = accounts.wallet(hold.appId, hold.endUserId);
  const paying = funds.filter((account) => account.fund !== "none" && funded[account.fund] > 0n);
  const walletSeq = paying.length > 0 ? nextWalletSeq(funds, paying) : null;
  const excess = (settlement.costUsd - split.upstreamCostUsd) as Usd;
  const figures: SettledFigures = {
    chargeUsd,
    upstreamCostUsd: split.upstreamCostUsd,
    absorbedCostUsd: addUsd(excess, ...settlement.failedCostsUsd),
    developerShareUsd: split.developerShareUsd,
    platformShareUsd: split.platformShareUsd,
    feeUsd: minUsd(settlement.feeUsd, (chargeUsd - split.upstreamCostUsd) as Usd),
    walletBalanceUsd: funds.length > 0 ? walletBalance(funds) : null,
  };
  const base = {
    app_id: hold.appId,
    kind: "usage",
    source_id: hold.requestId,
    developer_id: hold.developerId,
  };
  const charged = split.lines.map((line) => ({
    ...base,
    ...destinationOf(line, hold.developerId, settlement.payer.routeMode),
    from_scope: "end_user",
    from_id: hold.endUserId,
    amount_usd: formatUsd(line.amountUsd),
    fund: line.fund,
    ...walletSide(funds, line.fund, walletSeq),
  }));
  const absorbed = [excess, ...settlement.failedCostsUsd]
    .filter((amount) => amount > 0n)
    .map((amount) => ({
      ...base,
      ...absorbedLine(amount),
    }));
  return {
    figures,
    event: { ...eventOf(hold, settlement, figures, funded), key_cost_usd: formatUsd(keyCostUsd) },
    transfers: [...charged, ...absorbed].map((transfer, line) => ({ ...transfer, line })),
  };
}

/** What upstream turned out to have taken for a request that recovery had closed already. */
export function correctionTransfer(appId: string, requestId: string, lateUsd: Usd): Record<string, unknown> {
  const line = absorbedLine(lateUsd < 0n ? (-lateUsd as Usd) : lateUsd);
  const back = {
    from_scope: line.to_scope,
    from_id: line.to_id,
    to_scope: line.from_scope,
    to_id: line.from_id,
  };
  return {
    app_id: appId,
    kind: "cost_correction",
    source_id: requestId,
    line: 0,
    ...line,
    ...(lateUsd < 0n ? back : {}),
    reason: "provider_cost_corrected",
  };
}

/** What an operator's probe of an upstream took: no user's, no app's. */
export function probeTransfer(probeId: string, costUsd: Usd): Record<string, unknown> {
  return {
    app_id: nobody,
    kind: "probe",
    source_id: probeId,
    line: 0,
    developer_id: null,
    ...absorbedLine(costUsd),
    reason: "provider_probe",
  };
}

export function transfersOfMove(
  item: MoveItem,
  effect: MoveEffect,
  funds: readonly Account[],
): Record<string, unknown>[] {
  const walletSeq = nextWalletSeq(
    funds,
    effect.changes.map(({ account }) => account),
  );
  const user = { scope: "end_user", id: item.endUserId };
  const [from, to] = item.direction === "credit" ? [item.counterparty, user] : [user, item.counterparty];
  return effect.changes.map(({ account, amountUsd }, line) => ({
    app_id: item.appId,
    kind: item.kind,
    source_id: item.sourceId,
    line,
    developer_id: item.developerId,
    from_scope: from.scope,
    from_id: from.id,
    to_scope: to.scope,
    to_id: to.id,
    amount_usd: formatUsd(amountUsd),
    reason: item.reason,
    fund: account.fund,
    ...walletSide(funds, account.fund, walletSeq),
  }));
}

/** What is taken of the budget of the key that served: never more than was reserved of it. */
function keyCostOf(legs: readonly Leg[], { payer }: Settlement, accounts: Accounts): Usd {
  const leg = legs.find(
    ({ kind, accountId }) =>
      kind === "credential" && accounts.byId.get(accountId)?.ownerId === payer.credentialId,
  );
  return leg ? minUsd(payer.keyCostUsd, leg.amountUsd) : zeroUsd;
}

function legsOf(hold: HeldRow, accounts: Accounts): Leg[] {
  return hold.legAccountIds.map((accountId, index) => {
    const account = accounts.byId.get(accountId);
    if (!account) throw new Error("a leg's account is not locked");
    return { accountId, kind: account.kind, fund: account.fund, amountUsd: hold.legAmountsUsd[index]! };
  });
}

function walletSide(
  funds: readonly Account[],
  fund: string,
  walletSeq: bigint | null,
): Record<string, unknown> {
  const account = funds.find((candidate) => candidate.fund === fund);
  return {
    wallet_seq: walletSeq?.toString() ?? null,
    balance_after_usd: account ? formatUsd(account.balanceUsd) : null,
    wallet_balance_after_usd: formatUsd(walletBalance(funds)),
  };
}

function destinationOf(line: SplitLine, developerId: string, routeMode: RouteMode): Record<string, unknown> {
  // Upstream is paid by the developer, who is given back what it took.
  if (line.part === "cost" && routeMode === "developer_key") {
    return { to_scope: "developer", to_id: developerId, reason: "usage_developer_reimbursement" };
  }
  if (line.part === "cost") {
    return { to_scope: "provider_cost", to_id: systemOwners.providerCost, reason: "usage_provider_cost" };
  }
  if (line.part === "developer") {
    return { to_scope: "developer", to_id: developerId, reason: "usage_developer_share" };
  }
  return { to_scope: "platform", to_id: systemOwners.platform, reason: "usage_platform_share" };
}

function absorbedLine(amount: Usd) {
  return {
    from_scope: "absorbed_cost",
    from_id: systemOwners.absorbedCost,
    to_scope: "provider_cost",
    to_id: systemOwners.providerCost,
    amount_usd: formatUsd(amount),
    reason: "usage_absorbed_cost",
    fund: "none",
    wallet_seq: null,
    balance_after_usd: null,
    wallet_balance_after_usd: null,
  };
}

/** What a hold's row does not know yet of its usage event. */
function eventOf(
  hold: HeldRow,
  settlement: Settlement,
  figures: SettledFigures,
  funded: { paid: Usd; promo: Usd; test: Usd },
): Record<string, unknown> {
  return {
    app_id: hold.appId,
    id: hold.requestId,
    route_mode: settlement.payer.routeMode,
    credential_id: settlement.payer.credentialId,
    provider_estimate_usd:
      settlement.payer.providerEstimateUsd === null ? null : formatUsd(settlement.payer.providerEstimateUsd),
    provider: settlement.provider,
    model: settlement.model,
    served_model: settlement.servedModel,
    input_tokens: settlement.tokens.input,
    cached_input_tokens: settlement.tokens.cachedInput,
    cache_write_tokens: settlement.tokens.cacheWrite,
    output_tokens: settlement.tokens.output,
    reasoning_tokens: settlement.tokens.reasoning,
    requests: settlement.requests,
    usage_source: settlement.usageSource,
    simulated: settlement.simulated,
    lines: settlement.lines,
    pricing: settlement.pricing,
    upstream_cost_usd: formatUsd(figures.upstreamCostUsd),
    absorbed_cost_usd: formatUsd(figures.absorbedCostUsd),
    developer_share_usd: formatUsd(figures.developerShareUsd),
    platform_share_usd: formatUsd(figures.platformShareUsd),
    fee_usd: formatUsd(figures.feeUsd),
    charge_usd: formatUsd(figures.chargeUsd),
    paid_usd: formatUsd(funded.paid),
    promo_usd: formatUsd(funded.promo),
    test_usd: formatUsd(funded.test),
    wallet_balance_usd: figures.walletBalanceUsd === null ? null : formatUsd(figures.walletBalanceUsd),
    outcome: settlement.outcome,
    error_code: settlement.errorCode,
    stopped: settlement.stopped,
    output_limit: settlement.outputLimit ?? null,
    warnings: `{${settlement.warnings.map((warning) => JSON.stringify(warning)).join(",")}}`,
    attempts: settlement.attempts,
    first_byte_ms: settlement.firstByteMs,
    duration_ms: settlement.durationMs,
  };
}

/** The figures that a close will come to, for an answer that cannot wait for its commit. */
export function previewFigures(settlement: Settlement, holdUsd: Usd): SettledFigures {
  const chargeUsd = minUsd(settlement.chargeUsd, holdUsd);
  const funded = { promo: zeroUsd, test: zeroUsd, paid: chargeUsd };
  const split = splitCharge(chargeUsd, settlement.costUsd, settlement.developerShareBps, funded);
  return {
    chargeUsd,
    upstreamCostUsd: split.upstreamCostUsd,
    absorbedCostUsd: addUsd(settlement.costUsd, ...settlement.failedCostsUsd, -split.upstreamCostUsd as Usd),
    developerShareUsd: split.developerShareUsd,
    platformShareUsd: split.platformShareUsd,
    feeUsd: minUsd(settlement.feeUsd, (chargeUsd - split.upstreamCostUsd) as Usd),
    walletBalanceUsd: null,
  };
}
