import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import { ApiError } from "../../lib/errors.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";
import { keySetAlgorithms, type VerificationKey } from "./key-set.ts";

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

/** What proves the users of an app: its secret, or its key set, never both. */
export type UserTokenProof =
  | {
      kind: "secret";
      /** The identity secret, opened; `null` when the app has none. */
      secret: string | null;
      /** The one before the last rotation, while it holds. */
      previousSecret: string | null;
    }
  | {
      kind: "jwks";
      /** `null`: the set has no such key; `unavailable`: it could not be fetched. */
      find(kid: string): Promise<VerificationKey | null | "unavailable">;
    };

export type UserTokenIssuer = { publicAppId: string; issuer: string | null; proof: UserTokenProof };

export type SignedWith = "secret" | "previous_secret" | "jwks";

export type VerifiedUserToken = {
  claims: UserTokenClaims;
  /** Everything that was signed. */
  payload: Record<string, unknown>;
  signedWith: SignedWith;
};

/**
 * Verifies a user token by what its app is known by: HS256 and the identity secret, or a key of its set by `kid`. `nowMs` is
 * the database's clock. A `jti` is only read here: using it up belongs to the session's transaction.
 * @throws ApiError invalid_user_token with `details.reason`
 */
export async function verifyUserToken(
  jwt: string | undefined,
  app: UserTokenIssuer,
  options: { nowMs: number; maxTtlSeconds: number },
): Promise<VerifiedUserToken> {
  if (!jwt) throw invalidUserToken("missing");
  if (Buffer.byteLength(jwt) > userTokenLimitBytes) throw invalidUserToken("malformed");
  const { payload, signedWith } = await verifySignature(jwt, headerOf(jwt), app, options.nowMs);
  return { claims: readClaims(payload, options), payload, signedWith };
}

export function invalidUserToken(reason: UserTokenReason, sentence = sentences[reason]): ApiError {
  return new ApiError("invalid_user_token", sentence, { param: "user_token", details: { reason } });
}

const jwksSentences = {
  algorithm:
    "The user_token must be signed with RS256, PS256, ES256 or EdDSA, as the key with its kid is used.",
  unknown_key: "The app's key set has no key with the kid of this user_token.",
};

const sentences: Record<UserTokenReason, string> = {
  missing: "This app wants a user_token: have your backend sign one for the user and send it.",
  malformed: "The user_token is not a well-formed JWT with sub, aud, iat and exp.",
  algorithm: "The user_token must be signed with HS256 and the app's identity secret.",
  unknown_key: "The app has no key that could have signed this user_token.",
  signature: "The signature of the user_token does not match the key that the app is known by.",
  audience: "The user_token is for another app: its aud must be the public_app_id.",
  issuer: "The user_token comes from another issuer than the app names.",
  expired: "The user_token has expired: sign a new one for each session.",
  not_yet_valid: "The user_token is not valid yet: check the clock of the machine that signs it.",
  lifetime: "The user_token lives too long: exp must follow iat within the allowed time.",
  subject_mismatch: "The user_token names another user than the request.",
  replayed: "The user_token was used before: a token with a jti is good once.",
  jwks_unavailable:
    "The app's jwks_url does not answer with its keys now: see that it does, then sign in again.",
};

type Header = { alg: string; kid: string | null };

/** The header chooses among what the app has registered, and decides nothing else. */
function headerOf(jwt: string): Header {
  try {
    const { alg, kid } = decodeProtectedHeader(jwt);
    if (typeof alg === "string") return { alg, kid: typeof kid === "string" ? kid : null };
  } catch {
    // Told below, as a header without an algorithm is.
  }
  throw invalidUserToken("malformed");
}

type Signed = { payload: Record<string, unknown>; signedWith: SignedWith };

async function verifySignature(
  jwt: string,
  header: Header,
  app: UserTokenIssuer,
  nowMs: number,
): Promise<Signed> {
  const { proof } = app;
  const verify = async (key: CryptoKey | Uint8Array, algorithm: string) => {
    try {
      const { payload } = await jwtVerify(jwt, key, {
        algorithms: [algorithm],
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
  };
  return proof.kind === "secret"
    ? verifyBySecret(header, proof, verify)
    : verifyByKeySet(header, proof, verify);
}

type Verify = (key: CryptoKey | Uint8Array, algorithm: string) => Promise<Record<string, unknown>>;

async function verifyBySecret(
  { alg }: Header,
  { secret, previousSecret }: Extract<UserTokenProof, { kind: "secret" }>,
  verify: Verify,
): Promise<Signed> {
  if (alg !== "HS256") throw invalidUserToken("algorithm");
  if (secret === null && previousSecret === null) throw invalidUserToken("unknown_key");
  const bytes = (text: string) => new TextEncoder().encode(text);
  if (secret !== null) {
    try {
      return { payload: await verify(bytes(secret), alg), signedWith: "secret" };
    } catch (error) {
      if (previousSecret === null || !isSignatureRefused(error)) throw error;
    }
  }
  return { payload: await verify(bytes(previousSecret!), alg), signedWith: "previous_secret" };
}

/** A key that the app has registered says by which algorithms it is used: none of them is a shared secret's. */
async function verifyByKeySet(
  { alg, kid }: Header,
  { find }: Extract<UserTokenProof, { kind: "jwks" }>,
  verify: Verify,
): Promise<Signed> {
  const algorithm = keySetAlgorithms.find((known) => known === alg);
  if (algorithm === undefined) throw invalidUserToken("algorithm", jwksSentences.algorithm);
  if (kid === null || kid === "") throw invalidUserToken("unknown_key", jwksSentences.unknown_key);
  const key = await find(kid);
  if (key === "unavailable") throw invalidUserToken("jwks_unavailable");
  if (key === null) throw invalidUserToken("unknown_key", jwksSentences.unknown_key);
  if (!key.algorithms.includes(algorithm)) throw invalidUserToken("algorithm", jwksSentences.algorithm);
  const imported = await key.import(algorithm).catch(() => null);
  if (imported === null) throw invalidUserToken("unknown_key", jwksSentences.unknown_key);
  return { payload: await verify(imported, algorithm), signedWith: "jwks" };
}

function isSignatureRefused(error: unknown): boolean {
  return error instanceof ApiError && error.details?.reason === "signature";
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
