import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import { ApiError } from "../../lib/errors.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";

/** Bytes of a compact JWT. */
export const userTokenLimitBytes = 8192;
const skewSeconds = 60;

export type UserTokenReason =
  | "missing"
  | "malformed"
  | "algorithm"
  | "unknown_key"
  | "signature"
  | "audience"
  | "issuer"
  | "expired"
  | "not_yet_valid"
  | "lifetime"
  | "subject_mismatch"
  | "replayed"
  | "jwks_unavailable";

/** What the app's backend said of its user, after the signature held. */
export type UserTokenClaims = {
  subject: string;
  expiresAtMs: number;
  jti: string | null;
  maxSpendUsd: Usd | null;
  features: string[] | null;
  models: string[] | null;
  modes: string[] | null;
  scopes: string[] | null;
  origin: string | null;
  metadata: Record<string, unknown> | null;
};

export type UserTokenIssuer = {
  publicAppId: string;
  /** The app's identity secret, opened; `null` when the app has none. */
  identitySecret: string | null;
  issuer: string | null;
};

/**
 * Verifies a user token signed with the app's identity secret (HS256; keys of a JWKS come with package 3).
 * `nowMs` is the database's clock. A `jti` is only read here: using it up belongs to the session's transaction.
 * @throws ApiError invalid_user_token with `details.reason`
 */
export async function verifyUserToken(
  jwt: string | undefined,
  app: UserTokenIssuer,
  options: { nowMs: number; maxTtlSeconds: number },
): Promise<UserTokenClaims> {
  if (!jwt) throw invalidUserToken("missing");
  if (Buffer.byteLength(jwt) > userTokenLimitBytes) throw invalidUserToken("malformed");
  refuseOtherAlgorithms(jwt);
  if (app.identitySecret === null) throw invalidUserToken("unknown_key");
  const payload = await verifySignature(jwt, app.identitySecret, app, options.nowMs);
  return readClaims(payload, options);
}

export function invalidUserToken(reason: UserTokenReason): ApiError {
  return new ApiError("invalid_user_token", sentences[reason], { param: "user_token", details: { reason } });
}

const sentences: Record<UserTokenReason, string> = {
  missing: "This app wants a user_token: have your backend sign one for the user and send it.",
  malformed: "The user_token is not a well-formed JWT with sub, aud, iat and exp.",
  algorithm: "The user_token must be signed with HS256 and the app's identity secret.",
  unknown_key: "The app has no key that could have signed this user_token.",
  signature: "The signature of the user_token does not match the app's identity secret.",
  audience: "The user_token is for another app: its aud must be the public_app_id.",
  issuer: "The user_token comes from another issuer than the app names.",
  expired: "The user_token has expired: sign a new one for each session.",
  not_yet_valid: "The user_token is not valid yet: check the clock of the machine that signs it.",
  lifetime: "The user_token lives too long: exp must follow iat within the allowed time.",
  subject_mismatch: "The user_token names another user than the request.",
  replayed: "The user_token was used before: a token with a jti is good once.",
  jwks_unavailable: "The keys of the app cannot be fetched now.",
};

/** The header decides nothing but the refusal: the key and the one algorithm come from the app. */
function refuseOtherAlgorithms(jwt: string): void {
  let algorithm: unknown;
  try {
    algorithm = decodeProtectedHeader(jwt).alg;
  } catch {
    throw invalidUserToken("malformed");
  }
  if (typeof algorithm !== "string") throw invalidUserToken("malformed");
  if (algorithm !== "HS256") throw invalidUserToken("algorithm");
}

async function verifySignature(
  jwt: string,
  secret: string,
  app: UserTokenIssuer,
  nowMs: number,
): Promise<Record<string, unknown>> {
  try {
    const { payload } = await jwtVerify(jwt, new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      audience: app.publicAppId,
      ...(app.issuer === null ? {} : { issuer: app.issuer }),
      requiredClaims: ["sub", "aud", "iat", "exp"],
      clockTolerance: skewSeconds,
      currentDate: new Date(nowMs),
    });
    return payload as Record<string, unknown>;
  } catch (error) {
    throw invalidUserToken(reasonOf(error));
  }
}

function reasonOf(error: unknown): UserTokenReason {
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return "algorithm";
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === "missing" && error.claim !== "iss") return "malformed";
    if (error.claim === "aud") return "audience";
    if (error.claim === "iss") return "issuer";
    if (error.claim === "nbf" || error.claim === "iat") return "not_yet_valid";
  }
  return "malformed";
}

function readClaims(
  payload: Record<string, unknown>,
  options: { nowMs: number; maxTtlSeconds: number },
): UserTokenClaims {
  const { sub, iat, exp, jti } = payload;
  if (typeof sub !== "string" || sub.length < 1 || sub.length > 512) throw invalidUserToken("malformed");
  if (typeof iat !== "number" || typeof exp !== "number") throw invalidUserToken("malformed");
  if (iat > options.nowMs / 1000 + skewSeconds) throw invalidUserToken("not_yet_valid");
  if (exp <= iat || exp - iat > options.maxTtlSeconds) throw invalidUserToken("lifetime");
  if (jti !== undefined && (typeof jti !== "string" || jti.length < 1 || jti.length > 512)) {
    throw invalidUserToken("malformed");
  }
  return {
    subject: sub,
    expiresAtMs: exp * 1000,
    jti: jti ?? null,
    maxSpendUsd: readMoney(payload.max_spend_usd),
    features: readWords(payload.features),
    models: readWords(payload.models),
    modes: readWords(payload.modes),
    scopes: readWords(payload.scopes),
    origin: readOrigin(payload.origin),
    metadata: readMetadata(payload.metadata),
  };
}

function readMoney(claim: unknown): Usd | null {
  if (claim === undefined) return null;
  const amount = typeof claim === "string" ? parseUsd(claim) : null;
  if (amount === null || amount === 0n) throw invalidUserToken("malformed");
  return amount;
}

function readWords(claim: unknown): string[] | null {
  if (claim === undefined) return null;
  const fits = (word: unknown) => typeof word === "string" && word.length > 0 && word.length <= 321;
  if (!Array.isArray(claim) || claim.length > 100 || !claim.every(fits)) throw invalidUserToken("malformed");
  return claim;
}

function readOrigin(claim: unknown): string | null {
  if (claim === undefined) return null;
  if (typeof claim !== "string" || claim.length > 256) throw invalidUserToken("malformed");
  return claim;
}

function readMetadata(claim: unknown): Record<string, unknown> | null {
  if (claim === undefined) return null;
  if (claim === null || typeof claim !== "object" || Array.isArray(claim))
    throw invalidUserToken("malformed");
  if (Object.keys(claim).length > 50 || JSON.stringify(claim).length > 4096)
    throw invalidUserToken("malformed");
  return claim as Record<string, unknown>;
}
