import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Usd } from "../../lib/money.ts";
import { parseEntries } from "./import-formats.ts";
import { countModels, diffPrices, diffToWire, renderDiff } from "./price-diff.ts";
import type { PriceEntry } from "./price-entry.ts";

type Prices = { input_usd: string; output_usd: string } & Record<string, string>;

function priced(model: string, prices: Prices, more: Record<string, unknown> = {}): PriceEntry {
  return parseEntries([{ provider: "stub", model, per_million: prices, context_length: 200_000, ...more }])
    .entries[0]!;
}

const bound = { maxChangePercent: 50 };
const base = {
  input_usd: "1",
  cached_input_usd: "1",
  cache_write_usd: "1",
  output_usd: "2",
  reasoning_usd: "2",
};

describe("the difference of two price lists", () => {
  it("names what came, went and changed, unit by unit", () => {
    const before = [priced("a", base), priced("gone", base)];
    const after = [priced("a", { ...base, output_usd: "2.5" }), priced("new", base)];
    const diff = diffPrices(before, after, bound);
    expect(diff.added.map(({ model }) => model)).toEqual(["new"]);
    expect(diff.removed.map(({ model }) => model)).toEqual(["gone"]);
    expect(countModels(diff)).toEqual({ added: 1, changed: 1, removed: 1 });
    expect(diffToWire(diff)).toEqual([
      { kind: "added", provider: "stub", model: "new" },
      {
        kind: "changed",
        provider: "stub",
        model: "a",
        unit: "output",
        before_usd: "2.00000000",
        after_usd: "2.50000000",
        change_percent: 25,
      },
      { kind: "removed", provider: "stub", model: "gone" },
    ]);
  });

  it.each([
    ["1.5", false, "+50.00"],
    ["1.50000001", true, "+50.00"],
    ["0.5", false, "-50.00"],
    ["0.49999999", true, "-50.00"],
    ["0", true, "-100.00"],
  ])("weighs 1 → %s against ±50 %% exactly: beyond is %s", (to, beyond, percent) => {
    const diff = diffPrices([priced("a", base)], [priced("a", { ...base, input_usd: to })], bound);
    expect(diff.changed.map((change) => [change.unit, change.percent])).toEqual([["input", percent]]);
    expect(diff.beyondBound.length).toBe(beyond ? 1 : 0);
  });

  it("holds a price that leaves 0 for a change beyond any bound, without a percentage", () => {
    const before = [priced("a", { ...base, input_usd: "0" })];
    const diff = diffPrices(before, [priced("a", base)], { maxChangePercent: 1_000_000 });
    expect(diff.beyondBound).toMatchObject([{ unit: "input", from: 0n, to: 100_000_000n, percent: null }]);
  });

  it("counts a change to 0 as beyond even a bound of 100 %", () => {
    const diff = diffPrices([priced("a", base)], [priced("a", { ...base, output_usd: "0" })], {
      maxChangePercent: 100,
    });
    expect(diff.beyondBound).toMatchObject([{ unit: "output", to: 0n }]);
  });

  it("compares a new tier with what that length cost before", () => {
    const tiers = [{ above_input_tokens: 200_000, per_million: { ...base, input_usd: "2" } }];
    const diff = diffPrices([priced("a", base)], [priced("a", base, { tiers })], bound);
    expect(diff.beyondBound).toMatchObject([
      { unit: "input", aboveInputTokens: 200_000, percent: "+100.00" },
    ]);
    expect(diff.changed).toHaveLength(1);
    const back = diffPrices([priced("a", base, { tiers })], [priced("a", base)], bound);
    expect(back.changed).toMatchObject([{ unit: "input", aboveInputTokens: 200_000, percent: "-50.00" }]);
  });

  it("tells a request price once, however many tiers inherit it", () => {
    const tiers = [{ above_input_tokens: 200_000, per_million: base }];
    const [before, after] = ["1000", "1200"].map((request_usd) =>
      priced("a", { ...base, request_usd }, { tiers }),
    );
    expect(diffPrices([before!], [after!], bound).changed).toMatchObject([
      { unit: "request", aboveInputTokens: 0, percent: "+20.00" },
    ]);
  });

  it("tells a changed limit too, which bounds holds", () => {
    const diff = diffPrices([priced("a", base)], [priced("a", base, { max_output_tokens: 10 })], bound);
    expect(diff.facts).toEqual([
      { provider: "stub", model: "a", fact: "max_output_tokens", from: "4096", to: "10" },
    ]);
    expect(diff.changed).toEqual([]);
  });

  it("finds nothing between a list and itself, and percentages that agree with exact division", () => {
    const amount = fc.bigInt({ min: 1n, max: 10n ** 14n }).map((units) => units as Usd);
    fc.assert(
      fc.property(amount, amount, fc.integer({ min: 0, max: 100_000 }), (from, to, boundBps) => {
        const [before, after] = [from, to].map((input): PriceEntry => {
          const entry = priced("a", base);
          return { ...entry, perMillion: { ...entry.perMillion, input } };
        }) as [PriceEntry, PriceEntry];
        expect(diffPrices([before], [before], bound).changed).toEqual([]);
        const diff = diffPrices([before], [after], { maxChangePercent: boundBps / 100 });
        expect(diff.changed.length).toBe(from === to ? 0 : 1);
        const lower = from * (10_000n - BigInt(boundBps));
        const upper = from * (10_000n + BigInt(boundBps));
        expect(diff.beyondBound.length).toBe(to * 10_000n < lower || to * 10_000n > upper ? 1 : 0);
        for (const { percent } of diff.changed) {
          const hundredths = BigInt(percent!.replace(".", ""));
          const error = hundredths * from - (to - from) * 10_000n;
          expect((error < 0n ? -error : error) * 2n <= from).toBe(true);
        }
      }),
    );
  });

  it.each([[-1], [Number.NaN], [Number.POSITIVE_INFINITY]])("refuses the bound %s", (maxChangePercent) => {
    expect(() => diffPrices([], [], { maxChangePercent })).toThrow(RangeError);
  });
});

describe("the table for the terminal", () => {
  it("aligns columns, marks what is beyond the bound and sums up", () => {
    const before = [priced("a", base), priced("gone", base)];
    const after = [priced("a", { ...base, input_usd: "0", output_usd: "1.5" }), priced("new", base)];
    expect(renderDiff(diffPrices(before, after, bound)).split("\n")).toEqual([
      "          provider  model  unit            from USD/M  to USD/M                 change",
      "added     stub      new    input / output              1.00000000 / 2.00000000",
      "changed   stub      a      input           1.00000000  0.00000000               -100.00 %  beyond the bound",
      "changed   stub      a      output          2.00000000  1.50000000               -25.00 %",
      "vanished  stub      gone",
      "1 added, 1 changed (2 prices, 1 beyond the bound), 1 vanished",
      "",
    ]);
  });

  it("cuts a long table and says how much", () => {
    const after = Array.from({ length: 10 }, (_, index) => priced(`m${index}`, base));
    const lines = renderDiff(diffPrices([], after, bound), { maxRows: 3 }).split("\n");
    expect(lines.slice(4)).toEqual([
      "… and 7 more rows",
      "10 added, 0 changed (0 prices, 0 beyond the bound), 0 vanished",
      "",
    ]);
  });
});
