import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { isGuessable, isPlaceholder } from "./placeholders.ts";

test.each([
  ..."changeme change-me-please sk-1234 admin123 password postgres qwertyuiop 0123456789 xxxxxxxx your_secret_here".split(
    " ",
  ),
  ..."dev-admin-token-0123456789 sk_live_your_key_here whsec_placeholder <insert-token-here>".split(" "),
])("%s is a placeholder", (text) => {
  expect(isPlaceholder(text)).toBe(true);
});

test.each(["a".repeat(48), "abc".repeat(16), "0123456789abcdef".repeat(2), "x1".repeat(3) + "y".repeat(30)])(
  "%s can be guessed",
  (text) => {
    expect(isGuessable(text)).toBe(true);
  },
);

test("of five thousand random secrets of each form none is refused", () => {
  const drawn = (seed: string, length: number) =>
    createHash("shake256", { outputLength: length }).update(seed);
  const refused = Array.from({ length: 5_000 }, (_, index) => [
    drawn(`h${index}`, 16).digest("hex"),
    drawn(`b${index}`, 18).digest("base64"),
    drawn(`u${index}`, 24).digest("base64url"),
    `sk-${drawn(`k${index}`, 24).digest("hex")}`,
  ])
    .flat()
    .filter((secret) => isPlaceholder(secret) || isGuessable(secret));
  expect(refused).toEqual([]);
});
