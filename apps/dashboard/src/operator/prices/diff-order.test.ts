import { expect, test } from "vitest";
import { byWeight, type DiffRow, isLarge } from "./diff-order.ts";

const row = (model: string, rest: Partial<DiffRow>): DiffRow => ({
  provider: "acme",
  model,
  kind: "changed",
  ...rest,
});
const price = (model: string, before: string, after: string, percent?: number) =>
  row(model, {
    before_usd: before,
    after_usd: after,
    ...(percent === undefined ? {} : { change_percent: percent }),
  });

test("what changes most stands first, new models last", () => {
  const rows = [
    row("new", { kind: "added" }),
    row("fact", { unit: "context_length" }),
    price("little", "1.00000000", "1.10000000", 10),
    row("gone", { kind: "removed" }),
    price("down", "1.00000000", "0.20000000", -80),
    price("free", "1.00000000", "0.00000000", -100),
  ];
  expect(byWeight(rows).map(({ model }) => model)).toEqual(["free", "down", "little", "fact", "gone", "new"]);
});

test("more than half, to 0 and from 0 are large; exactly half is not", () => {
  const large = [price("a", "1.00000000", "0.00000000", -100), price("b", "0.00000000", "1.00000000")];
  const small = [price("c", "1.00000000", "1.50000000", 50), row("d", { kind: "added" })];
  expect([...large, price("e", "1.00000000", "1.51000000", 51)].every(isLarge)).toBe(true);
  expect(small.some(isLarge)).toBe(false);
});
