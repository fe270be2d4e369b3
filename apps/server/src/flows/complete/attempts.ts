import { ApiError } from "../../lib/errors.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { formatUsd, zeroUsd } from "../../lib/money.ts";
import { createAnswerTap, isEmptyAnswer } from "../../modules/metering/metering.ts";
import { costOf } from "../../modules/pricing/pricing.ts";
import type { Dialect, Upstreams } from "../../modules/routing/routing.ts";
import type {
  JsonObject,
  Provider,
  UpstreamAnswer,
  UpstreamEvent,
  UpstreamTimeouts,
} from "../../providers/provider.ts";
import { UpstreamError } from "../../providers/provider.ts";
import { beginAttemptSpan, failAttemptSpan } from "./attempt-span.ts";
import type { FundedRoute } from "./hold.ts";
import type { InFlight } from "./in-flight.ts";
import { outgoingBody } from "./request-body.ts";
import type { Run } from "./run.ts";
import { reportedUsage } from "./usage.ts";

export type AttemptContext = {
  providers: Readonly<Record<Dialect, Provider>>;
  upstreams: Upstreams;
  inFlight: InFlight;
  timeouts: { streamed: UpstreamTimeouts; unstreamed: UpstreamTimeouts };
  eventLimitBytes: number;
  maxRetries: number;
  retryDelayMs: number;
  now: () => number;
  onAttempt: (provider: string, result: string) => void;
  /** Upstream's time: until there was a connection, until its answer began, until it was over. */
  onUpstream: (provider: string, phase: "connect" | "first_byte" | "total", ms: number) => void;
};

/** An answer that has begun: a whole body, or the first event and the rest. */
export type BegunAnswer =
  | { kind: "json"; body: JsonObject }
  | {
      kind: "stream";
      first: IteratorResult<UpstreamEvent, void>;
      events: AsyncIterator<UpstreamEvent, void>;
    };

const longestRetryAfterMs = 5_000;
const mostAttempts = 12;

/**
 * Tries the funded routes in order until one begins to answer. Everything here happens before the client has seen a
 * byte, so a failure may still be tried elsewhere; each try stands in the record.
 * @throws ApiError when nothing answered, UpstreamError `aborted` when the request was stopped
 */
export async function beginAnswer(run: Run, context: AttemptContext): Promise<BegunAnswer> {
  let last: UpstreamError | null = null;
  let retriedTimeout = false;
  for (const route of run.held.routes) {
    for (let retry = 0; retry <= context.maxRetries && run.attempts.length < mostAttempts; retry++) {
      run.route = route;
      run.tap = createAnswerTap();
      const outcome = await tryOnce(run, route, context);
      if (!(outcome instanceof UpstreamError)) return outcome;
      last = outcome;
      if (outcome.kind === "aborted") throw outcome;
      if (isCallersFault(outcome)) throw failureOf(outcome, run);
      if (outcome.kind.endsWith("timeout")) {
        if (retriedTimeout) throw failureOf(outcome, run);
        retriedTimeout = true;
      }
      if (!isWorthRetrying(outcome) || retry === context.maxRetries) break;
      await failpoint("before_retry");
      if (!(await waitBeforeRetry(outcome, retry, run, context))) break;
    }
  }
  throw failureOf(last, run);
}

/** What the client is told of a failed attempt; upstream's own words are never repeated. */
export function failureOf(error: UpstreamError | null, run: Run): ApiError {
  const details = { attempts: run.attempts.length, ...unaffordableOf(run) };
  if (error === null)
    return new ApiError("no_available_route", "The hold pays for none of the routes.", { details });
  if (error.refusal === "context_length") {
    return new ApiError("context_length_exceeded", "The prompt is longer than the model takes; shorten it.", {
      param: "messages",
      cause: error,
    });
  }
  if (isCallersFault(error)) {
    return new ApiError(
      error.refusal === "unsupported_parameter" ? "unsupported_parameter" : "invalid_request",
      error.param
        ? `The provider refused the field ${error.param}.`
        : "The provider refused this request as malformed.",
      { ...(error.param ? { param: error.param } : {}), cause: error },
    );
  }
  if (
    error.kind === "first_byte_timeout" ||
    error.kind === "idle_timeout" ||
    error.kind === "total_timeout"
  ) {
    return new ApiError("provider_timeout", "The provider did not answer in time; you were not charged.", {
      details,
      cause: error,
    });
  }
  const sentence =
    details.unaffordable_routes > 0
      ? "The provider failed, and the hold does not pay for the other route; you were not charged."
      : "The provider failed; you were not charged.";
  return new ApiError("provider_error", sentence, {
    details,
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000) }),
  });
}

async function tryOnce(
  run: Run,
  route: FundedRoute,
  context: AttemptContext,
): Promise<BegunAnswer | UpstreamError> {
  const upstream = context.upstreams.find(route.provider);
  const started = performance.now();
  if (!upstream) return new UpstreamError("connect", "the provider is no longer configured");
  let error: UpstreamError | null = null;
  run.attemptStartedAt = started;
  const traceparent = beginAttemptSpan(run, route, upstream.baseUrl);
  // A second key is tried where the first one is refused: keys are turned without a moment in which none works.
  for (const apiKey of upstream.keys.length > 0 ? upstream.keys : [null]) {
    try {
      await failpoint("before_upstream");
      const answer = await context.providers[upstream.dialect].open({
        baseUrl: upstream.baseUrl,
        apiKey,
        model: route.model,
        body: outgoingBody(run.asked, route, run.facts.endUserId),
        stream: run.asked.stream,
        timeouts: run.asked.stream ? context.timeouts.streamed : context.timeouts.unstreamed,
        eventLimitBytes: context.eventLimitBytes,
        signal: run.abort.signal,
        traceparent,
        onSent: () => {
          context.onUpstream(route.provider, "connect", performance.now() - started);
          run.sent = true;
          context.inFlight.sent(run.requestId);
        },
      });
      await failpoint("after_upstream_headers");
      const begun = await begin(answer, run);
      await failpoint("after_first_byte");
      run.firstByteMs ??= Math.round(performance.now() - run.startedAt);
      const latencyMs = note(run, route, "ok", "2xx", started, context);
      context.upstreams.record(route.provider, { failure: null, status: 200, latencyMs }, context.now());
      return begun;
    } catch (caught) {
      error = asUpstreamError(caught);
      if (error.status !== 401 && error.refusal !== "key_refused") break;
    }
  }
  failAttemptSpan(run, error!);
  noteFailure(run, route, error!, started, context);
  return error!;
}

async function begin(answer: UpstreamAnswer, run: Run): Promise<BegunAnswer> {
  if (answer.kind === "stream") {
    const events = answer.events[Symbol.asyncIterator]() as AsyncIterator<UpstreamEvent, void>;
    return { kind: "stream", events, first: await events.next() };
  }
  run.tap.message(answer.body);
  if (isEmptyAnswer(run.tap)) {
    throw new UpstreamError("malformed", "the answer is empty", { usage: run.tap.usage });
  }
  return { kind: "json", body: answer.body };
}

/** Records a failed attempt with what upstream says it took; a failed attempt is never the user's cost. */
function noteFailure(
  run: Run,
  route: FundedRoute,
  error: UpstreamError,
  started: number,
  context: AttemptContext,
): void {
  const reported = reportedUsage(error.usage);
  const costUsd = reported ? costOf(reported.tokens, route.price) : zeroUsd;
  if (costUsd > 0n) run.failedCostsUsd.push(costUsd);
  const statusClass = error.status === undefined ? null : `${Math.floor(error.status / 100)}xx`;
  const latencyMs = note(run, route, error.kind, statusClass, started, context, {
    cost_usd: formatUsd(costUsd),
    ...(costUsd > 0n ? { usage_source: "provider" as const } : {}),
  });
  // A client that left, or sent nonsense, says nothing about the health of its provider.
  if (error.kind === "aborted" || isCallersFault(error)) return;
  const attempt = { failure: error.kind, status: error.status, latencyMs };
  context.upstreams.record(route.provider, attempt, context.now());
}

function note(
  run: Run,
  route: FundedRoute,
  outcome: string,
  statusClass: string | null,
  started: number,
  context: AttemptContext,
  cost: { cost_usd?: string; usage_source?: "provider" } = {},
): number {
  const ms = Math.round(performance.now() - started);
  run.attempts.push({
    number: run.attempts.length + 1,
    provider: route.provider,
    model: route.model,
    outcome,
    status_class: statusClass,
    first_byte_ms: outcome === "ok" ? ms : null,
    duration_ms: ms,
    ...cost,
  });
  context.onAttempt(route.provider, outcome);
  context.onUpstream(route.provider, outcome === "ok" ? "first_byte" : "total", ms);
  return ms;
}

/** 400 and its like: another try, or another provider, would be refused the same way. */
function isCallersFault(error: UpstreamError): boolean {
  if (error.refusal === "model_unknown" || error.refusal === "key_refused") return false;
  return error.kind === "status" && error.status !== undefined && [400, 413, 422].includes(error.status);
}

function isWorthRetrying(error: UpstreamError): boolean {
  if (error.kind === "connect" || error.kind === "first_byte_timeout" || error.kind === "malformed")
    return true;
  if (error.kind !== "status" || error.status === undefined) return false;
  return error.status === 408 || error.status === 429 || error.status >= 500;
}

/**
 * Full jitter, or what upstream asked for; false when that is longer than anybody wants to wait.
 * @throws UpstreamError `aborted` when the request was stopped meanwhile
 */
async function waitBeforeRetry(
  error: UpstreamError,
  retry: number,
  run: Run,
  context: AttemptContext,
): Promise<boolean> {
  if (error.retryAfterMs !== undefined && error.retryAfterMs > longestRetryAfterMs) return false;
  const ms = error.retryAfterMs ?? Math.random() * context.retryDelayMs * 2 ** retry;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    run.abort.signal.addEventListener("abort", end, { once: true });
  });
  if (run.abort.signal.aborted) throw new UpstreamError("aborted", "the request ended before another try");
  return true;
}

function unaffordableOf(run: Run): { unaffordable_routes: number } {
  return { unaffordable_routes: run.held.unaffordable.length };
}

function asUpstreamError(caught: unknown): UpstreamError {
  if (caught instanceof UpstreamError) return caught;
  throw caught;
}
