import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addUsd, formatUsd, parseUsd, type Usd } from "../../lib/money.ts";
import { splitCharge } from "../books/split.ts";
import {
  affordableOutputTokens,
  type ChargeRule,
  capAtHold,
  type ModelPrice,
  rate,
  type TokenCounts,
  worstCaseCostUsd,
  worstCaseUsd,
} from "./rules.ts";

const usd = (text: string): Usd => parseUsd(text)!;
const price = (input: string, output: string, rest: Partial<ModelPrice["perMillion"]> = {}): ModelPrice => ({
  provider: "stub",
  model: "m",
  version: 1,
  perMillion: {
    input: usd(input),
    cachedInput: usd("0.10"),
    cacheWrite: usd("1.25"),
    output: usd(output),
    reasoning: usd(output),
    request: usd("0"),
    ...rest,
  },
  tiers: [],
  contextLength: 128_000,
  maxOutputTokens: 32_768,
  capabilities: [],
});
const rule = (markupPercent: number, bps = 4000, fee = "0"): ChargeRule => ({
  basis: "cost",
  markupBps: markupPercent * 100,
  developerShareBps: bps,
  requestFeeUsd: usd(fee),
  fixedPriceUsd: usd("0"),
});
const tokens = (counts: Partial<TokenCounts>): TokenCounts => ({
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
  ...counts,
});
const paid = (amount: Usd) => ({ promo: 0n as Usd, test: 0n as Usd, paid: amount });

/** Charge, cost, developer and platform share as decimal strings. */
function settle(counts: Partial<TokenCounts>, modelPrice: ModelPrice, chargeRule: ChargeRule): string[] {
  const rated = rate(tokens(counts), modelPrice, chargeRule);
  const split = splitCharge(
    rated.chargeUsd,
    rated.costUsd,
    chargeRule.developerShareBps,
    paid(rated.chargeUsd),
  );
  return [rated.chargeUsd, split.upstreamCostUsd, split.developerShareUsd, split.platformShareUsd].map(
    formatUsd,
  );
}

describe("rate", () => {
  it("prices 100 input and 50 output tokens to the unit", () => {
    expect(settle({ input: 100, output: 50 }, price("1.00", "2.00"), rule(25))).toEqual([
      "0.00025000",
      "0.00020000",
      "0.00002000",
      "0.00003000",
    ]);
  });

  it("prices cached tokens once, at the cached price", () => {
    expect(settle({ input: 20, cachedInput: 80, output: 50 }, price("1.00", "2.00"), rule(25))[0]).toBe(
      "0.00016000",
    );
  });

  it("prices reasoning tokens once", () => {
    expect(settle({ input: 100, output: 10, reasoning: 40 }, price("1.00", "2.00"), rule(25))[0]).toBe(
      "0.00025000",
    );
  });

  it("never shows a charge that is not zero as zero", () => {
    expect(
      settle({ output: 1 }, price("0", "0.003", { cachedInput: usd("0"), cacheWrite: usd("0") }), rule(0)),
    ).toEqual(["0.00000001", "0.00000000", "0.00000000", "0.00000001"]);
  });

  it("adds a million smallest charges up exactly", () => {
    const modelPrice = price("0", "0.003");
    let sum = 0n;
    for (let i = 0; i < 1_000_000; i++) sum += rate(tokens({ output: 1 }), modelPrice, rule(0)).chargeUsd;
    expect(formatUsd(sum)).toBe("0.01000000");
  });

  it("floors the developer's share and leaves the rest to the platform", () => {
    const shares = (margin: bigint): bigint[] => {
      const split = splitCharge(
        (1_000n + margin) as Usd,
        1_000n as Usd,
        3333,
        paid((1_000n + margin) as Usd),
      );
      return [split.developerShareUsd, split.platformShareUsd];
    };
    expect([shares(1n), shares(7n), shares(9_999n)]).toEqual([
      [0n, 1n],
      [2n, 5n],
      [3_332n, 6_667n],
    ]);
  });

  it("takes the tier that the input falls into", () => {
    const tiered: ModelPrice = {
      ...price("1.00", "2.00"),
      tiers: [{ aboveInputTokens: 1_000, perMillion: price("3.00", "6.00").perMillion }],
    };
    expect(settle({ input: 1_000, output: 0 }, tiered, rule(0))[0]).toBe("0.00100000");
    expect(settle({ input: 1_001, output: 0 }, tiered, rule(0))[0]).toBe("0.00300300");
  });
});

const anyPrice = fc
  .tuple(
    fc.bigInt(0n, 10_000_000_000n),
    fc.bigInt(0n, 10_000_000_000n),
    fc.bigInt(0n, 10_000_000_000n),
    fc.bigInt(0n, 100_000_000_000n),
  )
  .map(([input, cachedInput, output, request]) =>
    price("0", "0", {
      input: input as Usd,
      cachedInput: cachedInput as Usd,
      output: output as Usd,
      reasoning: output as Usd,
      request: request as Usd,
    }),
  );
const anyRule = fc
  .tuple(
    fc.constantFrom("cost", "cost", "fixed", "fee"),
    fc.integer({ min: 0, max: 30_000 }),
    fc.integer({ min: 0, max: 10_000 }),
    fc.bigInt(0n, 100_000_000n),
  )
  .map(
    ([basis, markupBps, developerShareBps, fee]): ChargeRule => ({
      basis: basis as ChargeRule["basis"],
      markupBps,
      developerShareBps,
      requestFeeUsd: (basis === "fixed" ? 0n : fee) as Usd,
      fixedPriceUsd: (basis === "fixed" ? fee : 0n) as Usd,
    }),
  );
const count = fc.integer({ min: 0, max: 200_000 });

describe("pricing, for any price, share and count", () => {
  it("splits a charge into parts that are never negative and add up to it", () => {
    fc.assert(
      fc.property(
        anyPrice,
        anyRule,
        count,
        count,
        count,
        fc.bigInt(0n, 20_000_000_000n),
        (modelPrice, chargeRule, input, cached, output, hold) => {
          const rated = rate(tokens({ input, cachedInput: cached, output }), modelPrice, chargeRule);
          const { chargeUsd, feeUsd } = capAtHold(rated, hold as Usd);
          const split = splitCharge(chargeUsd, rated.costUsd, chargeRule.developerShareBps, paid(chargeUsd));
          expect(split.upstreamCostUsd + split.developerShareUsd + split.platformShareUsd).toBe(chargeUsd);
          for (const part of [split.upstreamCostUsd, split.developerShareUsd, split.platformShareUsd, feeUsd])
            expect(part >= 0n).toBe(true);
          expect(split.lines.reduce((sum, line) => sum + line.amountUsd, 0n)).toBe(chargeUsd);
          expect(split.lines.length).toBeLessThanOrEqual(5);
          expect(chargeUsd <= hold || rated.chargeUsd <= hold).toBe(true);
          expect(rated.lines.reduce((sum, line) => sum + line.amountUsd, 0n)).toBe(rated.upstreamUsd);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("pays the developer only from collected money, whatever funds the charge", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 10n ** 12n),
        fc.bigInt(0n, 10n ** 12n),
        fc.bigInt(0n, 10n ** 12n),
        fc.integer({ min: 0, max: 10_000 }),
        fc.bigInt(0n, 10n ** 12n),
        (promo, test, paidUsd, bps, cost) => {
          const charge = (promo + test + paidUsd) as Usd;
          const split = splitCharge(charge, cost as Usd, bps, {
            promo: promo as Usd,
            test: test as Usd,
            paid: paidUsd as Usd,
          });
          expect(split.developerShareUsd <= test + paidUsd).toBe(true);
          if (test + paidUsd === 0n) expect(split.developerShareUsd).toBe(0n);
          expect(split.lines.reduce((sum, line) => sum + line.amountUsd, 0n)).toBe(charge);
          expect(split.lines.length).toBeLessThanOrEqual(5);
          expect(split.lines.filter((line) => line.part === "developer" && line.fund === "promo")).toEqual(
            [],
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("never charges above the worst case that was held", () => {
    fc.assert(
      fc.property(
        anyPrice,
        anyRule,
        count,
        count,
        fc.integer({ min: 1, max: 8 }),
        (modelPrice, chargeRule, input, output, choices) => {
          const held = worstCaseUsd(modelPrice, chargeRule, {
            inputTokens: input,
            outputTokens: output,
            choices,
          });
          const used = rate(
            tokens({
              input: Math.floor(input / 2),
              cachedInput: Math.ceil(input / 2),
              output: output * choices,
            }),
            modelPrice,
            chargeRule,
          );
          expect(used.chargeUsd <= held).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("grants exactly the output that a hold pays for: one token more would not fit", () => {
    fc.assert(
      fc.property(
        anyPrice,
        anyRule,
        count,
        fc.integer({ min: 1, max: 8 }),
        fc.bigInt(0n, 100_000_000_000n),
        (modelPrice, chargeRule, inputTokens, choices, hold) => {
          const wanted = 100_000;
          const granted = affordableOutputTokens(modelPrice, chargeRule, {
            inputTokens,
            choices,
            wanted,
            holdUsd: hold as Usd,
          });
          const costs = (outputTokens: number): bigint =>
            worstCaseUsd(modelPrice, chargeRule, { inputTokens, outputTokens, choices });
          if (granted >= 0) expect(costs(granted) <= hold).toBe(true);
          else expect(costs(0) > hold).toBe(true);
          if (granted >= 0 && granted < wanted) expect(costs(granted + 1) > hold).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("what is not charged by cost", () => {
  const counts = tokens({ input: 100, output: 50 });
  const modelPrice = price("1", "2");
  const fee = { ...rule(0, 4000, "0.0005"), basis: "fee" as const };
  const fixed = { ...rule(0), basis: "fixed" as const, fixedPriceUsd: usd("0.01") };

  it("an own key costs the printed fee; what it takes elsewhere is an estimate", () => {
    const rated = rate(counts, modelPrice, fee);
    expect(rated).toMatchObject({
      costUsd: 0n,
      chargeUsd: usd("0.0005"),
      feeUsd: usd("0.0005"),
      upstreamUsd: usd("0.0002"),
    });
    expect(addUsd(...rated.lines.map(({ amountUsd }) => amountUsd))).toBe(rated.upstreamUsd);
  });

  it("a fixed price is charged whatever it costs", () => {
    expect(rate(counts, modelPrice, fixed)).toMatchObject({
      costUsd: usd("0.0002"),
      chargeUsd: usd("0.01"),
      feeUsd: 0n,
    });
    expect(worstCaseUsd(modelPrice, fixed, { inputTokens: 1, outputTokens: 1, choices: 1 })).toBe(
      usd("0.01"),
    );
    expect(worstCaseCostUsd(modelPrice, { inputTokens: 100, outputTokens: 50, choices: 1 })).toBe(
      // Every input token at the dearest input price, which is that of a cache write.
      usd("0.000225"),
    );
  });
});
