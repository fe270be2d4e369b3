import { createHash, randomBytes, randomFillSync } from "node:crypto";

const pool = Buffer.alloc(4096);
let used = pool.length;

/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so ids sort by time. */
export function uuidV7(nowMs = Date.now()): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString("hex", used, used + 10);
  used += 10;
  const time = nowMs.toString(16).padStart(12, "0");
  const variant = ((Number.parseInt(random[3]!, 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

export const requestIdOf = (id: string): string => `req_${id}`;
export const receiptIdOf = (id: string): string => `rcpt_req_${id}`;

/** The UUID inside `req_…`, `rcpt_req_…` or `rcpt_…`; `null` when there is none. */
export function uuidOfPrefixed(text: string, ...prefixes: readonly string[]): string | null {
  for (const prefix of prefixes) {
    if (text.startsWith(prefix) && isUuid(text.slice(prefix.length))) return text.slice(prefix.length);
  }
  return null;
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 32;
const checksumLength = 6;

/** `mf_link_` is the code of a sign-in link, `mf_cons_` what the console's cookie holds; neither is a bearer token. */
export type TokenPrefix = "mf_sess_" | "mf_dev_" | "mf_admin_" | "mf_idsec_" | "mf_link_" | "mf_cons_";

/** Prefix, 32 random base62 characters, 6 checksum characters. Shown once; only its hash is stored. */
export function newToken(prefix: TokenPrefix): string {
  let secret = "";
  while (secret.length < secretLength) {
    // Bytes of 248 and above are dropped, so that every character is equally likely.
    for (const byte of randomBytes(48)) {
      if (byte < 248 && secret.length < secretLength) secret += base62[byte % 62];
    }
  }
  return prefix + secret + checksumOf(prefix + secret);
}

/** True when the text has the form of a token and its checksum holds: a typing error costs no query. */
export function isWellFormedToken(text: string, prefix: TokenPrefix): boolean {
  if (!text.startsWith(prefix) || text.length !== prefix.length + secretLength + checksumLength) return false;
  const body = text.slice(0, -checksumLength);
  return /^[0-9A-Za-z]+$/.test(text.slice(prefix.length)) && checksumOf(body) === text.slice(-checksumLength);
}

/** SHA-256 in hex. Tokens carry 190 random bits, so a plain hash is not guessable. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
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
