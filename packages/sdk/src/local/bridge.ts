import { FaucetAuthError, FaucetError, FaucetLocalError, FaucetNetworkError } from "../errors.ts";
import { aborted, type HttpAnswer, type HttpCall, readJson, send } from "../http.ts";
import type { Settings } from "../options.ts";
import { createGrantToken, type GrantToken } from "./grants.ts";
import { isLoopbackPage, isPage, loopbackPermission, unsupportedReason } from "./place.ts";
import type { FaucetLocalHealth } from "./wire.ts";

type Asking = {
  signal?: AbortSignal | undefined /** A user's click stands behind the call. */;
  gesture: boolean;
};

export type Bridge = {
  readonly baseUrl: string;
  readonly token: GrantToken;
  /** What its `/health` says. @throws FaucetLocalError */
  health(asking: Asking): Promise<FaucetLocalHealth>;
  /** A call with this page's grant, to a bridge that answers. @throws FaucetLocalError */
  open(path: string, call: BridgeCall & Asking): Promise<HttpAnswer>;
  ask<T>(path: string, call: BridgeCall & Asking): Promise<T>;
  /** A call without a token: what an unpaired page may ask. @throws FaucetLocalError */
  askUnpaired<T>(path: string, body: unknown, asking: Asking): Promise<T>;
};

type BridgeCall = {
  method?: HttpCall["method"];
  body?: string;
  headers?: Record<string, string>;
  timeoutMs?: number;
};

const silentMs = 1_500;
const answerMs = 30_000;
/** The browser may be showing its question to the user all that time. */
const promptMs = 120_000;

export function createBridge(settings: Settings): Bridge {
  const baseUrl = settings.bridgeUrl;
  const token = createGrantToken(baseUrl, settings.storage);
  const carried = settings.localFetch !== undefined;
  // The browser is told that loopback is meant: it then asks for that permission, and refuses any other address.
  const toLoopback = { targetAddressSpace: "loopback" } as RequestInit;
  const loopback: Settings = {
    ...settings,
    fetch: settings.localFetch ?? ((input, init) => settings.fetch(input, { ...init, ...toLoopback })),
  };
  const authorization = () => {
    const kept = token.read();
    return kept === undefined ? {} : { authorization: `Bearer ${kept}` };
  };
  const sendOnce = (path: string, { signal, gesture: _gesture, ...call }: BridgeCall & Asking) =>
    send(loopback, {
      method: "GET",
      url: `${baseUrl}${path}`,
      timeoutMs: answerMs,
      ...call,
      headers: {
        accept: "application/json",
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      signal,
      once: true,
    });

  async function mayAsk({ gesture }: Asking): Promise<void> {
    if (carried) return;
    const reason = unsupportedReason();
    if (reason) throw new FaucetLocalError("local_browser_unsupported", { reason });
    if (!isPage() || isLoopbackPage()) return;
    const permission = await loopbackPermission();
    if (permission === "denied") throw new FaucetLocalError("local_permission_denied");
    // Where the browser has no such permission, whoever has paired this page has agreed to its calls.
    const agreed = permission === "granted" || (permission === "none" && token.read() !== undefined);
    if (!agreed && !gesture) throw new FaucetLocalError("local_permission_required");
  }

  /** The permission as it is after a call has failed: the user may have said no, or nothing at all. */
  async function refusal(): Promise<FaucetLocalError> {
    const permission = carried || !isPage() || isLoopbackPage() ? "none" : await loopbackPermission();
    if (permission === "denied") return new FaucetLocalError("local_permission_denied");
    if (permission === "prompt") return new FaucetLocalError("local_permission_required");
    return new FaucetLocalError("local_bridge_unavailable");
  }

  async function health(asking: Asking): Promise<FaucetLocalHealth> {
    await mayAsk(asking);
    // A page's origin says who it is, and a call without a token needs no preflight, which an unpaired page would fail.
    const headers: Record<string, string> = isPage() && !carried ? {} : authorization();
    const patience = await startPatience(carried);
    const signal = asking.signal ? AbortSignal.any([asking.signal, patience.signal]) : patience.signal;
    try {
      const said = await readJson<Partial<FaucetLocalHealth> | null>(
        await sendOnce("/health", { headers, signal, gesture: asking.gesture, timeoutMs: promptMs }),
        signal,
      );
      if (said?.ok !== true || typeof said.paired !== "boolean") throw await refusal();
      return said as FaucetLocalHealth;
    } catch (error) {
      if (asking.signal?.aborted) throw aborted();
      if (error instanceof FaucetLocalError) throw error;
      if (saysUnpaired(error)) return { ok: true, paired: false };
      throw await refusal();
    } finally {
      patience.end();
    }
  }

  async function open(path: string, call: BridgeCall & Asking): Promise<HttpAnswer> {
    const { paired } = await health(call);
    if (!paired || token.read() === undefined) throw new FaucetLocalError("local_pairing_required");
    try {
      return await sendOnce(path, { ...call, headers: { ...call.headers, ...authorization() } });
    } catch (error) {
      throw await explain(error, call);
    }
  }

  /** What a failed call with a token means; a preflight that was refused looks like no answer at all. */
  async function explain(error: unknown, asking: Asking): Promise<unknown> {
    if (saysUnpaired(error)) return new FaucetLocalError("local_pairing_required");
    if (!(error instanceof FaucetNetworkError) || error.code !== "network_error") return error;
    const { paired } = await health(asking);
    return paired ? await refusal() : new FaucetLocalError("local_pairing_required");
  }

  return {
    baseUrl,
    token,
    health,
    open,
    ask: async <T>(path: string, call: BridgeCall & Asking) =>
      await readJson<T>(await open(path, call), call.signal),
    async askUnpaired<T>(path: string, body: unknown, asking: Asking) {
      await health(asking);
      try {
        const call = { method: "POST", body: JSON.stringify(body), ...asking } as const;
        return await readJson<T>(await sendOnce(path, call), asking.signal);
      } catch (error) {
        throw FaucetError.is(error) && error.code === "network_error" ? await refusal() : error;
      }
    },
  };
}

function saysUnpaired(error: unknown): boolean {
  return error instanceof FaucetAuthError || (FaucetError.is(error) && error.code === "pairing_required");
}

/** Ends after 1.5 s of silence; the time in which the browser asks its user does not count. */
async function startPatience(carried: boolean): Promise<{ signal: AbortSignal; end: () => void }> {
  const controller = new AbortController();
  const asks = async () =>
    !carried && isPage() && !isLoopbackPage() && (await loopbackPermission()) === "prompt";
  let timer: ReturnType<typeof setTimeout>;
  const wait = (askedBefore: boolean) => {
    timer = setTimeout(async () => {
      const asking = await asks();
      if (controller.signal.aborted) return;
      // Just answered: the call itself begins only now.
      if (asking || askedBefore) wait(asking);
      else controller.abort();
    }, silentMs);
  };
  wait(await asks());
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      controller.abort();
    },
  };
}
