import type { HttpAnswer } from "../http.ts";
import { newUuid } from "../ids.ts";
import type { Settings } from "../options.ts";
import type { FaucetLocalSettlement, FaucetModelfaucet, FaucetTokenUsage } from "../wire.ts";
import type { Bridge } from "./bridge.ts";
import type { UsageReports } from "./reports.ts";

/** Whose answer it is, for the statistics; and the printed fee of the app. */
export type LocalFacts = { feature: string; endUserIdHash: string; feeUsd: string };

export type LocalRequest = {
  /** OpenAI's, as it goes to the model's server. */
  body: string;
  stream: boolean;
  signal: AbortSignal | undefined;
  gesture: boolean;
  timeoutMs: number;
};

/** One answer of the user's own machine. It is never asked for twice. */
export type LocalAnswer = HttpAnswer & {
  requestId: string;
  /** Reports the counts, and gives the glass box as the caller is shown it. */
  settle(bridgeSaid: FaucetModelfaucet, usage: FaucetTokenUsage | undefined): Promise<FaucetLocalSettlement>;
};

/** @throws FaucetLocalError when the machine cannot be reached; FaucetError as the bridge answers it */
export async function openLocalTurn(
  settings: Settings,
  bridge: Bridge,
  reports: UsageReports,
  facts: LocalFacts,
  request: LocalRequest,
): Promise<LocalAnswer> {
  const startedMs = settings.now();
  const requestId = `req_local_${newUuid(startedMs)}`;
  const answer = await bridge.open("/v1/chat/completions", {
    method: "POST",
    body: request.body,
    headers: {
      accept: request.stream ? "text/event-stream" : "application/json",
      "idempotency-key": requestId,
      "x-modelfaucet-request-id": requestId,
    },
    timeoutMs: request.timeoutMs,
    signal: request.signal,
    gesture: request.gesture,
  });
  return {
    ...answer,
    requestId,
    async settle(said, usage) {
      const nowMs = settings.now();
      const status = await reports.deliver({
        request_id: said.request_id,
        app_id: settings.publicAppId,
        end_user_id_hash: facts.endUserIdHash,
        feature_key: facts.feature,
        route_mode: "local",
        provider: said.provider,
        model: said.model,
        input_tokens: usage?.prompt_tokens ?? 0,
        output_tokens: usage?.completion_tokens ?? 0,
        created_at: new Date(nowMs).toISOString(),
        usage_source: said.usage_source,
        duration_ms: Math.max(0, Math.round(nowMs - startedMs)),
      });
      return {
        ...(said as FaucetLocalSettlement),
        feature_key: facts.feature,
        fee_usd: facts.feeUsd,
        charge_usd: facts.feeUsd,
        usage_report_status: status,
      };
    },
  };
}
