import { FaucetAuthError, type FaucetError, invalidConfig } from "./errors.ts";
import { type HttpAnswer, send } from "./http.ts";
import { newUuid } from "./ids.ts";
import type { FaucetSession, FetchLike, Settings } from "./options.ts";
import type { Sessions } from "./sessions.ts";

export type AuthorizedCall = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  url: string;
  headers?: Record<string, string>;
  body?: string;
  feature?: string | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs: number;
  /** A key that the call carries; it is blanked out wherever an answer repeats it. */
  secret?: string | undefined;
  /** Not to be repeated by itself. */
  once?: boolean;
};

/** Sends a call as the user of the session; a refused session is replaced and the call repeated once. */
export async function sendAuthorized(
  settings: Settings,
  sessions: Sessions,
  call: AuthorizedCall,
): Promise<HttpAnswer> {
  const attempt = (session: FaucetSession) =>
    send(settings, {
      method: call.method,
      url: call.url,
      headers: {
        accept: "application/json",
        ...(settings.locale === undefined ? {} : { "accept-language": settings.locale }),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
        authorization: `Bearer ${session.session_token}`,
      },
      ...(call.body === undefined ? {} : { body: call.body }),
      signal: call.signal,
      timeoutMs: call.timeoutMs,
      secret: call.secret,
      once: call.once ?? false,
    });
  const session = await sessions.current(call.feature, call.signal);
  try {
    return await attempt(session);
  } catch (error) {
    if (!isRefusedSession(error) || !sessions.replace(session)) throw error;
    return await attempt(await sessions.current(call.feature, call.signal));
  }
}

/**
 * A `fetch` for other clients of the gateway: adds the session, and to each POST an idempotency key that only
 * deduplicates. It repeats nothing except once after a refused session, because those clients repeat by themselves.
 */
export function createAuthorizedFetch(settings: Settings, sessions: Sessions): FetchLike {
  return async (input, init) => {
    const request = new Request(input, init);
    // A session is money: it goes to our own services and nowhere else.
    if (!isOurs(settings, request.url)) {
      throw invalidConfig(
        "This fetch sends the user's session, so it only calls the gateway and the control API.",
      );
    }
    const withSession = async (session: FaucetSession) => {
      const copy = new Request(request.clone(), { credentials: "omit", redirect: "error" });
      copy.headers.set("authorization", `Bearer ${session.session_token}`);
      if (copy.method === "POST" && !copy.headers.has("idempotency-key")) {
        copy.headers.set("idempotency-key", idempotencyKey);
        copy.headers.set("x-modelfaucet-idempotency", "dedupe");
      }
      return await settings.fetch(copy);
    };
    const idempotencyKey = newIdempotencyKey();
    const session = await sessions.current(undefined, request.signal);
    const response = await withSession(session);
    if (response.status !== 401 || !(await saysRefused(response)) || !sessions.replace(session))
      return response;
    return await withSession(await sessions.current(undefined, request.signal));
  };
}

/** One per logical call, the same on each repeat. */
export function newIdempotencyKey(): string {
  return `sdk_${newUuid(Date.now())}`;
}

/** `?a=1&b=2` of the values that are there. */
export function queryString(query: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text && `?${text}`;
}

function isRefusedSession(error: unknown): boolean {
  return error instanceof FaucetAuthError && isRefusalCode((error as FaucetError).code);
}

async function saysRefused(response: Response): Promise<boolean> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return isRefusalCode((body as { error?: { code?: unknown } } | null)?.error?.code);
}

function isRefusalCode(code: unknown): boolean {
  return code === "expired_session" || code === "invalid_session";
}

function isOurs(settings: Settings, url: string): boolean {
  return [settings.apiUrl, settings.gatewayUrl].some((base) => url === base || url.startsWith(`${base}/`));
}
