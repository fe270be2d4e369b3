import { announce } from "../lib/change-feed.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, newToken } from "../lib/ids.ts";
import {
  hashExternalUserId,
  invalidUserToken,
  type LockedSession,
  lockSession,
  refuseSuspended,
  rotateSessionToken,
  type SessionContext,
} from "../modules/identity/identity.ts";
import { type DirectoryApp, invalidApp, readWalletState } from "../modules/tenancy/tenancy.ts";
import { type OpenSessionDeps, openUserHashKey, refuseStale, useOnce } from "./open-session.ts";
import { describeSession, type OpenedSession } from "./open-session-answer.ts";
import { refuseSwitchedOff, switchedOff } from "./switched-off.ts";
import { verifyTokenOf } from "./user-proof.ts";

/** An expired session can be refreshed for so long, with a new proof of its user. */
const graceMs = 300_000;

export type RefreshSessionInput = {
  userToken?: string | undefined;
  ttlSeconds?: number | undefined;
};

/**
 * `session` is the caller's, which may have expired. Gives the same session a new token; caps and
 * spend go on, the old token lives a minute more.
 * @throws ApiError expired_session, invalid_session, invalid_user_token, suspended
 */
export async function refreshSession(
  deps: OpenSessionDeps,
  session: SessionContext,
  input: RefreshSessionInput,
): Promise<OpenedSession> {
  refuseStale(deps.feed);
  const app = await deps.directory.app(session.appId);
  if (!app) throw invalidApp();
  const { developerId, appId, endUserId, sessionId } = session;
  refuseSwitchedOff(deps.switches, { developerId, appId, sessionId });
  if (deps.switches.isOff("end_user", endUserId)) throw switchedOff("end_user");
  refuseSuspended(session);
  const claims = await proofOf(deps, app, session, input.userToken);
  const proofTime = claims === null ? "kept" : "now";
  const token = newToken("mf_sess_");
  const tokenHash = hashToken(token);
  const key = { appId: session.appId, sessionId: session.sessionId };
  const refreshed = await deps.database.write({ purpose: "auth" }, async (tx) => {
    if (claims?.jti) await useOnce(tx, session.appId, claims);
    const locked = await lockSession(tx, { ...key, tokenHash: session.tokenHash });
    if (!locked || locked.revoked)
      throw new ApiError("invalid_session", "This session has ended; open a new one.");
    refuseTooOld(locked, proofTime);
    const ttlSeconds = Math.min(input.ttlSeconds ?? locked.ttlSeconds, locked.maxAgeSeconds);
    const provedNow = proofTime === "now";
    const { expiresAtMs } = await rotateSessionToken(tx, { ...key, tokenHash, ttlSeconds, provedNow });
    const wallet = await readWalletState(tx, session.appId, session.endUserId);
    await announce(tx, "session", session.sessionId);
    return { ttlSeconds, expiresAtMs, provedAtMs: provedNow ? locked.nowMs : locked.provedAtMs, wallet };
  });
  const { scopes, ...facts } = session;
  return describeSession(app, deps.plans, {
    ...facts,
    ...refreshed,
    token,
    scopes: [...scopes],
    verified: session.verified || claims !== null,
  });
}

async function proofOf(
  deps: OpenSessionDeps,
  app: DirectoryApp,
  session: SessionContext,
  userToken: string | undefined,
) {
  if (userToken === undefined) return null;
  if (app.identityMode !== "signed") {
    throw new ApiError(
      "forbidden",
      `This app's identity mode is ${app.identityMode}: it takes no user_token.`,
      {
        details: { reason: "identity_mode" },
      },
    );
  }
  const { claims } = await verifyTokenOf(deps, app, userToken);
  const subjectHash = hashExternalUserId(openUserHashKey(deps, app), claims.subject);
  if (subjectHash !== session.endUserHash) throw invalidUserToken("subject_mismatch");
  return claims;
}

/** Judged by the database's clock, under the session's lock. */
function refuseTooOld(locked: LockedSession, proofTime: "now" | "kept"): void {
  const lateMs = locked.nowMs - locked.expiresAtMs;
  if (lateMs >= 0 && (proofTime === "kept" || lateMs > graceMs)) {
    throw new ApiError(
      "expired_session",
      "This session has expired; open a new one, or refresh it with a user_token.",
    );
  }
  const proofAgeMs = locked.nowMs - locked.provedAtMs;
  if (proofTime === "kept" && proofAgeMs > locked.maxAgeSeconds * 1000) {
    throw new ApiError("expired_session", "The proof of this session is too old; send a new user_token.");
  }
}
