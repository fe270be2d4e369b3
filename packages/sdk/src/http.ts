import {
  errorFromAnswer,
  FaucetAbortError,
  FaucetError,
  FaucetNetworkError,
  FaucetServerError,
  retryAfterMsOf,
} from "./errors.ts";
import type { Settings } from "./options.ts";
import { withoutKey } from "./own-key.ts";

export type HttpCall = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  url: string;
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
  /** Until the first byte of the answer, for each try. */
  timeoutMs: number;
  /** A key that the call carries; it is blanked out wherever an answer repeats it. */
  secret?: string | undefined;
  /** Not to be repeated by itself. */
  once?: boolean;
};

/** An answer with a 2xx status. `release` ends the clock that bounds reading it. */
export type HttpAnswer = { response: Response; release: () => void };

const longestRetryAfterMs = 30_000;
const longestPauseMs = 8_000;

/**
 * Sends one logical call, repeating it before its first byte where the answer allows that. The same headers go out each
 * time, so an idempotency key covers all tries.
 * @throws FaucetError
 */
export async function send(settings: Settings, call: HttpCall): Promise<HttpAnswer> {
  const endOfWaitingMs = settings.now() + call.timeoutMs;
  let repeats = 0;
  for (;;) {
    const outcome = await tryOnce(settings, call);
    if ("response" in outcome) return outcome;
    const { error, retryAfterMs } = outcome;
    const running = error.code === "idempotency_in_progress";
    // An earlier try of this very call is still at work: its end is awaited, however long within the call's time.
    const mayRepeat = running
      ? settings.now() < endOfWaitingMs
      : !call.once && error.retryable && repeats < settings.maxRetries;
    if (!mayRepeat || (retryAfterMs !== undefined && retryAfterMs > longestRetryAfterMs)) throw error;
    await pause(retryAfterMs ?? backoffMs(repeats, settings.random()), call.signal);
    if (!running) repeats += 1;
  }
}

/** Reads a JSON answer within the call's time. @throws FaucetError */
export async function readJson<T>(answer: HttpAnswer, signal: AbortSignal | undefined): Promise<T> {
  const requestId = answer.response.headers.get("x-request-id");
  try {
    return JSON.parse(await answer.response.text()) as T;
  } catch (cause) {
    if (signal?.aborted) throw aborted(requestId);
    throw new FaucetServerError("The answer ended early or is not JSON.", {
      code: "unexpected_answer",
      status: answer.response.status,
      cause,
      ...(requestId ? { requestId } : {}),
    });
  } finally {
    answer.release();
  }
}

export function aborted(requestId?: string | null): FaucetAbortError {
  return new FaucetAbortError("The call was ended by the caller.", {
    code: "aborted",
    ...(requestId ? { requestId } : {}),
  });
}

type Failure = { error: FaucetError; retryAfterMs: number | undefined };

async function tryOnce(settings: Settings, call: HttpCall): Promise<HttpAnswer | Failure> {
  if (call.signal?.aborted) throw aborted();
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(), call.timeoutMs);
  const release = () => clearTimeout(timer);
  try {
    const response = await settings.fetch(call.url, {
      method: call.method,
      headers: call.headers,
      signal: call.signal ? AbortSignal.any([call.signal, clock.signal]) : clock.signal,
      // No cookie is part of this protocol, and a redirect would carry the session to another origin.
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    if (response.ok) return { response, release };
    const body = withoutKey(await response.text(), call.secret);
    release();
    return {
      error: errorFromAnswer(response, body),
      retryAfterMs: retryAfterMsOf(response.headers, settings.now()),
    };
  } catch (cause) {
    release();
    if (FaucetError.is(cause)) throw cause;
    if (call.signal?.aborted) throw aborted();
    return { error: unanswered(clock.signal.aborted, call.timeoutMs, cause), retryAfterMs: undefined };
  }
}

function unanswered(timedOut: boolean, timeoutMs: number, cause: unknown): FaucetNetworkError {
  return timedOut
    ? new FaucetNetworkError(`No answer within ${timeoutMs} ms.`, { code: "timeout", cause })
    : new FaucetNetworkError("The server cannot be reached.", {
        code: "network_error",
        retryable: true,
        cause,
      });
}

function backoffMs(repeats: number, random: number): number {
  return Math.min(longestPauseMs, 500 * 2 ** repeats) * (0.75 + random / 2);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
