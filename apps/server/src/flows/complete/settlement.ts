import type { ErrorCode } from "@modelfaucet/contract/errors.ts";
import type { TokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { addUsd, formatUsd, minUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import type { Books } from "../../modules/books/books.ts";
import { previewFigures } from "../../modules/books/books.ts";
import type { Payer, SettledFigures, Settlement } from "../../modules/books/items.ts";
import { capAtHold, costOf, type Rated, rate } from "../../modules/pricing/pricing.ts";
import type { Run } from "./run.ts";
import { credibleUsage, type MeteredUsage, meterUsage, noTokens } from "./usage.ts";

export type SettleContext = {
  books: Books;
  counter: TokenCounter;
  settleWaitMs: number;
  onSettled: (settlement: Settlement, figures: SettledFigures) => void;
  /** The answer leaves before its commit was seen; `done` ends when it has been, or has failed. */
  onLate: (done: Promise<unknown>) => void;
  onError: (error: unknown) => void;
};

export type Settled = {
  usage: MeteredUsage;
  figures: SettledFigures;
  /** The commit had not been seen when the answer had to go. */
  isPending: boolean;
  stopped: "balance" | null;
  /** What the owner of an own key pays elsewhere, by our price book. */
  providerEstimateUsd: Usd | null;
};

/** A served answer: rated by the served route's price, charged at most its hold, committed before the last chunk. */
export async function settleSuccess(run: Run, context: SettleContext): Promise<Settled> {
  const usage = await meterUsage(run, context.counter);
  const rated = rate(usage.tokens, run.route.price, run.route.rule);
  const stopped = isCutByBalance(run) ? "balance" : null;
  return close(
    run,
    { ...chargedBy(rated, run), outcome: "succeeded", errorCode: null, usage, stopped },
    context,
    "done",
  );
}

/**
 * The client left, or was switched off: it pays for what was relayed, or for what upstream reported; for nothing where
 * nothing came. `errorCode` is what it was told.
 */
export async function settleAbort(
  run: Run,
  context: SettleContext,
  errorCode: ErrorCode = "client_closed_request",
): Promise<Settled> {
  const nothingCame = !run.tap.hasOutput && credibleUsage(run) === null;
  const usage: MeteredUsage = nothingCame
    ? { tokens: noTokens, source: "estimated", warnings: [] }
    : await meterUsage(run, context.counter);
  const charge = nothingCame
    ? nothingCharged
    : chargedBy(rate(usage.tokens, run.route.price, run.route.rule), run);
  return close(
    run,
    {
      ...charge,
      outcome: "aborted",
      errorCode,
      usage,
      stopped: errorCode === "client_closed_request" ? "client" : "switch",
    },
    context,
    // Who got nothing may ask again under the same key.
    nothingCame ? "free" : "done",
  );
}

/**
 * Failed by us or by upstream: the user pays nothing. What upstream took of the attempt that had begun to answer is the
 * operator's: its reported usage, else input and relayed output once a byte was relayed.
 */
export async function settleFailure(
  run: Run,
  errorCode: string,
  context: SettleContext,
  usageOfFailure?: unknown,
): Promise<Settled> {
  let usage: MeteredUsage = { tokens: noTokens, source: "estimated", warnings: [] };
  const attempt = run.attempts.at(-1);
  if (attempt?.outcome === "ok") {
    attempt.outcome = errorCode;
    const reported = credibleUsage(run, usageOfFailure ?? run.tap.usage);
    if (reported || run.tap.hasOutput) {
      usage = reported ?? (await meterUsage(run, context.counter));
      const costUsd = costOf(usage.tokens, run.route.price);
      attempt.cost_usd = formatUsd(costUsd);
      attempt.usage_source = usage.source;
      run.noteFailedCost(costUsd);
    }
  }
  return close(
    run,
    { ...nothingCharged, outcome: "failed", errorCode, usage, stopped: null },
    context,
    "free",
  );
}

const nothingBooked: SettledFigures = {
  chargeUsd: zeroUsd,
  upstreamCostUsd: zeroUsd,
  absorbedCostUsd: zeroUsd,
  developerShareUsd: zeroUsd,
  platformShareUsd: zeroUsd,
  feeUsd: zeroUsd,
  walletBalanceUsd: null,
};

type Charge = {
  lines: Rated["lines"];
  /** What the request took upstream, whoever pays it. */
  upstreamUsd: Usd;
  costUsd: Usd;
  chargeUsd: Usd;
  feeUsd: Usd;
  requests: 0 | 1;
};
const nothingCharged: Charge = {
  lines: [],
  upstreamUsd: zeroUsd,
  costUsd: zeroUsd,
  chargeUsd: zeroUsd,
  feeUsd: zeroUsd,
  requests: 0,
};

function chargedBy(rated: Rated, run: Run): Charge {
  const { chargeUsd, feeUsd } = capAtHold(rated, run.held.holdUsd);
  // On the developer's key, what the charge does not cover is the developer's own bill.
  const costUsd = run.route.mode === "developer_key" ? minUsd(rated.costUsd, chargeUsd) : rated.costUsd;
  const { lines, upstreamUsd } = rated;
  return { lines, upstreamUsd, costUsd, chargeUsd, feeUsd, requests: 1 };
}

function payerOf({ route, failedKeyCostsUsd }: Run, ending: Ending): Payer {
  const id = route.key?.id ?? null;
  const isOwn = route.mode === "byok" && route.isPriced && ending.requests === 1;
  return {
    routeMode: route.mode,
    credentialId: id,
    keyCostUsd:
      route.key === null ? zeroUsd : addUsd(ending.upstreamUsd, failedKeyCostsUsd.get(id) ?? zeroUsd),
    providerEstimateUsd: isOwn ? ending.upstreamUsd : null,
  };
}

type Ending = Charge & {
  outcome: Settlement["outcome"];
  errorCode: string | null;
  usage: MeteredUsage;
  stopped: string | null;
};

/** `finish` says what becomes of the request's Idempotency-Key. */
async function close(
  run: Run,
  ending: Ending,
  context: SettleContext,
  finish: "done" | "free",
): Promise<Settled> {
  const settlement = settlementOf(run, ending);
  const preview = previewFigures(settlement, run.held.holdUsd);
  await failpoint("before_settle");
  const askedAt = performance.now();
  const closing = context.books.close({
    appId: run.appId,
    requestId: run.requestId,
    settlement,
    key: run.claim && { claim: run.claim, finish },
  });
  const finished = closing.then((result) => {
    // Recovery was first, so nothing is charged, whatever this answer came to.
    const figures = result.outcome === "settled" ? result.figures : nothingBooked;
    context.onSettled(settlement, figures);
    return figures;
  });
  const figures = await withinMs(finished, context.settleWaitMs, context.onError);
  run.settleMs = performance.now() - askedAt;
  if (figures === null) context.onLate(finished.catch(() => {}));
  await failpoint("after_settle");
  const stopped = ending.stopped === "balance" ? "balance" : null;
  const { chargeUsd } = figures ?? preview;
  const tokens = Object.values(ending.usage.tokens).reduce((sum, count) => sum + count, 0);
  run.ending = { outcome: ending.outcome, chargeUsd, tokens, counts: ending.usage.tokens };
  return {
    usage: ending.usage,
    figures: figures ?? preview,
    isPending: figures === null,
    stopped,
    providerEstimateUsd: settlement.payer.providerEstimateUsd,
  };
}

function settlementOf(run: Run, ending: Ending): Settlement {
  const { pricing } = run.plan.feature;
  return {
    outcome: ending.outcome,
    errorCode: ending.errorCode,
    provider: run.route.provider,
    model: run.route.model,
    servedModel: run.tap.model ?? run.route.model,
    payer: payerOf(run, ending),
    tokens: ending.usage.tokens,
    requests: ending.requests,
    usageSource: ending.usage.source,
    simulated: run.tap.isSimulated,
    lines: ending.lines.map((line) => ({
      unit: line.unit,
      quantity: line.quantity,
      price_per_million_usd: formatUsd(line.pricePerMillionUsd),
      amount_usd: formatUsd(line.amountUsd),
    })),
    pricing: {
      mode: pricing.mode,
      markup_percent: (run.route.rule.markupBps / 100).toFixed(2),
      developer_share_bps: run.route.rule.developerShareBps,
    },
    costUsd: ending.costUsd,
    chargeUsd: ending.chargeUsd,
    feeUsd: ending.feeUsd,
    developerShareBps: run.route.rule.developerShareBps,
    failedCostsUsd: run.failedCostsUsd,
    attempts: run.attempts,
    stopped: ending.stopped,
    outputLimit: run.route.outputLimit,
    warnings: ending.usage.warnings,
    firstByteMs: run.firstByteMs,
    durationMs: Math.round(performance.now() - run.startedAt),
  };
}

/** The answer ended where the purse had cut its limit. */
function isCutByBalance(run: Run): boolean {
  const limit = run.route.outputLimit;
  return limit !== null && limit.by !== "model" && run.tap.finishReasons.includes("length");
}

/** `null` when it takes longer; it goes on all the same. */
async function withinMs<T>(
  work: Promise<T>,
  ms: number,
  onError: (error: unknown) => void,
): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([
      work.catch((error) => {
        onError(error);
        return null;
      }),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
