import { afterEach, describe, expect, it } from "vitest";
import { segments } from "./segments.ts";
import { createTokenCounter, type TokenCounter } from "./token-counter.ts";

let counter: TokenCounter | undefined;

afterEach(async () => {
  await counter?.close();
});

/** The first count pays for starting the worker and loading the vocabulary. */
async function warmCounter(deadlineMs: number): Promise<TokenCounter> {
  counter = createTokenCounter({ deadlineMs });
  await expect.poll(() => counter!.count(["warm"]), { timeout: 20_000 }).toEqual({ tokens: 1, exact: true });
  return counter;
}

describe("createTokenCounter", () => {
  it("counts with the o200k vocabulary", async () => {
    const warm = await warmCounter(2000);
    expect(await warm.count([`word${" word".repeat(49)}`])).toEqual({ tokens: 50, exact: true });
    expect(await warm.count(["hello world", "你好，世界"])).toEqual({ tokens: 2 + 3, exact: true });
    expect(await warm.count([])).toEqual({ tokens: 0, exact: true });
  });

  it("counts control tokens as the text that they are", async () => {
    const warm = await warmCounter(2000);
    const { tokens, exact } = await warm.count(["<|endoftext|>"]);
    expect(exact).toBe(true);
    expect(tokens).toBeGreaterThan(1);
  });

  it("answers hostile text within its deadline by bytes / 4 and leaves the event loop free", async () => {
    const warm = await warmCounter(150);
    const hostile = "汉".repeat(2_000_000);
    const startedAt = performance.now();
    const counting = warm.count([hostile]);
    let longestGapMs = 0;
    let lastTick = performance.now();
    const ticks = setInterval(() => {
      longestGapMs = Math.max(longestGapMs, performance.now() - lastTick);
      lastTick = performance.now();
    }, 5);
    const count = await counting;
    clearInterval(ticks);
    expect(count.exact).toBe(false);
    expect(count.tokens).toBeGreaterThanOrEqual(1_500_000);
    // Bounds that a busy machine keeps; without the deadline this text takes tens of seconds, on the event loop too.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(longestGapMs).toBeLessThan(1_000);
  });

  it("counts again after a hostile text", async () => {
    const warm = await warmCounter(300);
    await warm.count(["a".repeat(5_000_000)]);
    await expect
      .poll(() => warm.count(["hello world"]), { timeout: 10_000 })
      .toEqual({ tokens: 2, exact: true });
  });

  it("estimates at once when the queue is full or the counter is closed", async () => {
    counter = createTokenCounter({ queueCharactersMax: 8 });
    expect(await counter.count(["nine char"])).toEqual({ tokens: 3, exact: false });
    await counter.close();
    expect(await counter.count(["abcde"])).toEqual({ tokens: 2, exact: false });
  });
});

describe("segments", () => {
  it("gives the text back and never cuts a character in two", () => {
    for (const text of ["😀".repeat(3000), `x${"😀".repeat(3000)}`, "word ".repeat(2000), "", "a"]) {
      const pieces = [...segments(text)];
      expect(pieces.join("")).toBe(text);
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(2048);
        expect(piece.isWellFormed()).toBe(true);
      }
    }
  });
});
