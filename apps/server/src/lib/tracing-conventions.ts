import type { AttemptEnding, AttemptStart, RequestEnding } from "./tracing.ts";

/**
 * What our facts are called in OpenTelemetry. The conventions for models are unfinished, so their names stand in this file
 * alone. Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and …/http/http-spans/, November 2026.
 */
type Attributes = Record<string, string | number | boolean | string[]>;

const operation = "chat";

/** `unmatched` is no route, so such a span is named by its method alone. */
export function requestSpanName({ method, route }: Pick<RequestEnding, "method" | "route">): string {
  return route === "unmatched" ? method : `${method} ${route}`;
}

export function requestAttributes(ending: RequestEnding): Attributes {
  const { facts } = ending;
  return present({
    "http.request.method": ending.method,
    "http.route": ending.route === "unmatched" ? undefined : ending.route,
    "http.response.status_code": ending.status,
    "error.type": requestErrorType(ending) ?? undefined,
    "modelfaucet.request_id": ending.requestId,
    "modelfaucet.app_id": facts.app_id,
    "modelfaucet.feature_key": facts.feature_key,
    "modelfaucet.route_mode": facts.route_mode,
    "modelfaucet.charge_usd": facts.charge_usd,
  });
}

/** Failures of ours, and streams that failed after their status had left; a caller's fault is no error of this span. */
export function requestErrorType({ status, errorCode, facts }: RequestEnding): string | null {
  if (status >= 500) return errorCode ?? String(status);
  if (status === 499) return "client_closed_request";
  return facts.outcome === "failed" || facts.outcome === "flagged" ? String(facts.outcome) : null;
}

export function attemptSpanName({ model }: Pick<AttemptStart, "model">): string {
  return `${operation} ${model}`;
}

export function attemptAttributes(start: AttemptStart): Attributes {
  const url = URL.parse(start.baseUrl);
  const port = url === null ? 0 : Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  return present({
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": start.provider,
    "gen_ai.request.model": start.model,
    "gen_ai.request.stream": start.stream,
    "gen_ai.request.max_tokens": start.maxOutputTokens || undefined,
    "server.address": url?.hostname,
    "server.port": port || undefined,
    "modelfaucet.request_id": start.requestId,
    "modelfaucet.app_id": start.appId,
    "modelfaucet.feature_key": start.featureKey,
    "modelfaucet.route_mode": start.routeMode,
    "modelfaucet.attempt": start.attempt,
  });
}

export function attemptEndAttributes(ending: AttemptEnding): Attributes {
  return present({
    "error.type": ending.errorType ?? undefined,
    "http.response.status_code": ending.status,
    "gen_ai.response.model": ending.answeredModel ?? undefined,
    // An upstream's words are told only where they are of the known kind.
    "gen_ai.response.finish_reasons": ending.finishReasons?.filter((reason) => knownReasons.has(reason)),
    "gen_ai.usage.input_tokens": ending.inputTokens,
    "gen_ai.usage.output_tokens": ending.outputTokens,
    "modelfaucet.charge_usd": ending.chargeUsd,
  });
}

const knownReasons = new Set(["stop", "length", "tool_calls", "function_call", "content_filter"]);

function present(attributes: Record<string, unknown>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(
      ([, value]) => value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0),
    ),
  ) as Attributes;
}
