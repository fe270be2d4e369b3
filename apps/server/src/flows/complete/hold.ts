import { ApiError } from "../../lib/errors.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { receiptIdOf, requestIdOf } from "../../lib/ids.ts";
import { formatUsd, maxUsd, minUsd, type Usd } from "../../lib/money.ts";
import type { TokenCounter } from "../../lib/token-counter/token-counter.ts";
import { type Books, nobody } from "../../modules/books/books.ts";
import type {
  AccountSpec,
  KeyClaim,
  OpenItem,
  OpenResult,
  RefusedBy,
  RequestFacts,
} from "../../modules/books/items.ts";
import type { SessionContext } from "../../modules/identity/session-context.ts";
import { boundInputTokens, type InputBound, promptTexts } from "../../modules/metering/metering.ts";
import { affordableOutputTokens, type ChargeRule, worstCaseUsd } from "../../modules/pricing/pricing.ts";
import type { Plan, Route } from "./plan.ts";
import type { AskedCompletion } from "./request-body.ts";

/** A request is refused rather than answered with a word: below this many output tokens there is no hold. */
const leastOutputTokens = 16;
const tokenizerMargin = { exact: 1.05, other: 1.5 };

export type OutputLimit = { requested: number; granted: number; by: string };

/** A route that the hold pays for, with the output limit that upstream is sent. */
export type FundedRoute = Route & { outputTokens: number; outputLimit: OutputLimit | null };

export type Held = {
  holdUsd: Usd;
  routes: readonly FundedRoute[];
  /** Routes that the hold does not pay sixteen tokens of. */
  unaffordable: readonly Route[];
};

/** The database did not answer in time. The hold may be committed: its request has to be closed. */
export class HoldUnknown extends ApiError {
  constructor() {
    super("service_unavailable", "The service cannot reach its database; try again in a few seconds.", {
      retryAfterSeconds: 2,
      cause: "the outcome of the hold is unknown",
    });
  }
}

export type HoldContext = {
  books: Books;
  counter: TokenCounter;
  holdDeadlineMs: number;
  topUpUrl: string | null;
  /** Whether this user may spend test money here. */
  spendsTest: boolean;
};

/**
 * Commits the worst case before anything goes upstream. The input is bounded by its bytes; only where that bound alone
 * refuses, it is counted and asked once more.
 * @throws insufficient_balance, budget_exceeded, price_above_maximum, wallet_frozen, context_length_exceeded, conflicts of
 * the key, HoldUnknown
 */
export async function holdForPlan(
  plan: Plan,
  asked: AskedCompletion,
  facts: RequestFacts,
  session: SessionContext,
  claim: KeyClaim | null,
  context: HoldContext,
): Promise<Held> {
  const bounded = boundInput(plan, asked);
  const byBytes = offer(plan, asked, bounded.maxTokens);
  const tried = fits(plan, byBytes) ? await open(byBytes, false) : null;
  if (tried?.outcome === "held") return heldOf(tried, plan, asked, byBytes);
  const images = bounded.maxTokens - bounded.textBytes;
  const byCount = offer(plan, asked, await countInput(asked, context.counter, images, bounded.maxTokens));
  refuseUnfit(plan, byCount);
  // Without a key there is nothing to keep the refusal for, so what is short by the count too is not asked again.
  if (tried && !claim && byCount.minUsd > tried.by.balanceUsd - tried.by.heldUsd)
    throw refusal(asCounted(tried.by, byCount.minUsd), context.topUpUrl);
  await failpoint("before_counted_hold");
  const decided = await open(byCount, true);
  if (decided.outcome === "refused") throw refusal(decided.by, context.topUpUrl);
  return heldOf(decided, plan, asked, byCount);

  async function open(offered: Offer, isFinal: boolean): Promise<Answered> {
    const { minUsd: least, maxUsd: most } = offered;
    const item: OpenItem = {
      facts,
      minUsd: least,
      maxUsd: most,
      accounts: accountsOf(session),
      spendsTest: context.spendsTest,
      claim,
      isFinal,
    };
    return answered(await context.books.open(item, context.holdDeadlineMs), context);
  }
}

/** The bound of the prompt on whichever route counts its images dearest. */
function boundInput(plan: Plan, asked: AskedCompletion): InputBound {
  const [first, ...others] = plan.routes;
  const bound = boundInputTokens(asked.body, first!.model);
  if (bound.images === 0) return bound;
  return others
    .map((route) => boundInputTokens(asked.body, route.model))
    .reduce((most, other) => (other.maxTokens > most.maxTokens ? other : most), bound);
}

type Offer = {
  inputTokens: number;
  minUsd: Usd;
  maxUsd: Usd;
  routes: readonly { route: Route; wanted: number; minUsd: Usd }[];
};

/** From the cheapest that can be admitted to the worst case of the dearest route. */
function offer(plan: Plan, asked: AskedCompletion, inputTokens: number): Offer {
  const routes = plan.routes.map((route) => {
    const wanted = Math.min(
      asked.maxOutputTokens ?? plan.feature.policy.limits.max_output_tokens,
      route.maxOutputTokens,
    );
    const bound = { inputTokens, choices: asked.choices };
    return {
      route,
      wanted,
      minUsd: worstCaseUsd(route.price, plan.rule, {
        ...bound,
        outputTokens: Math.min(wanted, leastOutputTokens),
      }),
      maxUsd: worstCaseUsd(route.price, plan.rule, { ...bound, outputTokens: wanted }),
    };
  });
  const least = routes.reduce((min, { minUsd: usd }) => minUsd(min, usd), routes[0]!.minUsd);
  const most = routes.reduce((max, { maxUsd: usd }) => maxUsd(max, usd), routes[0]!.maxUsd);
  return {
    inputTokens,
    minUsd: least,
    maxUsd: plan.maxPriceUsd === null ? most : maxUsd(least, minUsd(most, plan.maxPriceUsd)),
    routes,
  };
}

/** What the model and the feature allow, judged before any account is asked. */
function fits(plan: Plan, offered: Offer): boolean {
  const { limits } = plan.feature.policy;
  if (limits.max_input_tokens !== undefined && offered.inputTokens > limits.max_input_tokens) return false;
  if (plan.maxPriceUsd !== null && offered.minUsd > plan.maxPriceUsd) return false;
  return offered.routes.some(
    ({ route }) => offered.inputTokens + leastOutputTokens <= route.price.contextLength,
  );
}

function refuseUnfit(plan: Plan, offered: Offer): void {
  if (fits(plan, offered)) return;
  const { limits } = plan.feature.policy;
  if (plan.maxPriceUsd !== null && offered.minUsd > plan.maxPriceUsd) {
    throw new ApiError(
      "price_above_maximum",
      "This request can cost more than the feature allows for one; shorten it.",
      {
        details: {
          limit: "request",
          maximum_usd: formatUsd(plan.maxPriceUsd),
          required_usd: formatUsd(offered.minUsd),
        },
      },
    );
  }
  const longest = Math.max(...plan.routes.map(({ price }) => price.contextLength));
  const contextLength = Math.min(limits.max_input_tokens ?? longest, longest);
  throw new ApiError(
    "context_length_exceeded",
    `The prompt is longer than the ${contextLength} tokens that are possible here.`,
    {
      param: "messages",
      details: { context_length: contextLength, prompt_tokens: offered.inputTokens },
    },
  );
}

/** The accounts that may refuse this request: the session's cap, where it has one, and the wallet. */
function accountsOf(session: SessionContext): AccountSpec[] {
  const base = { scopeId: nobody, setBy: "app", window: "total", zone: "UTC", limitUsd: null } as const;
  const wallet: AccountSpec = { ...base, kind: "wallet", ownerId: session.endUserId };
  if (session.maxSpendUsd === null) return [wallet];
  return [{ ...base, kind: "session", ownerId: session.sessionId, scopeId: session.endUserId }, wallet];
}

type Answered = Extract<OpenResult, { outcome: "held" | "refused" }>;

function answered(result: OpenResult, context: HoldContext): Answered {
  if (result.outcome === "held" || result.outcome === "refused") return result;
  if (result.outcome === "key_refused") throw refusal(result.by, context.topUpUrl);
  if (result.outcome === "unknown") throw new HoldUnknown();
  const details = { request_id: requestIdOf(result.requestId), receipt_id: receiptIdOf(result.requestId) };
  if (result.state === "mismatch") {
    throw new ApiError(
      "idempotency_mismatch",
      "This Idempotency-Key was used with another body; use a new key.",
      {
        param: "Idempotency-Key",
      },
    );
  }
  if (result.state === "running") {
    throw new ApiError(
      "idempotency_in_progress",
      "A request under this Idempotency-Key is still running; wait for it.",
      {
        retryAfterSeconds: 1,
        details: { request_id: details.request_id },
      },
    );
  }
  throw new ApiError(
    "conflict",
    "This request has been answered and charged already; its receipt tells what it cost.",
    {
      details: { reason: "already_done", ...details },
    },
  );
}

function heldOf(
  result: Extract<OpenResult, { outcome: "held" }>,
  plan: Plan,
  asked: AskedCompletion,
  offered: Offer,
): Held {
  const { holdUsd } = result;
  const by =
    result.cutBy ?? (plan.maxPriceUsd !== null && holdUsd === plan.maxPriceUsd ? "feature" : "wallet");
  const routes: FundedRoute[] = [];
  const unaffordable: Route[] = [];
  for (const { route, wanted } of offered.routes) {
    const outputTokens = grantedTokens(route, plan.rule, asked, offered.inputTokens, wanted, holdUsd);
    if (outputTokens < Math.min(wanted, leastOutputTokens)) {
      unaffordable.push(route);
      continue;
    }
    const requested = asked.maxOutputTokens ?? wanted;
    const cut = outputTokens < requested;
    routes.push({
      ...route,
      outputTokens,
      outputLimit: cut
        ? { requested, granted: outputTokens, by: outputTokens < wanted ? by : "model" }
        : null,
    });
  }
  return { holdUsd, routes, unaffordable };
}

function grantedTokens(
  route: Route,
  rule: ChargeRule,
  asked: AskedCompletion,
  inputTokens: number,
  wanted: number,
  holdUsd: Usd,
): number {
  return affordableOutputTokens(route.price, rule, { inputTokens, choices: asked.choices, wanted, holdUsd });
}

/** Tokens of the prompt as counted here, with the margin for models whose tokenizer is another; never above the bound. */
async function countInput(
  asked: AskedCompletion,
  counter: TokenCounter,
  imageTokens: number,
  bound: number,
): Promise<number> {
  const texts = promptTexts(asked.body);
  const counted = await counter.count(texts);
  const margin =
    /(^|\/)(gpt-|o\d|chatgpt)/.test(asked.model) && counted.exact
      ? tokenizerMargin.exact
      : tokenizerMargin.other;
  const messages = (asked.body.messages as unknown[]).length;
  return Math.min(bound, Math.ceil((counted.tokens + 8 * messages + 16) * margin) + imageTokens);
}

/** The same refusal, told of what the request needs by the count, which is less than its bytes suggested. */
function asCounted(by: RefusedBy, requiredUsd: Usd): RefusedBy {
  if (by.reason === "debt") return { ...by, requiredUsd };
  return { ...by, requiredUsd, reason: by.balanceUsd >= requiredUsd ? "held" : "balance" };
}

function refusal(by: RefusedBy, topUpUrl: string | null): ApiError {
  const required_usd = formatUsd(by.requiredUsd);
  if (by.kind === "session") {
    return new ApiError(
      "price_above_maximum",
      "This request can cost more than the session may still spend.",
      {
        details: {
          limit: "session",
          reason: by.reason,
          maximum_usd: formatUsd(by.balanceUsd),
          held_usd: formatUsd(by.heldUsd),
          required_usd,
        },
      },
    );
  }
  if (by.kind !== "wallet") {
    return new ApiError(
      "budget_exceeded",
      `The limit of the ${by.kind.replace("_", " ")} does not cover this request.`,
      {
        details: {
          level: by.kind,
          window: by.window,
          ...(by.limitUsd === null
            ? {}
            : { limit_usd: formatUsd(by.limitUsd), used_usd: formatUsd(by.limitUsd - by.balanceUsd) }),
          required_usd,
          set_by: by.setBy,
          zone: by.zone,
          ...(by.resetAt === null ? {} : { reset_at: by.resetAt }),
        },
      },
    );
  }
  if (by.reason === "debt") {
    return new ApiError("wallet_frozen", "The wallet is in debt; a top-up pays it first.", {
      details: { debt_usd: formatUsd(by.debtUsd), balance_usd: formatUsd(by.balanceUsd), required_usd },
    });
  }
  const sentence =
    by.reason === "held"
      ? "Running requests reserve what is left; wait for them, or add credit."
      : "There is not enough credit for this request; add credit or shorten it.";
  return new ApiError("insufficient_balance", sentence, {
    details: {
      reason: by.reason,
      balance_usd: formatUsd(by.balanceUsd),
      held_usd: formatUsd(by.heldUsd),
      required_usd,
      ...(topUpUrl === null ? {} : { top_up_url: topUpUrl }),
    },
  });
}
