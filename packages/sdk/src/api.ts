import { type AuthorizedCall, queryString, sendAuthorized } from "./calls.ts";
import { readJson } from "./http.ts";
import type { Told } from "./listeners.ts";
import type { Settings } from "./options.ts";
import type { Sessions } from "./sessions.ts";

type Query = Record<string, string | number | undefined>;
type Extra = Partial<Pick<AuthorizedCall, "signal" | "timeoutMs" | "feature" | "secret" | "once">>;

/** Calls of the control API as the user of the session. */
export type Api = {
  read<T>(path: string, query: Query, extra?: Extra): Promise<T>;
  write<T>(method: "POST" | "PUT" | "DELETE", path: string, body: unknown, extra?: Extra): Promise<T>;
};

const defaultTimeoutMs = 30_000;

export function createApi(settings: Settings, sessions: Sessions, told: Told): Api {
  const timeoutMs = settings.timeoutMs ?? defaultTimeoutMs;
  const json = <T>(call: AuthorizedCall) =>
    told(async () => await readJson<T>(await sendAuthorized(settings, sessions, call), call.signal));
  return {
    read: (path, query, extra) =>
      json({ method: "GET", url: `${settings.apiUrl}${path}${queryString(query)}`, timeoutMs, ...extra }),
    write: (method, path, body, extra) =>
      json({
        method,
        url: `${settings.apiUrl}${path}`,
        timeoutMs,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...extra,
      }),
  };
}
