import { ApiError } from "../../lib/errors.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { formatUsd, zeroUsd } from "../../lib/money.ts";
import { createAnswerTap, isEmptyAnswer } from "../../modules/metering/metering.ts";
import { costOf } from "../../modules/pricing/pricing.ts";
import {
  type Circuits,
  circuitName,
  type UpstreamAttempt,
  type Upstreams,
} from "../../modules/routing/routing.ts";
import type { Switches } from "../../modules/switch/switch.ts";
import type {
  JsonObject,
  Provider,
  UpstreamAnswer,
  UpstreamEvent,
  UpstreamTimeouts,
} from "../../providers/provider.ts";
import { TranslationRefusal, UpstreamError } from "../../providers/provider.ts";
import { beginAttemptSpan, failAttemptSpan } from "./attempt-span.ts";
import { failureOf, isCallersFault, isKeyRefused, isUpstreamsFault, isWorthRetrying } from "./failures.ts";
import type { FundedRoute } from "./hold.ts";
import type { InFlight } from "./in-flight.ts";
import type { PlannableKey } from "./payers.ts";
import { outgoingBody } from "./request-body.ts";
import type { Run } from "./run.ts";
import { reportedUsage } from "./usage.ts";

export type AttemptContext = {
  providers: { readonly [dialect in "openai" | "anthropic"]: Provider };
  upstreams: Upstreams;
  switches: Pick<Switches, "offFor">;
  circuits: Circuits;
  /** What is to be known of a key that served, or that its vendor refused. */
  onKey: (key: PlannableKey, outcome: "served" | "refused") => void;
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
  let isPassedBy = false;
  const refusedKeys = new Set<PlannableKey>();
  for (const route of run.held.routes) {
    // What was switched off since the plan was made is passed by.
    if (isSwitchedOff(route, context)) {
      isPassedBy = true;
      continue;
    }
    if (route.key !== null && refusedKeys.has(route.key)) continue;
    const circuit = circuitName(route.provider, route.key);
    const isAvoided = circuit !== null && context.circuits.isOpen(circuit);
    // Others have found out that nothing answers there. Where there is nowhere else to go it is asked all the same.
    if (isAvoided && route !== run.held.routes.at(-1)) continue;
    if (run.attempts.length >= mostAttempts) break;
    const outcome = await tryRoute(run, route, context);
    if (!(outcome instanceof UpstreamError)) return outcome;
    last = outcome;
    if (route.key !== null && isKeyRefused(outcome)) refusedKeys.add(route.key);
    if (circuit !== null && isUpstreamsFault(outcome)) context.circuits.failed(circuit);
    if (isCallersFault(outcome) || (outcome.kind.endsWith("timeout") && run.retriedTimeout)) break;
    if (outcome.kind.endsWith("timeout")) run.retriedTimeout = true;
  }
  if (last === null && isPassedBy) {
    throw new ApiError("no_available_route", "What would have served was switched off just now; try again.");
  }
  throw failureOf(last, run);
}

function isSwitchedOff({ provider, key }: FundedRoute, { switches, upstreams }: AttemptContext): boolean {
  if (key !== null) return switches.offFor({ provider, credentialId: key.id }) !== null;
  return upstreams.find(provider)?.status === "off";
}

/** One route until it begins to answer, or is not worth another try. @throws UpstreamError `aborted` */
async function tryRoute(
  run: Run,
  route: FundedRoute,
  context: AttemptContext,
): Promise<BegunAnswer | UpstreamError> {
  for (let retry = 0; ; retry++) {
    run.route = route;
    run.tap = createAnswerTap();
    const outcome = await tryOnce(run, route, context);
    if (!(outcome instanceof UpstreamError)) return outcome;
    if (outcome.kind === "aborted") throw outcome;
    const isLast = retry === context.maxRetries || run.attempts.length >= mostAttempts;
    if (isLast || isCallersFault(outcome) || !isWorthRetrying(outcome)) return outcome;
    if (outcome.kind.endsWith("timeout")) {
      if (run.retriedTimeout) return outcome;
      run.retriedTimeout = true;
    }
    await failpoint("before_retry");
    if (!(await waitBeforeRetry(outcome, retry, run, context))) return outcome;
  }
}

async function tryOnce(
  run: Run,
  route: FundedRoute,
  context: AttemptContext,
): Promise<BegunAnswer | UpstreamError> {
  const target = targetOf(route, context.upstreams);
  const started = performance.now();
  if (!target) return new UpstreamError("connect", "the provider is no longer configured");
  let error: UpstreamError | null = null;
  run.attemptStartedAt = started;
  const traceparent = beginAttemptSpan(run, route, target.baseUrl);
  // A second key is tried where the first one is refused: keys are turned without a moment in which none works.
  for (const apiKey of target.keys) {
    run.platformKeyId = route.key === null ? context.upstreams.keyId(route.provider, apiKey) : null;
    try {
      await failpoint("before_upstream");
      const answer = await context.providers[target.dialect].open({
        baseUrl: target.baseUrl,
        door: target.door,
        extraHeaders: target.extraHeaders,
        apiKey,
        model: route.model,
        body: outgoingBody(run.asked, route, run.facts.endUserId),
        stream: run.asked.stream,
        timeouts: run.asked.stream ? context.timeouts.streamed : context.timeouts.unstreamed,
        eventLimitBytes: context.eventLimitBytes,
        signal: run.abort.signal,
        // Whose upstream it is, is no business of anybody else's trace.
        traceparent: route.key === null ? traceparent : undefined,
        onSent: () => {
          context.onUpstream(route.provider, "connect", performance.now() - started);
          run.sent = true;
          context.inFlight.sent(run.requestId);
        },
      });
      await failpoint("after_upstream_headers");
      run.dropped = answer.dropped ?? [];
      const begun = await begin(answer, run);
      await failpoint("after_first_byte");
      run.firstByteMs ??= Math.round(performance.now() - run.startedAt);
      const latencyMs = note(run, route, "ok", "2xx", started, context);
      noteHealth(route, { failure: null, status: 200, latencyMs }, context);
      return begun;
    } catch (caught) {
      error = asUpstreamError(caught);
      if (!isKeyRefused(error)) break;
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
  run.noteFailedCost(costUsd);
  const statusClass = error.status === undefined ? null : `${Math.floor(error.status / 100)}xx`;
  const latencyMs = note(run, route, error.kind, statusClass, started, context, {
    cost_usd: formatUsd(costUsd),
    ...(costUsd > 0n ? { usage_source: "provider" as const } : {}),
  });
  // A client that left, or sent nonsense, says nothing about the health of its provider.
  if (error.kind === "aborted" || error.kind === "untranslatable" || isCallersFault(error)) return;
  noteHealth(route, { failure: error.kind, status: error.status, latencyMs }, context);
  if (route.key !== null && isKeyRefused(error)) context.onKey(route.key, "refused");
}

/** What an attempt says of its upstream's health, which traffic alone tells. */
function noteHealth(route: FundedRoute, attempt: UpstreamAttempt, context: AttemptContext): void {
  const circuit = circuitName(route.provider, route.key);
  if (route.key === null) context.upstreams.record(route.provider, attempt, context.now());
  else if (attempt.failure === null) context.onKey(route.key, "served");
  if (circuit !== null && attempt.failure === null) context.circuits.succeeded(circuit);
}

type Target = {
  baseUrl: string;
  dialect: "openai" | "anthropic";
  door: "operator" | "tenant";
  keys: readonly (string | null)[];
  extraHeaders?: Readonly<Record<string, string>> | undefined;
};

/** Where a route leads, and with which keys; `null` when it is gone meanwhile. */
function targetOf({ key, provider }: FundedRoute, upstreams: Upstreams): Target | null {
  if (key !== null) return { ...key, keys: [key.secret] };
  const upstream = upstreams.find(provider);
  if (!upstream) return null;
  const { baseUrl, dialect, keys } = upstream;
  return { baseUrl, dialect, door: "operator", keys: keys.length > 0 ? keys : [null] };
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

/** @throws anything that is no failure of upstream's */
function asUpstreamError(caught: unknown): UpstreamError {
  if (caught instanceof UpstreamError) return caught;
  if (caught instanceof TranslationRefusal)
    return new UpstreamError("untranslatable", caught.message, { param: caught.param, cause: caught });
  throw caught;
}
