import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import { parseUsd, type Usd, zeroUsd } from "../lib/money.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { bookProbe } from "../modules/books/books.ts";
import {
  costOf,
  type ModelPrice,
  type PriceBook,
  readPricedModels,
  worstCaseCostUsd,
} from "../modules/pricing/pricing.ts";
import type { Upstream, Upstreams } from "../modules/routing/routing.ts";
import { type Provider, UpstreamError, type UpstreamTimeouts } from "../providers/provider.ts";
import { wantsCompletionLimit } from "./complete/request-body.ts";
import { reportedUsage } from "./complete/usage.ts";
import { unknownProvider } from "./providers.ts";

export type ProbeDeps = {
  database: Database;
  prices: Pick<PriceBook, "find">;
  upstreams: Pick<Upstreams, "find">;
  providers: { readonly [dialect in "openai" | "anthropic"]: Provider };
};

export type Probed = {
  model: string;
  failure: UpstreamError | null;
  latencyMs: number;
  costUsd: Usd;
  /** `null` where nothing was to be booked. */
  transactionId: string | null;
};

/** Whatever a model's price, a probe takes no more than this. */
const mostUsd = parseUsd("0.01")!;
const bound = { inputTokens: 256, outputTokens: 16, choices: 1 };
const timeouts: UpstreamTimeouts = { connectMs: 5_000, firstByteMs: 20_000, idleMs: 20_000, totalMs: 30_000 };
const eventLimitBytes = 65_536;

/**
 * One real call of an upstream, so that an operator knows: short, capped, and booked as the operator's own cost, together with
 * its audit row. No health check ever does this by itself.
 * @throws ApiError not_found, model_not_priced, conflict when even the cheapest model is too dear
 */
export async function probeProvider(
  deps: ProbeDeps,
  actor: AuditActor,
  input: { provider: string; model: string | undefined; reason: string; signal: AbortSignal },
): Promise<Probed> {
  const upstream = deps.upstreams.find(input.provider);
  if (!upstream) throw unknownProvider();
  const price = await priceOf(deps, input);
  const startedAt = performance.now();
  const { failure, usage } = await call(deps, upstream, price, input.signal);
  const latencyMs = Math.round(performance.now() - startedAt);
  const reported = reportedUsage(usage);
  const costUsd = reported
    ? costOf(reported.tokens, price)
    : failure
      ? zeroUsd
      : worstCaseCostUsd(price, bound);
  const id = uuidV7();
  await deps.database.write({ purpose: "operator" }, async (tx) => {
    await bookProbe(tx, id, costUsd);
    await append(tx, {
      ...actor,
      action: "provider.probe",
      resourceType: "provider",
      resourceId: upstream.name,
      reason: input.reason,
      metadata: { model: price.model, ok: failure === null, transaction_id: id },
    });
  });
  return { model: price.model, failure, latencyMs, costUsd, transactionId: costUsd > 0n ? id : null };
}

async function priceOf(
  deps: ProbeDeps,
  { provider, model }: { provider: string; model: string | undefined },
): Promise<ModelPrice> {
  const names =
    model === undefined
      ? ((await deps.database.read({ purpose: "operator" }, (tx) => readPricedModels(tx, [provider]))).get(
          provider,
        ) ?? [])
      : [model];
  const priced = names.flatMap((name) => deps.prices.find(provider, name) ?? []);
  const [cheapest] = priced
    .map((price) => ({ price, worstUsd: worstCaseCostUsd(price, bound) }))
    .sort((a, b) => (a.worstUsd < b.worstUsd ? -1 : a.worstUsd > b.worstUsd ? 1 : 0));
  if (!cheapest) {
    throw new ApiError("model_not_priced", "No such model of this provider has a price; import one first.", {
      param: "model",
    });
  }
  if (cheapest.worstUsd > mostUsd) {
    throw new ApiError("conflict", "A call of this model can cost more than a probe may.", {
      param: "model",
      details: { reason: "too_dear" },
    });
  }
  return cheapest.price;
}

async function call(
  { providers }: ProbeDeps,
  upstream: Upstream,
  { model }: ModelPrice,
  signal: AbortSignal,
): Promise<{ failure: UpstreamError | null; usage: unknown }> {
  const limit = wantsCompletionLimit(model) ? "max_completion_tokens" : "max_tokens";
  try {
    const answer = await providers[upstream.dialect].open({
      baseUrl: upstream.baseUrl,
      apiKey: upstream.keys[0] ?? null,
      model,
      body: {
        model,
        messages: [{ role: "user", content: "Answer with the word ok." }],
        [limit]: bound.outputTokens,
      },
      stream: false,
      timeouts,
      eventLimitBytes,
      signal,
    });
    return { failure: null, usage: answer.kind === "json" ? answer.body.usage : undefined };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { failure: error, usage: error.usage };
  }
}
