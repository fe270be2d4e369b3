/** The door of identity: tokens, sessions, and who is behind them. */
import type { DeveloperScope } from "@modelfaucet/contract/scopes.ts";

export {
  type BootstrapCredentials,
  type BootstrapKind,
  createBootstrapCredentials,
  credentialIdOf,
} from "./bootstrap.ts";
export { createSignInPause, type SignInPause } from "./console-pause.ts";
export {
  type ConsoleSession,
  type ConsoleSessions,
  createConsoleSessions,
  csrfTokenOf,
  isCsrfTokenOf,
  suspendedOperator,
} from "./console-sessions.ts";
export {
  changeConsoleSession,
  endConsoleSession,
  insertConsoleSession,
  insertLink,
  insertOperator,
  type NewConsoleSession,
  noteProof,
  type Operator,
  readOperatorByEmail,
  useLink,
} from "./console-store.ts";
export {
  type DeveloperTokenItem,
  endDeveloperTokenIn,
  insertDeveloperToken,
  type LiveDeveloperToken,
  listDeveloperTokens,
  lockDeveloperToken,
  readDeveloperTokenItem,
  revokeDeveloperToken,
  revokeTokensOfDeveloper,
} from "./developer-token-store.ts";
export { createDeveloperTokens, type DeveloperTokens } from "./developer-tokens.ts";
export {
  countEndedSessions,
  countSpentUserTokens,
  removeEndedSessions,
  removeSpentUserTokens,
} from "./ended-sessions.ts";
export { inlineKeySet, issuesOfKeySet, keySetLimitBytes } from "./key-set.ts";
export { fetchKeySet } from "./key-set-fetch.ts";
export { createKeySets, type KeySetSource, type KeySets, type StoredKeySet } from "./key-sets.ts";
export {
  type EndedSecret,
  endConsoleSessionByHash,
  endDeveloperTokenByHash,
  endOperatorTokenByHash,
  endSessionOfToken,
  useUpLink,
} from "./leaked-store.ts";
export { createMissLimiter, type MissLimiter, networkOf } from "./miss-limiter.ts";
export {
  endOperatorTokenIn,
  insertOperatorToken,
  isLastSecurityToken,
  type LiveOperatorToken,
  listOperatorTokens,
  lockOperatorToken,
  type OperatorRole,
  type OperatorTokenItem,
  readOperatorTokenItem,
  revokeOperatorToken,
} from "./operator-token-store.ts";
export { createOperatorTokens, type OperatorTokens } from "./operator-tokens.ts";
export {
  forbiddenOrigin,
  mayUseFeature,
  mayUseFrom,
  narrowest,
  narrowestModels,
  narrowestUsd,
  refuseForeignOrigin,
  refuseSuspended,
  scopesOfMode,
  suspended,
} from "./rules.ts";
export { createSessionCache, type SessionCache } from "./session-cache.ts";
export type { IdentityMode, SessionContext, SessionLookup } from "./session-context.ts";
export { type ListedSession, listSessions, revokeSessionsOf, type Whose } from "./session-list.ts";
export {
  findSession,
  insertSession,
  type LockedSession,
  lockSession,
  readEndedSessions,
  revokeSession,
  revokeSessionsOfApp,
  rotateSessionToken,
  useUserTokenOnce,
} from "./session-store.ts";
export { hashExternalUserId, hashJti } from "./user-hash.ts";
export {
  invalidUserToken,
  type SignedWith,
  type UserTokenClaims,
  type UserTokenProof,
  type VerifiedUserToken,
  verifyUserToken,
} from "./user-token.ts";

/** A caller with a developer token, or with the bootstrap credential for developers. */
export type DeveloperCaller = {
  /**
   * The token's id; `bootstrap` for the credential from the environment; in a console session that a link opened, its
   * person's e-mail address.
   */
  tokenId: string;
  bootstrap: boolean;
  /** `null` for the bootstrap credential alone, which acts for any developer. */
  developerId: string | null;
  scopes: ReadonlySet<DeveloperScope>;
  /** The apps that the token is kept to; `null`: all of the developer's. */
  publicAppIds: readonly string[] | null;
  modelsAllowed: readonly string[] | null;
  expiresAtMs: number | null;
};
