import { type FaucetClient, FaucetNetworkError, FaucetServerError } from "@modelfaucet/sdk";
import { unitsOf, usdOf } from "../format.ts";

/** What the user pays with credits, per million units, as `GET /v1/models` of the gateway lists it. */
export type ModelPrice = {
  id: string;
  provider: string;
  inputUsd: string;
  outputUsd: string;
  requestUsd: string;
  maxOutputTokens: number | undefined;
};

type Listed = {
  id: string;
  owned_by: string;
  max_output_tokens?: number;
  pricing?: { input_usd: string; output_usd: string; reasoning_usd?: string; request_usd?: string };
};

/** The models that the session may call with credits and what they take, whoever pays at the moment. */
export async function readPrices(
  client: FaucetClient,
  gatewayBaseUrl: string,
  signal: AbortSignal,
): Promise<ModelPrice[]> {
  const url = `${gatewayBaseUrl.replace(/\/+$/, "")}/models`;
  const headers = { "x-modelfaucet-route": "platform" };
  const response = await client.fetch(url, { signal, headers }).catch((cause: unknown) => {
    throw new FaucetNetworkError("The gateway cannot be reached.", { code: "network_error", cause });
  });
  const body = (await response.json().catch(() => ({}))) as { data?: Listed[] };
  if (!response.ok || !Array.isArray(body.data)) {
    throw new FaucetServerError("The gateway did not list its models.", {
      code: "unexpected_answer",
      status: response.status,
    });
  }
  return body.data.flatMap(({ id, owned_by, pricing, max_output_tokens }) =>
    pricing
      ? [
          {
            id,
            provider: owned_by,
            inputUsd: pricing.input_usd,
            // Reasoning is output, too: where it has a price of its own, the dearer one is the honest one.
            outputUsd: dearer(pricing.output_usd, pricing.reasoning_usd ?? "0"),
            requestUsd: pricing.request_usd ?? "0",
            maxOutputTokens: max_output_tokens,
          },
        ]
      : [],
  );
}

/** The price that `model` is billed at: its own, or of `auto:<feature>`, or of the first one that is listed. */
export function priceOf(
  prices: readonly ModelPrice[],
  feature: string,
  model: string | undefined,
): ModelPrice | undefined {
  const named = (id: string) => prices.find((price) => price.id === id || price.id.endsWith(`/${id}`));
  if (model !== undefined && !model.startsWith("auto:")) return named(model);
  return named(`auto:${feature}`) ?? prices.find((price) => !price.id.startsWith("auto:"));
}

export type Estimate = { estimateUsd: string; maximumUsd: string };

/** An answer of a chat is seldom longer; an estimate assumes no more than this. */
const usualOutputTokens = 300;
/** Names and brackets of a request count as input, too. */
const otherBytes = 250;
const perMillion = 1_000_000n;
const defaultOutputTokens = 4096;

/**
 * About: four bytes a token, an answer of usual length. At most: a token for each byte and the longest answer, which is what
 * the server reserves. `text` is everything that is sent.
 */
export function estimate(price: ModelPrice, text: string, maxOutputTokens?: number): Estimate | null {
  const [input, output, request] = [price.inputUsd, price.outputUsd, price.requestUsd].map(unitsOf);
  if (input == null || output == null || request == null) return null;
  const bytes = BigInt(new TextEncoder().encode(text).length + otherBytes);
  const limit = least(maxOutputTokens ?? defaultOutputTokens, price.maxOutputTokens ?? maxOutputTokens);
  const most = bytes * input + BigInt(limit) * output + request;
  const usual = (bytes / 4n) * input + BigInt(least(limit, usualOutputTokens)) * output + request;
  return { estimateUsd: usdOf(divideUp(usual)), maximumUsd: usdOf(divideUp(most)) };
}

function divideUp(units: bigint): bigint {
  return (units + perMillion - 1n) / perMillion;
}

function least(a: number, b: number | undefined): number {
  return b === undefined || a < b ? a : b;
}

function dearer(a: string, b: string): string {
  return (unitsOf(a) ?? 0n) < (unitsOf(b) ?? 0n) ? b : a;
}
