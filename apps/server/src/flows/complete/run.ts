import { addUsd, formatUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import type { AttemptSpan, RequestSpan } from "../../lib/tracing.ts";
import type { AttemptRecord, KeyClaim, RequestFacts } from "../../modules/books/items.ts";
import type { DebugRecord } from "../../modules/debug-log/debug-log.ts";
import { type AnswerTap, createAnswerTap, promptTexts } from "../../modules/metering/metering.ts";
import { costOf, type TokenCounts } from "../../modules/pricing/pricing.ts";
import type { RateGrant } from "../../modules/rate/rate.ts";
import type { FundedRoute, Held } from "./hold.ts";
import type { StopReason } from "./in-flight.ts";
import type { Recording } from "./keeping.ts";
import type { Plan } from "./plan.ts";
import type { AskedCompletion } from "./request-body.ts";

/** One admitted request on its way from hold to settlement: what is known of it so far. */
export class Run {
  readonly facts: RequestFacts;
  readonly plan: Plan;
  readonly asked: AskedCompletion;
  readonly held: Held;
  readonly claim: KeyClaim | null;
  /** Its part of rates and its place among the requests at a time. */
  readonly rates: RateGrant | null;
  /** Where the answer is to be kept for its caller's own Idempotency-Key. */
  readonly recording: Recording | null;
  /** What is said, for the app's debug log; `null` where that is off. */
  debug: DebugRecord | null = null;
  readonly attempts: AttemptRecord[] = [];
  /** Fields of the request that upstream's dialect had no word for. */
  dropped: readonly string[] = [];
  readonly failedCostsUsd: Usd[] = [];
  /** What failed attempts took of keys that are not the operator's. */
  readonly failedKeyCostsUsd = new Map<string | null, Usd>();
  readonly abort = new AbortController();
  readonly startedAt: number;
  /** The request's own span and that of the attempt that runs; `null` where nothing is traced. */
  readonly trace: RequestSpan | null;
  attemptSpan: AttemptSpan | null = null;
  attemptStartedAt = 0;
  tap: AnswerTap = createAnswerTap();
  route: FundedRoute;
  /** After a timeout there is one more try, wherever it goes. */
  retriedTimeout = false;
  /** The platform's stored key that the attempt is made with; `null` for one of the environment, or of somebody else. */
  platformKeyId: string | null = null;
  sent = false;
  saidDone = false;
  stopReason: StopReason | null = null;
  firstByteMs: number | null = null;
  /** How long the answer waited for its settlement; `null` before it. */
  settleMs: number | null = null;
  /** When the chunk that is at hand came, and what all of them took of our time. */
  chunkAt = 0;
  relayMs = 0;
  /** How it ended, what it cost its payer and how many tokens it was, once that is decided. */
  ending: { outcome: string; chargeUsd: Usd; tokens: number; counts: TokenCounts } | null = null;

  constructor(parts: {
    facts: RequestFacts;
    plan: Plan;
    asked: AskedCompletion;
    held: Held;
    claim: KeyClaim | null;
    rates: RateGrant | null;
    recording: Recording | null;
    startedAt: number;
    trace: RequestSpan | null;
  }) {
    this.facts = parts.facts;
    this.plan = parts.plan;
    this.asked = parts.asked;
    this.held = parts.held;
    this.claim = parts.claim;
    this.rates = parts.rates;
    this.recording = parts.recording;
    this.startedAt = parts.startedAt;
    this.trace = parts.trace;
    this.route = parts.held.routes[0]!;
  }

  get requestId(): string {
    return this.facts.requestId;
  }

  get appId(): string {
    return this.facts.appId;
  }

  get subject() {
    const { developerId, appId, featureKey, endUserId, sessionId } = this.facts;
    const { provider, key } = this.route;
    const credentialId = key === null ? this.platformKeyId : key.id;
    return { developerId, appId, featureKey, endUserId, sessionId, provider, credentialId };
  }

  get isStream(): boolean {
    return this.asked.stream;
  }

  /** Every choice that was asked for has its finish reason: what follows is bookkeeping. */
  get isAnswered(): boolean {
    return this.tap.isFinished && this.tap.finishedChoices >= this.asked.choices;
  }

  stop(reason: StopReason): void {
    // An answer that has been relayed whole is finished, whoever left meanwhile.
    if (this.stopReason !== null || (reason === "client_left" && this.isAnswered)) return;
    this.stopReason = reason;
    this.abort.abort();
  }

  progress() {
    const output = Math.ceil(this.tap.relayedBytes / 4);
    const begun =
      output === 0 || this.route.key !== null
        ? zeroUsd
        : costOf({ ...this.roughInput(), output }, this.route.price);
    return {
      attempt: this.attempts.length,
      sent: this.sent,
      output_tokens: output,
      cost_usd: formatUsd(addUsd(begun, ...this.failedCostsUsd)),
    };
  }

  /** What a failed attempt took: the operator's loss on the operator's keys, else its key's. */
  noteFailedCost(costUsd: Usd): void {
    if (costUsd === 0n) return;
    const { key } = this.route;
    if (key === null) this.failedCostsUsd.push(costUsd);
    else this.failedKeyCostsUsd.set(key.id, addUsd(this.failedKeyCostsUsd.get(key.id) ?? zeroUsd, costUsd));
  }

  /** What the prompt may have cost so far, should this process die: bytes / 4, without a tokenizer. */
  private roughInput() {
    const bytes = promptTexts(this.asked.body).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return { input: Math.ceil(bytes / 4), cachedInput: 0, cacheWrite: 0, reasoning: 0 };
  }
}
