import { createHash, randomBytes, randomUUID } from "node:crypto";

/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so ids sort by time. */
export function uuidV7(nowMs = Date.now()): string {
  const time = nowMs.toString(16).padStart(12, "0");
  const random = randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}

const localRequestForm = /^req_local_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const newLocalRequestId = (): string => `req_local_${uuidV7()}`;

export function isLocalRequestId(text: string): boolean {
  return localRequestForm.test(text);
}

const prefix = "mf_br_";
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 32;
const checksumLength = 6;

/** A grant's token: prefix, 32 random base62 characters, 6 checksum characters. Shown once; only its hash is stored. */
export function newGrantToken(): string {
  let secret = "";
  while (secret.length < secretLength) {
    // Bytes of 248 and above are dropped, so that every character is equally likely.
    for (const byte of randomBytes(48)) {
      if (byte < 248 && secret.length < secretLength) secret += base62[byte % 62];
    }
  }
  return prefix + secret + checksumOf(prefix + secret);
}

export function isGrantToken(text: string): boolean {
  if (!text.startsWith(prefix) || text.length !== prefix.length + secretLength + checksumLength) return false;
  if (!/^[0-9A-Za-z]+$/.test(text.slice(prefix.length))) return false;
  return checksumOf(text.slice(0, -checksumLength)) === text.slice(-checksumLength);
}

/** SHA-256 in hex. Tokens carry 190 random bits, so a plain hash cannot be guessed. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function checksumOf(text: string): string {
  let rest = createHash("sha256").update(`modelfaucet-token:${text}`).digest().readUIntBE(0, 6);
  let out = "";
  for (let i = 0; i < checksumLength; i++) {
    out += base62[rest % 62];
    rest = Math.floor(rest / 62);
  }
  return out;
}
