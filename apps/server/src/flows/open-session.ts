import type { SessionScope } from "@modelfaucet/contract/scopes.ts";
import type { ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, newToken, uuidV7 } from "../lib/ids.ts";
import type { Usd } from "../lib/money.ts";
import {
  type DeveloperCaller,
  forbiddenOrigin,
  hashExternalUserId,
  hashJti,
  insertSession,
  invalidUserToken,
  narrowest,
  narrowestModels,
  narrowestUsd,
  refuseSuspended,
  scopesOfMode,
  suspended,
  type UserTokenClaims,
  useUserTokenOnce,
} from "../modules/identity/identity.ts";
import type { RateClaim, RateLimiter } from "../modules/rate/rate.ts";
import type { Switches } from "../modules/switch/switch.ts";
import {
  type Directory,
  type DirectoryApp,
  ensureEndUser,
  featureNotFound,
  invalidApp,
  readChosenModes,
  readWalletState,
} from "../modules/tenancy/tenancy.ts";
import { userHashKeyPlace } from "./apps.ts";
import type { PlanSources } from "./complete/plan-context.ts";
import { describeSession, type OpenedSession } from "./open-session-answer.ts";
import { refuseSwitchedOff } from "./switched-off.ts";
import { type ProofDeps, verifyTokenOf } from "./user-proof.ts";

export type OpenSessionDeps = ProofDeps & {
  database: Database;
  directory: Directory;
  feed: Pick<ChangeFeed, "now" | "isFresh">;
  production: boolean;
  /** What plans are made from: a session tells who could pay. */
  plans: PlanSources;
  rates: Pick<RateLimiter, "take">;
  switches: Pick<Switches, "offFor" | "isOff">;
};

export type OpenSessionInput = {
  publicAppId: string;
  externalUserId?: string | undefined;
  userToken?: string | undefined;
  featureKey?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
  maxSpendUsd?: Usd | undefined;
  ttlSeconds?: number | undefined;
  scopes?: readonly SessionScope[] | undefined;
  modes?: readonly string[] | undefined;
  models?: readonly string[] | undefined;
  origins?: readonly string[] | undefined;
  /** The request's `Origin`; a browser sends one, a backend does not. */
  requestOrigin: string | undefined;
  address: string;
};

/**
 * Opens a session for one end user of an app, proved as the app's identity mode asks. The first one makes the user and
 * its empty wallet; what the session may do is the narrowest of body, token and app.
 * @throws ApiError invalid_app, feature_not_found, invalid_user_token, suspended, forbidden
 */
export async function openSession(
  deps: OpenSessionDeps,
  caller: DeveloperCaller | null,
  input: OpenSessionInput,
): Promise<OpenedSession> {
  refuseStale(deps.feed);
  const app = await deps.directory.appByPublicId(input.publicAppId);
  if (!app || app.status === "disabled") throw invalidApp();
  if (caller) refuseForeignCaller(caller, app);
  refuseSwitchedOff(deps.switches, { developerId: app.developerId, appId: app.id });
  refuseSuspended({ appStatus: app.status, developerStatus: app.developerStatus, endUserStatus: "active" });
  const claims = await proofOf(deps, caller, app, input);
  const subject = subjectOf(claims, input);
  const proved = claims !== null || caller !== null;
  const place = placeOf(app, caller, claims, input);
  const limits = limitsOf(app, claims, proved, input);

  const externalUserHash = hashExternalUserId(openUserHashKey(deps, app), subject);
  if (!caller) await deps.rates.take(sessionClaims(app.id, input.address, externalUserHash), uuidV7());
  const token = newToken("mf_sess_");
  const opened = await deps.database.write({ purpose: "auth" }, async (tx) => {
    if (claims?.jti) await useOnce(tx, app.id, claims);
    const user = await ensureEndUser(tx, {
      appId: app.id,
      developerId: app.developerId,
      externalUserHash,
      verified: proved,
      metadata: proved ? (claims?.metadata ?? (caller ? input.metadata : undefined) ?? null) : null,
    });
    if (user.status !== "active" || deps.switches.isOff("end_user", user.id)) throw suspended("end_user");
    const session = {
      id: uuidV7(),
      appId: app.id,
      developerId: app.developerId,
      endUserId: user.id,
      tokenHash: hashToken(token),
      ...limits,
      ...place,
      metadata: { ...input.metadata, ...claims?.metadata },
      identityMode: app.identityMode,
      verified: proved,
    };
    const times = await insertSession(tx, session);
    return {
      session,
      times,
      user,
      wallet: await readWalletState(tx, app.id, user.id),
      chosenModes: await readChosenModes(tx, app.id, user.id),
    };
  });
  return describeSession(app, deps.plans, {
    ...opened.session,
    appId: app.id,
    endUserOwn: opened.user.own,
    chosenModes: opened.chosenModes,
    ...opened.times,
    sessionId: opened.session.id,
    token,
    endUserHash: opened.user.externalUserHash,
    wallet: opened.wallet,
  });
}

const sessionsPerMinute = { address: 60, user: 10 };

/** Who has no developer token opens so many sessions a minute, from one address and for one user of an app. */
function sessionClaims(appId: string, address: string, userHash: string): RateClaim[] {
  const base = { measure: "paced", windowMs: 60_000, cost: 1 } as const;
  return [
    { ...base, key: `sessions:${appId}:${address}`, level: "address", limit: sessionsPerMinute.address },
    { ...base, key: `sessions:${appId}:${userHash}`, level: "end_user", limit: sessionsPerMinute.user },
  ];
}

/** An instance that has lost the change feed may be blind to a suspension. @throws ApiError service_unavailable */
export function refuseStale(feed: Pick<ChangeFeed, "isFresh">): void {
  if (feed.isFresh()) return;
  throw new ApiError(
    "service_unavailable",
    "The service has lost touch with its database; try again in a few seconds.",
    {
      retryAfterSeconds: 2,
    },
  );
}

export function openUserHashKey(deps: Pick<OpenSessionDeps, "secretBox">, app: DirectoryApp): string {
  return deps.secretBox.open(app.keys.userHashKey, userHashKeyPlace(app.id, app.developerId));
}

/** @throws ApiError invalid_user_token when that `jti` was used before */
export async function useOnce(tx: Tx, appId: string, claims: UserTokenClaims): Promise<void> {
  const fresh = await useUserTokenOnce(tx, {
    appId,
    jtiHash: hashJti(claims.jti!),
    expiresAtMs: claims.expiresAtMs,
  });
  if (!fresh) throw invalidUserToken("replayed");
}

function refuseForeignCaller(caller: DeveloperCaller, app: DirectoryApp): void {
  const own = caller.developerId === null || caller.developerId === app.developerId;
  if (!own || (caller.publicAppIds !== null && !caller.publicAppIds.includes(app.publicAppId)))
    throw invalidApp();
  if (caller.scopes.has("developer:sessions:write")) return;
  throw new ApiError("forbidden", "Opening sessions needs a token with developer:sessions:write.", {
    details: { required: "developer:sessions:write" },
  });
}

/** The verified claims, or `null` where a developer token or the demo mode stands in for them. */
async function proofOf(
  deps: OpenSessionDeps,
  caller: DeveloperCaller | null,
  app: DirectoryApp,
  input: OpenSessionInput,
): Promise<UserTokenClaims | null> {
  if (app.identityMode === "signed") {
    if (caller && input.userToken === undefined) return null;
    return (await verifyTokenOf(deps, app, input.userToken)).claims;
  }
  if (input.userToken !== undefined) {
    throw identityModeRefused(`This app's identity mode is ${app.identityMode}: it takes no user_token.`);
  }
  if (caller) return null;
  if (app.identityMode === "server") {
    throw identityModeRefused("Sessions of this app are opened by its backend, with a developer token.");
  }
  if (deps.production) {
    throw new ApiError("forbidden", "Demo sessions are not allowed in production.", {
      details: { reason: "demo_not_allowed" },
    });
  }
  return null;
}

function identityModeRefused(sentence: string): ApiError {
  return new ApiError("forbidden", sentence, { details: { reason: "identity_mode" } });
}

function subjectOf(claims: UserTokenClaims | null, input: OpenSessionInput): string {
  if (claims) {
    const named = input.externalUserId;
    if (named !== undefined && named !== claims.subject) throw invalidUserToken("subject_mismatch");
    return claims.subject;
  }
  if (input.externalUserId !== undefined) return input.externalUserId;
  throw new ApiError("invalid_request", "external_user_id is required: it names the user of your app.", {
    param: "external_user_id",
  });
}

/** The origin that the session is bound to, or those that one opened without an origin also works from. */
function placeOf(
  app: DirectoryApp,
  caller: DeveloperCaller | null,
  claims: UserTokenClaims | null,
  input: OpenSessionInput,
): { origin: string | null; origins: readonly string[] } {
  const origins = input.origins ?? [];
  if (origins.length > 0 && !caller) {
    throw new ApiError("forbidden", "origins can be named with a developer token only.", {
      param: "origins",
      details: { reason: "origin", required: "developer:sessions:write" },
    });
  }
  const claimed = claims?.origin ?? undefined;
  const { requestOrigin } = input;
  if (claimed !== undefined && requestOrigin !== undefined && claimed !== requestOrigin)
    throw forbiddenOrigin();
  const origin = requestOrigin ?? claimed ?? null;
  if (origin !== null && !app.allowedOrigins.includes(origin)) throw forbiddenOrigin();
  if (origins.some((named) => !app.allowedOrigins.includes(named))) throw forbiddenOrigin("origins");
  return origin === null ? { origin, origins } : { origin, origins: [] };
}

function limitsOf(
  app: DirectoryApp,
  claims: UserTokenClaims | null,
  proved: boolean,
  input: OpenSessionInput,
) {
  const allowed = claims?.features ?? null;
  const featureKey = input.featureKey ?? (allowed?.length === 1 ? allowed[0]! : null);
  if (featureKey !== null) requireFeature(app, allowed, featureKey);
  const scopes = narrowest(scopesOfMode(app.identityMode, proved), input.scopes, claims?.scopes);
  return {
    featureKey,
    features: featureKey === null ? allowed : null,
    scopes: scopes as SessionScope[],
    modes: narrowest(input.modes, claims?.modes),
    models: narrowestModels(input.models, claims?.models),
    maxSpendUsd: narrowestUsd(input.maxSpendUsd, claims?.maxSpendUsd, app.sessionMaxSpendUsd),
    ttlSeconds: Math.min(input.ttlSeconds ?? app.sessionTtlSeconds, app.sessionMaxAgeSeconds),
  };
}

function requireFeature(app: DirectoryApp, allowed: readonly string[] | null, featureKey: string): void {
  const feature = app.features.get(featureKey);
  if (!feature || (allowed !== null && !allowed.includes(featureKey))) throw featureNotFound();
  if (feature.status === "suspended") throw suspended("feature");
}
