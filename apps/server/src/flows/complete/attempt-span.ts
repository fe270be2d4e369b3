import { formatUsd } from "../../lib/money.ts";
import type { UpstreamError } from "../../providers/provider.ts";
import type { FundedRoute } from "./hold.ts";
import type { Run } from "./run.ts";

/** Upstreams of the operator's own that are told of the trace: a stranger learns nothing of it. */
const goesOnWithTraces = new Set(["litellm"]);

/** Begins the span of the next attempt; gives what its upstream is told of it. */
export function beginAttemptSpan(run: Run, route: FundedRoute, baseUrl: string): string | undefined {
  if (run.trace === null) return undefined;
  const { requestId, appId, featureKey } = run.facts;
  run.attemptSpan = run.trace.attempt({
    requestId: `req_${requestId}`,
    appId,
    featureKey,
    routeMode: route.mode,
    attempt: run.attempts.length + 1,
    provider: route.provider,
    model: route.model,
    baseUrl,
    stream: run.isStream,
    maxOutputTokens: route.outputTokens,
  });
  return goesOnWithTraces.has(route.provider) ? run.attemptSpan.traceparent : undefined;
}

/** An attempt that failed before it began to answer. */
export function failAttemptSpan(run: Run, error: UpstreamError): void {
  run.attemptSpan?.end({ errorType: error.kind, status: error.status });
}

/** The attempt that answered, once its request is over. */
export function endAttemptSpan(run: Run): void {
  if (run.attemptSpan === null) return;
  const { ending } = run;
  run.attemptSpan.end({
    errorType: errorTypeOf(run),
    answeredModel: run.tap.model,
    finishReasons: run.tap.finishReasons,
    ...(ending === null
      ? {}
      : {
          inputTokens: ending.counts.input + ending.counts.cachedInput + ending.counts.cacheWrite,
          outputTokens: ending.counts.output + ending.counts.reasoning,
          chargeUsd: formatUsd(ending.chargeUsd),
        }),
  });
}

function errorTypeOf(run: Run): string | null {
  if (run.ending?.outcome === "succeeded") return null;
  if (run.stopReason === "client_left") return "client_closed_request";
  const outcome = run.attempts.at(-1)?.outcome;
  return outcome === undefined || outcome === "ok" ? (run.ending?.outcome ?? "interrupted") : outcome;
}
