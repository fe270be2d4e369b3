import { expect, test } from "vitest";
import { matchesGlob } from "./glob.ts";

test.each([
  ["*", "anything", true],
  ["*", "", true],
  ["qwen3:*", "qwen3:8b", true],
  ["qwen3:*", "qwen3", false],
  ["*:8b", "qwen3:8b", true],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "a-c-b", false],
  ["ab*ba", "aba", false],
  ["llama3.2:3b", "llama3.2:3b", true],
  ["llama3.2:3b", "llama3x2:3b", false],
  ["", "x", false],
  ["**", "x", true],
])("%s and %s: %s", (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected);
});

test("a pattern of many stars takes no time on a long name", () => {
  const startedAt = performance.now();
  expect(matchesGlob("*a".repeat(120), "b".repeat(100_000))).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(500);
});
