import { developerScopes, operatorScopes } from "@modelfaucet/contract/scopes.ts";
import { switchedOff } from "../flows/switched-off.ts";
import { ApiError } from "../lib/errors.ts";
import {
  type BootstrapCredentials,
  type DeveloperTokens,
  type OperatorTokens,
  type SessionCache,
  suspended,
  suspendedOperator,
} from "../modules/identity/identity.ts";
import type { Switches } from "../modules/switch/switch.ts";
import type { Actor } from "./actor.ts";

/** Finds out who a token belongs to, whatever its class. */
export type Authenticate = (
  token: string,
  context: { address: string; graceSeconds: number },
) => Promise<Exclude<Actor, { class: "none" }>>;

/** @throws (when called) ApiError invalid_session, expired_session, rate_limited */
export function createAuthenticator(deps: {
  sessions: Pick<SessionCache, "find">;
  developerTokens: DeveloperTokens;
  operatorTokens: OperatorTokens;
  bootstrap: BootstrapCredentials;
  switches: Pick<Switches, "isOff">;
  nowMs(): number;
}): Authenticate {
  const allOperatorScopes = new Set(operatorScopes);
  const allDeveloperScopes = new Set(developerScopes);
  return async (token, { address, graceSeconds }) => {
    if (token.startsWith("mf_sess_")) {
      const found = await deps.sessions.find(token, address);
      if (found.state === "unknown" || found.session.endUserStatus === "erased") throw unknownToken();
      if (deps.switches.isOff("session", found.session.sessionId)) throw switchedOff("session");
      const expired = found.state === "expired";
      if (expired && deps.nowMs() >= found.session.expiresAtMs + graceSeconds * 1000) {
        throw new ApiError("expired_session", "This session has expired; refresh it or open a new one.");
      }
      return { class: "session", session: found.session, expired };
    }
    if (token.startsWith("mf_dev_")) {
      const found = await deps.developerTokens.find(token, address);
      if (!found || found.developerStatus === "closed") throw unknownToken();
      if (found.developerStatus === "suspended") throw suspended("developer");
      refuseDeveloperOff(deps.switches, found);
      return { class: "dev", caller: { ...found, bootstrap: false } };
    }
    // A bootstrap credential has whatever shape its operator chose.
    const named = await deps.operatorTokens.find(token, address);
    if (named && named.operatorStatus !== "closed") {
      if (named.operatorStatus === "suspended") throw suspendedOperator();
      const { email: person, scopes, tokenId: id, operatorId, personName } = named;
      return { class: "op", person, scopes, token: { id, operatorId, personName } };
    }
    const kind = deps.bootstrap.match(token);
    if (kind === "operator") return { class: "op", person: "bootstrap", scopes: allOperatorScopes };
    if (kind === "developer") {
      return {
        class: "dev",
        caller: {
          tokenId: "bootstrap",
          bootstrap: true,
          developerId: null,
          scopes: allDeveloperScopes,
          publicAppIds: null,
          modelsAllowed: null,
          expiresAtMs: null,
        },
      };
    }
    throw unknownToken();
  };
}

/** What a developer token, or a console session that acts for it, hangs on. @throws ApiError invalid_session, suspended */
export function refuseDeveloperOff(
  switches: Pick<Switches, "isOff">,
  caller: { tokenId: string | null; developerId: string | null },
): void {
  if (caller.tokenId !== null && switches.isOff("token", caller.tokenId)) throw switchedOff("token");
  if (caller.developerId !== null && switches.isOff("developer", caller.developerId))
    throw switchedOff("developer");
}

function unknownToken(): ApiError {
  // The token is not repeated, not even in part: whoever reads the answer may not be who sent it.
  return new ApiError("invalid_session", "This token is not known here, or it was revoked.");
}
