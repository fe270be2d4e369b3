import type { FaucetChatInput } from "./chat.ts";
import type { FaucetEvents } from "./listeners.ts";
import type {
  FaucetLocalBridgeStatus,
  FaucetLocalDiagnostics,
  FaucetLocalEndpoint,
  FaucetLocalGrant,
  FaucetLocalModelsResponse,
  FaucetLocalPairing,
  FaucetLocalUsageFlushResult,
  FaucetLocalUsageReport,
} from "./local/wire.ts";
import type { FaucetSession, FetchLike } from "./options.ts";
import type { ReceiptVerification } from "./receipts.ts";
import type { FaucetStream } from "./stream.ts";
import type {
  FaucetChatResult,
  FaucetKeyTest,
  FaucetLimits,
  FaucetList,
  FaucetModelfaucet,
  FaucetModes,
  FaucetProviderKey,
  FaucetReceipt,
  FaucetTokenUsage,
  FaucetUsageItem,
  FaucetWallet,
} from "./wire.ts";

/** What `createFaucet` gives. Every method throws a `FaucetError`, and nothing else. */

export type FaucetFeatureCallInput = Omit<FaucetChatInput, "stream" | "messages"> & {
  input: string | Record<string, unknown>;
};

export type FaucetFeatureResult = {
  text: string;
  raw: FaucetChatResult;
  usage: FaucetTokenUsage | undefined;
  modelfaucet: FaucetModelfaucet;
};

type Signalled = { signal?: AbortSignal };

/** `from` and `to` are RFC 3339, half open; `limit` 1..200. */
export type FaucetListQuery = Signalled & { limit?: number; cursor?: string; from?: string; to?: string };

export type FaucetUsageQuery = FaucetListQuery & {
  featureKey?: string;
  routeMode?: FaucetUsageItem["route_mode"];
  model?: string;
  requestId?: string;
  status?: FaucetUsageItem["status"];
};

/** `limitUsd` is a decimal string with up to eight decimals. */
export type FaucetOwnLimit = Signalled & { window: "day" | "week" | "month"; limitUsd: string | null };

export type FaucetModeChoice = Signalled & {
  mode: FaucetModes["selected"];
  /** Absent: for every feature of the app. */
  feature?: string;
  /** The user's own consent that a failed key or machine may be replaced by credits. */
  fallbackToPlatform?: boolean;
  /** Of the text that the user has been shown: `disclosure_version` of the mode's item. */
  disclosureVersion?: string;
};

/** A provider key on its way to the server. It is kept nowhere in this client. */
export type FaucetProviderKeyInput = Signalled & {
  provider: string;
  apiKey: string;
  baseUrl?: string;
  name?: string;
  modelsAllowed?: readonly string[];
  budgetLimitUsd?: string;
  priority?: number;
  weight?: number;
  fallbackToPlatform?: boolean;
  /** Of the text that the user has agreed to: `disclosure_version` of the item `byok` in `modes.get()`. */
  disclosureVersion: string;
};

export interface FaucetModesClient {
  /** Who may pay for this user's calls, at which fee, and who does now. */
  get(query?: Signalled & { feature?: string }): Promise<FaucetModes>;
  /** Takes effect on the next call. */
  set(choice: FaucetModeChoice): Promise<FaucetModes>;
}

export interface FaucetLimitsClient {
  /** Every limit that binds this user, whoever set it. */
  get(query?: Signalled): Promise<FaucetLimits>;
  /** The user's own limit of one window; `null` takes it away. In force within two seconds. */
  set(limit: FaucetOwnLimit): Promise<FaucetLimits>;
}

export interface FaucetByokClient {
  /** Seals a key at the server, over https alone (loopback excepted). @throws FaucetRequestError `secret_validation_failed` */
  addKey(key: FaucetProviderKeyInput): Promise<FaucetProviderKey>;
  listKeys(query?: Signalled & { limit?: number; cursor?: string }): Promise<FaucetList<FaucetProviderKey>>;
  /** Asks the vendor by a call that costs nothing. */
  testKey(id: string, query?: Signalled): Promise<FaucetKeyTest>;
  deleteKey(id: string, query?: Signalled): Promise<void>;
}

export interface FaucetLocalClient {
  /** Looks for the bridge. Without `prompt` nothing is sent where the browser would have to ask its user first. */
  detectBridge(query?: Signalled & { prompt?: boolean }): Promise<FaucetLocalBridgeStatus>;
  /** In a click: asks the bridge for a code, which its terminal shows. @throws FaucetLocalError */
  pair(options?: Signalled & { appName?: string }): Promise<FaucetLocalPairing>;
  /** With a code that `modelfaucet-bridge pair --origin` printed in advance. @throws FaucetLocalError */
  pair(options: Signalled & { code: string }): Promise<FaucetLocalGrant>;
  /** Revokes this page's grant and forgets its token. */
  unpair(query?: Signalled): Promise<void>;
  /** @throws FaucetLocalError */
  listModels(query?: Signalled): Promise<FaucetLocalModelsResponse>;
  diagnose(query?: Signalled): Promise<FaucetLocalDiagnostics>;
  /** @throws FaucetLocalError */
  endpoints(query?: Signalled): Promise<FaucetLocalEndpoint[]>;
  /** What this page could hand neither to the API nor to the bridge. */
  pendingUsageReports(): FaucetLocalUsageReport[];
  flushUsageReports(query?: Signalled): Promise<FaucetLocalUsageFlushResult>;
}

export interface FaucetReceiptsClient {
  list(query?: FaucetListQuery): Promise<FaucetList<FaucetReceipt>>;
  /** By `rcpt_…` or `req_…`. */
  get(id: string, query?: Signalled): Promise<FaucetReceipt>;
  /** Arithmetic only, offline. */
  verify(receipt: FaucetReceipt): Promise<ReceiptVerification>;
}

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
  wallet(query?: Signalled & { changedFrom?: string }): Promise<FaucetWallet>;
  usage(query?: FaucetUsageQuery): Promise<FaucetList<FaucetUsageItem>>;
  readonly modes: FaucetModesClient;
  readonly limits: FaucetLimitsClient;
  readonly byok: FaucetByokClient;
  readonly local: FaucetLocalClient;
  readonly receipts: FaucetReceiptsClient;
  on<Name extends keyof FaucetEvents>(event: Name, listener: (value: FaucetEvents[Name]) => void): () => void;
}
