import {
  type FaucetClient,
  FaucetError,
  type FaucetLocalBridgeStatus,
  type FaucetLocalEndpoint,
  type FaucetLocalModel,
  type FaucetLocalPairing,
} from "@modelfaucet/sdk";
import { errorOf } from "./resource.ts";

/** `unknown`: nobody has looked yet. The five that need something done are named after their text, `local.<state>`. */
export type BridgeState =
  | "unknown"
  | "checking"
  | "unsupported"
  | "permission"
  | "denied"
  | "unavailable"
  | "pairing"
  | "ready";

export type BridgeReading = {
  state: BridgeState;
  models: readonly FaucetLocalModel[];
  endpoints: readonly FaucetLocalEndpoint[];
  /** Waits for the code that the terminal shows. */
  pairing: { expiresAt: string } | null;
  /** A code is on its way. */
  submitting: boolean;
  error: FaucetError | null;
};

export type BridgeStore = {
  get(): BridgeReading;
  subscribe(listener: () => void): () => void;
  /** With `prompt` (in a click) the browser may ask its user; without it nothing is sent where it would have to. */
  detect(query?: { prompt?: boolean }): Promise<void>;
  /** In a click: the bridge's terminal shows a code. */
  pair(): Promise<void>;
  submit(code: string): Promise<boolean>;
  unpair(): Promise<void>;
};

export const noBridge: BridgeReading = {
  state: "unknown",
  models: [],
  endpoints: [],
  pairing: null,
  submitting: false,
  error: null,
};

const stateOfCode: Readonly<Record<string, BridgeState>> = {
  local_browser_unsupported: "unsupported",
  local_permission_required: "permission",
  local_permission_denied: "denied",
  local_bridge_unavailable: "unavailable",
  local_pairing_required: "pairing",
  // The bridge no longer knows this page's token.
  invalid_grant: "pairing",
};

/** What is known of the bridge on this computer, for all components of a provider. */
export function createBridgeStore(client: FaucetClient, appName: () => string | undefined): BridgeStore {
  let reading = noBridge;
  let pending: FaucetLocalPairing | null = null;
  let turn = 0;
  const listeners = new Set<() => void>();
  const show = (change: Partial<BridgeReading>) => {
    reading = { ...reading, ...change };
    for (const listener of listeners) listener();
  };
  /** Only the latest of several questions may answer: an early one could be slow and out of date. */
  const asLatest = async (work: (isLatest: () => boolean) => Promise<void>) => {
    turn += 1;
    const own = turn;
    try {
      await work(() => own === turn);
    } catch (error) {
      if (own === turn) show(afterFailure(error, reading));
    }
  };
  const readModels = async (isLatest: () => boolean) => {
    const [{ items }, endpoints] = await Promise.all([client.local.listModels(), client.local.endpoints()]);
    if (isLatest()) show({ state: "ready", models: items, endpoints, pairing: null, error: null });
  };
  const forgetPairing = () => {
    pending = null;
  };

  // A call may find out first that the bridge is gone or that its grant was revoked.
  client.on("local", (status) => {
    if (!status.available && reading.state === "ready") show({ state: stateOf(status) });
  });

  return {
    get: () => reading,
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    detect: ({ prompt = false } = {}) =>
      asLatest(async (isLatest) => {
        show({ state: "checking", error: null });
        const status = await client.local.detectBridge({ prompt });
        if (!isLatest()) return;
        if (status.available) await readModels(isLatest);
        else show({ state: stateOf(status), models: [], endpoints: [] });
      }),
    pair: () =>
      asLatest(async (isLatest) => {
        show({ error: null, pairing: null });
        forgetPairing();
        const name = appName();
        const pairing = await client.local.pair(name === undefined ? {} : { appName: name });
        if (!isLatest()) return;
        pending = pairing;
        show({ state: "pairing", pairing: { expiresAt: pairing.expiresAt } });
      }),
    async submit(code) {
      const pairing = pending;
      if (pairing === null) return false;
      show({ submitting: true, error: null });
      try {
        await pairing.submit(code);
        forgetPairing();
        await asLatest(readModels);
        return true;
      } catch (error) {
        const failure = errorOf(error);
        if (isOver(failure)) {
          forgetPairing();
          show({ pairing: null });
        }
        show({ error: failure });
        return false;
      } finally {
        show({ submitting: false });
      }
    },
    unpair: () =>
      asLatest(async () => {
        forgetPairing();
        await client.local.unpair();
        show({ ...noBridge, state: "pairing" });
      }),
  };
}

function stateOf(status: FaucetLocalBridgeStatus): BridgeState {
  return stateOfCode[status.reason ?? "local_bridge_unavailable"] ?? "unavailable";
}

function afterFailure(error: unknown, reading: BridgeReading): Partial<BridgeReading> {
  const failure = errorOf(error);
  const state = stateOfCode[failure.code];
  // One of the five is a state with a text of its own; anything else is an error beside the state that was.
  if (state) return { state, models: [], endpoints: [], pairing: null, error: null };
  return { state: reading.state === "checking" ? "unavailable" : reading.state, error: failure };
}

/** No code of this pairing can be right any more. */
function isOver(error: FaucetError): boolean {
  if (!FaucetError.is(error) || error.code !== "invalid_pairing_code") return false;
  return error.details.reason !== "wrong" || error.details.attempts_left === 0;
}
