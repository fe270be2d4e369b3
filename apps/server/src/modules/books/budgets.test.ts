import fc from "fast-check";
import { expect, it } from "vitest";
import type { Usd } from "../../lib/money.ts";
import { decideLease } from "./budgets.ts";
import type { AccountSpec } from "./items.ts";

type Slice = Parameters<typeof decideLease>[1][number];

const apps = ["a", "b", "c", "d"];
const spec = (limitUsd: bigint) => ({ limitUsd: limitUsd as Usd }) as AccountSpec & { limitUsd: Usd };
const sum = (slices: readonly Slice[]): bigint => slices.reduce((total, slice) => total + slice.limitUsd, 0n);
const free = (slice: Slice): bigint => slice.balanceUsd - slice.heldUsd;

/** One app's part: what it leased, what it spent of that, and what running requests hold. */
const slice = (appId: string) =>
  fc.tuple(fc.bigInt(0n, 1_000n), fc.nat(100), fc.nat(100)).map(([leased, spentPart, heldPart]): Slice => {
    const spent = (leased * BigInt(spentPart)) / 100n;
    const held = ((leased - spent) * BigInt(heldPart)) / 100n;
    const usd = (value: bigint) => value as Usd;
    return { appId, id: appId, limitUsd: usd(leased), balanceUsd: usd(leased - spent), heldUsd: usd(held) };
  });
const state = fc.tuple(
  fc.tuple(...apps.map(slice)),
  fc.bigInt(0n, 3_000n),
  fc.bigInt(0n, 1_500n),
  fc.constantFrom(...apps),
);

it("a lease never passes the budget, loses nothing of it, and refuses only what is really gone", () => {
  fc.assert(
    fc.property(state, ([slices, limit, need, appId]) => {
      const before = sum(slices);
      const budget = { limitUsd: before as Usd, leasedUsd: before as Usd };
      const decided = decideLease(budget, slices, { appId, spec: spec(limit), needUsd: need as Usd });
      const after = slices.map((one) => decided.changed.findLast(({ id }) => id === one.id) ?? one);
      const used = slices.reduce((total, one) => total + one.limitUsd - free(one), 0n);
      // The slices are the budget's leased part, and it is above the limit by no more than what is spent and held.
      expect(sum(after)).toBe(decided.budget.leasedUsd);
      expect(decided.budget.leasedUsd <= (limit > used ? limit : used) || before <= limit).toBe(true);
      expect(decided.budget.leasedUsd <= decided.budget.limitUsd).toBe(true);
      for (const [index, one] of after.entries()) {
        // What was spent and held under a slice stays under it.
        expect(one.limitUsd - one.balanceUsd).toBe(slices[index]!.limitUsd - slices[index]!.balanceUsd);
        expect(free(one) >= 0n).toBe(true);
      }
      const own = after.find((one) => one.appId === appId)!;
      expect(decided.covers).toBe(free(own) >= need);
      // Refused only where the whole budget, called back from everybody, does not reach.
      if (!decided.covers) expect(limit - used < need).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

it("a slice is a hundredth of the budget, or what is needed where that is more", () => {
  const none: Slice = { appId: "a", id: "a", limitUsd: 0n as Usd, balanceUsd: 0n as Usd, heldUsd: 0n as Usd };
  const budget = { limitUsd: 10_000n as Usd, leasedUsd: 0n as Usd };
  const lease = (needUsd: bigint) =>
    decideLease(budget, [none], { appId: "a", spec: spec(10_000n), needUsd: needUsd as Usd }).budget
      .leasedUsd;
  expect([lease(1n), lease(100n), lease(2_500n), lease(10_001n)]).toEqual([100n, 100n, 2_500n, 10_000n]);
});
