import { sendAuthorized } from "./calls.ts";
import { chatRequest, chatTimeoutMs, type FaucetChatInput } from "./chat.ts";
import { readJson } from "./http.ts";
import type { Told } from "./listeners.ts";
import type { Settings } from "./options.ts";
import type { Sessions } from "./sessions.ts";
import { createStream, type FaucetStream } from "./stream.ts";
import type { FaucetChatResult, FaucetModelfaucet } from "./wire.ts";

export type Completions = {
  stream(input: Omit<FaucetChatInput, "stream">): FaucetStream;
  complete(input: FaucetChatInput): Promise<FaucetChatResult>;
};

type Reports = {
  told: Told;
  tell: (error: unknown) => void;
  used: (modelfaucet: FaucetModelfaucet) => void;
};

export function createCompletions(settings: Settings, sessions: Sessions, reports: Reports): Completions {
  const url = `${settings.gatewayUrl}/chat/completions`;
  return {
    stream(input) {
      const { body, headers } = chatRequest(input, true);
      const timeoutMs = chatTimeoutMs(input, true, settings.timeoutMs);
      const call = { method: "POST", url, body, feature: input.feature, timeoutMs } as const;
      return createStream(
        (signal) =>
          sendAuthorized(settings, sessions, {
            ...call,
            headers: { ...headers, accept: "text/event-stream" },
            signal,
          }),
        input.signal,
        { finish: reports.used, error: reports.tell },
      );
    },
    async complete(input) {
      const { body, headers } = chatRequest(input, false);
      const timeoutMs = chatTimeoutMs(input, false, settings.timeoutMs);
      const { feature, signal } = input;
      const call = { method: "POST", url, body, headers, feature, signal, timeoutMs } as const;
      const result = await reports.told(async () =>
        readJson<FaucetChatResult>(await sendAuthorized(settings, sessions, call), signal),
      );
      reports.used(result.modelfaucet);
      return result;
    },
  };
}
