import { createHash, timingSafeEqual } from "node:crypto";
import type { DeveloperScope } from "@modelfaucet/contract/scopes.ts";
import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { hashToken, isWellFormedToken } from "../../lib/ids.ts";
import type { BootstrapCredentials } from "./bootstrap.ts";
import { type ConsoleSessionRow, readConsoleSession } from "./console-store.ts";
import type { MissLimiter } from "./miss-limiter.ts";
import { suspended } from "./rules.ts";

/** A console session that holds. What it may is its person's, token's or credential's at this moment. */
export type ConsoleSession = Omit<ConsoleSessionRow, "expired" | "token"> & {
  csrfToken: string;
  token: {
    id: string;
    scopes: ReadonlySet<DeveloperScope>;
    publicAppIds: readonly string[] | null;
    modelsAllowed: readonly string[] | null;
  } | null;
};

export type ConsoleSessions = {
  /**
   * The session of a cookie's value, read each time, so that whatever ends it holds from its commit on. A value without a
   * right checksum costs no query.
   * @throws ApiError invalid_session, expired_session, suspended, rate_limited after too many unknown values
   */
  find(cookie: string, address: string): Promise<ConsoleSession>;
};

export function createConsoleSessions(deps: {
  database: Pick<Database, "write">;
  misses: MissLimiter;
  bootstrap: BootstrapCredentials;
}): ConsoleSessions {
  return {
    find: async (cookie, address) => {
      if (!isWellFormedToken(cookie, "mf_cons_")) throw noSession();
      const row = await deps.misses.run(address, () =>
        deps.database.write({ purpose: "auth" }, (tx) => readConsoleSession(tx, hashToken(cookie))),
      );
      if (!row) throw noSession();
      if (row.expired) {
        throw new ApiError("expired_session", "Your console session has ended; sign in again.");
      }
      refuseEnded(row, deps.bootstrap);
      const { expired: _, token, ...session } = row;
      return {
        ...session,
        csrfToken: csrfTokenOf(cookie),
        token: token && { ...token, scopes: new Set(token.scopes as DeveloperScope[]) },
      };
    },
  };
}

/** Follows from the cookie's value one way, so it is stored nowhere and belongs to this session alone. */
export function csrfTokenOf(cookie: string): string {
  return createHash("sha256").update(`modelfaucet-console-csrf:${cookie}`).digest("base64url");
}

export function isCsrfTokenOf(session: Pick<ConsoleSession, "csrfToken">, given: unknown): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return typeof given === "string" && timingSafeEqual(digest(session.csrfToken), digest(given));
}

/** A session lives no longer than what opened it, and not while its person is switched off. */
function refuseEnded(row: ConsoleSessionRow, bootstrap: BootstrapCredentials): void {
  if (row.openedBy === "token" && row.token === null && row.operatorToken === null) throw noSession();
  if (row.openedBy === "bootstrap" && !bootstrap.holds(row.kind, row.credentialId ?? "")) throw noSession();
  // Who signed in as an operator stays one behind the developer that the session acts as.
  for (const person of [row.developer, row.operator]) {
    if (person?.status === "closed") throw noSession();
  }
  if (row.operator?.status === "suspended") throw suspendedOperator();
  if (row.developer?.status === "suspended") throw suspended("developer");
}

export function suspendedOperator(): ApiError {
  return new ApiError("suspended", "This operator is suspended; ask another operator.", {
    details: { what: "operator" },
  });
}

const noSession = (): ApiError =>
  new ApiError("invalid_session", "There is no such console session, or it has ended; sign in again.");
