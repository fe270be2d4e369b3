import { developerScopes, operatorScopes } from "@modelfaucet/contract/scopes.ts";
import type { FastifyRequest } from "fastify";
import { ApiError } from "../lib/errors.ts";
import { type ConsoleSession, type ConsoleSessions, isCsrfTokenOf } from "../modules/identity/identity.ts";
import type { Switches } from "../modules/switch/switch.ts";
import type { ConsoleActor } from "./actor.ts";
import { refuseDeveloperOff } from "./authenticate.ts";

/** How the console's pages come in: from which origins, by which cookie. */
export type ConsoleDoor = {
  /** The only origins from which the cookie, and developer and operator tokens, are taken. */
  origins: readonly string[];
  /** `__Host-mf_console`, or `mf_console` where the API itself is http on loopback. */
  cookie: { name: string; secure: boolean };
  sessions: ConsoleSessions;
  switches: Pick<Switches, "isOff">;
};

/**
 * The door of a deployment. A browser gives `__Host-` and `Secure` to https alone, so an API on http, which only loopback
 * may be, has neither.
 */
export function createConsoleDoor(options: {
  apiUrl: string;
  origins: readonly string[];
  sessions: ConsoleSessions;
  switches: Pick<Switches, "isOff">;
}): ConsoleDoor {
  const secure = new URL(options.apiUrl).protocol === "https:";
  const name = secure ? "__Host-mf_console" : "mf_console";
  const { origins, sessions, switches } = options;
  return { origins, cookie: { name, secure }, sessions, switches };
}

/**
 * Where the console's pages are. Outside production a page on this machine is the same one under all of its names.
 */
export function originsOfConsole(dashboardUrl: string, production: boolean): string[] {
  const url = new URL(dashboardUrl);
  const names = ["127.0.0.1", "localhost"];
  if (production || url.protocol !== "http:" || !names.includes(url.hostname)) return [url.origin];
  const port = url.port === "" ? "" : `:${url.port}`;
  return names.map((name) => `http://${name}${port}`);
}

/**
 * Who came by the console's cookie; `null` where there is none, or where it does not count because another page, or no
 * page at all, sent it. Reading asks for the same origin as writing: a page of the console always names its own, since the
 * API is another one. @throws ApiError invalid_session, expired_session, suspended, forbidden with reason `csrf`
 */
export async function admitByCookie(
  door: ConsoleDoor,
  request: FastifyRequest,
): Promise<ConsoleActor | null> {
  const { origin } = request.headers;
  if (origin === undefined || !door.origins.includes(origin)) return null;
  const value = cookieOf(request.headers.cookie, door.cookie.name);
  if (value === null) return null;
  const session = await door.sessions.find(value, request.ip);
  refuseDeveloperOff(door.switches, {
    tokenId: session.token?.id ?? null,
    developerId: session.developer?.id ?? null,
  });
  if (request.method !== "GET" && !isCsrfTokenOf(session, request.headers["x-csrf-token"])) {
    throw new ApiError("forbidden", "Send this session's csrf_token as `x-csrf-token`.", {
      details: { reason: "csrf" },
    });
  }
  return actorOfSession(session);
}

/** The `set-cookie` value that opens the session in the browser. */
export function cookieOpening(door: ConsoleDoor, value: string, maxAgeSeconds: number): string {
  return `${door.cookie.name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly;${door.cookie.secure ? " Secure;" : ""} SameSite=Lax`;
}

export function cookieEnding(door: ConsoleDoor): string {
  return cookieOpening(door, "", 0);
}

const longestHeader = 8192;

/** The one cookie of that name; two of them are somebody's trick and count as none. */
function cookieOf(header: string | undefined, name: string): string | null {
  if (header === undefined || header.length > longestHeader) return null;
  const values = header
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 && values[0] !== "" ? values[0]! : null;
}

const allDeveloperScopes = new Set(developerScopes);

/** What a session opens, as if its person, token or credential had called. */
export function actorOfSession(session: ConsoleSession): ConsoleActor {
  const isBootstrap = session.openedBy === "bootstrap";
  if (session.kind === "operator") {
    const held = session.operatorToken?.scopes ?? session.operator?.scopes;
    const scopes = new Set(isBootstrap ? operatorScopes : held!);
    return {
      class: "op",
      person: isBootstrap ? "bootstrap" : session.person.email!,
      scopes,
      console: session,
    };
  }
  return {
    class: "dev",
    console: session,
    caller: {
      tokenId: session.token?.id ?? session.person.email ?? "bootstrap",
      bootstrap: isBootstrap,
      developerId: session.developer?.id ?? null,
      scopes: session.token?.scopes ?? allDeveloperScopes,
      publicAppIds: session.token?.publicAppIds ?? null,
      modelsAllowed: session.token?.modelsAllowed ?? null,
      expiresAtMs: null,
    },
  };
}
