import { FaucetError, FaucetNetworkError, unexpectedAnswer } from "./errors.ts";
import { aborted, readJson, send } from "./http.ts";
import type { Ask, FaucetSession, Settings } from "./options.ts";
import type { FaucetSessionAnswer } from "./wire.ts";

export type Sessions = {
  /** A session that serves `feature` (absent: any), opened or renewed when needed. */
  current(feature: string | undefined, signal?: AbortSignal): Promise<FaucetSession>;
  /** Facts for `feature`: of a usable session, or of the last one while the API cannot be asked for another. */
  known(feature: string | undefined, signal?: AbortSignal): Promise<FaucetSession>;
  /** Opens a new one, whatever is there. */
  open(feature: string | undefined): Promise<FaucetSession>;
  /** Whether another session may be had in place of one that the server refused. */
  replace(refused: FaucetSession): boolean;
};

type Slot = { session?: FaucetSession; renewal?: Promise<FaucetSession>; refused?: boolean };

const apiTimeoutMs = 30_000;
/** Whoever has an older session at hand waits that long for a new one. */
const silenceMs = 3_000;

/** Keeps sessions in memory only, one per feature and one for all; whoever waits for the same one shares its renewal. */
export function createSessions(settings: Settings, onOpen: (session: FaucetSession) => void): Sessions {
  const slots = new Map<string, Slot>();
  const slotOf = (feature: string | undefined): Slot => {
    const key = feature ?? "";
    const slot = slots.get(key) ?? {};
    slots.set(key, slot);
    return slot;
  };

  function renew(feature: string | undefined, reason: Ask["reason"]): Promise<FaucetSession> {
    const slot = slotOf(feature);
    slot.renewal ??= openSession(settings, feature, reason)
      .then((session) => {
        slot.session = session;
        slot.refused = false;
        onOpen(session);
        return session;
      })
      .finally(() => {
        delete slot.renewal;
      });
    return slot.renewal;
  }

  function usable(feature: string | undefined): FaucetSession | undefined {
    for (const slot of [
      slotOf(feature),
      slotOf(undefined),
      ...(feature === undefined ? slots.values() : []),
    ]) {
      if (slot.session && !slot.refused && !isEnding(slot.session, settings.now())) return slot.session;
    }
    return undefined;
  }

  async function current(feature: string | undefined, signal?: AbortSignal): Promise<FaucetSession> {
    if (settings.identity.kind === "session") {
      return normalise(settings, settings.identity.session, undefined);
    }
    const session = usable(feature);
    if (session) return session;
    const slot = slotOf(feature);
    const reason = slot.refused ? "refused" : slot.session ? "expiring" : "first";
    return await orAbort(renew(feature, reason), signal);
  }

  return {
    current,
    async known(feature, signal) {
      const last = slotOf(feature).session ?? slotOf(undefined).session;
      if (!last) return await current(feature, signal);
      const patience = AbortSignal.timeout(silenceMs);
      try {
        return await current(feature, signal ? AbortSignal.any([signal, patience]) : patience);
      } catch (error) {
        // A refusal counts; only silence does not end what works without the API.
        const silent = FaucetError.is(error) && (error.status === 0 || error.status >= 500);
        if (silent && !signal?.aborted) return last;
        throw error;
      }
    },
    async open(feature) {
      if (settings.identity.kind === "session")
        return normalise(settings, settings.identity.session, undefined);
      return await renew(feature, "first");
    },
    replace(refused) {
      if (settings.identity.kind === "session") return false;
      for (const slot of slots.values()) {
        if (slot.session?.session_token === refused.session_token) slot.refused = true;
      }
      return true;
    },
  };
}

function isEnding(session: FaucetSession, nowMs: number): boolean {
  const earlyMs = session.expires_in < 120 ? 5_000 : 30_000;
  return nowMs >= session.expiresAtMs - earlyMs;
}

async function openSession(
  settings: Settings,
  feature: string | undefined,
  reason: Ask["reason"],
): Promise<FaucetSession> {
  const ask: Ask = {
    reason,
    signal: AbortSignal.timeout(settings.timeoutMs ?? apiTimeoutMs),
    ...(feature === undefined ? {} : { feature }),
  };
  const { identity } = settings;
  switch (identity.kind) {
    case "session":
      return normalise(settings, identity.session, feature);
    case "fetchSession":
      return normalise(settings, await fromBackend(identity.fetchSession, ask), feature);
    case "fetchUserToken":
      return await post(settings, feature, { user_token: await fromBackend(identity.fetchUserToken, ask) });
    case "user":
      return await post(settings, feature, {
        external_user_id: identity.user.id,
        ...(identity.user.metadata ? { metadata: identity.user.metadata } : {}),
      });
  }
}

/** The app's own code asks its own backend: it may throw anything, or never end. */
async function fromBackend<T>(fetchIt: (ask: Ask) => Promise<T>, ask: Ask): Promise<T> {
  try {
    return await orAbort(Promise.resolve(fetchIt(ask)), ask.signal);
  } catch (cause) {
    if (ask.signal.aborted) {
      throw new FaucetNetworkError("The app's backend gave no session in time.", { code: "timeout", cause });
    }
    if (FaucetError.is(cause)) throw cause;
    throw new FaucetNetworkError("The app's backend gave no session.", { code: "network_error", cause });
  }
}

async function post(
  settings: Settings,
  feature: string | undefined,
  who: Record<string, unknown>,
): Promise<FaucetSession> {
  const body = {
    public_app_id: settings.publicAppId,
    ...who,
    ...(feature === undefined ? {} : { feature_key: feature }),
  };
  const answer = await send(settings, {
    method: "POST",
    url: `${settings.apiUrl}/v1/sessions`,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
    timeoutMs: settings.timeoutMs ?? apiTimeoutMs,
  });
  return normalise(settings, await readJson<FaucetSessionAnswer>(answer, undefined), feature);
}

function normalise(
  settings: Settings,
  session: FaucetSessionAnswer | FaucetSession,
  feature: string | undefined,
): FaucetSession {
  if (typeof session?.session_token !== "string") {
    throw unexpectedAnswer("The session has no session_token.");
  }
  const featureKey = session.feature_key ?? feature;
  // The device's clock may be wrong, so the end is counted from the answer and not read from `expires_at`.
  const expiresAtMs =
    "expiresAtMs" in session ? session.expiresAtMs : settings.now() + session.expires_in * 1000;
  return { ...session, expiresAtMs, ...(featureKey === undefined ? {} : { featureKey }) };
}

/** The caller stops waiting; the renewal goes on for the others. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(aborted());
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
