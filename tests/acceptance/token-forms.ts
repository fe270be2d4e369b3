import { createHash, randomBytes } from "node:crypto";

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A character of a token, another one than `not`. */
export function tokenCharacter(not?: string): string {
  const found = base62[randomBytes(1)[0]! % 62]!;
  return found === not ? tokenCharacter(not) : found;
}

/** How many characters stand before the random ones: `mf_dev_`. */
export const prefixLengthOf = (token: string): number => token.indexOf("_", 3) + 1;

/**
 * A well-formed token that begins with the same characters as another one, by the rule of the wire: prefix, 32 random
 * characters, 6 that follow from them. At most 31 random ones are shared: all 32 would be the same token.
 */
export function tokenLike(token: string, shared: number): string {
  const prefix = prefixLengthOf(token);
  const kept = Math.min(Math.max(shared, prefix), prefix + 31);
  let body = token.slice(0, kept);
  // The next one differs, so that exactly so many are shared.
  body += tokenCharacter(token[kept]);
  while (body.length < prefix + 32) body += tokenCharacter();
  let rest = createHash("sha256").update(`modelfaucet-token:${body}`).digest().readUIntBE(0, 6);
  let checksum = "";
  for (let at = 0; at < 6; at++) {
    checksum += base62[rest % 62];
    rest = Math.floor(rest / 62);
  }
  return body + checksum;
}
