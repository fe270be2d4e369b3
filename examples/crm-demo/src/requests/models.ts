import { type ChatMessage, FaucetNetworkError, FaucetServerError } from "@modelfaucet/sdk";
import { faucet, gatewayBaseUrl } from "../faucet.ts";
import { toExact, toUnits } from "../money/amount.ts";

/** As `GET /v1/models` lists it; prices are what the user pays with credits, per million. */
export type Model = {
  id: string;
  owned_by: string;
  context_length?: number;
  max_output_tokens?: number;
  pricing?: { input_usd: string; output_usd: string; reasoning_usd?: string; request_usd?: string };
};

export async function readModels(signal: AbortSignal): Promise<Model[]> {
  // What credits pay, also while a reply would be paid by an own key or computer.
  const headers = { "x-modelfaucet-route": "platform" };
  const response = await faucet
    .fetch(`${gatewayBaseUrl}/models`, { signal, headers })
    .catch((cause: unknown) => {
      throw new FaucetNetworkError("The gateway cannot be reached.", { code: "network_error", cause });
    });
  const body = (await response.json()) as {
    data?: Model[];
    error?: { message: string; request_id: string; code: string };
  };
  if (!response.ok || !body.data) {
    throw new FaucetServerError(body.error?.message ?? "The gateway did not list its models.", {
      code: body.error?.code ?? "unexpected_answer",
      status: response.status,
      ...(body.error ? { requestId: body.error.request_id } : {}),
    });
  }
  return body.data;
}

/** Models that a call may name, without the `auto:` names that stand for one of them. */
export function pricedModels(models: readonly Model[]): Model[] {
  return models.filter((model) => model.pricing !== undefined && !model.id.startsWith("auto:"));
}

export function isSimulated(models: readonly Model[]): boolean {
  const named = pricedModels(models);
  return named.length > 0 && named.every((model) => model.owned_by === "simulated");
}

// Beside its messages a call of this page carries about 130 bytes, which count as input too.
const otherBytes = 200;

// A suggested reply is seldom longer than this.
const usualReplyTokens = 130n;

/** `aboutUsd` for four bytes a token and a reply of usual length; `mostUsd` bounds it: a token a byte, all of the output. */
export type ReplyPrice = { aboutUsd: string; mostUsd: string };

/** What a reply takes with the first model of the feature. */
export function priceReply(
  models: readonly Model[] | undefined,
  messages: readonly ChatMessage[],
  outputTokens: number,
): ReplyPrice | null {
  const model = pricedModels(models ?? [])[0];
  if (!model?.pricing) return null;
  const bytes = BigInt(new TextEncoder().encode(JSON.stringify(messages)).length + otherBytes);
  const [input, output, request] = [
    toUnits(model.pricing.input_usd),
    toUnits(model.pricing.output_usd),
    toUnits(model.pricing.request_usd ?? "0"),
  ];
  const priced = (inputTokens: bigint, replyTokens: bigint) =>
    toExact((inputTokens * input + replyTokens * output + request + 999_999n) / 1_000_000n);
  return { aboutUsd: priced(bytes / 4n, usualReplyTokens), mostUsd: priced(bytes, BigInt(outputTokens)) };
}
