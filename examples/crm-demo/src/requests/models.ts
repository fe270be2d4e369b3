import { type ChatMessage, FaucetNetworkError, FaucetServerError } from "@modelfaucet/sdk";
import { faucet, gatewayBaseUrl } from "../faucet.ts";
import { toExact, toUnits } from "../money/amount.ts";

/** As `GET /v1/models` lists it; prices are what the user pays, per million. */
export type Model = {
  id: string;
  owned_by: string;
  context_length?: number;
  max_output_tokens?: number;
  pricing?: { input_usd: string; output_usd: string; reasoning_usd?: string; request_usd?: string };
};

export async function readModels(signal: AbortSignal): Promise<Model[]> {
  const response = await faucet.fetch(`${gatewayBaseUrl}/models`, { signal }).catch((cause: unknown) => {
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

/** The most that a reply can take with the first model of the feature: its input bounded by bytes, all its output. */
export function mostCharge(
  models: readonly Model[] | undefined,
  messages: readonly ChatMessage[],
  outputTokens: number,
): string | null {
  const model = pricedModels(models ?? [])[0];
  if (!model?.pricing) return null;
  const bytes = new TextEncoder().encode(JSON.stringify(messages)).length + otherBytes;
  const { input_usd, output_usd, request_usd = "0" } = model.pricing;
  const perMillion =
    BigInt(bytes) * toUnits(input_usd) + BigInt(outputTokens) * toUnits(output_usd) + toUnits(request_usd);
  return toExact((perMillion + 999_999n) / 1_000_000n);
}
