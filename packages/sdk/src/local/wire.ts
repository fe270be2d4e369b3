/** What the Local Bridge on the user's computer sends and takes. It speaks the names of the wire, too. */

/** Why a page cannot use the bridge. Each has a next step of its own, a text key: see `FaucetLocalError`. */
export type FaucetLocalCode =
  | "local_browser_unsupported"
  | "local_permission_required"
  | "local_permission_denied"
  | "local_bridge_unavailable"
  | "local_pairing_required";

/** The key of the text that tells the user what to do now. */
export type FaucetLocalNextStep =
  | "local.unsupported"
  | "local.permission"
  | "local.denied"
  | "local.unavailable"
  | "local.pairing";

/** `version` and `listening` only to who is paired. */
export type FaucetLocalHealth = {
  ok: boolean;
  paired: boolean;
  pair?: { start: string; help: string };
  version?: string;
  listening?: string;
};

export type FaucetLocalBridgeStatus = {
  /** Whether a call would be tried now: it is there, and this page is paired with it. */
  available: boolean;
  baseUrl: string;
  health?: FaucetLocalHealth;
  paired?: boolean;
  reason?: FaucetLocalCode;
  nextStep?: FaucetLocalNextStep;
  details?: Readonly<Record<string, unknown>>;
};

export type FaucetLocalModel = {
  /** `<endpoint id>:<model>` */
  id: string;
  provider: string;
  endpoint_id: string;
  capabilities: ("chat" | "json" | "tools" | "vision" | "embeddings")[];
  name?: string;
  context_length?: number;
  loaded?: boolean;
  /** Answers on another machine than this one. */
  remote?: boolean;
};

export type FaucetLocalModelsResponse = { items: FaucetLocalModel[] };

/** One model server of the user's own file. `remote`: not this computer. */
export type FaucetLocalEndpoint = {
  id: string;
  name: string;
  kind: string;
  remote: boolean;
  reachable: boolean;
};

export type FaucetLocalDiagnostics = {
  available: boolean;
  baseUrl: string;
  health?: FaucetLocalHealth;
  models?: FaucetLocalModel[];
  /** Codes: one of the five, `no_local_models`, or the name of a failed check of the bridge. */
  problems: string[];
};

/** Counts and names of one local answer, for the statistics of the app. Never a word of prompt or answer. */
export type FaucetLocalUsageReport = {
  request_id: string;
  app_id: string;
  end_user_id_hash: string;
  feature_key: string;
  route_mode: "local";
  provider: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  created_at: string;
  usage_source?: string;
  duration_ms?: number;
};

/** `pending`: what could not be delivered yet, in this page and in the bridge. */
export type FaucetLocalUsageFlushResult = { flushed: number; pending: number };

/** The right of this page's origin to use the bridge, without its token. */
export type FaucetLocalGrant = { grant_id: string; origin: string; models: string[]; expires_at: string };

/** A pairing that waits for the code that the bridge shows in its terminal. */
export type FaucetLocalPairing = {
  pairingId: string;
  expiresAt: string;
  /** @throws FaucetPermissionError `invalid_pairing_code`, `details {reason, attempts_left}` */
  submit(code: string): Promise<FaucetLocalGrant>;
};
