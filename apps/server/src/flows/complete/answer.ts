import { receiptIdOf, requestIdOf } from "../../lib/ids.ts";
import { formatUsd } from "../../lib/money.ts";
import { repairMessageToolCalls } from "../../modules/metering/metering.ts";
import type { JsonObject } from "../../providers/provider.ts";
import type { Run } from "./run.ts";
import type { Settled } from "./settlement.ts";

/** What every served answer says of its own price. */
export function modelfaucetOf(run: Run, settled: Settled): JsonObject {
  const { figures } = settled;
  return {
    request_id: requestIdOf(run.requestId),
    receipt_id: receiptIdOf(run.requestId),
    feature_key: run.facts.featureKey,
    route_mode: run.route.mode,
    provider: run.route.provider,
    model: run.tap.model ?? run.route.model,
    usage_source: settled.usage.source,
    simulated: run.tap.isSimulated,
    upstream_cost_usd: formatUsd(figures.upstreamCostUsd),
    developer_share_usd: formatUsd(figures.developerShareUsd),
    platform_share_usd: formatUsd(figures.platformShareUsd),
    charge_usd: formatUsd(figures.chargeUsd),
    fee_usd: formatUsd(figures.feeUsd),
    ...(settled.providerEstimateUsd === null
      ? {}
      : { provider_estimate_usd: formatUsd(settled.providerEstimateUsd) }),
    ...(figures.absorbedCostUsd > 0n ? { absorbed_cost_usd: formatUsd(figures.absorbedCostUsd) } : {}),
    ...(figures.walletBalanceUsd === null ? {} : { wallet_balance_usd: formatUsd(figures.walletBalanceUsd) }),
    price_version: run.facts.priceVersion,
    attempts: run.attempts.length,
    ...(run.route.outputLimit === null ? {} : { output_limit: run.route.outputLimit }),
    ...(settled.stopped === null ? {} : { stopped: settled.stopped }),
    ...(settled.isPending ? { settlement: "pending" } : {}),
    ...(run.debug === null ? {} : { debug_log: true }),
  };
}

/** Usage as OpenAI writes it, from our own disjoint counts, and the charge as a number for readers that expect `cost`. */
export function usageOf(settled: Settled): JsonObject {
  const { tokens } = settled.usage;
  const prompt_tokens = tokens.input + tokens.cachedInput + tokens.cacheWrite;
  const completion_tokens = tokens.output + tokens.reasoning;
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: tokens.cachedInput },
    completion_tokens_details: { reasoning_tokens: tokens.reasoning },
    // For show only: what is charged stands as text in `modelfaucet`.
    cost: Number.parseFloat(formatUsd(settled.figures.chargeUsd)),
  };
}

/** A whole answer: upstream's body under our id, with usage and price. */
export function completionBody(run: Run, body: JsonObject, settled: Settled): JsonObject {
  return {
    ...repairMessageToolCalls(body),
    id: completionIdOf(run),
    object: "chat.completion",
    model: run.tap.model ?? run.route.model,
    usage: usageOf(settled),
    modelfaucet: modelfaucetOf(run, settled),
  };
}

/** A chunk on its way through: upstream's content under our id; its usage is ours to tell. */
export function relayedChunk(run: Run, chunk: JsonObject): JsonObject {
  const { usage: _usage, modelfaucet: _foreign, ...rest } = chunk;
  return {
    ...rest,
    id: completionIdOf(run),
    object: "chat.completion.chunk",
    model: run.tap.model ?? run.route.model,
  };
}

/** The one last chunk of a stream that asked for usage. */
export function usageChunk(run: Run, settled: Settled, createdAt: unknown): JsonObject {
  return {
    id: completionIdOf(run),
    object: "chat.completion.chunk",
    created: typeof createdAt === "number" ? createdAt : Math.floor(Date.now() / 1000),
    model: run.tap.model ?? run.route.model,
    choices: [],
    ...(run.tap.isSimulated ? { simulated: true } : {}),
    usage: usageOf(settled),
    modelfaucet: modelfaucetOf(run, settled),
  };
}

const completionIdOf = (run: Run): string => `chatcmpl_mf_${requestIdOf(run.requestId)}`;
