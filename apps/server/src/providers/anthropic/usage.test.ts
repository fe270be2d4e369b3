import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normaliseUsage } from "../../modules/metering/metering.ts";
import type { JsonObject } from "../provider.ts";
import { UsageSoFar, usageAsOpenAi } from "./usage.ts";

const usage = (input: unknown, read: unknown, written: unknown, output: unknown, thinking: unknown = 0) => ({
  input_tokens: input,
  cache_read_input_tokens: read,
  cache_creation_input_tokens: written,
  output_tokens: output,
  output_tokens_details: { thinking_tokens: thinking },
});

const metered = (told: JsonObject) => normaliseUsage(usageAsOpenAi(told), "openai");

describe("usage in Anthropic's words", () => {
  it("comes out in disjoint parts, each token once", () => {
    expect(metered(usage(100, 30, 20, 50, 12))).toEqual({
      ok: true,
      tokens: { input: 100, cachedInput: 30, cacheWrite: 20, output: 38, reasoning: 12 },
      warnings: [],
    });
    expect(metered({ input_tokens: 100, output_tokens: 50 })).toMatchObject({
      tokens: { input: 100, cachedInput: 0, cacheWrite: 0, output: 50, reasoning: 0 },
    });
  });

  it("adds up for every usage that can be", () => {
    const count = fc.integer({ min: 0, max: 20_000_000 });
    fc.assert(
      fc.property(
        count,
        count,
        count,
        count,
        fc.integer({ min: 0, max: 100 }),
        (a, b, c, output, percent) => {
          const thinking = Math.floor((output * percent) / 100);
          expect(metered(usage(a, b, c, output, thinking))).toEqual({
            ok: true,
            tokens: {
              input: a,
              cachedInput: b,
              cacheWrite: c,
              output: output - thinking,
              reasoning: thinking,
            },
            warnings: [],
          });
        },
      ),
    );
  });

  it("moves no money where a count cannot be, even where the sum could", () => {
    const odd = fc.oneof(
      fc.integer({ min: -1_000_000, max: -1 }),
      fc.double({ min: 0.1, max: 1e6, noInteger: true }),
      fc.constantFrom<unknown>("7", true, [], {}, Number.NaN, Infinity, 1e300, 2 ** 53),
    );
    fc.assert(
      fc.property(odd, fc.integer({ min: 0, max: 4 }), (bad, place) => {
        const values: unknown[] = [1_000_000, 1_000_000, 1_000_000, 1_000_000, 0];
        values[place] = bad;
        const [a, b, c, d, e] = values;
        expect(metered(usage(a, b, c, d, e)).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    for (const told of [{}, { input_tokens: 1 }, { output_tokens: 1 }]) expect(metered(told).ok).toBe(false);
  });

  it("is refused or whole, whatever upstream writes", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...Object.keys(usage(0, 0, 0, 0))), fc.jsonValue()),
        (told) => {
          const read = metered(told as JsonObject);
          if (!read.ok) return;
          for (const count of Object.values(read.tokens)) {
            expect(Number.isInteger(count) && count >= 0).toBe(true);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("replaces what was told before, and never adds", () => {
    const soFar = new UsageSoFar();
    soFar.begin({ input_tokens: 90, cache_read_input_tokens: 5, output_tokens: 3 });
    expect(soFar.total).toMatchObject({ prompt_tokens: 95, completion_tokens: null });
    soFar.add({ output_tokens: 10 });
    soFar.add({ input_tokens: 100, output_tokens: 50, cache_creation_input_tokens: null });
    expect(soFar.total).toMatchObject({ prompt_tokens: 105, completion_tokens: 50, total_tokens: 155 });
  });
});
