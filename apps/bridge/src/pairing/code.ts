import { randomInt } from "node:crypto";

/** The letters of base32 without vowels, so that no code spells a word, and its digits. */
const alphabet = "BCDFGHJKLMNPQRSTVWXYZ234567";
export const codeLength = 8;

/** `XXXX-XXXX`, 38 random bits. */
export function newCode(): string {
  let code = "";
  while (code.length < codeLength) code += alphabet[randomInt(alphabet.length)];
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** What a person typed, in the one spelling: case, spaces and dashes mean nothing. */
export function plainCode(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, "");
}
