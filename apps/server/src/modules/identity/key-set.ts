import { importJWK, type JWK } from "jose";

/** A key set as it is stored and answered: public keys alone. */
export type KeySetDocument = { keys: readonly Record<string, unknown>[] };

/** Bytes of a key set, inline or fetched. */
export const keySetLimitBytes = 65_536;
const mostKeys = 100;
const longestKid = 256;
const leastModulusBits = 2048;
const mostModulusBits = 8192;

/** The algorithms by which a key set proves users. A key decides which of them it serves; a token never does. */
export const keySetAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;
export type KeySetAlgorithm = (typeof keySetAlgorithms)[number];

export type VerificationKey = {
  readonly algorithms: readonly KeySetAlgorithm[];
  /** The key for one of its algorithms, imported once. */
  import(algorithm: KeySetAlgorithm): Promise<CryptoKey>;
};

/** The usable keys of a set by their `kid`. */
export type KeySet = ReadonlyMap<string, VerificationKey>;

const inlineSets = new WeakMap<KeySetDocument, KeySet>();

/** The set of an app that handed its keys in, read once for as long as that app's copy lives in memory. */
export function inlineKeySet(document: KeySetDocument): KeySet {
  const known = inlineSets.get(document);
  if (known) return known;
  const set: KeySet = readKeySet(document) ?? new Map();
  inlineSets.set(document, set);
  return set;
}

type KeySetIssue = { at: string; message: string };

/** Reads a set that somebody else serves: what is in it for another purpose is passed over. `null`: it is no key set. */
export function readKeySet(document: unknown): KeySet | null {
  const keys = keysOf(document);
  if (keys === null) return null;
  const set = new Map<string, VerificationKey>();
  for (const jwk of keys.slice(0, mostKeys)) {
    if (issueOf(jwk) === null && !set.has(jwk.kid as string)) set.set(jwk.kid as string, keyOf(jwk));
  }
  return set;
}

/** Everything that is wrong with a set that a developer hands in; empty: all of its keys are usable. */
export function issuesOfKeySet(document: unknown): KeySetIssue[] {
  const keys = keysOf(document);
  if (keys === null) return [{ at: "", message: 'must be a JSON Web Key Set: {"keys": [...]}' }];
  if (Buffer.byteLength(JSON.stringify(document)) > keySetLimitBytes) {
    return [{ at: "", message: "must be at most 64 KiB" }];
  }
  if (keys.length === 0 || keys.length > mostKeys) {
    return [{ at: "keys", message: `must hold 1 to ${mostKeys} keys` }];
  }
  const seen = new Set<unknown>();
  return keys.flatMap((jwk, index) => {
    const message = issueOf(jwk) ?? (seen.has(jwk.kid) ? "has a kid that another key has too" : null);
    seen.add(jwk.kid);
    return message === null ? [] : [{ at: `keys.${index}`, message }];
  });
}

function keysOf(document: unknown): Record<string, unknown>[] | null {
  const keys = (document as { keys?: unknown } | null)?.keys;
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  return Array.isArray(keys) && keys.every(isObject) ? keys : null;
}

const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Why a key proves nobody; `null` when it does. */
function issueOf(jwk: Record<string, unknown>): string | null {
  const { kid } = jwk;
  if (typeof kid !== "string" || kid.length < 1 || kid.length > longestKid) {
    return `needs a kid of 1 to ${longestKid} characters`;
  }
  if (jwk.kty === "oct") return "is a shared secret; use the app's identity secret for that";
  if (privateMembers.some((name) => jwk[name] !== undefined)) {
    return "is a private key; hand in its public half alone, and replace it, since it was sent";
  }
  if (jwk.use !== undefined && jwk.use !== "sig") return "is not meant for signatures: its use is another";
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify"))) {
    return "is not meant for signatures: its key_ops lack verify";
  }
  if (algorithmsOf(jwk).length === 0) {
    return "must be RSA of 2048 to 8192 bits (RS256, PS256), P-256 (ES256) or Ed25519 (EdDSA)";
  }
  return null;
}

function algorithmsOf(jwk: Record<string, unknown>): readonly KeySetAlgorithm[] {
  const able = ableAlgorithmsOf(jwk);
  return jwk.alg === undefined ? able : able.filter((algorithm) => algorithm === jwk.alg);
}

function ableAlgorithmsOf(jwk: Record<string, unknown>): readonly KeySetAlgorithm[] {
  const { kty, crv } = jwk;
  if (kty === "RSA") {
    const bits = bytesOf(jwk.n) * 8;
    return bits >= leastModulusBits && bits <= mostModulusBits && bytesOf(jwk.e) > 0
      ? ["RS256", "PS256"]
      : [];
  }
  if (kty === "EC" && crv === "P-256" && bytesOf(jwk.x) === 32 && bytesOf(jwk.y) === 32) return ["ES256"];
  return kty === "OKP" && crv === "Ed25519" && bytesOf(jwk.x) === 32 ? ["EdDSA"] : [];
}

function bytesOf(member: unknown): number {
  return typeof member === "string" && /^[\w-]+$/.test(member) ? Math.floor((member.length * 3) / 4) : 0;
}

function keyOf(jwk: Record<string, unknown>): VerificationKey {
  const imported = new Map<KeySetAlgorithm, Promise<CryptoKey>>();
  // What else stands in it is no business of the import, which would refuse some of it.
  const { kty, crv, n, e, x, y } = jwk;
  const bare = Object.fromEntries(
    Object.entries({ kty, crv, n, e, x, y }).filter(([, part]) => part !== undefined),
  );
  return {
    algorithms: algorithmsOf(jwk),
    import: (algorithm) => {
      const known = imported.get(algorithm);
      if (known) return known;
      const importing = importJWK(bare as JWK, algorithm) as Promise<CryptoKey>;
      imported.set(algorithm, importing);
      return importing;
    },
  };
}
