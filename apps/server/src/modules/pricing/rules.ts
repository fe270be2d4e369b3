import {
  divideHalfEven,
  divideRoundingDown,
  divideRoundingUp,
  maxUsd,
  minUsd,
  subtractUsd,
  type Usd,
  zeroUsd,
} from "../../lib/money.ts";

/** USD (units of 1e-8) per million of the unit. */
export type PerMillion = {
  input: Usd;
  cachedInput: Usd;
  cacheWrite: Usd;
  output: Usd;
  reasoning: Usd;
  request: Usd;
};

/** What one model of one provider costs from one price version on. Lengths in tokens. */
export type ModelPrice = {
  provider: string;
  model: string;
  version: number;
  perMillion: PerMillion;
  /** Prices of requests with more input tokens than `aboveInputTokens`, ascending. */
  tiers: readonly { aboveInputTokens: number; perMillion: PerMillion }[];
  contextLength: number;
  maxOutputTokens: number;
  capabilities: readonly string[];
};

/** Disjoint counts: no token is in two of them. */
export type TokenCounts = {
  input: number;
  cachedInput: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
};

/**
 * How a feature turns cost into a charge on one route: `cost` with markup and fee; a `fixed` price, whatever it costs; or
 * the `fee` alone, where its user pays somebody else for the rest. Markup and share in basis points.
 */
export type ChargeRule = {
  basis: "cost" | "fixed" | "fee";
  markupBps: number;
  requestFeeUsd: Usd;
  /** With `fixed`; else 0. */
  fixedPriceUsd: Usd;
  developerShareBps: number;
};

/** Cost as it is, for a key's budget. */
const atCost: ChargeRule = {
  basis: "cost",
  markupBps: 0,
  requestFeeUsd: zeroUsd,
  fixedPriceUsd: zeroUsd,
  developerShareBps: 0,
};

export type PriceUnit = "input" | "cached_input" | "cache_write" | "output" | "reasoning" | "request";
export type PriceLine = { unit: PriceUnit; quantity: number; pricePerMillionUsd: Usd; amountUsd: Usd };

/**
 * Cost of one served request, and what the payer is charged for it before any cap. `lines` add up to `upstreamUsd`, which
 * is what the request took upstream, whoever pays it; `costUsd` is the part of that which stands in our books.
 */
export type Rated = { lines: PriceLine[]; upstreamUsd: Usd; costUsd: Usd; chargeUsd: Usd; feeUsd: Usd };

const million = 1_000_000n;
const wholeBps = 10_000n;

/** The one pricing function: quote, hold, settlement and receipt all come from it. */
export function rate(tokens: TokenCounts, price: ModelPrice, rule: ChargeRule): Rated {
  const prices = pricesAt(price, tokens.input + tokens.cachedInput + tokens.cacheWrite);
  const millionths = costMillionths(tokens, prices, 1);
  const upstreamUsd = divideHalfEven(millionths, million) as Usd;
  return {
    lines: linesOf(tokens, prices, upstreamUsd),
    upstreamUsd,
    costUsd: rule.basis === "fee" ? zeroUsd : upstreamUsd,
    chargeUsd: chargeFor(millionths, rule),
    feeUsd: rule.requestFeeUsd,
  };
}

/** Cost alone, for attempts that nobody is charged for. */
export function costOf(tokens: TokenCounts, price: ModelPrice): Usd {
  const prices = pricesAt(price, tokens.input + tokens.cachedInput + tokens.cacheWrite);
  return divideHalfEven(costMillionths(tokens, prices, 1), million) as Usd;
}

/**
 * What a request can cost its payer at most: every input token at the dearest input price, every output token at the
 * dearest output price, of the dearest tier that the input could reach.
 */
export function worstCaseUsd(
  price: ModelPrice,
  rule: ChargeRule,
  bound: { inputTokens: number; outputTokens: number; choices: number },
): Usd {
  const dearest = dearestPrices(price, bound.inputTokens);
  return chargeFor(
    BigInt(bound.inputTokens) * dearest.input +
      BigInt(bound.outputTokens) * BigInt(bound.choices) * dearest.output +
      dearest.request,
    rule,
  );
}

/** What the same takes upstream at most, whoever pays it. */
export function worstCaseCostUsd(
  price: ModelPrice,
  bound: { inputTokens: number; outputTokens: number; choices: number },
): Usd {
  return worstCaseUsd(price, atCost, bound);
}

/** The most output tokens per choice whose worst-case cost a key's budget of `budgetUsd` covers. */
export function affordableAtCost(
  price: ModelPrice,
  bound: { inputTokens: number; choices: number; wanted: number; budgetUsd: Usd },
): number {
  return affordableOutputTokens(price, atCost, { ...bound, holdUsd: bound.budgetUsd });
}

/** The most output tokens per choice whose worst case a hold of `holdUsd` covers, at most `wanted`; below 0: not even the input. */
export function affordableOutputTokens(
  price: ModelPrice,
  rule: ChargeRule,
  bound: { inputTokens: number; choices: number; wanted: number; holdUsd: Usd },
): number {
  if (rule.basis !== "cost") return bound.holdUsd >= chargeFor(0n, rule) ? bound.wanted : -1;
  const dearest = dearestPrices(price, bound.inputTokens);
  const spendable =
    divideRoundingDown(
      (bound.holdUsd - rule.requestFeeUsd) * million * wholeBps,
      wholeBps + BigInt(rule.markupBps),
    ) -
    BigInt(bound.inputTokens) * dearest.input -
    dearest.request;
  if (spendable < 0n) return -1;
  const perToken = dearest.output * BigInt(bound.choices);
  if (perToken === 0n) return bound.wanted;
  const tokens = spendable / perToken;
  return tokens > BigInt(bound.wanted) ? bound.wanted : Number(tokens);
}

/** Caps a charge at its hold; the fee is the last part that a capped charge still pays. */
export function capAtHold(rated: Rated, holdUsd: Usd): { chargeUsd: Usd; coveredCostUsd: Usd; feeUsd: Usd } {
  const chargeUsd = minUsd(rated.chargeUsd, holdUsd);
  const coveredCostUsd = minUsd(rated.costUsd, chargeUsd);
  return { chargeUsd, coveredCostUsd, feeUsd: minUsd(rated.feeUsd, subtractUsd(chargeUsd, coveredCostUsd)) };
}

/** The prices that a user pays per million: markup included, rounded up. */
export function pricesWithMarkup(price: ModelPrice, rule: ChargeRule): PerMillion {
  if (rule.basis !== "cost") {
    const each = (chargeFor(0n, rule) * million) as Usd;
    return { ...freeOfCharge, request: each };
  }
  const marked = (amount: Usd): Usd =>
    divideRoundingUp(amount * (wholeBps + BigInt(rule.markupBps)), wholeBps) as Usd;
  const { input, cachedInput, cacheWrite, output, reasoning, request } = price.perMillion;
  return {
    input: marked(input),
    cachedInput: marked(cachedInput),
    cacheWrite: marked(cacheWrite),
    output: marked(output),
    reasoning: marked(reasoning),
    request: (marked(request) + rule.requestFeeUsd * million) as Usd,
  };
}

/** The tier that a request of so many input tokens falls into. */
export function pricesAt(price: ModelPrice, inputTokens: number): PerMillion {
  let prices = price.perMillion;
  for (const tier of price.tiers) if (inputTokens > tier.aboveInputTokens) prices = tier.perMillion;
  return prices;
}

function dearestPrices(price: ModelPrice, inputTokens: number): { input: Usd; output: Usd; request: Usd } {
  const reachable = [
    price.perMillion,
    ...price.tiers.filter((tier) => inputTokens > tier.aboveInputTokens).map((tier) => tier.perMillion),
  ];
  return {
    input: maxUsd(
      zeroUsd,
      ...reachable.flatMap((prices) => [prices.input, prices.cachedInput, prices.cacheWrite]),
    ),
    output: maxUsd(zeroUsd, ...reachable.flatMap((prices) => [prices.output, prices.reasoning])),
    request: maxUsd(zeroUsd, ...reachable.map((prices) => prices.request)),
  };
}

function costMillionths(tokens: TokenCounts, prices: PerMillion, requests: number): bigint {
  return (
    BigInt(tokens.input) * prices.input +
    BigInt(tokens.cachedInput) * prices.cachedInput +
    BigInt(tokens.cacheWrite) * prices.cacheWrite +
    BigInt(tokens.output) * prices.output +
    BigInt(tokens.reasoning) * prices.reasoning +
    BigInt(requests) * prices.request
  );
}

const freeOfCharge: PerMillion = {
  input: zeroUsd,
  cachedInput: zeroUsd,
  cacheWrite: zeroUsd,
  output: zeroUsd,
  reasoning: zeroUsd,
  request: zeroUsd,
};

/** What a model is planned with that our price book does not know, where its cost is no business of our books. */
export function unknownPrice(provider: string, model: string): ModelPrice {
  return {
    provider,
    model,
    version: 0,
    perMillion: freeOfCharge,
    tiers: [],
    contextLength: 10_000_000,
    maxOutputTokens: 10_000_000,
    capabilities: [],
  };
}

/** Cost with markup, rounded up once, plus the fee. `millionths` is the exact cost times a million. */
function chargeFor(millionths: bigint, rule: ChargeRule): Usd {
  if (rule.basis === "fee") return rule.requestFeeUsd;
  if (rule.basis === "fixed") return rule.fixedPriceUsd;
  const marked = divideRoundingUp(millionths * (wholeBps + BigInt(rule.markupBps)), million * wholeBps);
  return (marked + rule.requestFeeUsd) as Usd;
}

/** Lines that add up to the cost: each shows the running total's growth, so the last one carries the rounding. */
function linesOf(tokens: TokenCounts, prices: PerMillion, costUsd: Usd): PriceLine[] {
  const parts: [PriceUnit, number, Usd][] = [
    ["input", tokens.input, prices.input],
    ["cached_input", tokens.cachedInput, prices.cachedInput],
    ["cache_write", tokens.cacheWrite, prices.cacheWrite],
    ["output", tokens.output, prices.output],
    ["reasoning", tokens.reasoning, prices.reasoning],
    ["request", 1, prices.request],
  ];
  const shown = parts.filter(([unit, quantity, price]) => quantity > 0 && (unit !== "request" || price > 0n));
  let rest = costUsd as bigint;
  return shown.map(([unit, quantity, pricePerMillionUsd], index) => {
    const own = divideHalfEven(BigInt(quantity) * pricePerMillionUsd, million);
    const amount = index === shown.length - 1 || own > rest ? rest : own;
    rest -= amount;
    return { unit, quantity, pricePerMillionUsd, amountUsd: amount as Usd };
  });
}
