import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type {
  endConsoleSession,
  exchangeToken,
  readConsoleSession,
  signIn,
  stepUpConsoleSession,
  switchConsoleSession,
} from "@modelfaucet/contract/routes/console.ts";
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { call, Problem, rememberCsrfToken } from "./call.ts";

/** Who is signed in and what that person may do. Held in memory; the cookie itself is out of reach of this page. */
export type Session = AnswerOf<typeof readConsoleSession>;

/** The session of the cookie, or `null` where nobody is signed in. */
export const sessionQuery = queryOptions<Session | null, Problem>({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    try {
      return remembered(await call<typeof readConsoleSession>("GET", "/v1/console/session", { signal }));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return remembered(null);
      throw error;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});

/** Opens a session by the code of a one-time link. @throws Problem */
export async function signInByCode(queryClient: QueryClient, code: string): Promise<Session> {
  const session = await call<typeof signIn>("POST", "/v1/console/sign-in", { body: { code } });
  localStorage.removeItem(switchedKey);
  return begin(queryClient, session);
}

/** Opens a session with the scopes of a token. @throws Problem */
export async function signInByToken(queryClient: QueryClient, token: string): Promise<Session> {
  const session = await call<typeof exchangeToken>("POST", "/v1/console/token-exchange", { body: { token } });
  localStorage.removeItem(switchedKey);
  return begin(queryClient, session);
}

/** Goes on as the developer with the same e-mail address, or as the operator again. @throws Problem */
export async function switchSession(
  queryClient: QueryClient,
  to: { developer_id: string } | { operator: true },
): Promise<Session> {
  // A refusal ends the offer to go back, too.
  localStorage.removeItem(switchedKey);
  const session = await call<typeof switchConsoleSession>("POST", "/v1/console/session/switch", { body: to });
  if (session.kind === "developer") localStorage.setItem(switchedKey, "yes");
  return begin(queryClient, session);
}

/** Proves the session's person anew, by a new link's code or by the token that opened it. @throws Problem */
export async function stepUpSession(
  queryClient: QueryClient,
  by: { code: string } | { token: string },
): Promise<void> {
  const session = await call<typeof stepUpConsoleSession>("POST", "/v1/console/session/step-up", {
    body: by,
  });
  queryClient.setQueryData(sessionQuery.queryKey, remembered(session));
}

/** This browser has gone on as a developer, and may be the operator again; the session itself does not tell. */
export function hasSwitched(session: Session): boolean {
  return session.kind === "developer" && localStorage.getItem(switchedKey) !== null;
}

/** Ends the session; what was read by it is forgotten. @throws Problem */
export async function signOut(queryClient: QueryClient): Promise<void> {
  await call<typeof endConsoleSession>("DELETE", "/v1/console/session");
  forgetSession(queryClient);
}

/** Forgets who was signed in, and everything that was read as that person. */
export function forgetSession(queryClient: QueryClient): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  queryClient.setQueryData(sessionQuery.queryKey, remembered(null));
}

export function may(session: Session, scope: string): boolean {
  return session.scopes.includes(scope);
}

const switchedKey = "modelfaucet:switched";

function begin(queryClient: QueryClient, session: Session): Session {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  queryClient.setQueryData(sessionQuery.queryKey, remembered(session));
  return session;
}

function remembered<T extends Session | null>(session: T): T {
  rememberCsrfToken(session?.csrf_token ?? null);
  return session;
}
