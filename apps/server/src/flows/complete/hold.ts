import type { TokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import { failpoint } from "../../lib/failpoint.ts";
import type { Usd } from "../../lib/money.ts";
import { type Books, isBudget, nobody } from "../../modules/books/books.ts";
import type { AccountSpec, KeyClaim, OpenItem, OpenResult, RequestFacts } from "../../modules/books/items.ts";
import type { SessionContext } from "../../modules/identity/session-context.ts";
import { promptTexts } from "../../modules/metering/metering.ts";
import { affordableAtCost, affordableOutputTokens } from "../../modules/pricing/pricing.ts";
import type { SpendingLimit } from "../spending-limits.ts";
import { type Answered, answered, asCounted, KeyBudgetSpent, refusal } from "./hold-refusal.ts";
import {
  boundInput,
  fits,
  keyBudgetsOf,
  leastOutputTokens,
  type Offer,
  offer,
  refuseUnfit,
} from "./offer.ts";
import type { Route } from "./payers.ts";
import type { Plan } from "./plan.ts";
import type { AskedCompletion } from "./request-body.ts";

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

export type HoldContext = {
  books: Books;
  counter: TokenCounter;
  holdDeadlineMs: number;
  topUpUrl: string | null;
  /** Whether this user may spend test money here. */
  spendsTest: boolean;
  /** Every limit on spending that applies to the request, beside wallet and session cap. */
  spendingLimits: readonly SpendingLimit[];
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
  let rest = plan;
  for (;;) {
    try {
      return await holdRoutes(rest, asked, factsOf(facts, rest), session, claim, context);
    } catch (error) {
      const others = error instanceof KeyBudgetSpent ? withoutKey(rest, error.credentialId) : [];
      if (others.length === 0) throw error;
      rest = { ...rest, routes: others };
    }
  }
}

const withoutKey = (plan: Plan, credentialId: string): Route[] =>
  plan.routes.filter(({ key }) => key?.id !== credentialId);

const factsOf = (facts: RequestFacts, { routes: [first] }: Plan): RequestFacts => ({
  ...facts,
  routeMode: first!.mode,
  provider: first!.provider,
  model: first!.model,
});

async function holdRoutes(
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
  const short =
    tried && tried.by.kind !== "credential" && byCount.minUsd > tried.by.balanceUsd - tried.by.heldUsd;
  if (tried && !claim && short) throw refusal(asCounted(tried.by, byCount.minUsd), context.topUpUrl);
  await failpoint("before_counted_hold");
  const decided = await open(byCount, true);
  if (decided.outcome === "refused") throw refusal(decided.by, context.topUpUrl);
  return heldOf(decided, plan, asked, byCount);

  async function open(offered: Offer, isFinal: boolean): Promise<Answered> {
    const budgets = keyBudgetsOf(offered);
    const item: OpenItem = {
      facts,
      minUsd: offered.minUsd,
      maxUsd: offered.maxUsd,
      accounts: [...accountsOf(session, context.spendingLimits), ...budgets],
      spendsTest: context.spendsTest,
      claim,
      // Where another key may still pay, this refusal is not the last word.
      isFinal: isFinal && budgets.every(({ ownerId }) => withoutKey(plan, ownerId).length === 0),
    };
    return answered(await openLeasing(item, context), context.topUpUrl);
  }
}

/** Requests that run at the same time take from each other what was leased for one of them; so often it is tried. */
const mostLeases = 16;

/**
 * An app's part of a budget is filled as it is needed: where that alone refuses, more of it is leased and the hold asked
 * again. Only the last refusal is kept as a key's answer.
 */
async function openLeasing(item: OpenItem, context: HoldContext): Promise<OpenResult> {
  const { books, holdDeadlineMs, spendingLimits } = context;
  const budgets = spendingLimits.filter(isBudget);
  if (budgets.length === 0) return books.open(item, holdDeadlineMs);
  const { appId, developerId } = item.facts;
  let needsWhole = true;
  for (let leases = 0; ; leases++) {
    const opened = await books.open({ ...item, isFinal: false, needsWhole }, holdDeadlineMs);
    if (opened.outcome !== "refused") return opened;
    const spec = budgets.find(({ kind, window }) => kind === opened.by.kind && window === opened.by.window);
    const covered =
      spec !== undefined &&
      leases < mostLeases &&
      (await books.lease({ appId, developerId, spec, needUsd: item.maxUsd }));
    if (covered || (spec !== undefined && needsWhole)) {
      // What is left of the budget is in the slice now, and a smaller hold may fit it.
      needsWhole = covered && needsWhole;
      continue;
    }
    return item.isFinal && item.claim ? books.open(item, holdDeadlineMs) : opened;
  }
}

/** The accounts that may refuse this request: the session's cap, where it has one, the wallet, and every limit. */
function accountsOf(session: SessionContext, limits: readonly SpendingLimit[]): AccountSpec[] {
  const base = { scopeId: nobody, setBy: "app", window: "total", zone: "UTC", limitUsd: null } as const;
  const wallet: AccountSpec = { ...base, kind: "wallet", ownerId: session.endUserId };
  if (session.maxSpendUsd === null) return [wallet, ...limits];
  return [
    { ...base, kind: "session", ownerId: session.sessionId, scopeId: session.endUserId },
    wallet,
    ...limits,
  ];
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
  const budgets = keyBudgetsOf(offered);
  const reserved = result.legs.filter(({ kind }) => kind === "credential");
  for (const { route, wanted } of offered.routes) {
    const bound = { inputTokens: offered.inputTokens, choices: asked.choices, wanted };
    const byPurse = affordableOutputTokens(route.price, route.rule, { ...bound, holdUsd });
    const budget = reserved[budgets.findIndex(({ ownerId }) => ownerId === route.key?.id)];
    const byKey = budget ? affordableAtCost(route.price, { ...bound, budgetUsd: budget.amountUsd }) : wanted;
    const outputTokens = Math.min(byPurse, byKey);
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
        ? { requested, granted: outputTokens, by: cutterOf(outputTokens, wanted, byKey, by) }
        : null,
    });
  }
  return { holdUsd, routes, unaffordable };
}

function cutterOf(granted: number, wanted: number, byKey: number, by: string): string {
  if (granted >= wanted) return "model";
  return byKey === granted ? "credential" : by;
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
