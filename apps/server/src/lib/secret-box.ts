import { type CipherGCMTypes, createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Where a sealed value lives. It opens nowhere else: the place is authenticated together with the value. */
export type SecretPlace = { table: string; column: string; rowId: string; owner: string };

export type SecretBox = {
  /** `mfenc:v2:<key id>:<wrapped data key>:<nonce>:<sealed>`, sealed with the first key of the ring. */
  seal(plain: string, place: SecretPlace): string;
  /** @throws SecretOpenError */
  open(sealed: string, place: SecretPlace): string;
  /** Eight hex characters of a one-way hash of the key that seals. */
  readonly keyId: string;
  /** Those of all keys that open. */
  readonly keyIds: readonly string[];
};

/** The known word by which a server tells whether its keys are those of the database. */
export const keyCanaryPlace: SecretPlace = {
  table: "deployment",
  column: "key_canary",
  rowId: "1",
  owner: "platform",
};

export type SecretOpenFailure = "malformed" | "unknown_key" | "tampered";

/** A stored secret that does not open. Says why, never what. */
export class SecretOpenError extends Error {
  readonly kind: SecretOpenFailure;

  constructor(kind: SecretOpenFailure) {
    super(`a sealed value does not open: ${kind}`);
    this.name = "SecretOpenError";
    this.kind = kind;
  }
}

const version = "v2";
const algorithm: CipherGCMTypes = "aes-256-gcm";
// Node would also accept a tag of four bytes, which is guessable. Source: node:crypto, `authTagLength`, November 2026.
const tagBytes = 16;
const nonceBytes = 12;
const keyBytes = 32;

/** Seals with the first key of the ring and opens with either. */
export function createSecretBox(ring: readonly [string] | readonly [string, string]): SecretBox {
  const keys = new Map(ring.map((secret) => [keyIdOf(secret), keyEncryptionKeyOf(secret)] as const));
  const keyId = keyIdOf(ring[0]);
  return {
    keyId,
    keyIds: [...keys.keys()],
    seal(plain, place) {
      const facts = placeFacts(keyId, place);
      const dataKey = randomBytes(keyBytes);
      const wrapped = encrypt(keys.get(keyId)!, randomBytes(nonceBytes), dataKey, facts);
      const nonce = randomBytes(nonceBytes);
      // The wrapped key carries its own nonce in front; the value's nonce is a part of its own.
      const sealed = encrypt(dataKey, nonce, Buffer.from(plain, "utf8"), facts).subarray(nonceBytes);
      dataKey.fill(0);
      return ["mfenc", version, keyId, text(wrapped), text(nonce), text(sealed)].join(":");
    },
    open(sealed, place) {
      const parts = sealedForm.exec(sealed);
      if (!parts) throw new SecretOpenError("malformed");
      const key = keys.get(parts[1]!);
      if (!key) throw new SecretOpenError("unknown_key");
      const facts = placeFacts(parts[1]!, place);
      const dataKey = decrypt(key, bytes(parts[2]!), facts);
      if (dataKey.length !== keyBytes) throw new SecretOpenError("malformed");
      const plain = decrypt(dataKey, Buffer.concat([bytes(parts[3]!), bytes(parts[4]!)]), facts);
      dataKey.fill(0);
      return plain.toString("utf8");
    },
  };
}

const sealedForm = /^mfenc:v2:([0-9a-f]{8}):([A-Za-z0-9_-]+):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]+)$/;

function keyEncryptionKeyOf(secret: string): Buffer {
  return Buffer.from(
    hkdfSync("sha256", secret, "", "modelfaucet secret box v2 key encryption key", keyBytes),
  );
}

function keyIdOf(secret: string): string {
  return Buffer.from(hkdfSync("sha256", secret, "", "modelfaucet secret box v2 key id", 4)).toString("hex");
}

/** JSON keeps the parts apart: no two places give the same bytes. */
function placeFacts(keyId: string, place: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([version, keyId, place.table, place.column, place.rowId, place.owner]));
}

/** Nonce, ciphertext, tag. */
function encrypt(key: Buffer, nonce: Buffer, plain: Buffer, facts: Buffer): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(facts);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, facts: Buffer): Buffer {
  if (sealed.length < nonceBytes + tagBytes) throw new SecretOpenError("malformed");
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(facts);
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const plain = decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes));
  try {
    // Only now is the plaintext verified; nothing of it leaves before.
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    throw new SecretOpenError("tampered");
  }
}

function text(value: Buffer): string {
  return value.toString("base64url");
}

/** Only the one canonical spelling: a changed spare bit is a changed value. */
function bytes(value: string): Buffer {
  const decoded = Buffer.from(value, "base64url");
  if (decoded.toString("base64url") !== value) throw new SecretOpenError("malformed");
  return decoded;
}
