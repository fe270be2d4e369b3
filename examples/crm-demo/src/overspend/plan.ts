import { toUnits } from "../money/amount.ts";
import { type Model, pricedModels } from "../requests/models.ts";

export type OverspendPlan = {
  model: string;
  requests: number;
  /** How many of them the money is for. */
  admitted: number;
  maxOutputTokens: number;
  choices: number;
  /** What each asks to reserve, in 1e-8 USD. */
  holdUnits: bigint;
};

/** A browser opens at most six connections to one origin (HTTP/1.1), so six requests are really at once. */
export const requestsAtOnce = 6;

// Source: wire.md §3 "Max output", 2026-11-25: a hold below 16 output tokens is refused.
const leastOutputTokens = 16n;
// OpenAI's own bound for `n`. Source: API reference of chat completions, 2026-11-25.
const mostChoices = 128;
const perMillion = 1_000_000n;

/**
 * Chooses output limit and number of answers so that one request reserves a little more than a quarter of the purse:
 * then three fit whole, the fourth is granted what is left, and the fifth finds nothing. `null`: no model has a price,
 * or the purse does not even pay for the least answer.
 */
export function planOverspend(
  models: readonly Model[],
  spendableUsd: string,
  inputBytes: number,
): OverspendPlan | null {
  const spendable = toUnits(spendableUsd);
  const model = dearest(models);
  if (!model) return null;
  const price = priceOf(model);
  const input = BigInt(inputBytes) * price.input + price.request;
  const mostTokens = BigInt(model.max_output_tokens ?? 4096);
  const wanted = (spendable * 26n * perMillion) / 100n - input;
  if (wanted <= 0n) return null;

  const choices = clamp(divideUp(wanted, mostTokens * price.output), 1n, BigInt(mostChoices));
  const tokens = clamp(divideUp(wanted, choices * price.output), leastOutputTokens, mostTokens);
  const hold = (outputTokens: bigint) => divideUp(input + outputTokens * choices * price.output, perMillion);
  if (hold(leastOutputTokens) > spendable) return null;
  return {
    model: model.id,
    requests: requestsAtOnce,
    admitted: countAdmitted(spendable, hold(tokens), hold(leastOutputTokens)),
    maxOutputTokens: Number(tokens),
    choices: Number(choices),
    holdUnits: hold(tokens),
  };
}

/** The rule of the gateway: a hold is cut to what is left, and refused where less than the least answer is left. */
function countAdmitted(spendable: bigint, hold: bigint, least: bigint): number {
  let left = spendable;
  let admitted = 0;
  while (admitted < requestsAtOnce && left >= least) {
    // What is left behind by a cut hold is less than one token of each answer, never enough for another request.
    left = left >= hold ? left - hold : 0n;
    admitted += 1;
  }
  return admitted;
}

function dearest(models: readonly Model[]): Model | undefined {
  return pricedModels(models)
    .filter((model) => priceOf(model).output > 0n)
    .sort((a, b) => (priceOf(b).output > priceOf(a).output ? 1 : -1))[0];
}

function priceOf(model: Model): { input: bigint; output: bigint; request: bigint } {
  const { input_usd = "0", output_usd = "0", reasoning_usd = "0", request_usd = "0" } = model.pricing ?? {};
  const output = toUnits(output_usd);
  const reasoning = toUnits(reasoning_usd);
  return {
    input: toUnits(input_usd),
    output: clamp(output, reasoning, output + reasoning),
    request: toUnits(request_usd),
  };
}

function divideUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}
