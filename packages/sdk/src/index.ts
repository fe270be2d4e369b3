import { type AuthorizedCall, createAuthorizedFetch, queryString, sendAuthorized } from "./calls.ts";
import { chatRequest, chatTimeoutMs, type FaucetChatInput } from "./chat.ts";
import { FaucetError } from "./errors.ts";
import { readJson } from "./http.ts";
import { createListeners, type FaucetEvents } from "./listeners.ts";
import {
  type FaucetClientInternals,
  type FaucetOptions,
  type FaucetSession,
  type FetchLike,
  readOptions,
} from "./options.ts";
import { type ReceiptVerification, verifyReceipt } from "./receipts.ts";
import { createSessions } from "./sessions.ts";
import { createStream, type FaucetStream } from "./stream.ts";
import type {
  FaucetChatResult,
  FaucetLimits,
  FaucetList,
  FaucetModelfaucet,
  FaucetReceipt,
  FaucetTokenUsage,
  FaucetUsageItem,
  FaucetWallet,
} from "./wire.ts";

export type { FaucetChatInput } from "./chat.ts";
export {
  FaucetAbortError,
  FaucetAuthError,
  FaucetConfigError,
  FaucetConflictError,
  FaucetError,
  type FaucetErrorCode,
  FaucetNetworkError,
  FaucetNotFoundError,
  FaucetPaymentError,
  FaucetPermissionError,
  FaucetRateLimitError,
  FaucetRequestError,
  FaucetServerError,
  FaucetStreamError,
} from "./errors.ts";
export type { FaucetEvents } from "./listeners.ts";
export type { Ask, FaucetClientInternals, FaucetOptions, FaucetSession, FetchLike } from "./options.ts";
export type { ReceiptVerification } from "./receipts.ts";
export type { FaucetStream, FaucetStreamEvent, FaucetStreamResult } from "./stream.ts";
export type {
  ChatMessage,
  FaucetChatResult,
  FaucetLimits,
  FaucetList,
  FaucetModelfaucet,
  FaucetReceipt,
  FaucetReceiptLine,
  FaucetTokenUsage,
  FaucetUsageItem,
  FaucetWallet,
  RouteMode,
} from "./wire.ts";

export const sdkPackage = { name: "@modelfaucet/sdk", acceptsProviderApiKeysByDefault: false } as const;

export type FaucetFeatureCallInput = Omit<FaucetChatInput, "stream" | "messages"> & {
  input: string | Record<string, unknown>;
};

export type FaucetFeatureResult = {
  text: string;
  raw: FaucetChatResult;
  usage: FaucetTokenUsage | undefined;
  modelfaucet: FaucetModelfaucet;
};

/** `from` and `to` are RFC 3339, half open; `limit` 1..200. */
export type FaucetListQuery = {
  limit?: number;
  cursor?: string;
  from?: string;
  to?: string;
  signal?: AbortSignal;
};

export type FaucetUsageQuery = FaucetListQuery & {
  featureKey?: string;
  model?: string;
  requestId?: string;
  status?: FaucetUsageItem["status"];
};

/** `limitUsd` is a decimal string with up to eight decimals. */
export type FaucetOwnLimit = {
  window: "day" | "week" | "month";
  limitUsd: string | null;
  signal?: AbortSignal;
};

export interface FaucetClient {
  /** Opens a new session and keeps it; named features narrow it. */
  createSession(featureKey?: string): Promise<FaucetSession>;
  /** A token that is good for at least some seconds; for clients that ask before every request. */
  sessionToken(feature?: string): Promise<string>;
  /** A `fetch` for other clients of the gateway: adds session and idempotency key, calls our own services only. */
  readonly fetch: FetchLike;
  chat(input: FaucetChatInput & { stream: true }): Promise<FaucetStream>;
  chat(input: FaucetChatInput & { stream?: false }): Promise<FaucetChatResult>;
  stream(input: Omit<FaucetChatInput, "stream">): FaucetStream;
  runFeature(input: FaucetFeatureCallInput): Promise<FaucetFeatureResult>;
  /** With `changedFrom` (a `balance_usd`) it answers when the balance is another one, after 60 s at the latest. */
  wallet(query?: { changedFrom?: string; signal?: AbortSignal }): Promise<FaucetWallet>;
  usage(query?: FaucetUsageQuery): Promise<FaucetList<FaucetUsageItem>>;
  readonly limits: {
    /** Every limit that binds this user, whoever set it. */
    get(query?: { signal?: AbortSignal }): Promise<FaucetLimits>;
    /** The user's own limit of one window; `null` takes it away. In force within two seconds. */
    set(limit: FaucetOwnLimit): Promise<FaucetLimits>;
  };
  readonly receipts: {
    list(query?: FaucetListQuery): Promise<FaucetList<FaucetReceipt>>;
    /** By `rcpt_…` or `req_…`. */
    get(id: string, query?: { signal?: AbortSignal }): Promise<FaucetReceipt>;
    /** Arithmetic only, offline. */
    verify(receipt: FaucetReceipt): Promise<ReceiptVerification>;
  };
  on<Name extends keyof FaucetEvents>(event: Name, listener: (value: FaucetEvents[Name]) => void): () => void;
}

const walletWaitSeconds = 60;
const limitsPath = "/v1/user/limits";

/** @throws FaucetConfigError when an option is missing, unknown, malformed or looks like a secret key */
export function createFaucet(options: FaucetOptions, internals?: FaucetClientInternals): FaucetClient {
  const settings = readOptions(options, internals);
  const { on, emit } = createListeners();
  const sessions = createSessions(settings, ({ session_id, expiresAtMs, featureKey }) =>
    emit("session", {
      sessionId: session_id,
      expiresAtMs,
      ...(featureKey === undefined ? {} : { featureKey }),
    }),
  );
  const apiTimeoutMs = settings.timeoutMs ?? 30_000;

  async function told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      tell(error);
      throw error;
    }
  }
  function tell(error: unknown) {
    if (FaucetError.is(error) && error.code !== "aborted") emit("error", error);
  }
  function used(modelfaucet: FaucetModelfaucet) {
    emit("usage", modelfaucet);
    if (modelfaucet.wallet_balance_usd !== undefined) {
      emit("balance", { balanceUsd: modelfaucet.wallet_balance_usd });
    }
  }
  const json = <T>(call: AuthorizedCall) =>
    told(async () => await readJson<T>(await sendAuthorized(settings, sessions, call), call.signal));
  const read = <T>(
    path: string,
    query: Record<string, string | number | undefined>,
    signal: AbortSignal | undefined,
    timeoutMs = apiTimeoutMs,
  ) => json<T>({ method: "GET", url: `${settings.apiUrl}${path}${queryString(query)}`, signal, timeoutMs });

  const completionsUrl = `${settings.gatewayUrl}/chat/completions`;
  function stream(input: Omit<FaucetChatInput, "stream">): FaucetStream {
    const { body, headers } = chatRequest(input, true);
    const timeoutMs = chatTimeoutMs(input, true, settings.timeoutMs);
    const call = { method: "POST", url: completionsUrl, body, feature: input.feature, timeoutMs } as const;
    return createStream(
      (signal) =>
        sendAuthorized(settings, sessions, {
          ...call,
          headers: { ...headers, accept: "text/event-stream" },
          signal,
        }),
      input.signal,
      { finish: used, error: tell },
    );
  }
  async function complete(input: FaucetChatInput): Promise<FaucetChatResult> {
    const { body, headers } = chatRequest(input, false);
    const timeoutMs = chatTimeoutMs(input, false, settings.timeoutMs);
    const { feature, signal } = input;
    const call = { method: "POST", url: completionsUrl, body, headers, feature, signal, timeoutMs } as const;
    const result = await json<FaucetChatResult>(call);
    used(result.modelfaucet);
    return result;
  }
  function chat(input: FaucetChatInput & { stream: true }): Promise<FaucetStream>;
  function chat(input: FaucetChatInput & { stream?: false }): Promise<FaucetChatResult>;
  async function chat(input: FaucetChatInput): Promise<FaucetStream | FaucetChatResult> {
    return input.stream === true ? stream(input) : await complete(input);
  }

  return {
    createSession: (featureKey) => told(() => sessions.open(featureKey)),
    sessionToken: async (feature) => (await told(() => sessions.current(feature))).session_token,
    fetch: createAuthorizedFetch(settings, sessions),
    chat,
    stream,
    async runFeature(input) {
      const raw = await complete(input);
      return {
        text: raw.choices[0]?.message.content ?? "",
        raw,
        usage: raw.usage,
        modelfaucet: raw.modelfaucet,
      };
    },
    async wallet({ changedFrom, signal } = {}) {
      const waits =
        changedFrom === undefined ? {} : { changed_from: changedFrom, wait_seconds: walletWaitSeconds };
      const waitMs = changedFrom === undefined ? 0 : walletWaitSeconds * 1000;
      const wallet = await read<FaucetWallet>("/v1/user/wallet", waits, signal, apiTimeoutMs + waitMs);
      emit("balance", { balanceUsd: wallet.balance_usd });
      return wallet;
    },
    usage: ({ signal, featureKey, requestId, ...query } = {}) =>
      read("/v1/user/usage", { ...query, feature_key: featureKey, request_id: requestId }, signal),
    limits: {
      get: ({ signal } = {}) => read(limitsPath, {}, signal),
      set: ({ window, limitUsd, signal }) =>
        json({
          method: "PUT",
          url: `${settings.apiUrl}${limitsPath}`,
          body: JSON.stringify({ window, limit_usd: limitUsd }),
          signal,
          timeoutMs: apiTimeoutMs,
        }),
    },
    receipts: {
      list: ({ signal, ...query } = {}) => read("/v1/user/receipts", query, signal),
      get: (id, { signal } = {}) => read(`/v1/user/receipts/${encodeURIComponent(id)}`, {}, signal),
      verify: async (receipt) => verifyReceipt(receipt),
    },
    on,
  };
}
