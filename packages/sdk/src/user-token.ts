import { invalidConfig } from "./errors.ts";

export type UserTokenClaims = {
  publicAppId: string;
  userId: string;
  /** At most 600; default 300. */
  ttlSeconds?: number;
  /** Decimal string. */
  maxSpendUsd?: string;
  features?: readonly string[];
} & (
  | {
      /** The app's identity secret, `mf_idsec_…`: HS256. */
      secret: string;
      privateKey?: never;
      keyId?: never;
    }
  | {
      /** Of the key pair whose public half the app has registered: PEM (PKCS #8), a JWK or a `CryptoKey`. */
      privateKey: string | JsonWebKey | CryptoKey;
      /** `kid` of the registered key. */
      keyId: string;
      secret?: never;
    }
);

type Algorithm = { alg: "HS256" | "RS256" | "PS256" | "ES256" | "EdDSA"; import: object; sign: object };
type Signer = { algorithm: Algorithm; key: CryptoKey };

const sha256 = { hash: "SHA-256" };
const hs256: Algorithm = { alg: "HS256", import: { name: "HMAC", ...sha256 }, sign: { name: "HMAC" } };
const asymmetric: readonly Algorithm[] = [
  { alg: "EdDSA", import: { name: "Ed25519" }, sign: { name: "Ed25519" } },
  {
    alg: "ES256",
    import: { name: "ECDSA", namedCurve: "P-256" },
    sign: { name: "ECDSA", ...sha256 },
  },
  { alg: "RS256", import: { name: "RSASSA-PKCS1-v1_5", ...sha256 }, sign: { name: "RSASSA-PKCS1-v1_5" } },
  { alg: "PS256", import: { name: "RSA-PSS", ...sha256 }, sign: { name: "RSA-PSS", saltLength: 32 } },
];

/** A signed user token (JWT): it proves to `POST /v1/sessions` who the user is. @throws FaucetConfigError */
export async function createUserToken(claims: UserTokenClaims): Promise<string> {
  const ttlSeconds = claims.ttlSeconds ?? 300;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > 600) {
    throw invalidConfig("ttlSeconds must be a whole number from 1 to 600.", "ttlSeconds");
  }
  const { algorithm, key } = await signerOf(claims);
  const issuedAt = Math.floor(Date.now() / 1000);
  const header = {
    alg: algorithm.alg,
    typ: "JWT",
    ...(claims.keyId === undefined ? {} : { kid: claims.keyId }),
  };
  const payload = {
    sub: claims.userId,
    aud: claims.publicAppId,
    iat: issuedAt,
    exp: issuedAt + ttlSeconds,
    ...(claims.maxSpendUsd === undefined ? {} : { max_spend_usd: claims.maxSpendUsd }),
    ...(claims.features === undefined ? {} : { features: claims.features }),
  };
  const signed = [header, payload].map((part) => base64Url(utf8(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign(algorithm.sign as AlgorithmIdentifier, key, utf8(signed));
  return `${signed}.${base64Url(new Uint8Array(signature))}`;
}

async function signerOf({ secret, privateKey, keyId }: UserTokenClaims): Promise<Signer> {
  if (privateKey === undefined) {
    if (!secret)
      throw invalidConfig("signUserToken needs the app's identity secret, or a private key.", "secret");
    const key = await crypto.subtle.importKey("raw", utf8(secret), hs256.import as HmacImportParams, false, [
      "sign",
    ]);
    return { algorithm: hs256, key };
  }
  if (!keyId) throw invalidConfig("A private key needs keyId, the kid of its registered half.", "keyId");
  const signer =
    typeof privateKey === "string"
      ? await signerOfPem(privateKey)
      : "kty" in privateKey
        ? await signerOfJwk(privateKey)
        : signerOfKey(privateKey as CryptoKey);
  if (signer) return signer;
  throw invalidConfig(
    "privateKey must be RSA, P-256 or Ed25519, as PKCS #8 PEM, JWK or CryptoKey.",
    "privateKey",
  );
}

/** The key says in its own bytes what it is: whatever can read it, is it. */
async function signerOfPem(pem: string): Promise<Signer | undefined> {
  const body = /-{5}BEGIN PRIVATE KEY-{5}([\sA-Za-z0-9+/=]+)-{5}END PRIVATE KEY-{5}/.exec(pem)?.[1];
  if (body === undefined) return undefined;
  const der = Uint8Array.from(atob(body.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  return await firstThatReads(asymmetric, "pkcs8", der);
}

async function signerOfJwk(jwk: JsonWebKey): Promise<Signer | undefined> {
  const named = asymmetric.filter(({ alg }) => jwk.alg === undefined || alg === jwk.alg);
  return await firstThatReads(named, "jwk", jwk);
}

async function firstThatReads(
  algorithms: readonly Algorithm[],
  format: "pkcs8" | "jwk",
  bytes: Uint8Array | JsonWebKey,
): Promise<Signer | undefined> {
  for (const algorithm of algorithms) {
    try {
      const key = await crypto.subtle.importKey(
        format as "jwk",
        bytes as JsonWebKey,
        algorithm.import as HmacImportParams,
        false,
        ["sign"],
      );
      return { algorithm, key };
    } catch {
      // Another kind of key; the error may tell of its bytes, so it goes no further.
    }
  }
  return undefined;
}

function signerOfKey(key: CryptoKey): Signer | undefined {
  const algorithm = asymmetric.find((one) => (one.import as { name: string }).name === key.algorithm.name);
  return algorithm && key.type === "private" ? { algorithm, key } : undefined;
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
