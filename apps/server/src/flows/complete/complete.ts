import { createHash } from "node:crypto";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import { ApiError } from "../../lib/errors.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { requestIdOf } from "../../lib/ids.ts";
import { zeroUsd } from "../../lib/money.ts";
import type { RequestSpan } from "../../lib/tracing.ts";
import type { KeptAnswer } from "../../modules/answer/answer.ts";
import type { KeyClaim, RequestFacts } from "../../modules/books/items.ts";
import { createDebugRecord, type DebugLogs, type DebugRecord } from "../../modules/debug-log/debug-log.ts";
import { refuseSuspended, type SessionContext } from "../../modules/identity/identity.ts";
import type { PriceBook } from "../../modules/pricing/pricing.ts";
import type { RateLimiter } from "../../modules/rate/rate.ts";
import type { Switches } from "../../modules/switch/switch.ts";
import type { JsonObject } from "../../providers/provider.ts";
import { type CredentialRate, credentialClaim, rateClaimsOf } from "../rate-claims.ts";
import { type AppBounds, spendingLimitsOf } from "../spending-limits.ts";
import { refuseSwitchedOff, throttleClaims } from "../switched-off.ts";
import { completionBody } from "./answer.ts";
import { endAttemptSpan } from "./attempt-span.ts";
import { type AttemptContext, beginAnswer } from "./attempts.ts";
import { failureOf } from "./failures.ts";
import { type HoldContext, holdForPlan } from "./hold.ts";
import { AnsweredBefore, HoldUnknown } from "./hold-refusal.ts";
import { answerKeyOf, createRecording, keepBody } from "./keeping.ts";
import type { OwnKeyHeaders } from "./own-key.ts";
import type { PlannableKey } from "./payers.ts";
import { type Plan, type PlannableFeature, planCompletion } from "./plan.ts";
import { type PlanSources, planContextOf } from "./plan-context.ts";
import { type RelayContext, relayStream, settleStopped } from "./relay.ts";
import { type AskedCompletion, readCompletionBody } from "./request-body.ts";
import { Run } from "./run.ts";
import { settleFailure, settleSuccess } from "./settlement.ts";

export type CompleteContext = AttemptContext &
  RelayContext &
  Omit<PlanSources, "switches"> &
  Omit<HoldContext, "spendsTest" | "spendingLimits"> & {
    feed: ChangeFeed;
    prices: PriceBook;
    ownKeyOf: (headers: OwnKeyHeaders, isSecure: boolean) => PlannableKey | null;
    featuresOf: (appId: string) => Promise<readonly PlannableFeature[] | null>;
    boundsOf: (appId: string) => Promise<AppBounds | null>;
    rates: Pick<RateLimiter, "take">;
    switches: Switches;
    debugLogs: Pick<DebugLogs, "keep">;
    /** Whether the app records its calls just now. */
    isRecording: (appId: string) => Promise<boolean>;
    credentialRate: CredentialRate;
    /** Whether this session's user may spend test money; where payments are not hosted, everybody may. */
    spendsTest: (session: SessionContext) => boolean;
    onStage: (stage: "auth" | "plan" | "hold" | "relay" | "settle" | "total", ms: number) => void;
  };

export type CompletionRequest = {
  requestId: string;
  clientRequestId: string | null;
  session: SessionContext;
  body: unknown;
  /** The bytes that the client sent, for the fingerprint of its Idempotency-Key. */
  rawBody: Buffer;
  headers: {
    feature: string | null;
    route: string | null;
    idempotencyKey: string | null;
    /** `dedupe`: the key only keeps a repeat from being charged, and no answer is kept under it. */
    idempotency: string | null;
    /** The user's own key for this one request. */
    ownKey: OwnKeyHeaders;
  };
  /** Whether it came over TLS, or from this very machine where nothing is at stake. */
  isSecure: boolean;
  /** Whether the app's debug log is on. */
  isRecorded: boolean;
  startedAt: number;
  /** The request's span; `null` where nothing is traced. */
  trace: RequestSpan | null;
};

/** An admitted request. Its hold is committed; the answer is on its way. */
export type Completion = {
  run: Run;
  /** For a whole answer. @throws ApiError, settled at no charge */
  whole(): Promise<JsonObject>;
  /** For a stream: chunks as they come, the last one with the price. @throws ApiError, settled at no charge */
  chunks(): AsyncGenerator<JsonObject, void>;
};

/** The answer that was given to the same request before, under its caller's own key. */
export type Replay = { replayed: KeptAnswer; requestId: string };

/**
 * One request from plan to hold; what the client reads then carries it on to its settlement. A repeat of a request that
 * was served gets the answer that was kept for it.
 */
export async function admitCompletion(
  request: CompletionRequest,
  context: CompleteContext,
): Promise<Completion | Replay> {
  const claim = claimOf(request);
  const keeps = claim !== null && keepsAnswer(request);
  try {
    return await admit(request, claim, keeps, context);
  } catch (error) {
    if (!keeps || !(error instanceof AnsweredBefore)) throw error;
    const kept = await context.answers.find(answerKeyOf(request.session.appId, claim, error.requestId));
    if (kept === null) throw error;
    return { replayed: kept, requestId: error.requestId };
  }
}

async function admit(
  request: CompletionRequest,
  claim: KeyClaim | null,
  keeps: boolean,
  context: CompleteContext,
): Promise<Completion> {
  const admittedAt = performance.now();
  if (!context.feed.isFresh()) {
    throw new ApiError(
      "service_unavailable",
      "The gateway has lost touch with its database; try again in a few seconds.",
      {
        retryAfterSeconds: 2,
      },
    );
  }
  const { session } = request;
  refuseSwitchedOff(context.switches, session);
  refuseSuspended(session);
  if (session.walletStatus !== "active") {
    throw new ApiError("wallet_frozen", "This wallet is switched off for now; ask the app's support.");
  }
  const ownKey = context.ownKeyOf(request.headers.ownKey, request.isSecure);
  const asked = withOwnKey(readCompletionBody(request.body, request.headers), ownKey);
  const features = await context.featuresOf(session.appId);
  const bounds = await context.boundsOf(session.appId);
  if (!features || !bounds) throw new ApiError("invalid_app", "This app is not active.");
  const plan = planCompletion(asked, await planContextOf(session, features, context, ownKey));
  refuseSwitchedOff(context.switches, { ...session, featureKey: plan.feature.featureKey });
  const planned = performance.now();
  context.onStage("plan", planned - admittedAt);
  const facts: RequestFacts = {
    requestId: request.requestId,
    appId: session.appId,
    developerId: session.developerId,
    endUserId: session.endUserId,
    sessionId: session.sessionId,
    featureId: plan.feature.id,
    featureKey: plan.feature.featureKey,
    featureVersion: plan.feature.version,
    priceVersion: context.prices.version(),
    routeMode: plan.routes[0]!.mode,
    provider: plan.routes[0]!.provider,
    model: plan.routes[0]!.model,
    endpoint: "chat/completions",
    clientRequestId: request.clientRequestId,
  };
  const rates = await context.rates.take(
    [
      ...credentialClaim(context.credentialRate, "session", session.sessionId),
      ...rateClaimsOf(session, bounds, plan.feature, expectedTokens(plan, asked, request.rawBody)),
      ...throttleClaims(context.switches, facts),
    ],
    request.requestId,
  );
  await failpoint("before_hold");
  const held = await holdForPlan(plan, asked, facts, session, claim, {
    ...context,
    spendsTest: context.spendsTest(session),
    spendingLimits: spendingLimitsOf(session, bounds, plan.feature),
  }).catch((error: unknown) => {
    rates.undo();
    if (error instanceof HoldUnknown) closeUnknownHold(facts, plan, asked, claim, request.startedAt, context);
    throw error;
  });
  context.onStage("hold", performance.now() - planned);
  const recording = keeps ? createRecording() : null;
  const { startedAt, trace } = request;
  const run = new Run({ facts, plan, asked, held, claim, rates, recording, startedAt, trace });
  if (request.isRecorded) run.debug = createDebugRecord(request.rawBody);
  context.inFlight.add(run);
  await failpoint("after_hold");
  return { run, whole: () => wholeAnswer(run, context), chunks: () => streamedAnswer(run, context) };
}

/** Nobody waits for this: the client has its answer, and a close is repeated until it is done. */
function closeUnknownHold(
  facts: RequestFacts,
  plan: Plan,
  asked: AskedCompletion,
  claim: KeyClaim | null,
  startedAt: number,
  context: CompleteContext,
): void {
  const route = { ...plan.routes[0]!, outputTokens: 0, outputLimit: null };
  const held = { holdUsd: zeroUsd, routes: [route], unaffordable: [] };
  const run = new Run({
    facts,
    plan,
    asked,
    held,
    claim,
    rates: null,
    recording: null,
    startedAt,
    trace: null,
  });
  void settleFailure(run, "service_unavailable", context).catch(context.onError);
}

async function wholeAnswer(run: Run, context: CompleteContext): Promise<JsonObject> {
  try {
    const begun = await begin(run, context);
    if (begun.kind !== "json") throw new Error("a stream answered a request for a whole body");
    const settled = await settleSuccess(run, context);
    const body = completionBody(run, begun.body, settled);
    run.debug?.add(body);
    if (!settled.isPending) await keepBody(run, body, context);
    await failpoint("before_last_chunk");
    return body;
  } catch (error) {
    recordError(run, error);
    throw error;
  } finally {
    leave(run, context);
  }
}

async function* streamedAnswer(run: Run, context: CompleteContext): AsyncGenerator<JsonObject, void> {
  try {
    const begun = await begin(run, context);
    if (begun.kind !== "stream") throw new Error("a whole body answered a request for a stream");
    const chunks = relayStream(run, begun, context);
    yield* run.debug === null ? chunks : recorded(chunks, run.debug);
  } catch (error) {
    recordError(run, error);
    throw error;
  } finally {
    leave(run, context);
  }
}

async function* recorded(
  chunks: AsyncGenerator<JsonObject, void>,
  debug: DebugRecord,
): AsyncGenerator<JsonObject, void> {
  for await (const chunk of chunks) {
    debug.add(chunk);
    yield chunk;
  }
}

/** The error as its client is told. */
function recordError(run: Run, error: unknown): void {
  if (run.debug === null) return;
  const told = error instanceof ApiError ? error : new ApiError("internal_error", "Something broke here.");
  run.debug.add(told.envelope(requestIdOf(run.requestId)));
}

function leave(run: Run, context: CompleteContext): void {
  if (run.debug !== null) {
    const { appId, developerId, endUserId, requestId } = run.facts;
    context.debugLogs.keep({ appId, developerId, endUserId, requestId }, run.debug.bodies);
  }
  context.inFlight.remove(run.requestId);
  endAttemptSpan(run);
  if (run.firstByteMs !== null)
    context.onUpstream(run.route.provider, "total", performance.now() - run.attemptStartedAt);
  run.rates?.finish(run.ending?.tokens ?? 0);
}

/** Who brings a key pays with it. @throws invalid_request where the request says otherwise */
function withOwnKey(asked: AskedCompletion, ownKey: PlannableKey | null): AskedCompletion {
  if (ownKey === null) return asked;
  if (asked.routeMode !== null && asked.routeMode !== "byok") {
    throw new ApiError(
      "invalid_request",
      "route_mode is byok, or left out, where a key comes with the request.",
      {
        param: "route_mode",
      },
    );
  }
  return { ...asked, routeMode: "byok" };
}

/** What a request is counted with until its tokens are known: its bytes by four, and the output it may have. */
function expectedTokens(plan: Plan, asked: AskedCompletion, rawBody: Buffer): number {
  const output = asked.maxOutputTokens ?? plan.feature.policy.limits.max_output_tokens;
  return Math.ceil(rawBody.length / 4) + output * asked.choices;
}

/** Upstream's answer has begun, or the request is settled as failed and the failure thrown. */
async function begin(run: Run, context: CompleteContext) {
  try {
    if (run.held.routes.length === 0) throw failureOf(null, run);
    return await beginAnswer(run, context);
  } catch (error) {
    throw await settleStopped(run, error, context);
  }
}

/** @throws ApiError for a word that means nothing here */
function keepsAnswer({ headers }: CompletionRequest): boolean {
  if (headers.idempotency === null) return true;
  if (headers.idempotency === "dedupe") return false;
  throw new ApiError("invalid_request", "x-modelfaucet-idempotency is `dedupe`, or left out.", {
    param: "x-modelfaucet-idempotency",
  });
}

/** A key belongs to its end user and route; its fingerprint is of the bytes that were sent and of what else decides. */
function claimOf(request: CompletionRequest): KeyClaim | null {
  const key = request.headers.idempotencyKey;
  if (key === null) return null;
  if (key.length < 1 || key.length > 255) {
    throw new ApiError("invalid_request", "Idempotency-Key must have 1 to 255 characters.", {
      param: "Idempotency-Key",
    });
  }
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([request.headers.feature, request.headers.route, request.headers.ownKey.provider]))
    .update(request.rawBody)
    .digest("hex");
  return {
    caller: `end_user:${request.session.endUserId}`,
    route: "POST /v1/chat/completions",
    key,
    fingerprint,
  };
}
