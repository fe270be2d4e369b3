import type { Api } from "./api.ts";
import { sendAuthorized } from "./calls.ts";
import {
  chatTimeoutMs,
  checkChatInput,
  cloudBody,
  cloudHeaders,
  type FaucetChatInput,
  localBody,
} from "./chat.ts";
import { FaucetError, FaucetRequestError, unexpectedAnswer } from "./errors.ts";
import { readJson } from "./http.ts";
import type { KnownModes } from "./known-modes.ts";
import type { Told } from "./listeners.ts";
import type { Bridge } from "./local/bridge.ts";
import { hasGesture } from "./local/place.ts";
import type { UsageReports } from "./local/reports.ts";
import { type LocalAnswer, type LocalFacts, openLocalTurn } from "./local/turn.ts";
import { readModes } from "./modes.ts";
import type { Settings } from "./options.ts";
import { decidePayer, hangsOnModes, type PayerDecision } from "./payer.ts";
import type { Sessions } from "./sessions.ts";
import { createStream, type FaucetStream, type OpenedAnswer } from "./stream.ts";
import type { FaucetChatResult, FaucetModelfaucet } from "./wire.ts";

export type Completions = {
  stream(input: Omit<FaucetChatInput, "stream">): FaucetStream;
  complete(input: FaucetChatInput): Promise<FaucetChatResult>;
};

type Parts = {
  settings: Settings;
  sessions: Sessions;
  /** Its failures are no events: what hangs on them goes on without. */
  quietApi: Api;
  modes: KnownModes;
  bridge: Bridge;
  reports: UsageReports;
  told: Told;
  tell: (error: unknown) => void;
  used: (modelfaucet: FaucetModelfaucet) => void;
};

/** Model calls: who pays is decided first, then one of the two ways is taken. */
export function createCompletions(parts: Parts): Completions {
  const { told, tell, used } = parts;
  return {
    stream(input) {
      checkChatInput(input, parts.settings.gatewayUrl);
      const gesture = hasGesture();
      const open = (signal: AbortSignal) => openAnswer(parts, { ...input, signal }, true, gesture);
      return createStream(open, input.signal, { finish: used, error: tell });
    },
    async complete(input) {
      const gesture = hasGesture();
      return await told(async () => {
        checkChatInput(input, parts.settings.gatewayUrl);
        const answer = await openAnswer(parts, input, false, gesture);
        const result = await readJson<FaucetChatResult>(answer, input.signal);
        if (!result?.modelfaucet) throw unexpectedAnswer("The answer does not say what it cost.");
        if (answer.local) {
          result.modelfaucet = await answer.local.settle(result.modelfaucet, result.usage);
        }
        used(result.modelfaucet);
        return result;
      });
    },
  };
}

async function openAnswer(
  parts: Parts,
  input: FaucetChatInput,
  stream: boolean,
  gesture: boolean,
): Promise<OpenedAnswer> {
  const { decision, facts } = await decide(parts, input);
  if (decision.where === "cloud") return await openCloud(parts, input, stream);
  try {
    const local = await openLocal(parts, input, stream, gesture, facts);
    return { response: local.response, release: local.release, local };
  } catch (error) {
    // The one way by which a failed call of the user's machine comes to cost credits: the user's own consent to it.
    if (!decision.fallback || !isFailure(error)) throw error;
    return await openCloud(parts, { ...input, routeMode: "platform" }, stream);
  }
}

async function decide(
  parts: Parts,
  input: FaucetChatInput,
): Promise<{ decision: PayerDecision; facts: LocalFacts }> {
  const session = await parts.sessions.known(input.feature, input.signal);
  const feature = session.features?.find(({ feature_key }) => feature_key === input.feature);
  const asked = {
    featureKey: input.feature,
    routeMode: input.routeMode,
    ownKey: input.ownKey !== undefined,
    feature,
    listed: (session.features?.length ?? 0) > 0,
  };
  const ask = () => readModes(parts.quietApi, input.feature, input.signal);
  const modes = hangsOnModes(asked) ? await parts.modes.of(input.feature, ask) : session.modes;
  return {
    decision: decidePayer({ ...asked, modes, paired: parts.bridge.token.read() !== undefined }),
    facts: {
      feature: input.feature,
      endUserIdHash: session.end_user_id_hash,
      feeUsd: feature?.local_fee_usd ?? "0.00000000",
    },
  };
}

async function openCloud(parts: Parts, input: FaucetChatInput, stream: boolean): Promise<OpenedAnswer> {
  const { settings, sessions } = parts;
  const { headers, secret } = cloudHeaders(input, settings.gatewayUrl);
  return await sendAuthorized(settings, sessions, {
    method: "POST",
    url: `${settings.gatewayUrl}/chat/completions`,
    body: cloudBody(input, stream),
    headers: { ...headers, ...(stream ? { accept: "text/event-stream" } : {}) },
    feature: input.feature,
    signal: input.signal,
    timeoutMs: chatTimeoutMs(input, stream, settings.timeoutMs),
    secret,
  });
}

function openLocal(
  { settings, bridge, reports }: Parts,
  input: FaucetChatInput,
  stream: boolean,
  gesture: boolean,
  facts: LocalFacts,
): Promise<LocalAnswer> {
  return openLocalTurn(settings, bridge, reports, facts, {
    body: localBody(input, stream),
    stream,
    signal: input.signal,
    gesture,
    timeoutMs: chatTimeoutMs(input, stream, settings.timeoutMs),
  });
}

/** What went wrong at the machine, not what the caller ended or spelled wrongly. */
function isFailure(error: unknown): boolean {
  if (!FaucetError.is(error) || error.code === "aborted") return false;
  return !(error instanceof FaucetRequestError && error.code === "invalid_request");
}
