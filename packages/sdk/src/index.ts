import { createApi } from "./api.ts";
import { createByok } from "./byok.ts";
import { createAuthorizedFetch } from "./calls.ts";
import type { FaucetChatInput } from "./chat.ts";
import type { FaucetClient } from "./client.ts";
import { createCompletions } from "./completions.ts";
import { createKnownModes } from "./known-modes.ts";
import { createListeners, type Told, tellError } from "./listeners.ts";
import { createBridge } from "./local/bridge.ts";
import { createLocal } from "./local/local.ts";
import { createUsageReports } from "./local/reports.ts";
import { createModes } from "./modes.ts";
import { type FaucetClientInternals, type FaucetOptions, readOptions } from "./options.ts";
import { verifyReceipt } from "./receipts.ts";
import { createSessions } from "./sessions.ts";
import type { FaucetStream } from "./stream.ts";
import type { FaucetChatResult, FaucetWallet } from "./wire.ts";

export type { FaucetChatInput } from "./chat.ts";
export type {
  FaucetByokClient,
  FaucetClient,
  FaucetFeatureCallInput,
  FaucetFeatureResult,
  FaucetLimitsClient,
  FaucetListQuery,
  FaucetLocalClient,
  FaucetModeChoice,
  FaucetModesClient,
  FaucetOwnLimit,
  FaucetProviderKeyInput,
  FaucetReceiptsClient,
  FaucetUsageQuery,
} from "./client.ts";
export {
  FaucetAbortError,
  FaucetAuthError,
  FaucetConfigError,
  FaucetConflictError,
  FaucetError,
  type FaucetErrorCode,
  FaucetLocalError,
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
export type {
  FaucetLocalBridgeStatus,
  FaucetLocalCode,
  FaucetLocalDiagnostics,
  FaucetLocalEndpoint,
  FaucetLocalGrant,
  FaucetLocalHealth,
  FaucetLocalModel,
  FaucetLocalModelsResponse,
  FaucetLocalNextStep,
  FaucetLocalPairing,
  FaucetLocalUsageFlushResult,
  FaucetLocalUsageReport,
} from "./local/wire.ts";
export type {
  Ask,
  FaucetClientInternals,
  FaucetOptions,
  FaucetSession,
  FaucetStorage,
  FetchLike,
} from "./options.ts";
export type { ReceiptVerification } from "./receipts.ts";
export type { FaucetStream, FaucetStreamEvent, FaucetStreamResult } from "./stream.ts";
export type {
  ChatMessage,
  FaucetChatResult,
  FaucetCloudSettlement,
  FaucetKeyTest,
  FaucetLimits,
  FaucetList,
  FaucetLocalSettlement,
  FaucetModeItem,
  FaucetModelfaucet,
  FaucetModes,
  FaucetProviderKey,
  FaucetReceipt,
  FaucetReceiptLine,
  FaucetTokenUsage,
  FaucetUsageItem,
  FaucetWallet,
  RouteMode,
} from "./wire.ts";

export const sdkPackage = { name: "@modelfaucet/sdk", acceptsProviderApiKeysByDefault: false } as const;

const walletWaitSeconds = 60;
const limitsPath = "/v1/user/limits";
const receiptsPath = "/v1/user/receipts";

/** @throws FaucetConfigError when an option is missing, unknown, malformed or looks like a secret key */
export function createFaucet(options: FaucetOptions, internals?: FaucetClientInternals): FaucetClient {
  const settings = readOptions(options, internals);
  const { on, emit } = createListeners();
  const modes = createKnownModes();
  const sessions = createSessions(settings, (session) => {
    modes.opened(session);
    const { session_id, expiresAtMs, featureKey } = session;
    emit("session", {
      sessionId: session_id,
      expiresAtMs,
      ...(featureKey === undefined ? {} : { featureKey }),
    });
  });
  const tell = (error: unknown) => tellError(emit, error);
  const told: Told = async (work) => {
    try {
      return await work();
    } catch (error) {
      tell(error);
      throw error;
    }
  };
  const api = createApi(settings, sessions, told);
  const quietApi = createApi(settings, sessions, (work) => work());
  const bridge = createBridge(settings);
  const reports = createUsageReports(quietApi, bridge, sessions, settings.publicAppId);
  const { stream, complete } = createCompletions({
    settings,
    sessions,
    quietApi,
    modes,
    bridge,
    reports,
    told,
    tell,
    used(modelfaucet) {
      emit("usage", modelfaucet);
      if (modelfaucet.wallet_balance_usd !== undefined) {
        emit("balance", { balanceUsd: modelfaucet.wallet_balance_usd });
      }
    },
  });
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
      const text = raw.choices?.[0]?.message?.content ?? "";
      return { text, raw, usage: raw.usage, modelfaucet: raw.modelfaucet };
    },
    async wallet({ changedFrom, signal } = {}) {
      const waits = changedFrom !== undefined;
      const query = waits ? { changed_from: changedFrom, wait_seconds: walletWaitSeconds } : {};
      const timeoutMs = (settings.timeoutMs ?? 30_000) + (waits ? walletWaitSeconds * 1000 : 0);
      const wallet = await api.read<FaucetWallet>("/v1/user/wallet", query, { signal, timeoutMs });
      emit("balance", { balanceUsd: wallet.balance_usd });
      return wallet;
    },
    usage: ({ signal, featureKey, requestId, routeMode, ...query } = {}) =>
      api.read(
        "/v1/user/usage",
        { ...query, feature_key: featureKey, request_id: requestId, route_mode: routeMode },
        { signal },
      ),
    modes: createModes(api, modes, (changed) => emit("mode", changed)),
    limits: {
      get: ({ signal } = {}) => api.read(limitsPath, {}, { signal }),
      set: ({ window, limitUsd, signal }) =>
        api.write("PUT", limitsPath, { window, limit_usd: limitUsd }, { signal }),
    },
    byok: createByok(api, settings.apiUrl),
    local: createLocal({
      publicAppId: settings.publicAppId,
      bridge,
      reports,
      told,
      changed: (status) => emit("local", status),
    }),
    receipts: {
      list: ({ signal, ...query } = {}) => api.read(receiptsPath, query, { signal }),
      get: (id, { signal } = {}) => api.read(`${receiptsPath}/${encodeURIComponent(id)}`, {}, { signal }),
      verify: async (receipt) => verifyReceipt(receipt),
    },
    on,
  };
}
